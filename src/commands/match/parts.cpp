// What is found in a block of the catalogue, as it is counted and kept.
#include "parts.hpp"

#include <algorithm>
#include <stdexcept>

namespace skyfold {
namespace {

void count(double value, double low, double width, std::size_t bins, std::int64_t* counts) noexcept {
  const double bin = (value - low) / width;
  // Compared as doubles: a magnitude of 99, or NaN, has no place, and its conversion would be undefined.
  if (bin >= 0.0 && bin < static_cast<double>(bins)) ++counts[static_cast<std::size_t>(bin)];
}

}  // namespace

void MagnitudeCounts::add(const Photometry& photometry, std::size_t object) noexcept {
  // The first number is how many objects were looked at, before those of magnitudes and colours.
  ++counts_[0];
  std::int64_t* const magnitudes = counts_.data() + 1;
  std::int64_t* const colours = magnitudes + bands_ * mag_bins;
  const double* const mag = photometry.mag.data() + object * bands_;
  for (std::size_t band = 0; band < bands_; ++band) {  // NaN, not observed or not detected, is in no bin
    count(mag[band], mag_low, mag_width, mag_bins, magnitudes + band * mag_bins);
    if (band + 1 < bands_) count(mag[band] - mag[band + 1], colour_low, colour_width, colour_bins, colours + band * colour_bins);
  }
}

void MagnitudeCounts::add(const std::vector<std::int64_t>& counts) noexcept {
  for (std::size_t i = 0; i < std::min(counts.size(), counts_.size()); ++i) counts_[i] += counts[i];
}

std::vector<double> MagnitudeCounts::magnitude(std::size_t band) const {
  const auto first = counts_.begin() + static_cast<std::ptrdiff_t>(1 + band * mag_bins);
  return {first, first + static_cast<std::ptrdiff_t>(mag_bins)};
}

std::vector<double> MagnitudeCounts::colour(std::size_t band) const {
  const auto first = counts_.begin() + static_cast<std::ptrdiff_t>(1 + bands_ * mag_bins + band * colour_bins);
  return {first, first + static_cast<std::ptrdiff_t>(colour_bins)};
}

void MatchCodec::put(PartWriter& to, const Part& part) {
  to.list(part.candidates);
  to.table(part.rows);
  to.list(part.reference);
}

Part MatchCodec::get(PartReader& from) const {
  Part part;
  part.candidates = from.list<MatchCandidate>();
  part.rows = from.table(schema);
  part.reference = from.list<std::int64_t>();
  return part;
}

Part MatchCodec::cut(Part, RowRange, RowRange) { throw std::logic_error("a block of the catalogue was cut"); }

}  // namespace skyfold
