// Texts in FITS, which knows printable ASCII only: percent-encoded cells, units in letters, names that differ, values that fit a
// card of 80 characters.
#include "fits_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

namespace skyfold {

bool is_fits_text(std::string_view text) noexcept { return std::all_of(text.begin(), text.end(), is_fits_char); }

namespace {

/// Bytes beyond ASCII, and `mark` itself if `is_strict`, as the mark and two digits.
std::string with_mark(std::string_view text, char mark, bool is_strict) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (is_fits_char(c) && !(is_strict && c == mark))
      encoded += c;
    else
      encoded += {mark, digits[static_cast<unsigned char>(c) >> 4], digits[static_cast<unsigned char>(c) & 15]};
  }
  return encoded;
}

}  // namespace

std::string percent_encoded(std::string_view text) { return with_mark(text, '%', true); }

std::string percent_decoded(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; };
  std::string decoded;
  // Only upper-case digits are codes, as they are written: "%ab" in a text of somebody else's stays.
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_code = text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
    decoded += is_code ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
    if (is_code) i += 2;
  }
  return decoded;
}

std::string fits_text(std::string_view text) { return is_fits_text(text) ? std::string(text) : percent_encoded(text); }

std::string fits_unit(std::string text) {
  constexpr std::pair<std::string_view, std::string_view> signs[] = {
      {"\xc2\xb5", "u"}, {"\xce\xbc", "u"}, {"\xc3\x85", "Angstrom"}, {"\xe2\x84\xab", "Angstrom"}, {"\xc2\xb0", "deg"}, {"\xc2\xb7", "."}};
  for (const auto& [sign, word] : signs)
    for (std::size_t at = text.find(sign); at != std::string::npos; at = text.find(sign)) text.replace(at, sign.size(), word);
  return fits_text(text);
}

std::string cut_to_card(std::string text, std::size_t most) {
  std::size_t used = 0, kept = 0;
  for (; kept < text.size(); ++kept) {
    // A quote is doubled in a card.
    used += text[kept] == '\'' ? 2 : 1;
    if (used > most) break;
  }
  text.resize(kept);
  return text;
}

std::vector<std::string> fits_names(const std::vector<std::string>& names) {
  std::vector<std::string> made;
  std::set<std::string> taken(names.begin(), names.end()), used;
  for (const std::string& given : names) {
    const std::string whole = with_mark(given, '_', false);  // letters, digits and underscores are what names should have
    std::string name = cut_to_card(whole);
    // A changed name must not become that of another column that kept its own.
    for (int k = 2; (name != given && taken.contains(name)) || !used.insert(name).second; ++k) {
      const std::string ending = fmt::format("_{}", k);
      name = cut_to_card(whole, 68 - ending.size()) + ending;
    }
    made.push_back(name);
  }
  return made;
}

}  // namespace skyfold
