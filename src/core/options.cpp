// Options of a command, each bound to a variable: text from the command line or an INI file becomes its value, and is checked there;
// the help, --print-config and the record of a run are made from the same list. The command line wins over the file.
#include "skyfold/core/options.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "command_words.hpp"
#include "endings.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/quoting.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

template <class T>
T number_from(const std::string& text, const std::optional<T>& value, const char* kind) {
  if (!value) throw UsageError(fmt::format("'{}' is not {}", text, kind));
  return *value;
}

void parse(const std::string& text, bool& value) {
  const std::string word = lower(text);
  if (word == "true" || word == "yes" || word == "on" || word == "1")
    value = true;
  else if (word == "false" || word == "no" || word == "off" || word == "0")
    value = false;
  else
    throw UsageError(fmt::format("'{}' is not true or false", text));
}
void parse(const std::string& text, long& value) { value = number_from<long long>(text, parse_integer(text), "a whole number"); }
void parse(const std::string& text, int& value) {
  const long long whole = number_from<long long>(text, parse_integer(text), "a whole number");
  // An int that does not hold the number gives another one back.
  if (whole != static_cast<int>(whole)) throw UsageError(fmt::format("'{}' is too large", text));
  value = static_cast<int>(whole);
}
void parse(const std::string& text, double& value) { value = number_from<double>(text, parse_double(text), "a number"); }
void parse(const std::string& text, std::string& value) { value = text; }
void parse(const std::string& text, std::vector<std::string>& value) { value = unquoted_list(text); }
void parse(const std::string& text, std::vector<double>& value) {
  std::vector<double> numbers;
  // An empty part is an error here, unlike in a list of texts: 1,,3 has lost a number.
  for (const std::string& part : split(text, ',')) parse(part, numbers.emplace_back());
  value = std::move(numbers);
}

std::string print(bool value) { return value ? "true" : "false"; }
std::string print(long value) { return fmt::format("{}", value); }
std::string print(int value) { return fmt::format("{}", value); }
std::string print(double value) { return shortest(value); }
std::string print(const std::string& value) { return value; }
std::string print(const std::vector<std::string>& value) { return quoted_list(value); }
std::string print(const std::vector<double>& value) {
  std::vector<std::string> parts;
  for (const double number : value) parts.push_back(shortest(number));
  return join(parts, ",");
}

template <class T>
constexpr const char* value_name_of() {
  if constexpr (std::is_same_v<T, std::string>)
    return "TEXT";
  else if constexpr (std::is_same_v<T, std::vector<std::string>>)
    return "TEXT,...";
  else if constexpr (std::is_same_v<T, std::vector<double>>)
    return "NUMBER,...";
  else
    return "NUMBER";
}

/// NaN is no value of any option; infinity is one where the range says so.
void check_range(const Option& option, const std::string& text) {
  if (!option.value_name.starts_with("NUMBER")) return;
  for (const std::string& part : option.is_list ? unquoted_list(text) : std::vector<std::string>{text}) {
    // What is no number at all is told by parse(), in the words of the option's type.
    const std::optional<double> number = parse_double(part);
    if (number && !option.low && !std::isfinite(*number)) throw UsageError(fmt::format("{} (must be a finite number)", part));
    if (number && option.low && !(*number >= *option.low && *number <= *option.high))  // NaN is outside every range
      throw UsageError(fmt::format("{} (must be in {} to {})", part, shortest(*option.low), shortest(*option.high)));
  }
}

void check_choice(const Option& option, const std::string& text) {
  if (option.choices.empty()) return;
  for (const std::string& part : option.is_list ? unquoted_list(text) : std::vector<std::string>{text})
    if (std::find(option.choices.begin(), option.choices.end(), part) == option.choices.end())
      throw UsageError(fmt::format("'{}' (must be one of {})", part, join(option.choices, ", ")));
}

/// A line of an INI file that is no value without its comment: # or ; at the beginning, or # after a blank.
std::string_view without_comment(std::string_view line) {
  if (const std::string_view text = trim(line); text.starts_with('#') || text.starts_with(';')) return {};
  for (std::size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1))
    if (line[at - 1] == ' ' || line[at - 1] == '\t') return trim(line.substr(0, at));
  return trim(line);
}

std::string describe_value(const Option& option) {
  std::string text = option.help;
  if (!option.unit_text.empty()) text += fmt::format(" [{}]", option.unit_text);
  if (!option.choices.empty()) text += fmt::format(" ({})", join(option.choices, ", "));
  // A limit of 1e15 and more is there to keep arithmetic from overflowing; in the help it would only puzzle.
  if (option.low && *option.high < 1e15) text += fmt::format(" ({} to {})", shortest(*option.low), shortest(*option.high));
  return text;
}

std::string describe_with_default(const Option& option) {
  const std::string value = option.text();
  if (option.is_required) return describe_value(option) + " (required)";
  return describe_value(option) + (option.is_flag ? "" : fmt::format(" (default: {})", value.empty() ? "empty" : value));
}

/// The text of a configuration, which may come from a pipe: it is read once, from beginning to end.
std::string read_configuration(const std::string& path) {
  if (std::filesystem::is_directory(path)) throw IoError(path + ": is a folder, not a configuration file");
  if (!std::filesystem::is_fifo(path)) return read_file(path);
  // File reads by position, which a pipe refuses; <(...) of a shell is one.
  std::ifstream pipe(path);
  std::ostringstream text;
  if (pipe.peek() != std::ifstream::traits_type::eof()) text << pipe.rdbuf();
  if (pipe.bad() || !pipe.is_open()) throw IoError(path + ": cannot read");
  return text.str();
}

}  // namespace

Option& Option::unit(std::string name_of_unit) {
  unit_text = std::move(name_of_unit);
  return *this;
}
Option& Option::range(double low_value, double high_value) {
  low = low_value;
  high = high_value;
  return *this;
}
Option& Option::one_of(std::vector<std::string> list) {
  choices = std::move(list);
  return *this;
}
Option& Option::required() {
  is_required = true;
  return *this;
}
Option& Option::layout() {
  is_layout = true;
  return *this;
}

Option& Option::writes(FileKind kind) {
  written = kind;
  return *this;
}

Option& Option::positional() {
  is_positional = true;
  return *this;
}

Option& Option::call_only() {
  is_layout = is_call_only = true;
  return *this;
}

Option& OptionSet::add(const std::string& name, const std::string& help, const std::string& value_name) {
  // Each in its own memory: callers go on with the reference (.unit(), .range()) while others are added.
  Option& option = *options_.emplace_back(std::make_unique<Option>());
  option.name = name;
  option.help = help;
  option.value_name = value_name;
  return option;
}

template <class T>
Option& OptionSet::operator()(const std::string& name, T& value, const std::string& help) {
  Option& option = add(name, help, value_name_of<T>());
  option.is_flag = std::is_same_v<T, bool>;
  option.is_list = std::is_same_v<T, std::vector<std::string>> || std::is_same_v<T, std::vector<double>>;
  // Text is kept nowhere: the variable is the value, so help and the record of a run show what the program works with.
  option.assign = [&value](const std::string& text) { parse(text, value); };
  option.text = [&value] { return print(value); };
  return option;
}
// The types that an option can have; any other one is an error of linking, not a surprise in the parser.
template Option& OptionSet::operator()(const std::string&, bool&, const std::string&);
template Option& OptionSet::operator()(const std::string&, int&, const std::string&);
template Option& OptionSet::operator()(const std::string&, long&, const std::string&);
template Option& OptionSet::operator()(const std::string&, double&, const std::string&);
template Option& OptionSet::operator()(const std::string&, std::string&, const std::string&);
template Option& OptionSet::operator()(const std::string&, std::vector<std::string>&, const std::string&);
template Option& OptionSet::operator()(const std::string&, std::vector<double>&, const std::string&);

Option& OptionSet::find(const std::string& name, const std::string& origin) {
  for (const auto& option : options_)
    if (option->name == name) return *option;
  const std::string nearest = nearest_name(name, names());
  throw UsageError(fmt::format("{}: unknown option '{}'{}", origin, name,
                               nearest.empty() ? " (see --help)" : fmt::format(" (did you mean '{}'?)", nearest)));
}

void OptionSet::assign(Option& option, const std::string& text, const std::string& origin) {
  try {
    check_choice(option, text);
    check_range(option, text);
    if ((option.written != FileKind::other || option.name == "output") && text.find('\n') != std::string::npos)
      throw UsageError("a path with a line break (logs and journals name a product in one line)");
    if (!option.given) option.usual = option.text();
    option.assign(text);
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {} = {}", origin, option.name, error.what()));
  }
  option.given = true;
  option.origin = origin;
}

void OptionSet::read_ini(const std::string& path) {
  std::istringstream file(read_configuration(path));
  std::string whole, section;
  // Apart from `given`: a key of the file that the command line overrides is not given twice.
  std::set<std::string> seen;
  for (long number = 1; std::getline(file, whole); ++number) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";  // some editors begin a file with it
    if (number == 1 && whole.starts_with(byte_order_mark)) whole.erase(0, byte_order_mark.size());
    const std::string_view line = without_comment(whole);
    if (line.empty()) continue;
    if (line.front() == '[' && line.back() == ']') {
      section = std::string(trim(line.substr(1, line.size() - 2))) + ".";
      continue;
    }
    const std::string place = fmt::format("{}, line {}", path, number);
    if (line.find('=') == std::string_view::npos)
      throw UsageError(fmt::format("{}: '{}' is neither [section] nor key = value", place, line));
    // From the whole line again: what looks like a comment may stand within quotes, which the value's own reader knows.
    const std::string_view text = trim(whole);
    const std::size_t equals = text.find('=');
    const std::string name = section + std::string(trim(text.substr(0, equals)));
    Option& option = find(name, place);
    // Such as fresh: a configuration that is used again must not throw work away each time.
    if (option.is_call_only) throw UsageError(fmt::format("{}: {} belongs on the command line", place, name));
    if (!seen.insert(name).second) throw UsageError(fmt::format("{}: {} is given twice", place, name));
    const std::string_view value = text.substr(equals + 1);
    // The command line was read before.
    if (!option.given) assign(option, option.is_list ? std::string(list_without_comment(value)) : unquoted_value(value), place);
  }
}

void OptionSet::read_command_line(const std::vector<std::string>& arguments) {
  const auto end = std::find(arguments.begin(), arguments.end(), "--");  // behind it are words that stand alone
  for (const GivenWords& given : given_words(options_, {arguments.begin(), end})) {
    if (given.name.empty()) {
      read_bare_word(given.values.front(), given.values.front().starts_with("-"));
      continue;
    }
    Option& option = find(given.name, "command line");
    // Twice is an error, not "the last one wins": in long job scripts one of the two was forgotten.
    if (option.given && option.origin == "command line") throw UsageError(fmt::format("command line: --{} is given twice", option.name));
    if (given.values.empty() && !option.is_flag)
      throw UsageError(fmt::format("command line: --{} needs a value ({})", option.name, option.value_name));
    assign(option, given.values.empty() ? "true" : join(given.values, ","), "command line");
  }
  for (auto word = end; word != arguments.end(); ++word)
    if (word != end) read_bare_word(*word, false);
}

void OptionSet::read_bare_word(const std::string& word, bool is_like_option) {
  // The first one that has no value yet: of two words the second goes to the second positional option.
  const auto open = std::find_if(options_.begin(), options_.end(), [](const auto& o) { return o->is_positional && !o->given; });
  if (is_like_option || open == options_.end())
    throw UsageError(fmt::format("command line: '{}' is not an option (options start with --)", word));
  assign(**open, word, "command line");
}

void OptionSet::check_required() const {
  for (const auto& option : options_)
    // An empty text is missing as well: so looks --input=$FILES in a job script whose variable was never set.
    if (option->is_required && (!option->given || option->text().empty()))
      throw UsageError(fmt::format("--{} is missing ({})", option->name, option->help));
  check_endings();
}

void OptionSet::check_endings() const {
  for (const auto& option : options_) {
    if (option->written == FileKind::other) continue;
    const std::string path = unquoted_value(option->text());
    refuse_special_output(path);
    // Often another option of the command writes what the ending says (--fits beside --output): then it is named.
    const auto other = std::find_if(options_.begin(), options_.end(), [&](const auto& o) {
      return o->written != option->written && o->written != FileKind::other && o->written == kind_by_ending(path);
    });
    check_ending(option->name, path, option->written,
                 other == options_.end() ? "" : fmt::format("--{} {} writes {}", (*other)->name, path, name_of((*other)->written)));
  }
}

bool OptionSet::given(std::string_view name) const {
  return std::any_of(options_.begin(), options_.end(), [&](const auto& o) { return o->name == name && o->given; });
}

bool OptionSet::changed(std::string_view name) const {
  return std::any_of(options_.begin(), options_.end(), [&](const auto& o) { return o->name == name && o->given && o->text() != o->usual; });
}

std::string OptionSet::help() const { return help_page(options_, describe_with_default); }

std::string OptionSet::ini(bool comments) const {
  std::vector<const Option*> ordered;
  for (const auto& option : options_)
    // Options of one call (help, fresh) are no part of a configuration.
    if (!option->is_call_only) ordered.push_back(option.get());
  // Keys without a section must stand above the first one: INI has no way to leave a section again.
  std::stable_partition(ordered.begin(), ordered.end(), [](const Option* o) { return section_of(o->name).empty(); });
  std::string text, section;
  for (const Option* option : ordered) {
    if (section_of(option->name) != section) {
      section = section_of(option->name);
      text += fmt::format("\n[{}]\n", section);
    }
    const std::string key = section.empty() ? option->name : option->name.substr(section.size() + 1);
    if (comments) text += fmt::format("# {}\n", describe_value(*option));
    text += fmt::format("{} = {}\n", key, option->is_list ? option->text() : quoted_value(option->text()));
  }
  return text;
}

std::map<std::string, std::string> OptionSet::answer_options() const {
  std::map<std::string, std::string> values;
  for (const auto& option : options_)
    // Threads, paths and the cutting into jobs change no value, so an attempt with others goes on with the same run.
    if (!option->is_layout) values[option->name] = option->text();
  return values;
}

std::vector<std::string> OptionSet::names() const {
  std::vector<std::string> all;
  for (const auto& option : options_) all.push_back(option->name);
  return all;
}

std::vector<const Option*> OptionSet::all() const {
  std::vector<const Option*> list;
  for (const auto& option : options_) list.push_back(option.get());
  return list;
}

std::string OptionSet::value(std::string_view name) const {
  for (const auto& option : options_)
    if (option->name == name) return option->text();
  return "";
}

void refuse_idle_options(const char* needs, std::initializer_list<std::pair<const char*, bool>> options) {
  for (const auto& [name, is_set] : options)
    if (is_set) throw UsageError(fmt::format("--{} has no part in this run (it needs {})", name, needs));
}

}  // namespace skyfold
