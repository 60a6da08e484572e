// Writing and reading of texts in INI files and lists, where blanks, commas, quotes and # mean something: whatever is written is
// read back as it was.
#include "skyfold/core/quoting.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr std::string_view blanks = " \t\r\n";

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        result += "\\\"";
        break;
      case '\\':
        result += "\\\\";
        break;
      case '\n':
        result += "\\n";
        break;
      case '\r':
        result += "\\r";
        break;
      case '\t':
        result += "\\t";
        break;
      // Other bytes as they are, so that UTF-8 stays readable.
      default:
        result += is_control(c) ? fmt::format("\\x{:02x}", static_cast<unsigned char>(c)) : std::string(1, c);
    }
  }
  return result + "\"";
}

/// Where a comment begins in text outside quotes: at a # behind a blank, so that a path may hold one.
std::size_t comment_at(std::string_view text) {
  for (std::size_t at = text.find('#'); at != std::string_view::npos; at = text.find('#', at + 1))
    if (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\t')) return at;
  return std::string_view::npos;
}

/// Whether a text is read as something else unless it is quoted.
bool needs_quotes(std::string_view text) {
  if (text.empty()) return false;
  // Leading and trailing blanks are trimmed, and a leading quote or # is read as one.
  if (text.front() == '"' || text.front() == '#' || blanks.find(text.front()) != std::string_view::npos ||
      blanks.find(text.back()) != std::string_view::npos)
    return true;
  return std::any_of(text.begin(), text.end(), is_control) || comment_at(text) != std::string_view::npos;
}

/// A text in quotes at the beginning of `rest`, which is moved behind it; nothing when it begins otherwise, or never ends.
std::optional<std::string> take_quoted(std::string_view& rest) {
  if (!rest.starts_with('"')) return std::nullopt;
  std::string text;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return text;
    }
    if (rest[i] != '\\' || i + 1 == rest.size()) {
      text += rest[i];
      continue;
    }
    const char next = rest[++i];
    unsigned byte = 0;
    if (next == 'n')
      text += '\n';
    else if (next == 'r')
      text += '\r';
    else if (next == 't')
      text += '\t';
    else if (next == '"' || next == '\\')
      text += next;
    else if (next == 'x' && i + 2 < rest.size() &&
             std::from_chars(rest.data() + i + 1, rest.data() + i + 3, byte, 16).ptr == rest.data() + i + 3) {
      text += static_cast<char>(byte);
      i += 2;
    } else {  // no character of ours: as it stands
      text += '\\';
      text += next;
    }
  }
  return std::nullopt;
}

/// One text of a list, and its end: at a comma or at the end of the list.
std::string take_element(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(blanks), rest.size()));
  std::string_view behind = rest;
  if (const auto text = take_quoted(behind)) {
    behind.remove_prefix(std::min(behind.find_first_not_of(blanks), behind.size()));
    if (behind.empty() || behind.front() == ',') {
      // Only when nothing but a comma follows the quotes: a text such as "a"b begins with a quote by chance, and stands as it is.
      rest = behind;
      return *text;
    }
  }
  const std::size_t end = std::min(rest.find(','), rest.size());
  const std::string text(trim(rest.substr(0, end)));
  rest.remove_prefix(end);
  return text;
}

}  // namespace

std::string quoted_value(std::string_view text) { return needs_quotes(text) ? in_quotes(text) : std::string(text); }

std::string unquoted_value(std::string_view value) {
  std::string_view rest = value.substr(std::min(value.find_first_not_of(blanks), value.size()));
  if (const auto text = take_quoted(rest))
    if (trim(rest.substr(0, comment_at(rest))).empty()) return *text;
  return std::string(trim(value.substr(0, comment_at(value))));
}

std::string quoted_list(std::span<const std::string> texts) {
  std::string list;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) list += ',';
    // A list of one empty text would read back as an empty list.
    const bool is_special = texts[i].find(',') != std::string::npos || (texts[i].empty() && texts.size() == 1);
    list += is_special ? in_quotes(texts[i]) : quoted_value(texts[i]);
  }
  return list;
}

std::vector<std::string> unquoted_list(std::string_view list) {
  std::vector<std::string> texts;
  if (trim(list).empty()) return texts;
  for (std::string_view rest = list;; rest.remove_prefix(1)) {
    texts.push_back(take_element(rest));
    if (rest.empty()) return texts;
  }
}

std::string_view list_without_comment(std::string_view value) {
  for (std::string_view rest = value;;) {
    // Element by element: a # within quotes begins no comment, and a comma behind a comment is none.
    const std::string_view element = rest;
    std::string_view behind = element.substr(std::min(element.find_first_not_of(blanks), element.size()));
    const bool is_quoted = take_quoted(behind).has_value();
    if (!is_quoted) behind = element;
    const std::size_t comma = behind.find(','), comment = comment_at(behind);
    const bool is_ended = comment != std::string_view::npos && (comma == std::string_view::npos || comment < comma);
    if (is_ended) return trim(value.substr(0, static_cast<std::size_t>(behind.data() - value.data()) + comment));
    if (comma == std::string_view::npos) return trim(value);
    rest = behind.substr(comma + 1);
  }
}

}  // namespace skyfold
