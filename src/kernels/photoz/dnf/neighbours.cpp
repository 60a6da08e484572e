// Training objects of one combination of bands, in blocks that are compact in direction and length of the magnitude vector, with
// boxes around blocks and around groups of blocks. In single precision: searches decide again in double.
#include "neighbours.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "../../common/simd.hpp"
#include "scan.hpp"

namespace skyfold::dnf {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// Unit vector and length of one object's magnitudes, single precision: [bands + 1].
void fill_features(const double* mag, std::span<const std::uint32_t> bands, float* features) {
  double length2 = 0.0;
  for (const std::uint32_t band : bands) length2 += mag[band] * mag[band];
  const double length = std::sqrt(length2);
  for (std::size_t b = 0; b < bands.size(); ++b) features[b] = length > 0.0 ? static_cast<float>(mag[bands[b]] / length) : 0.0f;
  features[bands.size()] = static_cast<float>(length);
}

/// Feature with the largest spread among rows order[begin, end), directions being worth their arc in magnitudes.
/// A sample of large sets tells it well enough.
std::size_t widest_feature(const std::vector<std::uint32_t>& order, std::size_t begin, std::size_t end, const std::vector<float>& features,
                           std::size_t width) {
  std::vector<float> low(width, infinity), high(width, -infinity);
  // Some hundred rows of a set show where it is widest.
  for (std::size_t i = begin; i < end; i += 1 + (end - begin) / 512)
    for (std::size_t f = 0; f < width; ++f) {
      const float value = features[order[i] * width + f];
      low[f] = std::min(low[f], value);
      high[f] = std::max(high[f], value);
    }
  const float arc = high[width - 1];
  std::size_t widest = width - 1;
  float spread = high[widest] - low[widest];
  for (std::size_t f = 0; f + 1 < width; ++f)
    if ((high[f] - low[f]) * arc > spread) {
      widest = f;
      spread = (high[f] - low[f]) * arc;
    }
  return widest;
}

Boxes empty_boxes(std::size_t n, std::size_t width) {
  const std::size_t values = (n + group_boxes - 1) / group_boxes * group_boxes * width;
  Boxes boxes{.n = n, .low = {}, .high = {}};
  boxes.low.assign(values, infinity);
  boxes.high.assign(values, -infinity);
  return boxes;
}

void widen(Boxes& boxes, std::size_t box, std::size_t width, std::size_t feature, float value) {
  const std::size_t place = (box / group_boxes * width + feature) * group_boxes + box % group_boxes;
  boxes.low[place] = std::min(boxes.low[place], value);
  boxes.high[place] = std::max(boxes.high[place], value);
}

}  // namespace

NeighbourIndex::NeighbourIndex(const TrainingRows& rows, std::uint32_t mask) : training_(rows) {
  for (std::uint32_t b = 0; b < rows.n_bands; ++b)
    if (mask >> b & 1u) bands_.push_back(b);
  // The direction of the magnitude vector, and its length.
  const std::size_t width = bands_.size() + 1;
  for (std::uint32_t i = 0; i < rows.n_rows; ++i)
    if ((rows.observed[i] & mask) == mask) row_.push_back(i);

  std::vector<float> features(row_.size() * width);
  for (std::size_t i = 0; i < row_.size(); ++i) {
    const double* mag = &rows.mag[row_[i] * rows.n_bands];
    fill_features(mag, bands_, &features[i * width]);
    max_length_ = std::max(max_length_, features[i * width + width - 1]);
    for (const std::uint32_t band : bands_) all_positive_ = all_positive_ && mag[band] >= 0.0;
  }
  n_blocks_ = (row_.size() + block_rows - 1) / block_rows;
  split_feature_.resize(n_blocks_);
  split_value_.resize(n_blocks_);
  std::vector<std::uint32_t> order(row_.size());
  std::iota(order.begin(), order.end(), 0u);
  split(order, 0, n_blocks_, features);
  fill_blocks(order, features);
}

/// Divides blocks [begin, end) at the median of the widest feature, down to single blocks.
void NeighbourIndex::split(std::vector<std::uint32_t>& order, std::size_t begin, std::size_t end, const std::vector<float>& features) {
  if (end - begin < 2) {
    // The order within a block does not matter for the search, but must not depend on nth_element.
    if (begin < end) std::sort(order.begin() + begin * block_rows, order.begin() + std::min(end * block_rows, order.size()));
    return;
  }
  const std::size_t middle = begin + (end - begin) / 2, width = bands_.size() + 1;
  const std::size_t first = begin * block_rows, last = std::min(end * block_rows, order.size());
  const std::size_t feature = widest_feature(order, first, last, features, width);
  std::vector<std::pair<float, std::uint32_t>> value;
  value.reserve(last - first);
  for (std::size_t i = first; i < last; ++i) value.emplace_back(features[order[i] * width + feature], order[i]);
  const auto median = value.begin() + static_cast<std::ptrdiff_t>((middle - begin) * block_rows);
  // Pairs of value and row: equal values have an order, so the blocks are the same everywhere.
  std::nth_element(value.begin(), median, value.end());
  for (std::size_t i = first; i < last; ++i) order[i] = value[i - first].second;
  split_feature_[middle] = static_cast<std::uint8_t>(feature);
  split_value_[middle] = median->first;
  split(order, begin, middle, features);
  split(order, middle, end, features);
}

void NeighbourIndex::fill_blocks(const std::vector<std::uint32_t>& order, const std::vector<float>& features) {
  const std::size_t width = bands_.size() + 1;
  blocks_.assign(n_blocks_ * width * block_rows, 0.0f);
  fine_ = empty_boxes(n_blocks_, width);
  coarse_ = empty_boxes((n_blocks_ + group_boxes - 1) / group_boxes, width);
  std::vector<std::uint32_t> rows(row_.size());
  for (std::size_t position = 0; position < order.size(); ++position) {
    const std::size_t block = position / block_rows, j = position % block_rows;
    rows[position] = row_[order[position]];
    for (std::size_t f = 0; f < width; ++f) {
      const float value = features[order[position] * width + f];
      blocks_[(block * width + f) * block_rows + j] = value;
      widen(fine_, block, width, f, value);
      widen(coarse_, block / group_boxes, width, f, value);
    }
  }
  row_ = std::move(rows);
}

std::uint32_t NeighbourIndex::block_of(const double* magnitudes) const noexcept {
  double length2 = 0.0;
  for (std::size_t b = 0; b < bands_.size(); ++b) length2 += magnitudes[b] * magnitudes[b];
  const double length = std::sqrt(length2);
  std::size_t begin = 0, end = n_blocks_;
  while (end - begin > 1) {
    const std::size_t middle = begin + (end - begin) / 2, feature = split_feature_[middle];
    const double value = feature == bands_.size() ? length : magnitudes[feature] / length;
    (value < static_cast<double>(split_value_[middle]) ? end : begin) = middle;
  }
  return static_cast<std::uint32_t>(begin);
}

std::size_t NeighbourIndex::bytes() const noexcept {
  return row_.size() * sizeof row_[0] + (blocks_.size() + 2 * fine_.low.size() + 2 * coarse_.low.size()) * sizeof(float) + n_blocks_ * 5;
}

}  // namespace skyfold::dnf
