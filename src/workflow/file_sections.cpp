// A pipeline file as lines: headings and settings, in the form of INI that configurations have (core/options.cpp), every fault of which is
// told with its line.
#include "file_sections.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/escape.hpp"
#include "skyfold/core/quoting.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::workflow {
namespace {

constexpr std::size_t longest_shown = 80;

bool is_comment(std::string_view line) { return line.empty() || line.front() == '#' || line.front() == ';'; }

/// Where a comment begins behind words: at its mark behind a blank, outside quotes.
std::size_t comment_behind_words(std::string_view line, char mark) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quote == 0 && line[i] == mark && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t')) return i;
    if (line[i] == '\\' && quote != '\'')
      ++i;
    else if (quote == 0 && (line[i] == '"' || line[i] == '\''))
      quote = line[i];
    else if (line[i] == quote)
      quote = 0;
  }
  return std::string_view::npos;
}

/// The value of a key as it stands, without a comment. In command lines a ; is the shell's.
std::string value_without_comment(std::string_view key, std::string_view value) {
  if (key == "command" || key == "notify") return std::string(trim(value.substr(0, comment_behind_words(value, '#'))));
  const std::string_view list = list_without_comment(value);
  return std::string(trim(list.substr(0, comment_behind_words(list, ';'))));
}

/// "[step photoz]": an empty kind where it is no heading.
FileSection heading(std::string_view line, int number) {
  FileSection section;
  section.line = number;
  const std::string_view words = trim(line.substr(1, line.size() - 2));
  const std::size_t blank = std::min(words.find_first_of(" \t"), words.size());
  section.kind = words.substr(0, blank);
  section.name = trim(words.substr(blank));
  return section;
}

/// A heading may have a comment behind it.
std::string_view without_heading_comment(std::string_view line) {
  const std::size_t end = line.find(']');
  if (line.front() != '[' || end == std::string_view::npos) return line;
  const std::string_view behind = line.substr(end + 1), comment = trim(behind);
  return is_comment(comment) && !comment.empty() && !is_comment(behind.substr(0, 1)) ? line.substr(0, end + 1) : line;
}

void add_setting(std::string_view line, int number, std::vector<FileSection>& sections, FaultsOf& faults) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return faults.add(number, fmt::format("{} is neither [section] nor key = value", shown(line)));
  const std::string key(trim(line.substr(0, equals)));
  if (key.empty()) return faults.add(number, "a value without a key (key = value)");
  if (sections.empty())
    return faults.add(number, fmt::format("{} stands before the first section ([pipeline], [step NAME], [task NAME])", shown(key)));
  std::vector<Setting>& settings = sections.back().settings;
  const auto same = std::find_if(settings.begin(), settings.end(), [&](const Setting& s) { return s.key == key; });
  if (same != settings.end()) return faults.add(number, fmt::format("{} is given twice (first in line {})", shown(key), same->line));
  settings.push_back({key, value_without_comment(key, line.substr(equals + 1)), number});
}

void apply_set(const std::string& set, std::vector<FileSection>& sections) {
  const std::size_t equals = set.find('='), dot = set.find('.');
  if (equals == std::string::npos || dot == std::string::npos || dot > equals || dot == 0 || dot + 1 == equals)
    throw UsageError("not of the form NAME.KEY=VALUE");
  const std::string name = set.substr(0, dot), key = set.substr(dot + 1, equals - dot - 1);
  std::vector<std::string> names;
  for (FileSection& section : sections) {
    const std::string& own = names.emplace_back(section.kind == "pipeline" ? section.kind : section.name);
    if (own != name) continue;
    std::erase_if(section.settings, [&](const Setting& s) { return s.key == key || s.key == "option." + key || "option." + s.key == key; });
    section.settings.push_back({key, set.substr(equals + 1), 0});
    return;
  }
  throw UsageError(fmt::format("no step or task {}{}", shown(name), suggestion(name, names)));
}

}  // namespace

void FaultsOf::add(int line, const std::string& message) {
  all_.push_back({file_, line, one_line(message)});
  ++count_;
}

std::string shown(std::string_view text) {
  if (text.size() <= longest_shown) return "'" + one_line(text) + "'";
  return "'" + one_line(text.substr(0, longest_shown)) + "...'";
}

std::string suggestion(std::string_view wrong, const std::vector<std::string>& names) {
  // The distance takes the product of both lengths.
  const std::string nearest = wrong.size() > longest_shown ? "" : nearest_name(wrong, names);
  return nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest);
}

std::vector<FileSection> file_sections(std::string_view text, FaultsOf& faults) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";  // some editors begin a file with it
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  std::vector<FileSection> sections;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = without_heading_comment(trim(text.substr(0, end)).empty() ? "#" : trim(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (is_comment(line)) continue;
    if (line.find('\0') != std::string_view::npos) {
      faults.add(number, "a byte of zero (is this a text file?)");
      continue;
    }
    if (line.front() == '[' && line.back() == ']' && line.size() > 1)
      sections.push_back(heading(line, number));
    else
      add_setting(line, number, sections, faults);
  }
  return sections;
}

void apply_sets(const std::vector<std::string>& sets, std::vector<FileSection>& sections, FaultsOf& faults) {
  for (const std::string& set : sets) faults.guard(0, fmt::format("--set {}: ", shown(set)), [&] { apply_set(set, sections); });
}

}  // namespace skyfold::workflow
