#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skyfold {

/// A whole number that holds sums and products of 64-bit ones.
__extension__ typedef __int128 Wide;

/// A number exactly as it is written: 1237648720693755918.5 is no double, and must not become one before it is compared
/// with an id.
struct ExactNumber {
  Wide floor = 0;             ///< largest whole number that is not above it; of huge ones the largest or smallest there is
  bool has_fraction = false;  ///< it lies above `floor`
  bool is_plain = false;      ///< written without point or exponent
  double nearest = 0.0;       ///< the nearest double

  [[nodiscard]] ExactNumber negated() const noexcept;
  /// It is a double: nothing is lost in `nearest`.
  [[nodiscard]] bool is_double() const noexcept;
  /// The value as a 64-bit integer, or nothing when it is none.
  [[nodiscard]] std::optional<std::int64_t> whole() const noexcept;
};

/// "12", "-3.5e7", "0x1f": the whole text, or nothing. Not "nan" or "inf", nor what doubles cannot reach (1e400).
[[nodiscard]] std::optional<ExactNumber> parse_exact(std::string_view text) noexcept;

/// Whether `whole` is below (-1), equal to (0) or above (1) `number`, which is not NaN; exact for all of them.
[[nodiscard]] int order(Wide whole, double number) noexcept;

/// Decimal digits of a whole number.
[[nodiscard]] std::string digits_of(Wide whole);

}  // namespace skyfold
