// Text of unknown origin, made fit for where it is shown: terminals, logs, JSON, HTML, Prometheus. What is no UTF-8 (RFC 3629)
// or would command a terminal is written as \xNN: a column name in a foreign file may hold anything.
#include "skyfold/core/escape.hpp"

#include <fmt/core.h>

#include <charconv>
#include <cstdint>

namespace skyfold {
namespace {

/// Bytes of the UTF-8 character that `text` begins with; 0 for none (RFC 3629: no overlong forms, no surrogates).
std::size_t character_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0}; };
  const auto follows = [&](std::size_t i, std::uint8_t low, std::uint8_t high) { return byte(i) >= low && byte(i) <= high; };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1, 0x80, 0xbf) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const std::uint8_t low = first == 0xe0 ? 0xa0 : 0x80, high = first == 0xed ? 0x9f : 0xbf;
    return follows(1, low, high) && follows(2, 0x80, 0xbf) ? 3 : 0;
  }
  // 0x80 to 0xc1 go on a character or write ASCII in two bytes; above 0xf4 there is nothing, Unicode ends at U+10FFFF.
  if (first < 0xf0 || first > 0xf4) return 0;
  const std::uint8_t low = first == 0xf0 ? 0x90 : 0x80, high = first == 0xf4 ? 0x8f : 0xbf;
  return follows(1, low, high) && follows(2, 0x80, 0xbf) && follows(3, 0x80, 0xbf) ? 4 : 0;
}

/// @param control  what becomes of control characters
template <class Control>
std::string as_utf8(std::string_view text, Control control) {
  std::string result;
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    if (bytes == 0)
      // One byte at a time: what follows a bad byte may be a good character again.
      result += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(text[0]));
    else if (const auto c = static_cast<std::uint8_t>(text[0]); c < 0x20 || c == 0x7f)
      result += control(text[0]);
    else if (bytes == 2 && c == 0xc2 && static_cast<std::uint8_t>(text[1]) < 0xa0)
      result += control(text[1]);  // C1: terminals obey these, too
    else
      result += text.substr(0, bytes);
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return result;
}

std::string shown(char control) {
  switch (control) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return fmt::format("\\x{:02x}", static_cast<std::uint8_t>(control));
  }
}

}  // namespace

std::string valid_utf8(std::string_view text) {
  return as_utf8(text, [](char c) { return static_cast<std::uint8_t>(c) < 0x80 ? std::string(1, c) : std::string{'\xc2', c}; });
}

std::string reversible_utf8(std::string_view text) {
  // Backslashes are doubled first, so that the \xNN of a bad byte cannot be mistaken for four characters of the text.
  std::string doubled;
  for (const char c : text) doubled += c == '\\' ? std::string("\\\\") : std::string(1, c);
  return valid_utf8(doubled);
}

std::string bytes_of_reversible(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    if (text[i] != '\\' || i + 1 == text.size())
      bytes += text[i];
    else if (text[i + 1] == '\\')
      bytes += text[++i];
    else if (text[i + 1] == 'x' && i + 3 < text.size() &&
             std::from_chars(text.data() + i + 2, text.data() + i + 4, byte, 16).ptr == text.data() + i + 4) {
      bytes += static_cast<char>(byte);
      i += 3;
    } else
      bytes += text[i];
  }
  return bytes;
}

std::string one_line(std::string_view text) { return as_utf8(text, shown); }

std::string printable(std::string_view text) {
  return as_utf8(text, [](char c) { return c == '\n' || c == '\t' ? std::string(1, c) : shown(c); });
}

std::string html_text(std::string_view text) {
  std::string result;
  // First what no page may hold at all, then what HTML means something by.
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string prometheus_text(std::string_view text) {
  std::string result;
  // The text format has three escapes for label values: \\, \" and \n.
  for (const char c : valid_utf8(text)) {
    if (c == '\\' || c == '"') result += '\\';
    if (c == '\n')
      result += "\\n";
    else
      result += c;
  }
  return result;
}

}  // namespace skyfold
