// The command plan: the partitions and jobs that a run would have, and what may be wrong with them.
#include "skyfold/plan/plan.hpp"
#include "skyfold/core/escape.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "skyfold/commands/command.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/planned_catalogue.hpp"
#include "skyfold/farm/farm.hpp"

namespace skyfold {
namespace {

using Json = nlohmann::ordered_json;

constexpr double few_rows = 2000.0;  // below it the cost of a job itself shows

struct PlanStageOptions {
  CatalogueInput catalogue;
  PartitionOptions partition;
  std::string partitions_per_job = "auto";
  long ranks = 1;
  FarmOptions farm;
  bool json = false, list = false;
};

Json statistics_of(std::vector<double> sizes) {
  std::sort(sizes.begin(), sizes.end());
  return {{"count", sizes.size()}, {"rows_min", sizes.front()}, {"rows_median", median(sizes)}, {"rows_max", sizes.back()}};
}

template <class Items>
std::vector<double> sizes_of(const Items& items) {
  std::vector<double> sizes;
  for (const auto& item : items) sizes.push_back(static_cast<double>(item.rows.size()));
  return sizes;
}

std::vector<std::string> warnings_for(const Json& partitions, const Json& jobs, std::int64_t workers, bool automatic) {
  std::vector<std::string> warnings;
  const auto count = partitions["count"].get<std::int64_t>(), job_count = jobs["count"].get<std::int64_t>();
  if (job_count < workers)
    warnings.push_back(fmt::format("{} jobs for {} ranks: {} ranks will have nothing to do (use smaller partitions)", job_count, workers,
                                   workers - job_count));
  // Automatic jobs get smaller towards the end, so that few of them do.
  else if (!automatic && job_count < 3 * workers)
    warnings.push_back(
        fmt::format("{} jobs for {} ranks: the last jobs will leave ranks waiting (use --partitions-per-job auto)", job_count, workers));
  // A few small jobs cost nothing that can be noticed.
  if (jobs["rows_median"].get<double>() < few_rows && job_count > 100)
    warnings.push_back(
        fmt::format("the median job has {:.0f} rows: handing out jobs will show in the run time (use coarser partitions or auto)",
                    jobs["rows_median"].get<double>()));
  if (count >= 4 && partitions["rows_max"].get<double>() > 20.0 * std::max(1.0, partitions["rows_median"].get<double>()) && !automatic)
    warnings.push_back(fmt::format("the largest partition has {:.0f} times the rows of the median one (use --partition.by adaptive)",
                                   partitions["rows_max"].get<double>() / std::max(1.0, partitions["rows_median"].get<double>())));
  return warnings;
}

class PlanCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("catalogue", o_.catalogue.path, "catalogue to plan for, or any table that import reads").required().layout();
    skyfold::describe(option, o_.partition);
    option("partitions-per-job", o_.partitions_per_job, "partitions that a rank takes at a time: auto or a count").layout();
    option("ranks", o_.ranks, "ranks that the run will have").range(1, 1e6).layout();
    skyfold::describe(option, o_.farm);
    option("list", o_.list, "list every partition").layout();
    option("json", o_.json, "print JSON").layout();
    skyfold::describe(option, o_.catalogue);
  }

  ExitCode run(const CommandContext& context) override {
    const PlannedCatalogue catalogue(o_.catalogue, o_.partition, context.options.given("partition.by"));
    const auto partitions = catalogue.partitions(catalogue.partition());
    const int workers = worker_count(o_.farm, static_cast<int>(o_.ranks));
    // The run's own functions make partitions and jobs, so the plan cannot differ from what a run does.
    const auto jobs = build_jobs(partitions, {o_.partitions_per_job, o_.farm.order, workers});
    Json json = {{"catalogue", o_.catalogue.path},
                 {"rows", catalogue.rows()},
                 {"ranks", o_.ranks},
                 {"workers", workers},
                 {"partitions", statistics_of(sizes_of(partitions))},
                 {"jobs", statistics_of(sizes_of(jobs))}};
    const double held = std::min(json["jobs"]["rows_max"].get<double>(), static_cast<double>(o_.farm.block_rows));
    // Two blocks are in memory: one is computed while the next one is read.
    json["memory_per_job_mb"] = 2.0 * held * static_cast<double>(catalogue.bytes_per_row()) / 1e6;
    json["warnings"] = warnings_for(json["partitions"], json["jobs"], workers, o_.partitions_per_job == "auto");
    if (o_.list)
      for (const Partition& p : partitions)
        json["list"].push_back({{"id", p.id}, {"label", p.label}, {"begin", p.rows.begin}, {"end", p.rows.end}});
    if (o_.json)
      fmt::print("{}\n", json_text(json, 2));
    else
      // Names from a foreign file could command the terminal; in JSON they are escaped anyway.
      print_text(with_texts(json, one_line));
    return ExitCode::done;
  }

 private:
  static void print_text(const Json& json) {
    fmt::print("{}: {} rows, {} ranks that compute\n", json["catalogue"].get<std::string>(), grouped(json["rows"].get<long long>()),
               json["workers"].get<int>());
    fmt::print("{:<12} {:>10} {:>12} {:>12} {:>12}\n", "", "count", "rows min", "median", "max");
    for (const char* what : {"partitions", "jobs"})
      fmt::print("{:<12} {:>10} {:>12.0f} {:>12.0f} {:>12.0f}\n", what, grouped(json[what]["count"].get<long long>()),
                 json[what]["rows_min"].get<double>(), json[what]["rows_median"].get<double>(), json[what]["rows_max"].get<double>());
    fmt::print("memory for catalogue rows of a job: {:.1f} MB per rank (two blocks, all columns)\n",
               json["memory_per_job_mb"].get<double>());
    for (const Json& warning : json["warnings"]) fmt::print("warning: {}\n", warning.get<std::string>());
    if (!json.contains("list")) return;
    for (const Json& p : json["list"])
      fmt::print("{:>8}  rows {:>12} to {:>12}  {}\n", p["id"].get<long>(), p["begin"].get<long>(), p["end"].get<long>(),
                 p["label"].get<std::string>());
  }

  PlanStageOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_plan_command() { return std::make_unique<PlanCommand>(); }

}  // namespace skyfold
