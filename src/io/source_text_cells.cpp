// What the text of a cell is: a number in any of the usual spellings (Fortran's exponents, too), a missing value, a truth value or
// a text.
#include "source_text_cells.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace skyfold {
namespace {

/// Equal to a lower-case word, whatever the case of the letters.
bool is_word(std::string_view text, std::string_view word) noexcept {
  return text.size() == word.size() && std::equal(text.begin(), text.end(), word.begin(), [](char c, char w) {
           return (c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c) == w;
         });
}
template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) noexcept {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return is_word(text, word); });
}

bool consists_of(std::string_view text, char c) noexcept { return text.find_first_not_of(c) == std::string_view::npos; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool is_integer(std::string_view text) noexcept {
  if (text.size() > 1 && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

/// For a number that does not fit: whether it is nearer to 0 than any that does.
bool is_below_one(std::string_view text) noexcept {
  const std::size_t mark = std::min(text.find_first_of("eE"), text.size());
  const std::string_view mantissa = text.substr(0, mark);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const std::size_t first = std::min(mantissa.find_first_of("123456789"), mantissa.size());
  long exponent = first < point ? static_cast<long>(point - first) : static_cast<long>(point) - static_cast<long>(first) + 1;
  if (mark < text.size()) {
    std::string_view digits = text.substr(mark + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    long written = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), written);
    // Of such exponents the sign is all that matters; a sum that wraps around would turn the largest number into 0.
    if (error == std::errc::result_out_of_range || __builtin_add_overflow(exponent, written, &exponent)) return digits.starts_with('-');
  }
  return exponent <= 0;
}

Reading read_plain(std::string_view text, double& value) noexcept {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (stop != text.data() + text.size() || error == std::errc::invalid_argument) return Reading::none;
  if (error == std::errc{}) return Reading::number;
  // from_chars tells too small and too large alike; 1e-400 is 0, 1e400 is no double.
  if (!is_below_one(text)) return Reading::too_large;
  value = text.starts_with('-') ? -0.0 : 0.0;
  return Reading::number;
}

/// Where the mantissa of a number ends: a sign, digits, at most one point among them; 0 when it has no digit.
std::size_t end_of_mantissa(std::string_view text) noexcept {
  std::size_t at = text.starts_with('-') ? 1 : 0, digits = 0, points = 0;
  for (; at < text.size() && (is_digit(text[at]) || (text[at] == '.' && points == 0)); ++at) (text[at] == '.' ? points : digits) += 1;
  return digits > 0 ? at : 0;
}

/// Fortran's exponents: the letters D and Q of double and quadruple precision; no letter before a sign and three digits.
Reading read_fortran(std::string_view text, double& value) noexcept {
  // No number has more characters than that; a text that begins with a digit may.
  constexpr std::size_t longest = 64;
  const std::size_t end = end_of_mantissa(text);
  if (end == 0 || end >= text.size() || text.size() >= longest) return Reading::none;
  const bool has_point = text.substr(0, end).find('.') != std::string_view::npos;
  const bool has_letter = std::string_view("dDqQ").find(text[end]) != std::string_view::npos;
  std::string_view exponent = text.substr(end + (has_letter ? 1 : 0));
  const bool has_sign = exponent.starts_with('+') || exponent.starts_with('-');
  const std::string_view digits = exponent.substr(has_sign ? 1 : 0);
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), is_digit)) return Reading::none;
  if (has_letter ? !has_point && !has_sign : !has_point || !has_sign || digits.size() != 3)
    return Reading::none;  // a name such as 2D3, a range
  std::array<char, longest + 1> usual;
  char* to = std::copy_n(text.begin(), end, usual.begin());
  *to++ = 'e';
  to = std::copy(exponent.begin(), exponent.end(), to);
  return read_plain({usual.data(), static_cast<std::size_t>(to - usual.data())}, value);
}

}  // namespace

bool is_missing(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 12> words = {"nan",  "-nan",   "+nan",    "null",   "n/a",     "#n/a",
                                                      "<na>", "(null)", "1.#qnan", "1.#ind", "-1.#ind", "-1.#qnan"};
  if (text.empty()) return true;
  // Quick: most cells are short numbers, and no missing word is.
  if (is_digit(text.front()) && text.size() < 5) return false;
  if (text.size() > 1 && consists_of(text, '-')) return true;
  return text == "\\N" || (text.size() <= 8 && is_one_of(text, words));
}

bool is_missing_word(std::string_view text) noexcept {
  // Unlike the words above these could be names or remarks: they are missing cells in columns of numbers alone.
  constexpr std::array<std::string_view, 8> words = {"na", "none", "nil", "masked", "indef", "undef", "undefined", "missing"};
  if (text.empty() || is_digit(text.front())) return false;
  return consists_of(text, '*') || consists_of(text, '.') || text == "?" || text == "~" || text == "-" ||
         (text.size() <= 9 && is_one_of(text, words));
}

int boolean_of(std::string_view text) noexcept {
  if (is_word(text, "true")) return 1;
  return is_word(text, "false") ? 0 : -1;
}

std::uint16_t kind_of(std::string_view cell) noexcept {
  std::string_view text = without_blanks(cell);
  if (is_missing(text)) return kind::missing;
  if (text.size() == 1 && (text == "-" || text == "+")) return text == "-" ? kind::dash : kind::text | kind::plus;
  std::int64_t whole = 0;
  if (is_integer(text)) {
    if (!parse_cell(text, whole)) return kind::large;
    return whole == INT64_MIN ? kind::integer | kind::missing : kind::integer;  // it stands for missing in i8 columns
  }
  double number = 0.0;
  if (parse_cell(text, number)) return kind::real;
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  if (read_real(text, number) == Reading::too_large) return kind::real;
  if (is_missing_word(text)) return kind::word;
  return boolean_of(text) >= 0 ? kind::boolean : kind::text;
}

Reading read_real(std::string_view text, double& value) noexcept {
  const Reading plain = read_plain(text, value);
  if (plain != Reading::none) return plain;
  if (text == "1.#INF" || text == "-1.#INF") {
    value = text.front() == '-' ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    return Reading::number;
  }
  return read_fortran(text, value);
}

bool read_whole(std::string_view text, std::int64_t& value) noexcept {
  constexpr double exact = 9007199254740992.0;  // 2^53
  double number = 0.0;
  // Integers have been tried before, with all their 64 bits: one that comes here is too large for them.
  if (is_integer(text) || read_real(text, number) != Reading::number) return false;
  if (!(std::abs(number) < exact) || number != std::floor(number)) return false;
  value = static_cast<std::int64_t>(number);
  return true;
}

std::string undoubled(const Cell& cell) {
  std::string text;
  for (std::size_t i = 0; i < cell.text.size(); ++i) {
    text += cell.text[i];
    if (cell.text[i] == '"') ++i;
  }
  return text;
}

}  // namespace skyfold
