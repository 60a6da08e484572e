#include "source_text_cells.hpp"

#include <algorithm>

namespace skyfold {
namespace {

/// Equal to a lower-case word, whatever the case of the letters.
bool is_word(std::string_view text, std::string_view word) noexcept {
  return text.size() == word.size() &&
         std::equal(text.begin(), text.end(), word.begin(), [](char c, char w) { return (c | 0x20) == w; });
}

bool is_integer(std::string_view text) noexcept {
  if (text.size() > 1 && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool is_missing(std::string_view text) noexcept {
  return text.empty() || text == "--" || text == "\\N" || is_word(text, "nan") || is_word(text, "null");
}

int boolean_of(std::string_view text) noexcept {
  if (is_word(text, "true")) return 1;
  return is_word(text, "false") ? 0 : -1;
}

std::uint8_t kind_of(std::string_view text) noexcept {
  if (is_missing(text)) return kind::missing;
  std::int64_t whole = 0;
  if (is_integer(text)) {
    if (!parse_cell(text, whole)) return kind::large;
    return whole == INT64_MIN ? kind::integer | kind::missing : kind::integer;  // it stands for missing in i8 columns
  }
  double number = 0.0;
  if (parse_cell(text, number)) return kind::real;
  return boolean_of(text) >= 0 ? kind::boolean : kind::text;
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
