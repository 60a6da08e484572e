#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "log.hpp"
#include "skyfold/farm/dispatcher.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/run/run.hpp"
#include "state.hpp"
#include "task_history.hpp"

namespace skyfold {

/// What a run holds, on every rank. Its files: run.cpp what commands call, take_up.cpp how it begins, pass.cpp its passes.
struct Run::Impl {
  Impl(Ranks& all, const RunOptions& options, RunSetup what) : ranks(all), o(options), setup(std::move(what)) {}

  void open(const OptionSet& options);
  bool take_up(const RunState& before);
  void narrow_siblings(const RunState& before);
  [[nodiscard]] bool is_published(const RunState& before, const std::string& path) const;
  [[nodiscard]] bool is_whole(const RunState& before) const;
  bool reopen(const RunState& before);
  void read_crash_notes();
  void begin_session();
  [[nodiscard]] std::map<std::string, std::string> hdf5_files() const;
  void note_structure(const std::string& label, std::uint64_t hash);
  void forget_structures();
  void note_structures();
  void check_structures();
  void check_stored_rows(Work& work, int task, TaskHistory& history);
  FarmPlan plan(const TaskInfo& info, const std::vector<Partition>& partitions, TaskHistory& history);
  void append(Event event, const std::string& label, int value);
  void begin_pass(const TaskInfo& info, int task, const std::vector<Partition>& partitions, const TaskHistory& history);
  void end_pass(const TaskInfo& info, int task, const std::vector<Partition>& partitions, const FarmReport& report);
  void sum_fits(const TaskHistory& history, const FarmReport& report);
  void check_inputs();
  void note_end(ExitCode code) noexcept;
  [[nodiscard]] ExitCode ending() const noexcept {
    return failures.empty() && other_failures.empty() ? ExitCode::done : ExitCode::incomplete;
  }

  Ranks& ranks;
  RunOptions o;
  RunSetup setup;
  std::vector<std::string> hosts;  ///< by rank
  int next_task = 0;
  std::set<std::string> along;  ///< names of products that are filled with the rows
  // Rank 0:
  std::optional<RunFolder> folder;
  RunState state;
  std::optional<Journal> journal;
  std::optional<Trace> trace;
  RunStatistics statistics;
  std::vector<JobOutcome> failures;
  std::vector<std::string> failed_labels;
  std::vector<std::string> other_failures;  ///< lines
  std::vector<std::string> published;       ///< final paths, as they were given
  std::set<std::string> steps;
  std::map<std::string, std::uint64_t> structures;  ///< of files, by label; 0: not known
  std::optional<std::uint32_t> fits_sum;
  bool has_earlier_work = false;  ///< ranges that earlier attempts completed
  std::string unit = "rows";
  bool is_complete = false;
};

/// Names a product in the run folder, where links and their targets have one.
[[nodiscard]] inline std::string name_in_run(const std::string& path) {
  return std::filesystem::path(partial_path("", path)).filename().string();
}

}  // namespace skyfold
