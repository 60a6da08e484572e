// Small functions on texts: splitting, numbers that are read and written without the locale, the name that is nearest to a
// misspelt one.
#include "skyfold/core/text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <numeric>

namespace skyfold {
namespace {

/// Levenshtein's distance: insertions, deletions and replacements of one character.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

template <class T>
std::optional<T> parse_number(std::string_view text) noexcept {
  // from_chars knows no plus sign; "+-1" must not become -1.
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  T value{};
  // from_chars, not strtod: where the locale writes 0,5 strtod would read 0.5 as 0. And the whole text must be the number.
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

template <class Function>
std::string mapped(std::string_view text, Function function) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(function(static_cast<unsigned char>(c)));
  return result;
}

}  // namespace

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  // No text is no parts, not one that is empty: an option that is not set is an empty list.
  if (trim(text).empty()) return parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(trim(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view trim(std::string_view text) noexcept {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::string lower(std::string_view text) {
  return mapped(text, [](unsigned char c) { return std::tolower(c); });
}
std::string upper(std::string_view text) {
  return mapped(text, [](unsigned char c) { return std::toupper(c); });
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string result;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) result += separator;
    result += parts[i];
  }
  return result;
}

std::optional<double> parse_double(std::string_view text) noexcept { return parse_number<double>(text); }
std::optional<long long> parse_integer(std::string_view text) noexcept { return parse_number<long long>(text); }

std::string shortest(double value) { return fmt::format("{}", value); }
std::string shortest(float value) { return fmt::format("{}", value); }

std::string nearest_name(std::string_view wrong, std::span<const std::string> names) {
  std::string best;
  // Farther than a third of the word, a suggestion would only puzzle.
  std::size_t best_distance = std::max<std::size_t>(2, wrong.size() / 3) + 1;
  for (const std::string& name : names) {
    const std::size_t distance = edit_distance(lower(wrong), lower(name));
    if (distance < best_distance) {
      best_distance = distance;
      best = name;
    }
  }
  return best;
}

std::string grouped(long long value) {
  std::string digits = fmt::format("{}", value);
  for (std::ptrdiff_t place = std::ssize(digits) - 3; place > (value < 0 ? 1 : 0); place -= 3)
    digits.insert(static_cast<std::size_t>(place), 1, ',');
  return digits;
}

}  // namespace skyfold
