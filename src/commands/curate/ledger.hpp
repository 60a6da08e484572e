#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "archive.hpp"

namespace skyfold {

/// Use cases of files: previews, metadata, detections.
enum class UseCase { cu2, cu3, cu4 };
[[nodiscard]] const char* name_of(UseCase use_case) noexcept;

/// A file of a task: what who extracts must know of it.
struct TaskFile {
  std::int64_t multiframe_id = 0;
  std::string name, kind;
  std::int64_t detections = 0;
  std::int64_t offset = 0;  ///< of a table: detections of the chunk's files before it
};

/// One use case of one chunk. Tasks are files of the ledger, which the writer of the database makes; who extracts sees no database.
struct CurateTask {
  UseCase use_case = UseCase::cu3;
  std::int64_t chunk_id = 0;
  std::string chunk, night_folder;
  std::int64_t part = 1;   ///< of the chunk's detections, from 1
  std::int64_t bytes = 0;  ///< of its files
  std::vector<TaskFile> files;

  /// What names of its files begin with: "12.cu3".
  [[nodiscard]] std::string name() const;
};

/// The ledger: tasks that wait (ID.cuN.task), what is extracted (ID.cuN.done, and files beside it), who has taken which (ID.cuN.claim).
class Ledger {
 public:
  explicit Ledger(std::string folder) : folder_(std::move(folder)) {}

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
  /// Writes a task, in one step.
  void add(const CurateTask& task) const;
  /// Whether a task waits or is extracted.
  [[nodiscard]] bool has(UseCase use_case, std::int64_t chunk_id) const;
  /// Names of tasks that wait for who extracts them: metadata first, then the largest.
  [[nodiscard]] std::vector<std::string> waiting() const;
  /// Names of tasks that are extracted, in canonical order.
  [[nodiscard]] std::vector<std::string> extracted() const;
  [[nodiscard]] CurateTask read(const std::string& name) const;
  /// Takes a task; false when another has it, or has finished it. One process alone gets it.
  [[nodiscard]] bool claim(const std::string& name) const;
  /// Publishes what was extracted, in one step.
  void finish(const std::string& name, const std::string& result) const;
  /// What was extracted. Throws DataError when it is damaged.
  [[nodiscard]] std::string result(const std::string& name) const;
  /// Removes a task that is ingested, and all files of it.
  void remove(const std::string& name) const;
  /// Whether a task waits, or is being extracted.
  [[nodiscard]] bool has_unfinished() const;
  /// Whether the one who ingests has said that all is in.
  [[nodiscard]] bool is_complete() const;
  void tell_complete(bool is_complete) const;
  /// Forgets who has taken what: for the one who extracts, at the beginning.
  void forget_claims() const;

 private:
  std::string folder_;
};

}  // namespace skyfold
