// The command curate suggest: who should do what of the tasks that wait, by machines as they are and costs as they were.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "job_costs.hpp"
#include "ledger.hpp"
#include "machines.hpp"
#include "plan_file.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/plan/schedule.hpp"

namespace skyfold {
namespace {

struct SuggestOptions {
  std::string archive, hosts, output;
};

/// A task that waits, and what it will cost.
struct WaitingTask {
  std::string name;
  UseCase use_case = UseCase::cu3;
  double seconds = 0.0;
  std::int64_t bytes = 0;  ///< that it will write
};

/// About what a task writes into the archive: pictures of a tenth of the images, rows of detections as they are.
std::int64_t bytes_written(UseCase use_case, const TaskSize& size) {
  constexpr std::int64_t detection_bytes = 400;
  return use_case == UseCase::cu2 ? size.bytes / 10 : use_case == UseCase::cu4 ? size.rows * detection_bytes : size.files * 10'000;
}

std::vector<WaitingTask> tasks_in(const std::string& archive, const JobCosts& costs) {
  const Ledger ledger(archive + "/ledger");
  std::vector<WaitingTask> tasks;
  for (const std::string& name : ledger.waiting()) {
    const CurateTask task = ledger.read(name);
    const TaskSize size = size_of(task);
    tasks.push_back({name, task.use_case, costs.predict(task.use_case, size), bytes_written(task.use_case, size)});
  }
  return tasks;
}

std::string machine_table(const std::vector<Machine>& machines) {
  std::string text =
      fmt::format("{:<24} {:>5} {:>10} {:>6} {:>10} {:>8} {:>6}\n", "host", "ranks", "processors", "load", "free GB", "skyfold", "speed");
  for (const Machine& machine : machines) {
    const std::string free = machine.free_bytes == INT64_MAX ? "?" : fmt::format("{:.1f}", static_cast<double>(machine.free_bytes) / 1e9);
    text += fmt::format("{:<24} {:>5} {:>10} {:>6.2f} {:>10} {:>8} {:>6.2f}\n", machine.host, machine.ranks, machine.processors,
                        machine.load, free, machine.processes, machine.speed());
  }
  return text;
}

/// A rank to come.
struct Worker {
  std::string host;
  double speed = 1.0;
  bool has_disk = true;
};

class Suggestion {
 public:
  Suggestion(const SuggestOptions& o, const std::vector<Machine>& machines)
      : machines_(machines), costs_(o.archive), tasks_(tasks_in(o.archive, costs_)) {
    std::int64_t needed = 0;
    for (const WaitingTask& task : tasks_) needed += task.bytes;
    for (const Machine& machine : machines_) {
      const bool has_disk = machine.free_bytes >= needed;
      if (!has_disk)
        log_warning(fmt::format("{}: gets no tasks ({:.2f} GB are free, about {:.2f} GB will be written)", machine.host,
                                static_cast<double>(machine.free_bytes) / 1e9, static_cast<double>(needed) / 1e9));
      for (int i = 0; i < machine.ranks; ++i) workers_.push_back({machine.host, machine.speed(), has_disk});
    }
    if (std::ranges::none_of(workers_, &Worker::has_disk))
      throw IoError(fmt::format("{}: no machine has the {:.2f} GB that will be written", o.archive, static_cast<double>(needed) / 1e9));
    schedule();
  }

  [[nodiscard]] const std::vector<PlannedTask>& plan() const noexcept { return plan_; }

  [[nodiscard]] std::string report() const {
    std::string text = machine_table(machines_) + "\n";
    for (const UseCase use_case : {UseCase::cu2, UseCase::cu3, UseCase::cu4}) {
      double seconds = 0.0;
      std::int64_t count = 0;
      for (const WaitingTask& task : tasks_)
        if (task.use_case == use_case) {
          seconds += task.seconds;
          ++count;
        }
      text += fmt::format("{}; {} tasks wait, {:.1f} s\n", costs_.tell(use_case), grouped(count), seconds);
    }
    text += fmt::format("\n{:>5} {:<24} {:>6} {:>10}\n", "rank", "host", "tasks", "ends, s");
    for (std::size_t rank = 0; rank < workers_.size(); ++rank) {
      double end = 0.0;
      std::int64_t count = 0;
      for (const PlannedTask& task : plan_)
        if (task.rank == static_cast<int>(rank)) {
          end = std::max(end, task.end_s);
          ++count;
        }
      text += fmt::format("{:>5} {:<24} {:>6} {:>10.1f}\n", rank, workers_[rank].host, grouped(count), end);
    }
    if (bound_s_ > 0.0)
      text += fmt::format("all ends after {:.1f} s; no plan ends before {:.1f} s (ratio {:.3f})\n", end_s_, bound_s_, end_s_ / bound_s_);
    else
      text += "nothing waits\n";
    return text;
  }

 private:
  void schedule() {
    std::vector<double> costs, speeds;
    std::vector<std::size_t> rank_of;  // of those that have the disk
    for (const WaitingTask& task : tasks_) costs.push_back(task.seconds);
    for (std::size_t rank = 0; rank < workers_.size(); ++rank)
      if (workers_[rank].has_disk) {
        speeds.push_back(workers_[rank].speed);
        rank_of.push_back(rank);
      }
    const Schedule schedule = longest_first(costs, speeds);
    end_s_ = schedule.end_s;
    bound_s_ = schedule.bound_s;
    for (const ScheduledTask& one : schedule.tasks) {
      const std::size_t rank = rank_of[one.worker];
      plan_.push_back(
          {static_cast<int>(rank), workers_[rank].host, tasks_[one.task].name, one.end_s - one.begin_s, one.begin_s, one.end_s});
    }
    std::ranges::stable_sort(plan_, {}, &PlannedTask::rank);
  }

  std::vector<Machine> machines_;
  JobCosts costs_;
  std::vector<WaitingTask> tasks_;
  std::vector<Worker> workers_;
  std::vector<PlannedTask> plan_;
  double end_s_ = 0.0, bound_s_ = 0.0;
};

class CurateSuggestCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("archive", options_.archive, "folder of the archive whose tasks wait").required();
    option("hosts", options_.hosts,
           "file of machines, a line each: NAME ranks=N processors=N load=X free_gb=X processes=N; else those of the ranks of this call, "
           "as they are");
    option("output", options_.output, "file for the plan, to be edited and given to --plan").layout().writes(FileKind::text);
  }

  ExitCode run(const CommandContext& context) override {
    const Ranks* ranks = context.ranks;
    const auto check = [&] {
      if (!std::filesystem::is_directory(options_.archive + "/ledger"))
        throw IoError(fmt::format("{}: is no archive (it has no folder 'ledger')", options_.archive));
    };
    ranks ? ranks->together(check) : check();
    std::vector<Machine> machines;
    if (options_.hosts.empty()) machines = machines_of(ranks, options_.archive);
    const auto suggest = [&] {
      if (!options_.hosts.empty()) machines = machines_from(options_.hosts);
      const Suggestion suggestion(options_, machines);
      fmt::print("{}", suggestion.report());
      if (!options_.output.empty()) write_durably(options_.output, plan_text(suggestion.plan()));
    };
    ranks ? ranks->on_first_only(suggest) : suggest();
    return ExitCode::done;
  }

 private:
  SuggestOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_curate_suggest_command() { return std::make_unique<CurateSuggestCommand>(); }

}  // namespace skyfold
