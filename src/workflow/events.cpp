// Events as lines of text, as programs write them: one form is understood, and all else is said to be wrong with its line.
#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/workflow/agent.hpp"

namespace skyfold::workflow {
namespace {

constexpr std::size_t shown_bytes = 200;  // of what is wrong

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_character(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-'; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_name(std::string_view text) {
  return !text.empty() && is_letter(text[0]) && std::all_of(text.begin(), text.end(), is_name_character);
}

bool has_key(const Keys& keys, std::string_view name) {
  return std::any_of(keys.begin(), keys.end(), [name](const auto& pair) { return pair.first == name; });
}

/// As much of a text as a message takes.
std::string shown(std::string_view text) { return one_line(text.substr(0, shown_bytes)) + (text.size() > shown_bytes ? "..." : ""); }

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// One line, read from its beginning to its end. What is wrong is thrown as the reason alone.
class EventLine {
 public:
  explicit EventLine(std::string_view line) : line_(line) {}

  EventRecord read() {
    EventRecord event;
    event.event_class = name("a class");
    while (skip_blanks()) {
      std::string key = name("a key");
      if (has_key(event.keys, key)) throw DataError(fmt::format("the key '{}' stands in it twice", shown(key)));
      if (!take('=')) throw DataError(fmt::format("there is no '=' behind '{}'", shown(key)));
      event.keys.emplace_back(std::move(key), value());
    }
    return event;
  }

 private:
  [[nodiscard]] bool ends() const { return at_ >= line_.size(); }
  bool take(char c) {
    if (ends() || line_[at_] != c) return false;
    ++at_;
    return true;
  }

  /// False at the end.
  bool skip_blanks() {
    const std::size_t before = at_;
    while (!ends() && is_blank(line_[at_])) ++at_;
    if (!ends() && at_ == before) throw DataError("there is no blank behind a value or the class");
    return !ends();
  }

  std::string name(const char* what) {
    std::size_t end = at_;
    while (end < line_.size() && is_name_character(line_[end])) ++end;
    const std::string_view found = line_.substr(at_, end - at_);
    if (!is_name(found)) throw DataError(fmt::format("{} must begin with a letter and have letters, digits and _ . - alone", what));
    at_ = end;
    return std::string(found);
  }

  char next() {
    if (ends()) throw DataError("it ends within a value");
    if (line_[at_] == '\0' || (is_control(line_[at_]) && line_[at_] != '\t')) throw DataError("a control character stands in a value");
    return line_[at_++];
  }

  std::string value() {
    std::string text;
    while (!ends() && !is_blank(line_[at_])) {
      const char c = next();
      if (c == '"')
        add_quoted(text);
      else if (c == '\'')
        add_verbatim(text);
      else
        text += c == '\\' ? next() : c;
    }
    return text;
  }

  void add_verbatim(std::string& text) {
    for (char c = next(); c != '\''; c = next()) text += c;
  }

  void add_quoted(std::string& text) {
    for (char c = next(); c != '"'; c = next()) text += c == '\\' ? escaped() : c;
  }

  char escaped() {
    switch (const char c = next()) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case '"':
      case '\\':
        return c;
      case 'x':
        return by_number();
      default:
        throw DataError(fmt::format("'\\{}' means nothing within quotes", one_line(std::string_view(&c, 1))));
    }
  }

  char by_number() {
    const int high = digit_of(next()), low = digit_of(next());
    if (high < 0 || low < 0) throw DataError("'\\x' must be followed by two hexadecimal digits");
    if (high == 0 && low == 0) throw DataError("'\\x00' cannot be in a value");
    return static_cast<char>(high * 16 + low);
  }

  std::string_view line_;
  std::size_t at_ = 0;
};

std::string quoted(const std::string& value) {
  const auto is_plain = [](char c) { return !is_blank(c) && !is_control(c) && c != '"' && c != '\'' && c != '\\'; };
  if (std::all_of(value.begin(), value.end(), is_plain)) return value;
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\')
      text += {'\\', c};
    else if (is_control(c))
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      text += c;
  }
  return text + "\"";
}

}  // namespace

std::vector<EventRecord> parse_events(std::string_view text) {
  std::vector<EventRecord> events;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    try {
      events.push_back(EventLine(line).read());
    } catch (const DataError& error) {
      throw DataError(fmt::format("line {} of its events is not 'class key=value ...': {}: {}", number, error.what(), shown(line)));
    }
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return events;
}

std::string event_line(const std::string& event_class, const Keys& keys) {
  if (!is_name(event_class))
    throw UsageError(fmt::format("'{}' is no class of events: a letter, then letters, digits and _ . -", one_line(event_class)));
  std::string line = event_class;
  for (const auto& [key, value] : keys) {
    if (!is_name(key)) throw UsageError(fmt::format("'{}' is no key of events: a letter, then letters, digits and _ . -", one_line(key)));
    if (value.find('\0') != std::string::npos) throw UsageError(fmt::format("the value of {} has a zero byte in it", key));
    line += " " + key + "=" + quoted(value);
  }
  return line + "\n";
}

}  // namespace skyfold::workflow
