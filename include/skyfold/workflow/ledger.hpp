#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "skyfold/registry/sql_connection.hpp"
#include "skyfold/workflow/state.hpp"

namespace skyfold::workflow {

/// HOME/ledger.db: a pipeline for SQL, in SQLite. A view of the journal and nothing more: it knows up to where in the journal it has come,
/// is brought up from there, and made anew when it does not fit. Tables events, event_keys, jobs, job_events, attempts, outputs,
/// sessions; views work (jobs with their last attempt), results (outputs that count) and costs (by node); see docs/pipeline.md.
///
/// Of the owner alone, in its thread. What fails here says nothing about the pipeline: errors can be told and writing tried again.
class Ledger {
 public:
  /// Opens or makes the ledger of the pipeline at `home`, and reads what its journal has beyond it. A damaged one is made anew.
  explicit Ledger(std::string home);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  /// A record that goes to the journal from now on: what it concerns is written next time.
  void note(const Record& record);
  /// Writes what has changed, in one transaction: cheap enough for once a second.
  /// @param state  of all records of the journal, which has been flushed
  void write(const PipelineState& state);

 private:
  void open();
  void open_anew();
  void write_changes(const PipelineState& state);
  void make_tables();
  [[nodiscard]] bool fits() const;
  [[nodiscard]] std::string kept(const std::string& name) const;
  void write_events(const PipelineState& state);
  void write_jobs(const PipelineState& state);
  void write_attempts(const PipelineState& state);
  void write_sessions(const PipelineState& state);
  void write_place();

  std::string home_;
  std::unique_ptr<SqlConnection> database_;
  bool is_empty_ = false;                 ///< of a ledger without rows: nothing needs to be removed
  bool has_all_to_write_ = false;         ///< all of the state
  bool is_behind_ = false;                ///< records have come since the last time
  std::set<std::int64_t> events_, jobs_;  ///< that they concern
};

}  // namespace skyfold::workflow
