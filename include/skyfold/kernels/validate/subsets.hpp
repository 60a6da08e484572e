#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace skyfold::validation {

/// Objects with a quantity in [low, high).
struct Bin {
  double low = 0.0, high = 0.0;
  std::vector<std::uint32_t> members;  ///< in their order before
};

/// Bins [k width, (k + 1) width) for whole numbers k; those without objects are left out. Values that are not finite are
/// in none.
///
/// @param values   shape [objects]
/// @param members  which objects to sort into bins
[[nodiscard]] std::vector<Bin> bins_of_width(std::span<const double> values, std::span<const std::uint32_t> members, double width);

/// `count` bins of equal numbers of objects as far as equal values allow: edges are the values at the places
/// floor(k n / count) of the sorted list; equal edges make one bin. The last bin holds its upper edge too.
[[nodiscard]] std::vector<Bin> bins_of_equal_numbers(std::span<const double> values, std::span<const std::uint32_t> members,
                                                     std::size_t count);

/// The members without the floor(fraction n) of them that have the largest errors, in their order. No error (NaN) is
/// larger than any; of equal errors the later member goes first.
[[nodiscard]] std::vector<std::uint32_t> without_largest(std::span<const double> errors, std::span<const std::uint32_t> members,
                                                         double fraction);

}  // namespace skyfold::validation
