// The nearest training objects in the metrics of directional neighbourhood fitting (De Vicente et al. 2016, section 2). Bounds of
// boxes leave few blocks, these are scanned in single precision, and whatever its rounding could decide is ranked again in double:
// the answer is that of the definition.
#include "search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "../../common/simd.hpp"

namespace skyfold::dnf {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float largest = std::numeric_limits<float>::max();
constexpr float epsilon = 0x1p-24f;        // half a unit in the last place of 1
constexpr std::size_t small_bracket = 64;  // values that are cheaper to sort out than to count again
constexpr std::size_t few_wanted = 256;    // rows for which a look at the nearby blocks is cheaper than a wrong guess

/// The k-th smallest of values is in (low, high], which holds n_high - n_low values.
struct Bracket {
  float low, high;
  std::size_t n_low, n_high;
};

/// Where to count next: a little beyond the place where the k-th value is expected, on the side whose end of
/// the bracket is farther. Near the edge of a cloud counts grow like value^(2/3); between two ends, linearly.
float next_limit(const Bracket& b, std::size_t k) {
  const auto below = static_cast<float>(k - b.n_low), all = static_cast<float>(b.n_high - b.n_low);
  constexpr float step = 0.4f * small_bracket;
  if (b.low < 0.0f) {
    const float part = std::max(below - step, 0.5f * below) / all;
    return b.high * part * std::sqrt(part);
  }
  const float aim = all - below < below ? below - step : below + step;
  return b.low + (b.high - b.low) * std::clamp(aim / all, 0.05f, 0.95f);
}

Bracket narrow(const float* values, std::size_t n, std::size_t k, Bracket b) {
  // Counting is a pass of vector instructions, far cheaper than moving values about.
  for (int pass = 0; pass < 24 && b.n_high - b.n_low > small_bracket; ++pass) {
    float x = pass < 12 ? next_limit(b, k) : 0.5f * b.low + 0.5f * b.high;
    if (!(x > b.low && x < b.high)) x = 0.5f * b.low + 0.5f * b.high;
    if (!(x > b.low && x < b.high)) break;  // equal values: no bracket is narrower
    const std::size_t count = count_up_to(values, n, x);
    if (count < k) {
      b.low = x;
      b.n_low = count;
    } else {
      b.high = x;
      b.n_high = count;
    }
  }
  return b;
}

}  // namespace

Neighbours NeighbourSearch::find(const NeighbourIndex& index, const double* magnitudes, std::span<const std::uint32_t> excluded) {
  set_query(index, magnitudes);
  Neighbours found;
  // Excluded rows are in the index all the same: it is built once, exclusions differ from object to object.
  const std::size_t available = index.rows() - excluded.size();
  if (available == 0) return found;
  const bool is_preselecting = preselect_ > 0 && preselect_ < available;
  const std::size_t wanted = std::min(n_neighbours_, is_preselecting ? preselect_ : available);
  float euclid_limit = largest;
  if (is_preselecting) {
    euclid_limit = preselect_limit(scan_nearest(Metric::enf, preselect_, excluded));
  } else {
    scan_nearest(metric_, wanted, excluded);
    key_guess_ = scan_guess_;
  }
  collect_nearest(euclid_limit, wanted);
  if (!is_preselecting) scan_guess_ = key_guess_;
  found.n = keep_nearest(wanted);
  found.row = {row_.data(), found.n};
  found.distance2 = {found_key_.data(), found.n};
  found.mag = found_mag_.data();
  found.stride = stride_;
  for (std::size_t i = 1; i < found.n; ++i) {
    const double here = found_key_[i], best = found_key_[found.nearest];
    // Rows come in the order of the index: the nearest one is looked for, of equals the earlier row.
    if (here < best || (here == best && row_[i] < row_[found.nearest])) found.nearest = i;
  }
  found.nearest_euclid2 = nearest_euclid2(is_preselecting || metric_ == Metric::enf, found.n, excluded);
  return found;
}

void NeighbourSearch::set_query(const NeighbourIndex& index, const double* magnitudes) {
  const std::size_t bands = index.bands();
  // Guesses of the last object hold for the next one, which is its neighbour; those of another index do not.
  if (index_ != &index) {
    index_ = &index;
    // One band has no angles.
    metric_ = bands == 1 ? Metric::enf : metric_option_;
    scan_guess_ = key_guess_ = largest;
    unit_.resize(bands);
    query_.resize(bands + 1);
    all_.resize((index.coarse_.n + group_boxes - 1) / group_boxes);
    std::iota(all_.begin(), all_.end(), 0u);
  }
  mag_ = magnitudes;
  double length2 = 0.0;
  bool is_positive = true;
  for (std::size_t b = 0; b < bands; ++b) {
    length2 += magnitudes[b] * magnitudes[b];
    is_positive = is_positive && magnitudes[b] >= 0.0;
  }
  const double length = std::sqrt(length2);
  for (std::size_t b = 0; b < bands; ++b) {
    unit_[b] = length > 0.0 ? magnitudes[b] / length : 0.0;
    query_[b] = static_cast<float>(unit_[b]);
  }
  query_[bands] = static_cast<float>(length);
  angles_known_ = is_positive && index.all_positive_;
}

/// Scans the blocks in `list_`.
void NeighbourSearch::scan(std::span<const std::uint32_t> excluded) {
  if (euclid2_.size() < n_values()) {
    euclid2_.resize(n_values());
    key_.resize(n_values());
    slots_.resize(n_values() + 1);
    work_.resize(n_values() + 1);
  }
  scan_blocks(metric_, index_->blocks_.data(), list_, query_.data(), index_->bands(), euclid2_.data(), key_.data());
  hide(excluded);
}

/// Scans the blocks that may hold rows within a limit of the distance `bound`.
void NeighbourSearch::scan_up_to(Metric bound, float limit, std::span<const std::uint32_t> excluded) {
  const auto list = [&](const Boxes& boxes, std::span<const std::uint32_t> groups, std::vector<std::uint32_t>& found) {
    found.resize(groups.size() * group_boxes);
    found.resize(list_boxes(bound, boxes, groups, query_.data(), index_->bands(), angles_known_, limit, found.data()));
  };
  // Groups of blocks first, then the blocks of those that may hold something.
  list(index_->coarse_, all_, groups_);
  list(index_->fine_, groups_, list_);
  scan(excluded);
}

/// A value that at least `wanted` rows do not exceed, from the blocks around the query's own.
float NeighbourSearch::limit_near_home(bool is_euclidean, std::size_t wanted, std::span<const std::uint32_t> excluded) {
  const std::size_t n = std::min((wanted + excluded.size()) / block_rows + 2, index_->n_blocks_);
  const std::size_t home = index_->block_of(mag_);
  const std::size_t first = std::min(home - std::min(home, n / 2), index_->n_blocks_ - n);
  list_.resize(n);
  std::iota(list_.begin(), list_.end(), static_cast<std::uint32_t>(first));
  scan(excluded);
  const auto kth = work_.begin() + static_cast<std::ptrdiff_t>(wanted - 1);
  std::copy_n(is_euclidean ? euclid2_.data() : key_.data(), n_values(), work_.begin());
  std::nth_element(work_.begin(), kth, work_.begin() + static_cast<std::ptrdiff_t>(n_values()));
  return *kth;
}

/// Scans until at least `wanted` values lie within `scan_guess_`, which is set anew; returns how many do.
std::size_t NeighbourSearch::scan_nearest(Metric bound, std::size_t wanted, std::span<const std::uint32_t> excluded) {
  const bool is_euclidean = bound == Metric::enf;
  const auto near_home = [&] { return limit_near_home(is_euclidean, wanted, excluded); };
  if (scan_guess_ == largest || (is_euclidean && wanted <= few_wanted)) scan_guess_ = near_home();
  for (int attempt = 1;; ++attempt) {
    const float error = is_euclidean ? euclid2_error(scan_guess_) : key_error(scan_guess_, largest);
    scan_up_to(bound, scan_guess_ + 2.0f * error, excluded);  // ties are decided beyond the guess
    const std::size_t count = count_up_to(is_euclidean ? euclid2_.data() : key_.data(), n_values(), scan_guess_);
    // The guess was too small: first a little more, then a sure limit.
    if (count >= wanted) return count;
    scan_guess_ = attempt == 1 ? scan_guess_ * 1.5f : near_home();
  }
}

/// Puts the excluded rows, and the padding of the last block, beyond every limit.
void NeighbourSearch::hide(std::span<const std::uint32_t> excluded) {
  const auto hide_slot = [&](std::size_t slot) { euclid2_[slot] = key_[slot] = infinity; };
  const std::size_t padding = index_->n_blocks_ * block_rows - index_->rows();
  if (!list_.empty() && list_.back() + 1 == index_->n_blocks_)
    for (std::size_t j = 1; j <= padding; ++j) hide_slot(n_values() - j);
  if (excluded.empty()) return;
  const std::uint32_t home = index_->block_of(mag_);  // where they usually are
  std::size_t hidden = 0;
  const auto hide_in = [&](std::size_t place) {
    for (std::size_t j = 0; j < block_rows; ++j) {
      const std::size_t position = list_[place] * block_rows + j;
      if (position >= index_->rows()) return;
      if (std::find(excluded.begin(), excluded.end(), index_->row_[position]) == excluded.end()) continue;
      hide_slot(place * block_rows + j);
      ++hidden;
    }
  };
  const auto found = std::lower_bound(list_.begin(), list_.end(), home);
  const auto place = static_cast<std::size_t>(found - list_.begin());
  if (place < list_.size() && list_[place] == home) hide_in(place);
  for (std::size_t other = 0; hidden < excluded.size() && other < list_.size(); ++other)
    if (list_[other] != home) hide_in(other);
}

/// The `wanted`-th smallest of the scanned values, of which n_high are <= high.
float NeighbourSearch::kth_smallest(const float* values, std::size_t wanted, float high, std::size_t n_high) {
  const Bracket b = narrow(values, n_values(), wanted, {-1.0f, high, 0, n_high});
  const std::size_t n = collect_between(values, n_values(), b.low, b.high, slots_.data());
  for (std::size_t i = 0; i < n; ++i) work_[i] = slots_[i].value;
  const auto kth = work_.begin() + static_cast<std::ptrdiff_t>(wanted - b.n_low - 1);
  std::nth_element(work_.begin(), kth, work_.begin() + static_cast<std::ptrdiff_t>(n));
  return *kth;
}

/// The largest squared distance that belongs to the preselection; rows within it that do not are hidden.
float NeighbourSearch::preselect_limit(std::size_t n_scanned) {
  const float value = kth_smallest(euclid2_.data(), preselect_, scan_guess_, n_scanned);
  const float margin = 2.0f * euclid2_error(value);
  hide_ties(value - margin, value + margin);
  scan_guess_ = (value + margin) * 1.15f;
  return value + margin;
}

/// Decides in double precision which of the values in [low, high] belong to the preselection.
void NeighbourSearch::hide_ties(float low, float high) {
  const float below = std::nextafter(low, -infinity);
  const std::size_t sure = count_up_to(euclid2_.data(), n_values(), below);
  const std::size_t n = collect_between(euclid2_.data(), n_values(), below, high, slots_.data());
  // All of the doubtful ones belong to it: nothing is to be decided.
  if (sure + n == preselect_) return;
  struct Exact {
    double euclid2;
    std::uint32_t row, slot;
  };
  std::vector<Exact> ties(n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t row = row_at(slots_[i].slot);
    ties[i] = {exact_euclid2(row), row, slots_[i].slot};
  }
  std::sort(ties.begin(), ties.end(),
            [](const Exact& a, const Exact& b) { return a.euclid2 != b.euclid2 ? a.euclid2 < b.euclid2 : a.row < b.row; });
  for (std::size_t i = preselect_ - sure; i < n; ++i) euclid2_[ties[i].slot] = infinity;
}

/// Loads the rows within the Euclidean limit that may be among the `wanted` nearest in the metric.
void NeighbourSearch::collect_nearest(float euclid_limit, std::size_t wanted) {
  std::size_t n = 0;
  for (int attempt = 1;; ++attempt) {
    n = collect_both(euclid2_.data(), key_.data(), n_values(), euclid_limit, key_guess_, slots_.data());
    if (n >= wanted) break;
    key_guess_ = attempt < 4 ? key_guess_ * 1.6f : largest;
  }
  for (std::size_t i = 0; i < n; ++i) work_[i] = slots_[i].value;
  const auto kth = work_.begin() + static_cast<std::ptrdiff_t>(wanted - 1);
  std::nth_element(work_.begin(), kth, work_.begin() + static_cast<std::ptrdiff_t>(n));
  const float limit = *kth + 2.0f * key_error(*kth, euclid_limit);
  if (limit > key_guess_) n = collect_both(euclid2_.data(), key_.data(), n_values(), euclid_limit, limit, slots_.data());
  const auto end =
      std::remove_if(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(n), [&](const Slot& s) { return s.value > limit; });
  load({slots_.begin(), end});
  key_guess_ = limit * 1.5f;
}

/// Gathers candidates and their exact distances.
void NeighbourSearch::load(std::span<const Slot> slots) {
  const std::size_t bands = index_->bands();
  n_found_ = slots.size();
  stride_ = padded(n_found_);
  if (row_.size() < stride_) {
    row_.resize(stride_);
    rank_.resize(stride_);
  }
  if (found_key_.size() < stride_) {
    found_key_.resize(stride_);
    found_euclid2_.resize(stride_);
  }
  if (found_mag_.size() < stride_ * bands) found_mag_.resize(stride_ * bands);
  const TrainingRows& training = index_->training_;
  for (std::size_t i = 0; i < n_found_; ++i) {
    row_[i] = row_at(slots[i].slot);
    const double* mag = &training.mag[row_[i] * training.n_bands];
    for (std::size_t b = 0; b < bands; ++b) found_mag_[b * stride_ + i] = mag[index_->bands_[b]];
  }
  // Any finite magnitude that gives no division by zero.
  for (std::size_t b = 0; b < bands; ++b) std::fill(found_mag_.data() + b * stride_ + n_found_, found_mag_.data() + (b + 1) * stride_, 1.0);
  exact_distances(metric_, mag_, unit_.data(), found_mag_.data(), bands, stride_, found_euclid2_.data(), found_key_.data());
}

/// Keeps the `wanted` nearest candidates, in their order; returns how many there are.
std::size_t NeighbourSearch::keep_nearest(std::size_t wanted) {
  if (n_found_ <= wanted) return n_found_;
  // Ties by row, so that the neighbours do not depend on the order in which blocks were scanned.
  const auto is_nearer = [&](std::uint32_t a, std::uint32_t b) {
    return found_key_[a] != found_key_[b] ? found_key_[a] < found_key_[b] : row_[a] < row_[b];
  };
  std::iota(rank_.begin(), rank_.begin() + static_cast<std::ptrdiff_t>(n_found_), 0u);
  const auto last = rank_.begin() + static_cast<std::ptrdiff_t>(wanted - 1);
  std::nth_element(rank_.begin(), last, rank_.begin() + static_cast<std::ptrdiff_t>(n_found_), is_nearer);
  const double last_key = found_key_[*last];
  const std::uint32_t last_row = row_[*last];
  std::size_t kept = 0;
  for (std::size_t i = 0; i < n_found_; ++i) {
    if (found_key_[i] > last_key || (found_key_[i] == last_key && row_[i] > last_row)) continue;
    row_[kept] = row_[i];
    found_key_[kept] = found_key_[i];
    found_euclid2_[kept] = found_euclid2_[i];
    for (std::size_t b = 0; b < index_->bands(); ++b) found_mag_[b * stride_ + kept] = found_mag_[b * stride_ + i];
    ++kept;
  }
  return kept;
}

/// Squared Euclidean distance of the nearest row of all, which need not be among the n neighbours.
double NeighbourSearch::nearest_euclid2(bool scanned_all_near, std::size_t n, std::span<const std::uint32_t> excluded) {
  double nearest = *std::min_element(found_euclid2_.begin(), found_euclid2_.begin() + static_cast<std::ptrdiff_t>(n));
  if (metric_ == Metric::enf) return nearest;
  float limit = 0.0f;
  if (scanned_all_near) {
    // The scan was by Euclidean distance already, so its smallest value is near the truth.
    limit = smallest(euclid2_.data(), n_values());
  } else {
    limit = static_cast<float>(nearest);
    scan_up_to(Metric::enf, limit + 2.0f * euclid2_error(limit), excluded);
  }
  limit += 2.0f * euclid2_error(limit);
  const std::size_t n_near = collect_between(euclid2_.data(), n_values(), -1.0f, limit, slots_.data());
  for (std::size_t i = 0; i < n_near; ++i) nearest = std::min(nearest, exact_euclid2(row_at(slots_[i].slot)));
  return nearest;
}

std::uint32_t NeighbourSearch::row_at(std::uint32_t slot) const noexcept {
  return index_->row_[list_[slot / block_rows] * block_rows + slot % block_rows];
}

double NeighbourSearch::exact_euclid2(std::uint32_t row) const noexcept {
  const double* mag = &index_->training_.mag[row * index_->training_.n_bands];
  double sum = 0.0;
  for (std::size_t b = 0; b < index_->bands(); ++b) {
    const double d = mag_[b] - mag[index_->bands_[b]];
    sum += d * d;
  }
  return sum;
}

/// Bound, with a factor of two to spare, on the rounding error of a scanned squared Euclidean distance: the two
/// lengths and unit vectors are rounded once, then d_E^2 = (|q| - |m|)^2 + |q| |m| c^2 in single precision.
float NeighbourSearch::euclid2_error(float euclid2) const noexcept {
  const float d = std::sqrt(euclid2), lengths = 2.0f * (query_.back() + d);
  const float steps = 2.0f * static_cast<float>(index_->bands() + 8);
  return epsilon * (8.0f * d * lengths + steps * euclid2 + 4.0f * epsilon * lengths * lengths);
}

/// The same for the squared distance in the metric. The chord c is at most sqrt(2 sin^2) up to 90 degrees, 2 beyond.
float NeighbourSearch::key_error(float key, float euclid_limit) const noexcept {
  if (metric_ == Metric::enf) return euclid2_error(key);
  const float steps = 2.0f * static_cast<float>(index_->bands() + 8);
  const auto sine_error = [&](float sine2) {
    const float chord = angles_known_ && sine2 < 1.0f ? std::sqrt(2.0f * sine2) : 2.0f;
    return epsilon * (8.0f * chord + steps * chord * chord + 16.0f * epsilon);
  };
  if (metric_ == Metric::anf) return sine_error(key);
  // d^2 sin^2: the error of either factor times the other, with d at most `reach` and sin^2 d^2 = key.
  const float reach = std::min(std::sqrt(euclid_limit), query_.back() + index_->max_length_), d = std::sqrt(key);
  const float lengths = 2.0f * (query_.back() + reach);
  const float from_sine = angles_known_ ? epsilon * (12.0f * reach * d + 2.0f * steps * key + 16.0f * epsilon * reach * reach)
                                        : reach * reach * sine_error(1.0f);
  const float from_euclid = epsilon * (8.0f * lengths * d + steps * key + 4.0f * epsilon * lengths * lengths);
  return 2.0f * (from_sine + from_euclid);
}

}  // namespace skyfold::dnf
