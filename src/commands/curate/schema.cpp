// The declared schema of an archive: lines "column = KEY, type, unit, required" in sections for headers and tables.
#include "schema.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <sstream>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

/// PREFIX/bin/skyfold has them in PREFIX/share/skyfold/curation, where it was installed and where it was built.
std::string schema_path(const std::string& name) {
  if (name.find('/') != std::string::npos || name.ends_with(".ini")) return name;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path path = program.parent_path().parent_path() / "share" / "skyfold" / "curation" / (name + ".ini");
  if (!fs::exists(path, error)) throw UsageError(fmt::format("--schema {}: no such schema (wfcam, or the path of a file)", name));
  return path.string();
}

/// Names of columns go into SQL as they are.
bool is_plain_name(const std::string& name) {
  return !name.empty() && std::isalpha(static_cast<unsigned char>(name[0])) != 0 && name.size() <= 60 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '_'; });
}

/// Words that SQLite or PostgreSQL keep for themselves.
constexpr std::string_view reserved =
    " add all alter analyse analyze and any array as asc asymmetric authorization autoincrement between binary both case cast "
    "check collate collation column commit concurrently constraint create cross current_catalog current_date current_role "
    "current_schema current_time current_timestamp current_user default deferrable delete desc distinct do drop else end "
    "escape except exists false fetch for foreign freeze from full grant group having if ilike in index initially inner "
    "insert intersect into is isnull join lateral leading left like limit localtime localtimestamp natural not nothing "
    "notnull null offset on only or order outer overlaps placing primary references returning right select session_user set "
    "similar some symmetric table tablesample then to trailing transaction true union unique update user using values "
    "variadic verbose when where window with ";
/// Columns that the tables of an archive and its catalogues have whatever is declared.
constexpr std::string_view own_columns[] = {"id", "multiframe_id", "extension", "sequence"};

constexpr std::pair<const char*, DeclaredColumn::Kind> kinds[] = {{"integer", DeclaredColumn::Kind::integer},
                                                                  {"real", DeclaredColumn::Kind::real},
                                                                  {"text", DeclaredColumn::Kind::text},
                                                                  {"truth", DeclaredColumn::Kind::truth}};
constexpr std::pair<const char*, Type> types[] = {{"f4", Type::f4}, {"f8", Type::f8}, {"i4", Type::i4}, {"i8", Type::i8}};

/// Reads a schema line by line.
class SchemaReader {
 public:
  explicit SchemaReader(std::string where) : where_(std::move(where)) {}

  CurationSchema read(const std::string& text) {
    schema_.text = text;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      ++number_;
      const std::string_view content = trim(std::string_view(line).substr(0, line.find('#')));
      if (!content.empty()) read_line(std::string(content));
    }
    if (schema_.multiframe.empty()) throw UsageError(where_ + ": declares no columns in [multiframe]");
    check_positions();
    return std::move(schema_);
  }

 private:
  [[noreturn]] void fail(const std::string& why) const { throw UsageError(fmt::format("{}, line {}: {}", where_, number_, why)); }

  void read_line(const std::string& line) {
    if (line.front() == '[' && line.back() == ']') {
      section_ = line.substr(1, line.size() - 2);
      if (section_ != "files" && section_ != "multiframe" && section_ != "detector" && section_ != "detection")
        fail(fmt::format("no section [{}] (files, multiframe, detector, detection)", section_));
      return;
    }
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) fail(fmt::format("'{}' is neither [section] nor name = value", line));
    const std::string name(trim(line.substr(0, equals))), value(trim(line.substr(equals + 1)));
    if (section_ == "files") return read_setting(name, value);
    if (section_.empty()) fail("stands before the first section");
    read_column(name, split(value, ','));
  }

  void read_setting(const std::string& name, const std::string& value) {
    if (name == "extensions") {
      const auto number = parse_integer(value);
      if (!number || *number < 0 || *number > 999) fail(fmt::format("extensions = {} (a number from 0 to 999)", value));
      schema_.extensions = *number;
    } else if (name == "ignored") {
      schema_.ignored = split(value, ',');
    } else {
      fail(fmt::format("no setting '{}' (extensions, ignored)", name));
    }
  }

  void read_column(const std::string& name, const std::vector<std::string>& parts) {
    if (!is_plain_name(name)) fail(fmt::format("column '{}' (small letters, digits and _ are what databases agree on)", name));
    if (!seen_.insert(section_ + "." + name).second) fail(fmt::format("column {} is declared twice", name));
    if (std::ranges::find(own_columns, name) != std::end(own_columns))
      fail(fmt::format("column {} (archives have one of their own)", name));
    if (reserved.find(" " + name + " ") != std::string_view::npos)
      fail(fmt::format("column {} (a word of SQL itself: another name)", name));
    if (parts.size() != 4) fail(fmt::format("{} needs four parts: KEY, type, unit, required or optional", name));
    DeclaredColumn column{name, parts[0], {}, {}, parts[2], parts[3] == "required"};
    if (parts[3] != "required" && parts[3] != "optional") fail(fmt::format("'{}' (required or optional)", parts[3]));
    if (column.key.empty()) fail(fmt::format("{} has no keyword", name));
    // The second column would stay empty.
    if (!seen_.insert(section_ + "=" + column.key).second) fail(fmt::format("{} is declared twice in [{}]", column.key, section_));
    if (section_ == "detection") {
      const auto* type = std::find_if(std::begin(types), std::end(types), [&](const auto& one) { return one.first == parts[1]; });
      if (type == std::end(types)) fail(fmt::format("type '{}' (f4, f8, i4, i8)", parts[1]));
      column.type = type->second;
      schema_.detection.push_back(column);
      return;
    }
    const auto* kind = std::find_if(std::begin(kinds), std::end(kinds), [&](const auto& one) { return one.first == parts[1]; });
    if (kind == std::end(kinds)) fail(fmt::format("type '{}' (integer, real, text, truth)", parts[1]));
    column.kind = kind->second;
    (section_ == "multiframe" ? schema_.multiframe : schema_.detector).push_back(column);
  }

  void check_positions() const {
    for (const char* name : {"ra", "dec"})
      if (!schema_.detection.empty() &&
          std::none_of(schema_.detection.begin(), schema_.detection.end(), [&](const auto& column) { return column.column == name; }))
        throw UsageError(fmt::format("{}: declares no column {} in [detection] (detections have positions)", where_, name));
  }

  std::string where_, section_;
  int number_ = 0;
  CurationSchema schema_;
  std::set<std::string> seen_;
};

}  // namespace

bool CurationSchema::ignores(const std::string& key) const {
  return std::any_of(ignored.begin(), ignored.end(), [&](const std::string& one) {
    return one.ends_with('*') ? key.starts_with(std::string_view(one).substr(0, one.size() - 1)) : key == one;
  });
}

CurationSchema read_schema(const std::string& name) {
  const std::string path = schema_path(name);
  return parse_schema(read_file(path), path);
}

CurationSchema parse_schema(const std::string& text, const std::string& where) { return SchemaReader(where).read(text); }

CurationSchema kept_schema(const std::string& archive_folder) {
  const std::string path = archive_folder + "/schema.ini";
  try {
    return parse_schema(read_file(path), path);
  } catch (const UsageError& error) {
    throw DataError(fmt::format("{} (an archive's copy of its schema is not to be changed)", error.what()));
  }
}

const char* sql_type(DeclaredColumn::Kind kind) noexcept {
  switch (kind) {
    case DeclaredColumn::Kind::integer:
    case DeclaredColumn::Kind::truth:
      return "BIGINT";
    case DeclaredColumn::Kind::real:
      return "DOUBLE PRECISION";
    case DeclaredColumn::Kind::text:
      break;
  }
  return "TEXT";
}

}  // namespace skyfold
