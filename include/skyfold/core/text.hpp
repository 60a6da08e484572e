#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skyfold {

/// Splits at every `separator`; parts are trimmed of blanks; no text gives no parts.
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;
[[nodiscard]] std::string lower(std::string_view text);
[[nodiscard]] std::string upper(std::string_view text);
[[nodiscard]] std::string join(std::span<const std::string> parts, std::string_view separator);

/// The whole text as a number, or nothing: no trailing characters, locale-free; "nan" and "inf" are accepted.
[[nodiscard]] std::optional<double> parse_double(std::string_view text) noexcept;
[[nodiscard]] std::optional<long long> parse_integer(std::string_view text) noexcept;

/// Shortest text that reads back as the same number.
[[nodiscard]] std::string shortest(double value);
[[nodiscard]] std::string shortest(float value);

/// Nearest of `names` to `wrong` by edit distance, or "" when none is near enough to be a misspelling.
[[nodiscard]] std::string nearest_name(std::string_view wrong, std::span<const std::string> names);

/// A number with thousands separated by commas: 1234567 -> "1,234,567".
[[nodiscard]] std::string grouped(long long value);

}  // namespace skyfold
