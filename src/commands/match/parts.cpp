#include "parts.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

void count(double value, double low, double width, std::size_t bins, std::int64_t* counts) noexcept {
  const double bin = (value - low) / width;
  if (bin >= 0.0 && bin < static_cast<double>(bins)) ++counts[static_cast<std::size_t>(bin)];
}

void put(std::string& text, const void* data, std::size_t size) { text.append(static_cast<const char*>(data), size); }

}  // namespace

void MagnitudeCounts::add(const Photometry& photometry, std::size_t object) noexcept {
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

std::string MatchParts::path_of(std::int64_t first_row) const { return fmt::format("{}/{}", folder_, first_row); }

/// A file holds the three counts, the candidates, the columns one after the other, the reference counts, and a checksum.
void MatchParts::keep(std::int64_t first_row, const Part& part) const {
  const std::int64_t head[] = {std::ssize(part.candidates), static_cast<std::int64_t>(part.rows.rows()), std::ssize(part.reference)};
  std::string text;
  text.reserve(sizeof head + part.candidates.size() * sizeof(MatchCandidate) + part.rows.rows() * bytes_per_row(schema_) +
               part.reference.size() * sizeof(std::int64_t) + sizeof(std::uint64_t));
  put(text, head, sizeof head);
  put(text, part.candidates.data(), part.candidates.size() * sizeof(MatchCandidate));
  for (std::size_t c = 0; c < part.rows.columns(); ++c) put(text, part.rows[c].bytes().data(), part.rows[c].bytes().size());
  put(text, part.reference.data(), part.reference.size() * sizeof(std::int64_t));
  const std::uint64_t checksum = hash_text(text);
  put(text, &checksum, sizeof checksum);
  write_durably(path_of(first_row), text);
}

Part MatchParts::read(std::int64_t first_row) const {
  const std::string text = read_file(path_of(first_row));
  std::uint64_t checksum = 0;
  std::int64_t head[3] = {};
  if (text.size() >= sizeof head + sizeof checksum) std::memcpy(&checksum, text.data() + text.size() - sizeof checksum, sizeof checksum);
  if (text.size() < sizeof head + sizeof checksum || hash_text(std::string_view(text).substr(0, text.size() - sizeof checksum)) != checksum)
    throw IoError(path_of(first_row) + ": cannot be read (start over with --fresh)");
  const char* from = text.data();
  const auto get = [&from](void* data, std::size_t size) {
    if (size > 0) std::memcpy(data, from, size);
    from += size;
  };
  get(head, sizeof head);
  Part part;
  part.candidates.resize(static_cast<std::size_t>(head[0]));
  get(part.candidates.data(), part.candidates.size() * sizeof(MatchCandidate));
  part.rows = Table(schema_, static_cast<std::size_t>(head[1]));
  for (std::size_t c = 0; c < part.rows.columns(); ++c) get(part.rows[c].bytes().data(), part.rows[c].bytes().size());
  part.reference.resize(static_cast<std::size_t>(head[2]));
  get(part.reference.data(), part.reference.size() * sizeof(std::int64_t));
  return part;
}

}  // namespace skyfold
