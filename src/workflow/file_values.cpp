// Values in a pipeline file: times, sizes, triggers, references to steps; and texts with keys in braces.
#include "file_values.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>

#include "file_sections.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/quoting.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::workflow {
namespace {

constexpr std::size_t longest_name = 100;  // names are parts of names of files

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name_with(std::string_view text, std::string_view others) {
  if (text.empty() || text.size() > longest_name || !is_letter(text.front())) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_letter(c) || is_digit(c) || others.find(c) != std::string_view::npos; });
}

/// The number at the beginning of a text, which is moved behind it.
double take_number(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto number = parse_double(text.substr(0, end));
  if (!number) throw UsageError("");
  text.remove_prefix(end);
  return *number;
}

double seconds_of_unit(char unit) {
  switch (unit) {
    case 's':
      return 1.0;
    case 'm':
      return 60.0;
    case 'h':
      return 3600.0;
    case 'd':
      return 86400.0;
    default:
      throw UsageError("");
  }
}

double power_of_unit(std::string_view unit) {
  if (unit.empty() || unit == "B") return 0.0;
  if (unit.ends_with("iB"))
    unit.remove_suffix(2);
  else if (unit.ends_with('B'))
    unit.remove_suffix(1);
  constexpr std::string_view units = "KMGTP";
  const std::size_t power =
      unit.size() == 1 ? units.find(static_cast<char>(std::toupper(static_cast<unsigned char>(unit[0])))) : std::string_view::npos;
  if (power == std::string_view::npos) throw UsageError("");
  return static_cast<double>(power + 1);
}

/// Words with one blank between them.
std::string plain_words(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string& word : split(text, ' '))
    if (!word.empty()) words.push_back(word);
  return join(words, " ");
}

bool is_class(std::string_view text) { return is_key_name(text.starts_with('@') ? text.substr(1) : text); }

/// "all of brick but failed" for the trigger before it.
void add_group(const std::string& words, std::vector<Trigger>& all) {
  if (all.empty() || all.back().kind != Trigger::each) throw UsageError(fmt::format("{} stands behind no class of events", shown(words)));
  Trigger& trigger = all.back();
  std::string_view group = std::string_view(words).substr(std::string_view("all of ").size());
  constexpr std::string_view but_failed = " but failed";
  trigger.kind = group.ends_with(but_failed) ? Trigger::ended : Trigger::all;
  if (trigger.kind == Trigger::ended) group.remove_suffix(but_failed.size());
  if (group != "*" && !is_key_name(group))
    throw UsageError(fmt::format("{} (must be 'all of KEY' or 'all of *', perhaps with 'but failed' behind it)", shown(words)));
  trigger.group = group;
}

/// Where the name in braces that begins at `open` ends (its closing brace); npos where there is none.
std::size_t end_of_name(std::string_view text, std::size_t open) {
  const std::size_t close = text.find('}', open);
  return close != std::string_view::npos && is_key_name(text.substr(open + 1, close - open - 1)) ? close : std::string_view::npos;
}

/// Calls one of two functions for each part of a text: `literal` for texts, `name` for names in braces.
template <class Literal, class Name>
void each_part(std::string_view text, Literal literal, Name name) {
  for (std::size_t at = 0; at < text.size();) {
    const bool is_doubled = at + 1 < text.size() && text[at] == text[at + 1] && (text[at] == '{' || text[at] == '}');
    const std::size_t close = text[at] == '{' && !is_doubled ? end_of_name(text, at) : std::string_view::npos;
    if (close != std::string_view::npos) {
      name(text.substr(at + 1, close - at - 1));
      at = close + 1;
    } else {
      literal(text[at]);
      at += is_doubled ? 2 : 1;
    }
  }
}

}  // namespace

double duration(std::string_view text) {
  try {
    double seconds = 0.0;
    std::string_view rest = trim(text);
    do {
      const double number = take_number(rest);
      seconds += number * (rest.empty() ? 1.0 : seconds_of_unit(rest.front()));
      if (!rest.empty()) rest.remove_prefix(1);
    } while (!rest.empty());
    if (!(seconds > 0.0 && seconds < 1e9)) throw UsageError("");
    return seconds;
  } catch (const UsageError&) {
    throw UsageError(fmt::format("{} is no time (2h, 90s, 1h30m; s, m, h, d)", shown(text)));
  }
}

std::int64_t byte_count(std::string_view text) {
  try {
    std::string_view rest = trim(text);
    const double number = take_number(rest);
    const double bytes = number * std::pow(1024.0, power_of_unit(trim(rest)));
    if (!(bytes >= 1.0 && bytes < 0x1p62)) throw UsageError("");
    return static_cast<std::int64_t>(bytes);
  } catch (const UsageError&) {
    throw UsageError(fmt::format("{} is no size (4G, 10M; k, M, G, T of 1024 each)", shown(text)));
  }
}

int whole_number(std::string_view text, int low, int high) {
  const auto number = parse_integer(trim(text));
  if (!number || *number < low || *number > high)
    throw UsageError(fmt::format("{} (must be a whole number in {} to {})", shown(text), low, high));
  return static_cast<int>(*number);
}

bool true_or_false(std::string_view text) {
  const std::string word = lower(trim(text));
  if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
  if (word == "false" || word == "no" || word == "off" || word == "0") return false;
  throw UsageError(fmt::format("{} is not true or false", shown(text)));
}

bool is_node_name(std::string_view text) noexcept { return is_name_with(text, "-"); }
bool is_key_name(std::string_view text) noexcept { return is_name_with(text, "-."); }

std::vector<Trigger> triggers(std::string_view text) {
  std::vector<Trigger> all;
  for (const std::string& part : split(text, ',')) {
    const std::string words = plain_words(part);
    if (words.starts_with("all of ")) {
      add_group(words, all);
      continue;
    }
    if (!is_class(words))
      throw UsageError(fmt::format("{} is no class of events{}", shown(words),
                                   words.find(" all of ") == std::string::npos ? "" : " (a comma stands before 'all of')"));
    all.push_back({words, Trigger::each, ""});
  }
  if (all.empty()) throw UsageError("empty (must be a class of events)");
  return all;
}

NamedTable named_table(std::string_view text) {
  const std::string_view whole = trim(text);
  NamedTable table;
  std::size_t at = std::min(whole.find_first_of(" \t"), whole.size());
  std::string_view rest = trim(whole.substr(at));
  if (is_key_name(whole.substr(0, at)) && (rest.starts_with("in ") || rest.starts_with("in\t"))) {
    table.name = whole.substr(0, at);
    table.file = unquoted_value(rest.substr(3));
  } else {
    table.file = unquoted_value(whole);
  }
  if (table.file.empty()) throw UsageError("empty (must be a table)");
  return table;
}

std::vector<std::string> row_names(const std::string& file) {
  const std::string name = std::filesystem::path(file).filename().string(), stem = name.substr(0, name.find('.'));
  std::vector<std::string> names = {stem};
  if (stem.ends_with("ies")) names.push_back(stem.substr(0, stem.size() - 3) + "y");
  if (stem.ends_with('s')) names.push_back(stem.substr(0, stem.size() - 1));
  if (stem.ends_with("xes") || stem.ends_with("ches") || stem.ends_with("shes") || stem.ends_with("sses"))
    names.push_back(stem.substr(0, stem.size() - 2));
  std::erase_if(names, [](const std::string& one) { return !is_key_name(one); });
  return names;
}

bool is_reference(std::string_view text, StepReference& reference) {
  if (!text.starts_with('@')) return false;
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view step = text.substr(1, colon - 1), product = colon == text.size() ? "" : text.substr(colon + 1);
  if (!is_node_name(step) || (colon != text.size() && !is_key_name(product))) return false;
  reference = {std::string(step), std::string(product)};
  return true;
}

std::vector<StepReference> references_in(std::string_view value) {
  std::vector<StepReference> all;
  StepReference reference;
  if (value.find('@') == std::string_view::npos) return all;
  for (const std::string& element : unquoted_list(value))
    if (is_reference(element, reference)) all.push_back(reference);
  return all;
}

std::string filled(std::string_view text, const Keys& keys) {
  std::string result;
  const auto add_value = [&](std::string_view name) {
    const auto value = value_of(keys, name);
    if (!value) throw DataError(fmt::format("no key '{}' for {} ({{{{ stands for a brace)", name, shown(text)));
    result += *value;
  };
  each_part(
      text, [&](char c) { result += c; }, add_value);
  return result;
}

std::vector<std::string> names_in_braces(std::string_view text) {
  std::vector<std::string> names;
  each_part(
      text, [](char) {}, [&](std::string_view name) { names.emplace_back(name); });
  return names;
}

std::vector<std::string> command_words(std::string_view line) {
  std::vector<std::string> words;
  bool is_in_word = false;
  char quote = 0;
  const auto word = [&]() -> std::string& {
    if (!is_in_word) words.emplace_back();
    is_in_word = true;
    return words.back();
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    // As in shells: within "..." a backslash stands for itself, unless a quote or another one follows.
    const bool is_escape = c == '\\' && quote != '\'' && (quote == 0 || i + 1 == line.size() || line[i + 1] == '"' || line[i + 1] == '\\');
    if (is_escape) {
      if (++i == line.size()) throw UsageError("a backslash at the end, with no character behind it");
      word() += line[i];
    } else if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word() += c;
    } else if (c == '"' || c == '\'') {
      quote = c;
      (void)word();  // '' is a word, too
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      is_in_word = false;
    } else {
      word() += c;
    }
  }
  if (quote != 0) throw UsageError(fmt::format("no closing {}", quote));
  return words;
}

}  // namespace skyfold::workflow
