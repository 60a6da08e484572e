// Lines of the files of other programs, and the options that they become.
#include "conversion.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::convert {
namespace {

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  for (std::size_t at = 0; (at = line.find_first_not_of(" \t\r,", at)) != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(" \t\r,", at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

std::size_t common_prefix(const std::vector<std::string>& names) {
  std::size_t n = 0;
  const auto has_more = [&](const std::string& name) { return name.size() > n && name[n] == names[0][n]; };
  while (std::ranges::all_of(names, has_more)) ++n;
  return n;
}

std::size_t common_suffix(const std::vector<std::string>& names, std::size_t prefix) {
  std::size_t n = 0;
  const auto has_more = [&](const std::string& name) {
    return name.size() > prefix + n && name[name.size() - 1 - n] == names[0][names[0].size() - 1 - n];
  };
  while (names[0].size() > prefix + n && std::ranges::all_of(names, has_more)) ++n;
  return n;
}

/// The pattern of names in which the bands stand, or "".
std::string pattern_with(const std::vector<std::string>& names, const std::vector<std::string>& bands) {
  for (std::size_t at = names[0].find(bands[0]); at != std::string::npos; at = names[0].find(bands[0], at + 1)) {
    const std::string before = names[0].substr(0, at), behind = names[0].substr(at + bands[0].size());
    bool is_all = true;
    for (std::size_t i = 0; i < names.size(); ++i) is_all = is_all && names[i] == before + bands[i] + behind;
    if (is_all) return before + "{band}" + behind;
  }
  return "";
}

}  // namespace

std::vector<WordLine> word_lines(std::string_view text) {
  std::vector<WordLine> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (auto words = words_of(line.substr(0, line.find('#'))); !words.empty()) lines.push_back({number, std::move(words)});
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

KeyFile::KeyFile(const std::string& path, std::string_view text) : path_(path) {
  for (WordLine& line : word_lines(text)) {
    const std::string key = line.words[0];
    if (const Entry* before = find(key))
      throw DataError(fmt::format("{}, line {}: {} stands in line {}, too (which one counts?)", path, line.line, key, before->line));
    line.words.erase(line.words.begin());
    if (line.words.empty()) throw DataError(fmt::format("{}, line {}: {} has no value", path, line.line, key));
    entries_.push_back({key, join(line.words, ","), line.words, line.line});
  }
  if (entries_.empty()) throw DataError(path + ": no keys (is it a configuration?)");
}

const Entry* KeyFile::find(std::string_view key) const noexcept {
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  return found == entries_.end() ? nullptr : &*found;
}

std::string KeyFile::at(const Entry& entry) const { return fmt::format("{}, line {}: {} {}", path_, entry.line, entry.key, entry.value); }

double KeyFile::number(const Entry& entry, std::size_t word) const {
  const auto value = word < entry.words.size() ? parse_double(entry.words[word]) : std::nullopt;
  if (!value) throw DataError(fmt::format("{} (value {} must be a number)", at(entry), word + 1));
  return *value;
}

bool KeyFile::is_yes(const Entry& entry) const {
  const std::string word = lower(entry.words[0]);
  if (word == "yes" || word == "y" || word == "true" || word == "1" || word == "on") return true;
  if (word == "no" || word == "n" || word == "false" || word == "0" || word == "off" || word == "none") return false;
  throw DataError(at(entry) + " (must be yes or no)");
}

void Conversion::set(const std::string& option, const std::string& value, const std::string& from) {
  settings_.push_back({option, value, from});
}

void Conversion::set_number(const std::string& option, double value, const std::string& from) { set(option, shown(value), from); }

void Conversion::set_numbers(const std::string& option, const std::vector<double>& values, const std::string& from) {
  std::vector<std::string> texts;
  for (const double value : values) texts.push_back(shown(value));
  set(option, join(texts, ","), from);
}

void Conversion::answer(const std::string& from, const std::string& why) { answers.push_back({from, why}); }
void Conversion::refuse(const std::string& from, const std::string& why) { refusals.push_back({from, why}); }

void answer_keys(const KeyFile& file, std::span<const FixedKey> fixed, std::span<const std::string_view> handled, Conversion& conversion) {
  for (const Entry& entry : file.entries()) {
    if (std::ranges::find(handled, entry.key) != handled.end()) continue;
    const auto found = std::ranges::find_if(fixed, [&](const FixedKey& key) { return entry.key == key.key; });
    if (found == fixed.end()) {
      conversion.refuse(file.at(entry), "a key that is not known");
      continue;
    }
    const std::vector<std::string> same = words_of(found->same);
    const bool is_same = std::string_view(found->same) == "*" || std::ranges::any_of(same, [&](const std::string& word) {
                           const auto a = parse_double(word), b = parse_double(entry.words[0]);
                           return a && b ? *a == *b : lower(word) == lower(entry.value);
                         });
    is_same ? conversion.answer(file.at(entry), found->why) : conversion.refuse(file.at(entry), found->why);
  }
}

Patterns patterns_of(const std::vector<std::string>& values, const std::vector<std::string>& errors, const std::string& where) {
  Patterns patterns;
  const std::size_t prefix = common_prefix(values), suffix = common_suffix(values, prefix);
  for (const std::string& name : values) patterns.bands.push_back(name.substr(prefix, name.size() - prefix - suffix));
  const std::set<std::string> different(patterns.bands.begin(), patterns.bands.end());
  if (values.size() < 2 || different.size() != values.size() || different.contains(""))
    throw DataError(fmt::format("{}: the columns {} are not one name with the band in it (at least two, as mag_g, mag_r; rename them)",
                                where, join(values, ", ")));
  patterns.value = values[0].substr(0, prefix) + "{band}" + values[0].substr(values[0].size() - suffix);
  patterns.error = pattern_with(errors, patterns.bands);
  if (patterns.error.empty())
    throw DataError(fmt::format("{}: the columns of errors {} are not one name with the bands {} in it (whose error is which?)", where,
                                join(errors, ", "), join(patterns.bands, ", ")));
  return patterns;
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::string expanded(const std::string& path) {
  if (!path.starts_with('$')) return path;
  const std::size_t end = std::min(path.find('/'), path.size());
  std::string name = path.substr(1, end - 1);
  if (name.starts_with('{') && name.ends_with('}')) name = name.substr(1, name.size() - 2);
  const char* value = std::getenv(name.c_str());
  return value ? value + path.substr(end) : "";
}

std::string find_file(const std::string& name, const std::vector<std::string>& folders, const std::string& at) {
  std::vector<std::string> looked;
  for (const std::string& folder : folders) {
    if (folder.empty()) continue;
    const std::filesystem::path path = std::filesystem::path(folder) / name;  // an absolute name stays as it is
    std::error_code error;
    if (std::filesystem::is_regular_file(path, error)) return std::filesystem::absolute(path).lexically_normal().string();
    if (std::ranges::find(looked, folder) == looked.end()) looked.push_back(folder);
  }
  throw UsageError(fmt::format("{}: no file {} in {} (--seds and --filters name folders)", at, name, join(looked, ", ")));
}

std::string shown(double number) { return shortest(number == 0.0 ? 0.0 : number); }

}  // namespace skyfold::convert
