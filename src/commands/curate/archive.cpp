// The folder of an archive and its tables. What it was made with stands in archive.ini and schema.ini, so that later commands need its
// folder alone.
#include "archive.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr const char* format_version = "1";

/// Tables whose columns do not depend on the schema.
constexpr const char* fixed_tables[] = {
    "CREATE TABLE archive (name TEXT PRIMARY KEY, value TEXT)",
    "CREATE TABLE night (night TEXT PRIMARY KEY, folder TEXT)",
    "CREATE TABLE chunk (chunk_id BIGINT PRIMARY KEY, name TEXT UNIQUE, night TEXT, cu2 TEXT, cu3 TEXT, cu4 TEXT)",
    "CREATE TABLE file (multiframe_id BIGINT PRIMARY KEY, chunk_id BIGINT, night TEXT, name TEXT, kind TEXT, image_id BIGINT, bytes "
    "BIGINT, "
    "hash TEXT UNIQUE, damage TEXT, detections BIGINT, first_detection BIGINT, cu2 TEXT, cu3 TEXT, cu4 TEXT, message TEXT, "
    "UNIQUE (night, name))",
    "CREATE INDEX file_of_chunk ON file (chunk_id)",
    "CREATE TABLE preview (multiframe_id BIGINT, extension BIGINT, path TEXT, bytes BIGINT, hash TEXT, PRIMARY KEY (multiframe_id, "
    "extension))",
    "CREATE TABLE detection_file (path TEXT PRIMARY KEY, chunk_id BIGINT, row_count BIGINT, bytes BIGINT, hash TEXT)",
    "CREATE TABLE card_remark (chunk_id BIGINT, place TEXT, keyword TEXT, problem TEXT, files BIGINT, first_file TEXT, value TEXT)",
};

std::string columns_of(const std::vector<DeclaredColumn>& columns) {
  std::string text;
  for (const DeclaredColumn& column : columns) text += fmt::format(", {} {}", column.column, sql_type(column.kind));
  return text;
}

/// A value of archive.ini; "" for none.
std::string value_in(const std::string& text, const std::string& name) {
  for (const std::string& line : split(text, '\n'))
    if (line.starts_with(name + " = ")) return line.substr(name.size() + 3);
  return "";
}

ArchivedFile file_of(const SqlRow& row) {
  ArchivedFile file;
  std::size_t at = 0;
  const auto whole = [&] { return sql_integer(row[at++]); };
  const auto text = [&] { return sql_text(row[at++]); };
  file.multiframe_id = whole();
  file.chunk_id = whole();
  file.night = text();
  file.name = text();
  file.kind = text();
  file.image_id = whole();
  file.bytes = whole();
  file.hash = text();
  file.damage = text();
  file.detections = whole();
  file.first_detection = whole();
  file.cu2 = text();
  file.cu3 = text();
  file.cu4 = text();
  file.message = text();
  return file;
}

}  // namespace

const std::vector<std::string>& file_columns() {
  static const std::vector<std::string> names = {"multiframe_id",   "chunk_id", "night", "name",   "kind",
                                                 "image_id",        "bytes",    "hash",  "damage", "detections",
                                                 "first_detection", "cu2",      "cu3",   "cu4",    "message"};
  return names;
}

SqlRow row_of(const ArchivedFile& file) {
  return {file.multiframe_id,
          file.chunk_id,
          file.night,
          file.name,
          file.kind,
          file.image_id ? SqlValue(file.image_id) : SqlValue(),
          file.bytes,
          file.hash,
          file.damage,
          file.detections,
          file.detections ? SqlValue(file.first_detection) : SqlValue(),
          file.cu2,
          file.cu3,
          file.cu4,
          file.message};
}

void describe(OptionSet& option, ArchiveOptions& o) {
  option("archive", o.archive, "folder of the archive").required().layout();
  option("database", o.database,
         "its database: postgresql://USER@HOST/NAME, or empty for what it was made with, which is archive.sqlite in its folder at first")
      .layout();
}

void describe_schema(OptionSet& option, ArchiveOptions& o) {
  option("schema", o.schema,
         "what is archived of headers and tables: wfcam, or the path of a file like config/curation/wfcam.ini; an archive keeps the one it "
         "was made with");
}

Archive::Archive(const ArchiveOptions& o, bool may_make) : folder_(canonical_form(o.archive)) {
  const std::string ini = read_small_file(path("archive.ini"));
  if (ini.empty() && !may_make) throw IoError(fmt::format("{}: no archive of skyfold (curate register makes one)", o.archive));
  if (ini.empty()) {
    make(o.database.empty() ? path("archive.sqlite") : o.database, o.schema);
    return;
  }
  if (value_in(ini, "format") != format_version)
    throw DataError(fmt::format("{}: an archive of format '{}' (this version of skyfold knows {})", o.archive, value_in(ini, "format"),
                                format_version));
  schema_ = kept_schema(folder_);
  check_made_with(o);
  const std::string made_with = value_in(ini, "database");
  const std::string used = !o.database.empty() ? o.database : made_with.empty() ? path("archive.sqlite") : made_with;
  if (!o.database.empty() && without_password(used) != (made_with.empty() ? path("archive.sqlite") : made_with))
    throw UsageError(fmt::format("--database {}: the archive was made with {}", without_password(used),
                                 made_with.empty() ? "archive.sqlite" : made_with));
  sql_ = open_database(used, true);
  if (!sql_->has_table("archive")) throw DataError(fmt::format("{}: has no tables of the archive {}", sql_->name(), o.archive));
}

void Archive::check_made_with(const ArchiveOptions& o) {
  if (o.schema == "wfcam" || read_schema(o.schema).text == schema_.text) return;
  throw UsageError(
      fmt::format("--schema {}: the archive {} was made with another one, which is {}", o.schema, o.archive, path("schema.ini")));
}

/// archive.ini comes last: without it the folder is no archive, and the next attempt makes it again.
void Archive::make(const std::string& database, const std::string& schema) {
  schema_ = read_schema(schema);
  // A server that is not there leaves no folder behind.
  if (is_postgres_url(database)) sql_ = open_database(database);
  std::error_code error;
  fs::create_directory(folder_, error);
  if (!fs::is_directory(folder_)) throw IoError(fmt::format("{}: cannot be made: {}", folder_, error.message()));
  for (const std::string& name : names_in(folder_))
    if (name != "ledger" && name != "detections" && name != "previews" && name != "schema.ini" && !name.starts_with("archive.sqlite") &&
        name != "lock")
      throw IoError(fmt::format("{}: is no archive, and not empty (it has {})", folder_, name));
  for (const char* name : {"ledger", "detections", "previews"}) fs::create_directory(path(name));
  write_durably(path("schema.ini"), schema_.text);
  if (!sql_) sql_ = open_database(database);
  make_tables();
  const std::string kept = is_postgres_url(database) ? without_password(database) : "";
  write_durably(path("archive.ini"),
                fmt::format("# An archive of nights, made by skyfold curate.\nformat = {}\ndatabase = {}\n", format_version, kept));
}

void Archive::make_tables() {
  if (sql_->has_table("archive")) {
    // An attempt that was killed behind this has made them; another archive's tables have files.
    if (setting("folder") == folder_ && sql_->run("SELECT 1 FROM file").empty()) return;
    throw IoError(fmt::format("{}: has the tables of another archive, {}", sql_->name(), setting("folder")));
  }
  SqlTransaction transaction(*sql_);
  for (const char* table : fixed_tables) sql_->run(table);
  sql_->run(fmt::format("CREATE TABLE multiframe (multiframe_id BIGINT PRIMARY KEY{})", columns_of(schema_.multiframe)));
  sql_->run(fmt::format("CREATE TABLE detector (multiframe_id BIGINT, extension BIGINT{}, PRIMARY KEY (multiframe_id, extension))",
                        columns_of(schema_.detector)));
  set("folder", folder_);
  transaction.commit();
}

std::string Archive::setting(const std::string& name) const {
  const std::vector<SqlRow> rows = sql_->run("SELECT value FROM archive WHERE name = $1", {name});
  return rows.empty() ? "" : sql_text(rows[0][0]);
}

void Archive::set(const std::string& name, const std::string& value) const {
  sql_->run("DELETE FROM archive WHERE name = $1", {name});
  sql_->run("INSERT INTO archive (name, value) VALUES ($1, $2)", {name, value});
}

std::string Archive::night_folder(const std::string& night) const {
  const std::vector<SqlRow> rows = sql_->run("SELECT folder FROM night WHERE night = $1", {night});
  return rows.empty() ? "" : sql_text(rows[0][0]);
}

std::vector<Chunk> Archive::chunks() const {
  std::vector<Chunk> chunks;
  for (const SqlRow& row : sql_->run("SELECT chunk_id, name, night, cu2, cu3, cu4 FROM chunk ORDER BY chunk_id"))
    chunks.push_back({sql_integer(row[0]), sql_text(row[1]), sql_text(row[2]), sql_text(row[3]), sql_text(row[4]), sql_text(row[5])});
  return chunks;
}

std::vector<ArchivedFile> Archive::files() const {
  std::vector<ArchivedFile> files;
  for (const SqlRow& row : sql_->run("SELECT " + join(file_columns(), ", ") + " FROM file ORDER BY multiframe_id"))
    files.push_back(file_of(row));
  return files;
}

std::vector<ArchivedFile> Archive::files_of(std::int64_t chunk_id) const {
  std::vector<ArchivedFile> files;
  for (const SqlRow& row :
       sql_->run("SELECT " + join(file_columns(), ", ") + " FROM file WHERE chunk_id = $1 ORDER BY multiframe_id", {chunk_id}))
    files.push_back(file_of(row));
  return files;
}

}  // namespace skyfold
