// Numbers as texts give them, and their order among doubles, without rounding.
#include "skyfold/table/exact_number.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

__extension__ typedef unsigned __int128 UnsignedWide;
constexpr Wide largest = static_cast<Wide>(~UnsignedWide{0} >> 1);

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// `floor` times ten plus a digit; false when that is too large.
bool push_digit(Wide& floor, char digit) noexcept {
  return !__builtin_mul_overflow(floor, Wide{10}, &floor) && !__builtin_add_overflow(floor, Wide{digit - '0'}, &floor);
}

std::optional<ExactNumber> parse_hexadecimal(std::string_view digits) noexcept {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  // Hexadecimal numbers are bits of flags: whole, and plain by definition.
  return ExactNumber{static_cast<Wide>(value), false, true, static_cast<double>(value)};
}

/// The power of ten behind the digits; those that change nothing more are cut.
long exponent_of(std::string_view text) noexcept {
  const std::size_t e = text.find_first_of("eE");
  if (e == std::string_view::npos) return 0;
  const auto exponent = parse_integer(text.substr(e + 1));
  const bool is_negative = e + 1 < text.size() && text[e + 1] == '-';
  // An exponent too large for an integer still has its sign: 1e-99999999999999999999 is a small number, not a large one.
  return exponent ? static_cast<long>(std::clamp(*exponent, -1'000'000LL, 1'000'000LL)) : is_negative ? -1'000'000 : 1'000'000;
}

}  // namespace

// The floor of -2.5 is -3.
ExactNumber ExactNumber::negated() const noexcept { return {has_fraction ? -floor - 1 : -floor, has_fraction, is_plain, -nearest}; }

bool ExactNumber::is_double() const noexcept { return !has_fraction && order(floor, nearest) == 0; }

std::optional<std::int64_t> ExactNumber::whole() const noexcept {
  const auto value = static_cast<std::int64_t>(floor);
  return has_fraction || value != floor ? std::nullopt : std::optional(value);
}

std::optional<ExactNumber> parse_exact(std::string_view text) noexcept {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    if (text.size() < 2 || text[1] == '-' || text[1] == '+') return std::nullopt;
    const auto magnitude = parse_exact(text.substr(1));
    return magnitude && text[0] == '-' ? magnitude->negated() : magnitude;
  }
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) return parse_hexadecimal(text.substr(2));
  // What no double is near to (1e400) is no number here.
  const auto nearest = parse_double(text);
  if (!nearest || !std::isfinite(*nearest)) return std::nullopt;
  ExactNumber number{0, false, std::all_of(text.begin(), text.end(), is_digit), *nearest};
  const std::string_view digits = text.substr(0, text.find_first_of("eE"));
  const std::size_t point = std::min(digits.find('.'), digits.size());
  // The exponent moves the point: of 1.25e1 two digits are whole, of 1.25e-1 none.
  long whole_digits = static_cast<long>(point) + exponent_of(text);  // of the digits without the point
  bool fits = true;
  for (const char c : digits) {
    if (c == '.') continue;
    if (whole_digits-- > 0)
      fits = fits && push_digit(number.floor, c);
    else
      number.has_fraction |= c != '0';
  }
  for (; fits && number.floor != 0 && whole_digits > 0; --whole_digits) fits = push_digit(number.floor, '0');
  // Larger than all that a column holds, and equal to none of it: that is what the fraction is for.
  if (!fits) number = {largest, true, number.is_plain, *nearest};
  return number;
}

int order(Wide whole, double number) noexcept {
  constexpr double limit = 0x1p127;
  if (number >= limit) return -1;
  if (number < -limit) return 1;
  // Between -2^127 and 2^127 the floor of a double is exact as a wide whole number, so nothing is rounded.
  const double below = std::floor(number);
  const auto other = static_cast<Wide>(below);
  if (whole != other) return whole < other ? -1 : 1;
  return below < number ? -1 : 0;
}

std::string digits_of(Wide whole) {
  const bool is_negative = whole < 0;
  auto rest = is_negative ? UnsignedWide{0} - static_cast<UnsignedWide>(whole) : static_cast<UnsignedWide>(whole);
  std::string text;
  do text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  while ((rest /= 10) != 0);
  return is_negative ? "-" + text : text;
}

}  // namespace skyfold
