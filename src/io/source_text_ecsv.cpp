// The YAML header of ECSV files (APE 6): units, types and descriptions of columns. Not a YAML parser: the two spellings that occur
// are read.
#include <algorithm>
#include <map>

#include "skyfold/core/text.hpp"
#include "skyfold/table/column_index.hpp"
#include "source_text_header.hpp"

/// The part of ECSV's YAML header that a table needs (APE 6, "Enhanced Character Separated Values table format").
/// Two spellings occur: `- {name: a, unit: deg, datatype: float64}`, possibly over several lines, and one key per line.
namespace skyfold {
namespace {

using Keys = std::map<std::string, std::string>;

std::string unquoted(std::string_view text) {
  text = trim(text);
  if (text.size() >= 2 && (text.front() == '\'' || text.front() == '"') && text.back() == text.front())
    text = text.substr(1, text.size() - 2);
  return std::string(text);
}

void add_key(std::string_view text, Keys& keys) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return;
  // The first of repeated keys: nested entries below a column may have keys of the same names.
  keys.emplace(trim(text.substr(0, colon)), unquoted(text.substr(colon + 1)));
}

/// Keys of `{a: x, b: 'y, z'}`: splits at commas outside quotes.
Keys flow_keys(std::string_view text) {
  Keys keys;
  text = text.substr(text.find('{') + 1);
  text = text.substr(0, text.rfind('}'));
  char quote = '\0';
  std::size_t begin = 0;
  // A quote within a word, as in an arcminute's 5', opens nothing: only one behind a blank does.
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote) {
      if (c == quote) quote = '\0';
    } else if ((c == '\'' || c == '"') && (i == 0 || text[i - 1] == ' ')) {
      quote = c;
    } else if (c == ',') {
      add_key(text.substr(begin, i - begin), keys);
      begin = i + 1;
    }
  }
  add_key(text.substr(begin), keys);
  return keys;
}

/// The entries of the `datatype:` list, each as its lines.
std::vector<std::vector<std::string>> column_entries(const std::vector<std::string>& comments) {
  std::vector<std::vector<std::string>> entries;
  bool inside = false;
  for (const std::string& comment : comments) {
    const std::string_view words = trim(comment);
    const bool top_level = comment.size() > 1 && comment[0] == ' ' && comment[1] != ' ' && comment[1] != '-';
    if (top_level)
      inside = words.starts_with("datatype:");
    else if (inside && words.starts_with('-'))
      entries.push_back({std::string(words.substr(1))});
    else if (inside && !entries.empty())
      entries.back().emplace_back(words);
  }
  return entries;
}

Keys keys_of(const std::vector<std::string>& entry) {
  const std::string all = join(entry, " ");
  if (trim(all).starts_with('{')) return flow_keys(all);
  Keys keys;
  for (const std::string& line : entry) add_key(line, keys);
  return keys;
}

bool is_ecsv(const std::vector<std::string>& comments) { return !comments.empty() && trim(comments.front()).starts_with("%ECSV"); }

}  // namespace

std::optional<char> ecsv_delimiter(const std::vector<std::string>& comments) {
  if (!is_ecsv(comments)) return std::nullopt;
  for (const std::string& comment : comments)
    if (trim(comment).starts_with("delimiter:")) return comment.find(',') != std::string::npos ? ',' : ' ';
  return ' ';
}

void apply_ecsv(const std::vector<std::string>& comments, TextHeader& header) {
  if (!is_ecsv(comments)) return;
  const ColumnIndex index(header.columns);
  for (const std::vector<std::string>& entry : column_entries(comments)) {
    Keys keys = keys_of(entry);
    const auto found = index.find(keys["name"]);
    if (!found) continue;
    ColumnInfo* const column = &header.columns[*found];
    column->unit = keys["unit"];
    column->description = keys["description"];
    column->ucd = keys["ucd"];
    header.declared[*found] = keys["datatype"];
  }
}

}  // namespace skyfold
