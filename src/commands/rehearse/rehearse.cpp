// rehearse: how long a run would take on other numbers of ranks and with other jobs. The farm's own code hands out the jobs, to
// virtual ranks in virtual time (farm/rehearsal); what it costs to read, compute and write a row comes from an earlier run.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "inputs.hpp"
#include "pipeline.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/planned_catalogue.hpp"

namespace skyfold {
namespace {

using Json = nlohmann::ordered_json;

// A setting must be better than automatic jobs by more than this to be recommended instead.
constexpr double worth_choosing = 0.01;
constexpr double good_efficiency = 0.8;

struct RehearseOptions {
  std::string from;
  CatalogueInput catalogue;
  SurveyOptions survey;
  CostOptions cost;
  PartitionOptions partition;
  std::vector<std::string> partitions_per_job = {"auto", "1", "4", "16"};
  std::vector<double> ranks = {1, 2, 4, 8, 16, 32, 64, 128};
  long ranks_per_node = 0, cores_per_node = 0, threads = 0;
  FarmOptions farm;
  bool prefetch = true, json = false;
  PipelineRehearsal pipeline;
};

/// A way to cut the survey.
struct Cut {
  long partition_rows = 0;  ///< aimed at; 0: what the partitions are is not a matter of size
  std::vector<Partition> partitions;
};

/// A rehearsed run.
struct Case {
  int ranks = 1, nodes = 1;
  const Cut* cut = nullptr;
  std::string per_job;
  std::vector<double> job_rows;  ///< in order of size
  Rehearsal rehearsal;
  double start_s = 0.0, finish_s = 0.0, wall_s = 0.0, efficiency = 0.0, core_hours = 0.0;
  /// Part of the farm's time that messages take of rank 0.
  [[nodiscard]] double rank_0_busy() const noexcept { return rehearsal.farm_s > 0.0 ? rehearsal.serving_s / rehearsal.farm_s : 0.0; }
};

class RehearseCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("from", o_.from, "main product of an earlier run, whose journal tells the costs; empty: the costs are given").layout();
    option("catalogue", o_.catalogue.path,
           "catalogue of the run to come, or any table that import reads; empty: the rows of the earlier run, or survey.rows")
        .layout();
    option("ranks", o_.ranks, "numbers of ranks to rehearse").range(1, 1e6).layout();
    option("ranks-per-node", o_.ranks_per_node, "ranks of a node; 0: cores / threads").range(0, 1e6).layout();
    option("cores-per-node", o_.cores_per_node, "cores of a node; 0: as the earlier run had, or this machine has").range(0, 1e6).layout();
    option("threads-per-rank", o_.threads, "OpenMP threads of each rank; 0: as the earlier run had, or 1").range(0, 4096).layout();
    option("partitions-per-job", o_.partitions_per_job, "settings to compare: auto or counts").layout();
    option("prefetch", o_.prefetch, "ranks ask for the next job while they compute; false: once they have none, as under a batch scheduler")
        .layout();
    skyfold::describe(option, o_.pipeline);
    skyfold::describe(option, o_.survey);
    skyfold::describe(option, o_.partition);
    skyfold::describe(option, o_.cost);
    skyfold::describe(option, o_.farm);
    option("json", o_.json, "print JSON").layout();
    skyfold::describe(option, o_.catalogue);
  }

  ExitCode run(const CommandContext& context) override {
    if (!o_.pipeline.file.empty()) return rehearse_whole_pipeline(context.options);
    refuse_idle_options("--pipeline", {{"slots", context.options.changed("slots")},
                                       {"price", context.options.changed("price")},
                                       {"fixed-price", context.options.changed("fixed-price")},
                                       {"preemption-rate", context.options.changed("preemption-rate")}});
    check(o_.farm);
    if (o_.ranks.empty()) throw UsageError("--ranks names none");
    if (o_.partitions_per_job.empty()) throw UsageError("--partitions-per-job names none");
    if (!o_.from.empty())
      earlier_ = read_earlier_run(o_.from);
    else if (!context.options.given("cost.compute"))
      throw UsageError("the costs are unknown: give --from an earlier run, or --cost.compute");
    take_from_earlier(context.options);
    make_cuts(context.options);
    if (earlier_ && !context.options.given("cost.finish"))
      // The end (merging, checksums, publishing) goes over the product once, so it grows with the rows.
      o_.cost.finish_s = earlier_->finish_s * static_cast<double>(rows()) / static_cast<double>(earlier_->rows);
    for (const double ranks : o_.ranks) {
      for (const std::string& per_job : o_.partitions_per_job) rehearse(static_cast<int>(ranks), cuts_.front(), per_job);
      // Other sizes with the first setting only: all pairs would be a table that nobody reads.
      for (std::size_t i = 1; i < cuts_.size(); ++i) rehearse(static_cast<int>(ranks), cuts_[i], o_.partitions_per_job.front());
    }
    if (o_.json)
      fmt::print("{}\n", json_text(as_json(), 1));
    else
      print_text();
    return ExitCode::done;
  }

 private:
  [[nodiscard]] ExitCode rehearse_whole_pipeline(const OptionSet& options) const {
    if (!o_.from.empty() || !o_.catalogue.path.empty())
      throw UsageError("--pipeline excludes --from and --catalogue (its journal tells the costs)");
    PipelineRehearsal asked = o_.pipeline;
    // Ranks are as good a word, where slots were not given.
    if (options.changed("ranks") && !options.changed("slots")) asked.slots = o_.ranks;
    return rehearse_pipeline(asked, o_.json);
  }

  void take_from_earlier(const OptionSet& options) {
    if (o_.threads == 0) o_.threads = earlier_ ? earlier_->threads : 1;
    if (o_.cores_per_node == 0) o_.cores_per_node = earlier_ ? earlier_->processors : processor_count();
    // As many as have a core for each of their threads.
    if (o_.ranks_per_node == 0) o_.ranks_per_node = std::max(1L, o_.cores_per_node / o_.threads);
    if (!earlier_) return;
    if (!options.given("cost.start")) o_.cost.start_s = earlier_->start_s / earlier_->crowding();
    if (!options.given("cost.memory")) o_.cost.memory_mb = earlier_->memory_mb;
  }

  void make_cuts(const OptionSet& options) {
    if (o_.catalogue.path.empty()) refuse_idle_columns(o_.catalogue, "--catalogue");
    if (!o_.catalogue.path.empty()) {
      const PlannedCatalogue catalogue(o_.catalogue, o_.partition, options.given("partition.by"));
      const PartitionOptions& suited = catalogue.partition();
      const bool has_size = suited.by == "adaptive" || suited.by == "rows";
      std::vector<long> sizes = {o_.partition.rows};
      // Finer and coarser ones for comparison, unless the user has decided.
      if (has_size && !options.given("partition.rows")) sizes.insert(sizes.end(), {o_.partition.rows / 4, o_.partition.rows * 4});
      for (const long rows : sizes) {
        PartitionOptions partition = suited;
        partition.rows = rows;
        cuts_.push_back({has_size ? rows : 0, catalogue.partitions(partition)});
      }
    } else if (o_.survey.rows > 0) {
      cuts_.push_back({0, invented_partitions(o_.survey)});
    } else if (earlier_) {
      cuts_.push_back({0, earlier_->partitions});
    } else {
      throw UsageError("the survey is unknown: give --catalogue, --survey.rows or --from");
    }
    // Costs are of rows, so one profile serves all ways to cut them.
    const auto& partitions = cuts_.front().partitions;
    costs_.emplace(cost_profile(options, o_.cost, earlier_, partitions, static_cast<std::uint64_t>(o_.survey.seed)));
    if (costs_->mean().compute_s <= 0.0) throw UsageError("cost.compute = 0 (must be above 0)");
  }

  [[nodiscard]] std::int64_t rows() const { return cuts_.front().partitions.back().rows.end; }

  void rehearse(int ranks, const Cut& cut, const std::string& per_job) {
    Case c{ranks, static_cast<int>((ranks + o_.ranks_per_node - 1) / o_.ranks_per_node), &cut, per_job, {}, {}};
    const int threads = static_cast<int>(o_.threads), on_node = static_cast<int>(std::min<long>(ranks, o_.ranks_per_node));
    JobOptions job_options{per_job, o_.farm.order, worker_count(o_.farm, ranks)};
    // The planner of jobs must know what a row costs when the others compute too: jobs shrink where messages are cheap against it.
    const double crowding =
        1.0 + o_.cost.contention * (std::min<double>(job_options.workers, static_cast<double>(cut.partitions.size())) - 1.0);
    job_options.handing_out = 1e-6 * o_.cost.message_us * threads / (costs_->mean().compute_s * crowding);
    std::vector<Job> jobs = build_jobs(cut.partitions, job_options);
    // Before the jobs are moved into the rehearsal.
    for (const Job& job : jobs) c.job_rows.push_back(static_cast<double>(job.rows.size()));
    std::sort(c.job_rows.begin(), c.job_rows.end());
    RehearsalMachine machine{ranks, on_node, static_cast<int>(o_.cores_per_node), threads};
    machine.message_s = 1e-6 * o_.cost.message_us;
    machine.job_s = o_.cost.job_s;
    machine.sync_s = o_.cost.sync_s;
    machine.contention = o_.cost.contention;
    machine.prefetches = o_.prefetch;
    c.rehearsal = rehearse_farm(std::move(jobs), cut.partitions, o_.farm, machine, *costs_);
    const double cores =
        std::min(static_cast<double>(ranks) * threads, static_cast<double>(c.nodes) * static_cast<double>(o_.cores_per_node));
    // More ranks than cores take turns while they start, too.
    c.start_s = o_.cost.start_s * std::max(1.0, static_cast<double>(on_node) / static_cast<double>(o_.cores_per_node));
    c.finish_s = o_.cost.finish_s;
    c.wall_s = c.start_s + c.rehearsal.farm_s + c.finish_s;
    // Of the cores that are paid for, over the whole time: start and end count against it.
    c.efficiency = c.rehearsal.thread_s / (cores * c.wall_s);
    c.core_hours = cores * c.wall_s / 3600.0;
    cases_.push_back(std::move(c));
  }

  /// What to run on so many ranks: automatic jobs of the partitions asked for, unless something else is clearly faster.
  [[nodiscard]] const Case& best(double ranks) const {
    const Case* best = nullptr;
    for (const Case& c : cases_) {
      if (c.ranks != static_cast<int>(ranks)) continue;
      // Cases stand in order of preference (automatic jobs first), so a later one must win clearly.
      if (!best || c.wall_s < best->wall_s * (1.0 - worth_choosing)) best = &c;
    }
    return *best;
  }

  [[nodiscard]] Json as_json() const {
    const BlockCost& mean = costs_->mean();
    Json json = {{"rows", rows()}, {"threads", o_.threads}, {"ranks_per_node", o_.ranks_per_node}, {"cores_per_node", o_.cores_per_node}};
    json["cost"] = {{"compute_us", 1e6 * mean.compute_s}, {"read_us", 1e6 * mean.read_s}, {"write_us", 1e6 * mean.write_s},
                    {"message_us", o_.cost.message_us},   {"job_s", o_.cost.job_s},       {"sync_s", o_.cost.sync_s},
                    {"start_s", o_.cost.start_s},         {"finish_s", o_.cost.finish_s}, {"contention", o_.cost.contention},
                    {"memory_mb", o_.cost.memory_mb}};
    for (const Case& c : cases_) json["cases"].push_back(case_json(c));
    // Numbers of the chosen cases in the list of cases.
    for (const double ranks : o_.ranks) json["chosen"].push_back(&best(ranks) - cases_.data());
    return json;
  }

  [[nodiscard]] Json case_json(const Case& c) const {
    const Rehearsal& r = c.rehearsal;
    Json json = {{"ranks", c.ranks},
                 {"nodes", c.nodes},
                 {"partition_rows", c.cut->partition_rows},
                 {"partitions", c.cut->partitions.size()},
                 {"partitions_per_job", c.per_job},
                 {"jobs", r.jobs},
                 {"job_rows_min", c.job_rows.front()},
                 {"job_rows_median", median(c.job_rows)},
                 {"job_rows_max", c.job_rows.back()},
                 {"wall_s", c.wall_s},
                 {"start_s", c.start_s},
                 {"farm_s", r.farm_s},
                 {"finish_s", c.finish_s},
                 {"efficiency", c.efficiency},
                 {"core_hours", c.core_hours},
                 {"idle_tail_s", r.idle_tail_s},
                 {"rank_0_busy", c.rank_0_busy()},
                 {"memory_mb_per_node", memory_mb(c)}};
    for (const Phase phase : {Phase::wait, Phase::dispatch, Phase::read, Phase::compute, Phase::write, Phase::sync})
      json["rank_s"][std::string(name_of(phase))] = r.rank_s[static_cast<std::size_t>(phase)];
    return json;
  }

  [[nodiscard]] double memory_mb(const Case& c) const {
    // What a rank takes does not depend on the number of ranks, so a node takes that of its ranks.
    return o_.cost.memory_mb * static_cast<double>(std::min<long>(c.ranks, o_.ranks_per_node));
  }

  void print_text() const {
    const BlockCost& mean = costs_->mean();
    fmt::print(
        "{} rows; a row takes {:.3g} us of a thread, {:.3g} us to read, {:.3g} us to write{}\n", grouped(rows()), 1e6 * mean.compute_s,
        1e6 * mean.read_s, 1e6 * mean.write_s,
        earlier_ ? fmt::format(", as in {} ({}: {} ranks x {} threads)", o_.from, earlier_->pass, earlier_->ranks, earlier_->threads) : "");
    fmt::print("ranks of {} thread{}, at most {} on a node of {} cores\n\n", o_.threads, o_.threads == 1 ? "" : "s", o_.ranks_per_node,
               o_.cores_per_node);
    const bool has_sizes = cuts_.size() > 1;
    fmt::print("{:>8} {:>6}{} {:>10} {:>9} {:>11} {:>10} {:>10} {:>7} {:>10} {:>7}\n", "ranks", "nodes", has_sizes ? "  partition" : "",
               "per job", "jobs", "job rows", "wall [s]", "efficiency", "rank 0", "core hours", "MB/node");
    for (const Case& c : cases_) {
      fmt::print("{:>8} {:>6}{} {:>10} {:>9} {:>11} {:>10.2f} {:>9.1f}% {:>6.1f}% {:>10.2f} {:>7}{}\n", c.ranks, c.nodes,
                 has_sizes ? fmt::format(" {:>10}", grouped(c.cut->partition_rows)) : "", c.per_job, grouped(c.rehearsal.jobs),
                 grouped(static_cast<long long>(median(c.job_rows))), c.wall_s, 100.0 * c.efficiency, 100.0 * c.rank_0_busy(), c.core_hours,
                 o_.cost.memory_mb > 0.0 ? fmt::format("{:.0f}", memory_mb(c)) : "-", &c == &best(c.ranks) ? "  <" : "");
    }
    print_advice();
  }

  void print_advice() const {
    const Case* largest = nullptr;
    for (const double ranks : o_.ranks) {
      const Case& c = best(ranks);
      if (c.efficiency >= good_efficiency && (!largest || c.ranks > largest->ranks)) largest = &c;
    }
    fmt::print("\n< what to choose; job rows: of the median job; rank 0: how busy it is with messages\n");
    if (!largest) {
      fmt::print("no number of ranks reaches {:.0f} % efficiency\n", 100.0 * good_efficiency);
      return;
    }
    fmt::print("the most ranks with {:.0f} % efficiency: {} on {} node{}, {:.2f} s, {:.2f} core hours, --partitions-per-job {}{}\n",
               100.0 * good_efficiency, largest->ranks, largest->nodes, largest->nodes == 1 ? "" : "s", largest->wall_s,
               largest->core_hours, largest->per_job,
               largest->cut->partition_rows > 0 ? fmt::format(" --partition.rows {}", largest->cut->partition_rows) : "");
  }

  RehearseOptions o_;
  std::optional<EarlierRun> earlier_;
  std::vector<Cut> cuts_;
  std::optional<CostProfile> costs_;
  std::vector<Case> cases_;
};

}  // namespace

std::unique_ptr<Command> make_rehearse_command() { return std::make_unique<RehearseCommand>(); }

}  // namespace skyfold
