#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// FITS holds printable ASCII alone, in headers and in texts of tables (FITS Standard 4.0, sections 3.2 and 7.3.3). Other bytes are
/// written as %XX, as in URLs, so that texts that differ stay different and can be had back.
namespace skyfold {

/// Keyword and value of a text column that is percent_encoded.
inline constexpr const char *fits_encoding_key = "TENC", *fits_encoding_name = "percent";

/// True for blank to tilde.
[[nodiscard]] constexpr bool is_fits_char(char c) noexcept { return c >= ' ' && c <= '~'; }
[[nodiscard]] bool is_fits_text(std::string_view text) noexcept;

/// The text with other bytes, and the percent sign, as %XX.
[[nodiscard]] std::string percent_encoded(std::string_view text);
/// The text that was encoded. What is not a percent sign and two digits stays as it is.
[[nodiscard]] std::string percent_decoded(std::string_view text);
/// The same as percent_encoded, only where the text has other bytes.
[[nodiscard]] std::string fits_text(std::string_view text);
/// A unit: usual signs by their words (micro: u, angstrom, degree), then as fits_text.
[[nodiscard]] std::string fits_unit(std::string text);

/// The longest beginning of a printable text that fits the value of one card: 68 characters, quotes counted twice.
[[nodiscard]] std::string cut_to_card(std::string text, std::size_t most = 68);
/// Names of columns as they can stand in a header: other bytes as _XX, at most 68 characters, none twice.
[[nodiscard]] std::vector<std::string> fits_names(const std::vector<std::string>& names);

}  // namespace skyfold
