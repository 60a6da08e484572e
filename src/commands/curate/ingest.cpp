// Ingest: what was extracted goes into the database, one transaction for each use case of each chunk, and tasks that depend on it are made.
#include "ingest.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "detection_file.hpp"
#include "extraction.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

/// Nothing is to be done any more.
bool is_in(const Chunk& chunk, UseCase use_case) {
  return (use_case == UseCase::cu2 ? chunk.cu2 : use_case == UseCase::cu3 ? chunk.cu3 : chunk.cu4) != file_state::waiting;
}

/// What a task asks of files that wait for it.
CurateTask task_for(const Archive& archive, const Chunk& chunk, UseCase use_case, const std::vector<ArchivedFile>& files) {
  CurateTask task;
  task.use_case = use_case;
  task.chunk_id = chunk.chunk_id;
  task.chunk = chunk.name;
  task.night_folder = archive.night_folder(chunk.night);
  std::int64_t detections = 0;
  for (const ArchivedFile& file : files) {
    const std::string& state = use_case == UseCase::cu2 ? file.cu2 : use_case == UseCase::cu3 ? file.cu3 : file.cu4;
    if (state == file_state::waiting) {
      task.files.push_back({file.multiframe_id, file.name, file.kind, file.detections, detections});
      task.bytes += file.bytes;
    }
    detections += file.detections;
  }
  return task;
}

std::int64_t number(const std::string& cell) {
  const auto value = parse_integer(cell);
  if (!value) throw DataError(fmt::format("the ledger is damaged ('{}' is no number)", cell));
  return *value;
}

/// Parts with their blanks, and empty ones at the end: `split` would trim them.
std::vector<std::string> parts_of(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

/// The lines of a result, by their first letter, each cut into cells.
std::map<char, std::vector<std::vector<std::string>>> lines_of(const std::string& result) {
  std::map<char, std::vector<std::vector<std::string>>> lines;
  for (const std::string& line : parts_of(result, '\n'))
    if (!line.empty()) lines[line[0]].push_back(parts_of(line, '\t'));
  return lines;
}

std::vector<std::string> names_with(const std::vector<std::string>& first, const std::vector<DeclaredColumn>& declared) {
  std::vector<std::string> names = first;
  for (const DeclaredColumn& column : declared) names.push_back(column.column);
  return names;
}

/// Rows of a table of metadata: whole numbers first, then the declared columns.
std::vector<SqlRow> rows_of(const std::vector<std::vector<std::string>>& lines, std::size_t numbers,
                            const std::vector<DeclaredColumn>& declared) {
  std::vector<SqlRow> rows;
  for (const std::vector<std::string>& cells : lines) {
    SqlRow& row = rows.emplace_back();
    if (cells.size() != 1 + numbers + declared.size()) throw DataError("the ledger is damaged (a line has too few cells)");
    for (std::size_t i = 0; i < numbers; ++i) row.emplace_back(number(cells[1 + i]));
    for (std::size_t i = 0; i < declared.size(); ++i) row.push_back(value_of_cell(cells[1 + numbers + i], declared[i].kind));
  }
  return rows;
}

}  // namespace

void Ingester::prepare() {
  ledger_.tell_complete(false);
  for (const Chunk& chunk : archive_.chunks()) prepare(chunk);
}

void Ingester::prepare(const Chunk& chunk) {
  for (const UseCase use_case : {UseCase::cu2, UseCase::cu3, UseCase::cu4})
    if (is_in(chunk, use_case)) ledger_.remove(fmt::format("{}.{}", chunk.chunk_id, name_of(use_case)));
  if (is_in(chunk, UseCase::cu2) && is_in(chunk, UseCase::cu3) && is_in(chunk, UseCase::cu4)) return;
  for (const UseCase use_case : {UseCase::cu2, UseCase::cu3}) {
    if (is_in(chunk, use_case) || ledger_.has(use_case, chunk.chunk_id)) continue;
    const CurateTask task = task_for(archive_, chunk, use_case, archive_.files_of(chunk.chunk_id));
    if (!task.files.empty())
      ledger_.add(task);
    else if (use_case == UseCase::cu3 || is_in(chunk, UseCase::cu3))
      return set_done(chunk, use_case);
  }
  if (is_in(chunk, UseCase::cu3) && !is_in(chunk, UseCase::cu4) && !ledger_.has(UseCase::cu4, chunk.chunk_id)) prepare_detections(chunk);
}

/// Makes the task for the detections of a chunk whose metadata are in, once those of all their images are, which may be of another chunk.
void Ingester::prepare_detections(const Chunk& chunk) {
  SqlConnection& sql = archive_.sql();
  sql.run(
      "UPDATE file SET cu4 = $1, message = $2 WHERE chunk_id = $3 AND cu4 = $4 AND image_id IN (SELECT multiframe_id FROM file WHERE cu3 = "
      "$5)",
      {file_state::blocked, "the metadata of its image are not in", chunk.chunk_id, file_state::waiting, file_state::failed});
  const auto open =
      sql.run("SELECT count(*) FROM file WHERE chunk_id = $1 AND cu4 = $2 AND image_id IN (SELECT multiframe_id FROM file WHERE cu3 = $3)",
              {chunk.chunk_id, file_state::waiting, file_state::waiting});
  if (sql_integer(open[0][0]) > 0) return;
  CurateTask task = task_for(archive_, chunk, UseCase::cu4, archive_.files_of(chunk.chunk_id));
  if (task.files.empty()) return set_done(chunk, UseCase::cu4);
  task.part = 1 + sql_integer(sql.run("SELECT count(*) FROM detection_file WHERE chunk_id = $1", {chunk.chunk_id})[0][0]);
  ledger_.add(task);
}

/// There was nothing to do; what depends on it may be done now.
void Ingester::set_done(const Chunk& chunk, UseCase use_case) {
  archive_.sql().run(fmt::format("UPDATE chunk SET {} = $1 WHERE chunk_id = $2", name_of(use_case)), {file_state::done, chunk.chunk_id});
  prepare(this->chunk(chunk.chunk_id));
}

Chunk Ingester::chunk(std::int64_t chunk_id) const {
  for (Chunk& chunk : archive_.chunks())
    if (chunk.chunk_id == chunk_id) return chunk;
  throw DataError(fmt::format("{}: has a task of chunk {}, which the database does not know", ledger_.path(""), chunk_id));
}

int Ingester::ingest() {
  const double start_s = now_s();
  int done = 0;
  for (const std::string& name : ledger_.extracted()) {
    check_stop();
    done += ingest(name);
  }
  if (done > 0) counts_.seconds += now_s() - start_s;
  return done;
}

bool Ingester::ingest(const std::string& name) {
  const CurateTask task = ledger_.read(name);
  const Chunk chunk = this->chunk(task.chunk_id);
  // Previews wait here for the metadata of their images.
  if (task.use_case == UseCase::cu2 && !is_in(chunk, UseCase::cu3)) return false;
  if (!is_in(chunk, task.use_case)) {
    const std::string result = ledger_.result(name);
    check_answers(task, result);
    fault_point("ingesting " + name);
    if (task.use_case == UseCase::cu2)
      ingest_previews(task, result);
    else if (task.use_case == UseCase::cu3)
      ingest_metadata(task, result);
    else
      ingest_detections(task, result);
    fault_point("ingested " + name);
    counts_.files += std::ssize(task.files);
    ++counts_.tasks;
  }
  ledger_.remove(name);
  // What depended on it, in other chunks of the night, too.
  if (task.use_case == UseCase::cu3)
    for (const Chunk& other : archive_.chunks())
      if (other.night == chunk.night) prepare(other);
  return true;
}

/// Every file that waits must have been asked for and answered, and none else: what a damaged task has left out would be missing for ever.
void Ingester::check_answers(const CurateTask& task, const std::string& result) const {
  std::map<std::int64_t, const TaskFile*> asked;
  for (const TaskFile& file : task.files) asked.emplace(file.multiframe_id, &file);
  std::set<std::int64_t> answered;
  for (const auto& [letter, lines] : lines_of(result))
    for (const std::vector<std::string>& cells : lines)
      if (letter == 'P' || letter == 'M' || letter == 'K' || letter == 'F') answered.insert(number(cells.at(1)));
  std::size_t known = 0;
  bool is_whole = true;
  for (const ArchivedFile& file : archive_.files_of(task.chunk_id)) {
    const auto found = asked.find(file.multiframe_id);
    if (found != asked.end() && found->second->name == file.name && found->second->kind == file.kind)
      ++known;
    else if ((task.use_case == UseCase::cu2 ? file.cu2 : task.use_case == UseCase::cu3 ? file.cu3 : file.cu4) == file_state::waiting)
      is_whole = false;
  }
  const bool is_answered = std::ranges::equal(answered, asked, {}, {}, [](const auto& one) { return one.first; });
  if (!is_whole || known != task.files.size() || !is_answered)
    throw DataError(
        fmt::format("{}: does not have the files of its chunk (damaged: remove it and the {}.done beside it, and they are extracted again)",
                    ledger_.path(task.name() + ".task"), task.name()));
}

void Ingester::ingest_previews(const CurateTask& task, const std::string& result) {
  auto lines = lines_of(result);
  SqlConnection& sql = archive_.sql();
  SqlTransaction transaction(sql);
  std::set<std::int64_t> waiting;
  for (const ArchivedFile& file : archive_.files_of(task.chunk_id))
    if (file.cu2 == file_state::waiting) waiting.insert(file.multiframe_id);
  std::vector<SqlRow> rows;
  for (const std::vector<std::string>& cells : lines['P'])
    // Not of a file whose metadata turned out to be no good.
    if (!waiting.contains(number(cells.at(1))))
      (void)remove_file(archive_.path(cells.at(3).substr(1)));
    else
      rows.push_back({number(cells[1]), number(cells.at(2)), cells.at(3).substr(1), number(cells.at(4)), cells.at(5)});
  sql.insert("preview", {"multiframe_id", "extension", "path", "bytes", "hash"}, rows);
  for (const std::vector<std::string>& cells : lines['F'])
    sql.run("UPDATE file SET cu2 = $1, message = $2 WHERE multiframe_id = $3 AND cu2 = $4",
            {file_state::failed, cells.at(2).substr(1), number(cells[1]), file_state::waiting});
  sql.run("UPDATE file SET cu2 = $1 WHERE chunk_id = $2 AND cu2 = $3", {file_state::done, task.chunk_id, file_state::waiting});
  sql.run("UPDATE chunk SET cu2 = $1 WHERE chunk_id = $2", {file_state::done, task.chunk_id});
  transaction.commit();
}

void Ingester::ingest_metadata(const CurateTask& task, const std::string& result) {
  auto lines = lines_of(result);
  SqlConnection& sql = archive_.sql();
  const CurationSchema& schema = archive_.schema();
  SqlTransaction transaction(sql);
  for (const std::vector<std::string>& cells : lines['F'])
    sql.run("UPDATE file SET cu3 = $1, message = $2 WHERE multiframe_id = $3",
            {file_state::failed, cells.at(2).substr(1), number(cells[1])});
  sql.insert("multiframe", names_with({"multiframe_id"}, schema.multiframe), rows_of(lines['M'], 1, schema.multiframe));
  sql.insert("detector", names_with({"multiframe_id", "extension"}, schema.detector), rows_of(lines['D'], 2, schema.detector));
  std::vector<SqlRow> remarks;
  for (const std::vector<std::string>& cells : lines['R'])
    remarks.push_back({task.chunk_id, cells.at(1), cells.at(2).substr(1), cells.at(3), number(cells.at(4)), cells.at(5).substr(1),
                       cells.at(6).substr(1)});
  sql.insert("card_remark", {"chunk_id", "place", "keyword", "problem", "files", "first_file", "value"}, remarks);
  sql.run("UPDATE file SET cu3 = $1 WHERE chunk_id = $2 AND cu3 = $3", {file_state::done, task.chunk_id, file_state::waiting});
  // Nothing of a file whose metadata are not in: no preview, no detections.
  for (const char* use_case : {"cu2", "cu4"})
    sql.run(fmt::format("UPDATE file SET {0} = $1 WHERE chunk_id = $2 AND {0} = $3 AND cu3 = $4", use_case),
            {file_state::blocked, task.chunk_id, file_state::waiting, file_state::failed});
  sql.run(
      "UPDATE file SET cu4 = $1, message = $2 WHERE chunk_id = $3 AND cu4 = $4 AND image_id IN (SELECT multiframe_id FROM file WHERE cu3 = "
      "$5)",
      {file_state::blocked, "the metadata of its image are not in", task.chunk_id, file_state::waiting, file_state::failed});
  sql.run("UPDATE chunk SET cu3 = $1 WHERE chunk_id = $2", {file_state::done, task.chunk_id});
  transaction.commit();
}

void Ingester::ingest_detections(const CurateTask& task, const std::string& result) {
  auto lines = lines_of(result);
  std::map<std::int64_t, std::int64_t> first_of;
  for (const ArchivedFile& file : archive_.files_of(task.chunk_id)) first_of.emplace(file.multiframe_id, file.first_detection);
  std::vector<DetectionRange> ranges;
  std::int64_t rows = 0;
  for (const std::vector<std::string>& cells : lines['K']) {
    ranges.push_back({number(cells.at(2)), number(cells.at(3)), first_of.at(number(cells.at(1)))});
    rows += ranges.back().rows;
  }
  const std::string relative = fmt::format("detections/{}{}.h5", task.chunk, task.part > 1 ? fmt::format(".part{}", task.part) : "");
  std::string hash;
  if (rows > 0 && !fs::exists(ledger_.path(task.name() + ".h5")) && !fs::exists(archive_.path(relative)))
    throw IoError(fmt::format("{}.h5: no such file (remove the {}.done beside it: its files are extracted again)",
                              ledger_.path(task.name()), task.name()));
  if (rows > 0) hash = publish_detections(ledger_.path(task.name() + ".h5"), archive_.path(relative), ranges);
  SqlConnection& sql = archive_.sql();
  SqlTransaction transaction(sql);
  for (const std::vector<std::string>& cells : lines['F'])
    sql.run("UPDATE file SET cu4 = $1, message = $2 WHERE multiframe_id = $3",
            {file_state::failed, cells.at(2).substr(1), number(cells[1])});
  if (rows > 0)
    sql.run("INSERT INTO detection_file (path, chunk_id, row_count, bytes, hash) VALUES ($1, $2, $3, $4, $5)",
            {relative, task.chunk_id, rows, static_cast<std::int64_t>(fs::file_size(archive_.path(relative))), hash});
  for (const std::vector<std::string>& cells : lines['K'])
    sql.run("UPDATE file SET cu4 = $1 WHERE multiframe_id = $2", {file_state::done, number(cells[1])});
  sql.run("UPDATE chunk SET cu4 = $1 WHERE chunk_id = $2", {file_state::done, task.chunk_id});
  transaction.commit();
  counts_.detections += rows;
}

bool Ingester::is_complete() {
  const auto chunks = archive_.chunks();
  return std::ranges::all_of(
      chunks, [](const Chunk& chunk) { return is_in(chunk, UseCase::cu2) && is_in(chunk, UseCase::cu3) && is_in(chunk, UseCase::cu4); });
}

}  // namespace skyfold
