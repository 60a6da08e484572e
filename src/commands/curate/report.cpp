// What an archive says of itself: status, failures, whether it is complete and unchanged.
#include "report.hpp"

#include <fmt/core.h>

#include <array>
#include <map>

#include "detection_file.hpp"
#include "ledger.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

/// Counts of files of a chunk in a use case.
struct Counted {
  std::int64_t files = 0, done = 0, failed = 0;
  void add(const std::string& state) {
    if (state == file_state::none) return;
    ++files;
    done += state == file_state::done;
    failed += state == file_state::failed || state == file_state::blocked;
  }
  [[nodiscard]] std::string text() const {
    return fmt::format("{}/{}{}", done, files, failed > 0 ? fmt::format(" ({} failed)", failed) : "");
  }
};

}  // namespace

std::vector<std::string> failures_of(const Archive& archive) {
  std::vector<std::string> lines;
  for (const ArchivedFile& file : archive.files())
    if (file.cu2 == file_state::failed || file.cu3 == file_state::failed || file.cu4 == file_state::failed ||
        file.cu4 == file_state::blocked)
      lines.push_back(fmt::format("{}/{}: {}", file.night, file.name, file.message));
  return lines;
}

std::string status_text(const Archive& archive, const std::string& writer, const std::string& extractor) {
  std::map<std::int64_t, std::array<Counted, 3>> counts;
  std::int64_t files = 0, detections = 0;
  for (const ArchivedFile& file : archive.files()) {
    ++files;
    auto& of_chunk = counts[file.chunk_id];
    of_chunk[0].add(file.cu2);
    of_chunk[1].add(file.cu3);
    of_chunk[2].add(file.cu4);
    if (file.cu4 == file_state::done) detections += file.detections;
  }
  const std::string released = archive.setting("released");
  std::string text = fmt::format("{}: {} files, {} detections in the archive{}\n  database   {}\n", archive.folder(), grouped(files),
                                 grouped(detections), released.empty() ? "" : ", released " + released + " (UTC)", archive.sql().name());
  if (!writer.empty()) text += fmt::format("  written by {}\n", writer);
  if (!extractor.empty()) text += fmt::format("  extracted by {}\n", extractor);
  text += fmt::format("{:<24} {:>18} {:>18} {:>18}\n", "chunk", "previews (CU2)", "metadata (CU3)", "detections (CU4)");
  for (const Chunk& chunk : archive.chunks()) {
    const auto& of_chunk = counts[chunk.chunk_id];
    text += fmt::format("{:<24} {:>18} {:>18} {:>18}\n", chunk.name, of_chunk[0].text(), of_chunk[1].text(), of_chunk[2].text());
  }
  const std::vector<std::string> failures = failures_of(archive);
  if (!failures.empty()) text += fmt::format("failures\n  {}\n", join(failures, "\n  "));
  const auto remarks = archive.sql().run(
      "SELECT place, keyword, problem, sum(files) FROM card_remark GROUP BY place, keyword, problem ORDER BY sum(files) DESC, place, "
      "keyword");
  if (!remarks.empty()) text += "remarks on keywords\n";
  for (const SqlRow& row : remarks)
    text +=
        fmt::format("  {:<10} {:<9} {} in {} files\n", sql_text(row[0]), sql_text(row[1]), sql_text(row[2]), grouped(sql_integer(row[3])));
  return text;
}

void release(Archive& archive) {
  if (archive.is_released()) {
    log_info(fmt::format("{}: was released {} (UTC)", archive.folder(), archive.setting("released")));
    return;
  }
  for (const Chunk& chunk : archive.chunks())
    if (chunk.cu2 == file_state::waiting || chunk.cu3 != file_state::done || chunk.cu4 != file_state::done)
      throw DataError(
          fmt::format("{}: chunk {} is not complete (a release is frozen: curate run completes it)", archive.folder(), chunk.name));
  SqlTransaction transaction(archive.sql());
  archive.set("released", utc_text(unix_time_s()));
  transaction.commit();
  log_info(fmt::format("{}: released; nothing can be added", archive.folder()));
}

void leave_out_previews(Archive& archive) {
  SqlTransaction transaction(archive.sql());
  for (const char* table : {"file", "chunk"})
    archive.sql().run(fmt::format("UPDATE {} SET cu2 = $1 WHERE cu2 = $2", table), {file_state::none, file_state::waiting});
  transaction.commit();
}

void retry_failed(Archive& archive) {
  SqlConnection& sql = archive.sql();
  const Ledger ledger(archive.path("ledger"));
  // Tasks that are there do not have the files that wait again: they are made anew.
  for (const SqlRow& row :
       sql.run("SELECT DISTINCT chunk_id FROM file WHERE damage = '' AND (cu2 IN ('failed', 'blocked') OR cu3 = 'failed' OR "
               "cu4 IN ('failed', 'blocked'))"))
    for (const UseCase use_case : {UseCase::cu2, UseCase::cu3, UseCase::cu4})
      ledger.remove(fmt::format("{}.{}", sql_integer(row[0]), name_of(use_case)));
  SqlTransaction transaction(sql);
  sql.run("UPDATE file SET cu2 = $1 WHERE cu2 IN ('failed', 'blocked') AND damage = ''", {file_state::waiting});
  // Metadata that came in stay; of a chunk with a file that waits again the use case is open again.
  for (const char* use_case : {"cu3", "cu4"})
    sql.run(fmt::format("UPDATE file SET {0} = $1, message = '' WHERE {0} IN ('failed', 'blocked') AND damage = '' AND "
                        "(image_id IS NULL OR image_id NOT IN (SELECT multiframe_id FROM file WHERE damage <> ''))",
                        use_case),
            {file_state::waiting});
  for (const char* use_case : {"cu2", "cu3", "cu4"})
    sql.run(fmt::format("UPDATE chunk SET {0} = $1 WHERE chunk_id IN (SELECT chunk_id FROM file WHERE {0} = 'waiting')", use_case),
            {file_state::waiting});
  transaction.commit();
}

std::vector<std::string> verify_archive(const Archive& archive, int threads) {
  struct Checked {
    std::string name, path, hash;
  };
  std::vector<Checked> files;
  std::map<std::string, std::string> folders;
  for (const SqlRow& row : archive.sql().run("SELECT night, folder FROM night")) folders.emplace(sql_text(row[0]), sql_text(row[1]));
  for (const ArchivedFile& file : archive.files())
    files.push_back({file.night + "/" + file.name, folders[file.night] + "/" + file.name, file.hash});
  for (const char* table : {"detection_file", "preview"})
    for (const SqlRow& row : archive.sql().run(fmt::format("SELECT path, hash FROM {} ORDER BY path", table)))
      files.push_back({sql_text(row[0]), archive.path(sql_text(row[0])), sql_text(row[1])});
  std::vector<std::string> found(files.size());
  parallel_for(files.size(), 1, threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t i = begin; i < end; ++i) {
      try {
        const std::string hash = bytes_hash(files[i].path);
        if (hash != files[i].hash)
          found[i] = fmt::format("{}: its bytes have the hash {}, {} when it was archived (damaged or changed since)", files[i].name, hash,
                                 files[i].hash);
      } catch (const IoError& error) {
        found[i] = error.what();
      }
    }
  });
  std::erase(found, "");
  return found;
}

}  // namespace skyfold
