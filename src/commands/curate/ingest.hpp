#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "archive.hpp"
#include "ledger.hpp"

namespace skyfold {

/// The one who writes the database: makes tasks when what they depend on is in, and takes in what was extracted. Every step may be
/// repeated; what is in is not taken in again.
class Ingester {
 public:
  explicit Ingester(Archive& archive) : archive_(archive), ledger_(archive.path("ledger")) {}

  /// Makes the tasks that are missing, and removes what is left of those that are in.
  void prepare();
  /// Takes in all that is extracted; returns how many tasks.
  int ingest();
  /// Whether every use case of every chunk is in.
  [[nodiscard]] bool is_complete();
  /// Tells those who extract that nothing more will come.
  void tell_complete() const { ledger_.tell_complete(true); }
  [[nodiscard]] const Ledger& ledger() const noexcept { return ledger_; }
  /// What was taken in, for the closing line.
  struct Counts {
    std::int64_t files = 0, detections = 0, tasks = 0;
    double seconds = 0.0;
  };
  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

 private:
  void prepare(const Chunk& chunk);
  void prepare_detections(const Chunk& chunk);
  void set_done(const Chunk& chunk, UseCase use_case);
  [[nodiscard]] Chunk chunk(std::int64_t chunk_id) const;
  bool ingest(const std::string& name);
  void check_answers(const CurateTask& task, const std::string& result) const;
  void ingest_previews(const CurateTask& task, const std::string& result);
  void ingest_metadata(const CurateTask& task, const std::string& result);
  void ingest_detections(const CurateTask& task, const std::string& result);

  Archive& archive_;
  Ledger ledger_;
  Counts counts_;
};

}  // namespace skyfold
