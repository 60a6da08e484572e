#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold {

/// Whole numbers that are wanted: sorted, and a filter of bits that most others do not pass.
class WantedNumbers {
 public:
  explicit WantedNumbers(std::vector<std::int64_t> ids);
  [[nodiscard]] bool contains(std::int64_t id) const noexcept {
    return ((filter_[place(id) / 64] >> (place(id) % 64)) & 1U) != 0 && std::ranges::binary_search(sorted_, id);
  }
  /// The zones (65,536 rows) of a catalogue that may have one in a column, increasing: by the ranges of the column, where the file tells
  /// them.
  [[nodiscard]] std::vector<std::int64_t> zones_of(const Catalogue& catalogue, const std::string& column) const;

 private:
  [[nodiscard]] std::size_t place(std::int64_t id) const noexcept { return mix64(static_cast<std::uint64_t>(id)) & mask_; }

  std::vector<std::int64_t> sorted_;
  std::vector<std::uint64_t> filter_;
  std::size_t mask_ = 0;
};

/// The rows of a catalogue that have some ids, by reading its column of ids once: a catalogue stands in the order of the sky, and an index
/// of ids beside it would cost as much as the column. Zones (65,536 rows) whose range of ids has none of them are not read.
///
/// @param ids  whole numbers, as text; or texts, where the ids of the catalogue are texts
/// @returns  rows of each of `ids`, in their order: -1 for one that is not there; the first row of one that is repeated
/// Throws UsageError for a catalogue without ids and for an id that is no whole number where they are.
[[nodiscard]] std::vector<std::int64_t> rows_of_ids(const Catalogue& catalogue, std::span<const std::string> ids, int threads);

}  // namespace skyfold
