// rehearse --pipeline: wall time, core hours and cost of a pipeline on other numbers of slots, from the jobs that its journal tells of.
#include "pipeline.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <set>

#include "skyfold/core/escape.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/workflow/forecast.hpp"
#include "skyfold/workflow/view.hpp"

namespace skyfold {
namespace {

using Json = nlohmann::ordered_json;
using workflow::Forecast;

// Among settings that cost so little more than the cheapest, the fastest is chosen.
constexpr double as_cheap = 1.01;

workflow::PipelineFile faultless(const std::string& path) {
  std::vector<workflow::Fault> faults;
  workflow::PipelineFile file = workflow::read_pipeline_file(path, {}, faults);
  if (!faults.empty()) throw UsageError(faults.front().text());
  return file;
}

std::vector<workflow::Keys> targets_of(const workflow::PipelineFile& file) {
  if (file.targets.empty()) return {};
  std::vector<workflow::Fault> faults;
  auto rows = workflow::read_rows(file.targets.starts_with('/') ? file.targets : file.folder + "/" + file.targets, faults);
  if (!faults.empty()) throw DataError(faults.front().text());
  return rows;
}

/// Place of what to choose: the cheapest, or without prices the fewest slots within 1 % of the shortest time.
std::size_t chosen(const std::vector<Forecast>& cases, bool has_price) {
  std::size_t best = 0;
  const auto value = [&](const Forecast& f) { return has_price ? f.cost : f.wall_s; };
  for (std::size_t i = 1; i < cases.size(); ++i)
    if (value(cases[i]) < value(cases[best])) best = i;
  const double limit = value(cases[best]) * as_cheap;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (value(cases[i]) > limit) continue;
    if (has_price ? cases[i].wall_s < cases[best].wall_s : cases[i].slots < cases[best].slots) best = i;
  }
  return best;
}

/// What the forecast does not know, said.
void warn_of_unknown(const Forecast& f) {
  for (const auto& [name, node] : f.nodes) {
    if (node.walls.empty())
      log_warning(fmt::format("no job of {} has completed in the journal: its {} jobs are taken to need no time and to emit nothing",
                              one_line(name), grouped(node.jobs)));
    else if (node.known < node.jobs)
      log_info(fmt::format("{} of {} jobs of {} have not completed before: their times are drawn from those that have",
                           grouped(node.jobs - node.known), grouped(node.jobs), one_line(name)));
  }
}

double efficiency(const Forecast& f) { return f.wall_s > 0.0 ? f.slot_s / (f.wall_s * f.slots) : 1.0; }

void print_json(const std::vector<Forecast>& cases, std::size_t best, const PipelineRehearsal& o) {
  Json json = {{"pipeline", o.file}, {"price", o.price}, {"fixed_price", o.fixed_price}, {"preemption_rate", o.preemption_rate}};
  for (const Forecast& f : cases)
    json["cases"].push_back(
        {{"slots", f.slots}, {"wall_s", f.wall_s}, {"slot_hours", f.slot_s / 3600.0}, {"efficiency", efficiency(f)}, {"cost", f.cost}});
  for (const auto& [name, node] : cases.front().nodes)
    json["nodes"].push_back({{"name", name},
                             {"jobs", node.jobs},
                             {"known", node.known},
                             {"median_s", node.median_s},
                             {"longest_s", node.longest_s},
                             {"slot_hours", node.slot_s / 3600.0}});
  json["chosen"] = best;
  fmt::print("{}\n", json_text(json, 1));
}

void print_text(const std::vector<Forecast>& cases, std::size_t best, const PipelineRehearsal& o) {
  fmt::print("{:<20} {:>9} {:>14} {:>14} {:>12}\n", "node", "jobs", "median [s]", "longest [s]", "slot hours");
  for (const auto& [name, node] : cases.front().nodes)
    fmt::print("{:<20} {:>9} {:>14.2f} {:>14.2f} {:>12.3f}\n", one_line(name), grouped(node.jobs), node.median_s, node.longest_s,
               node.slot_s / 3600.0);
  const bool has_price = o.price > 0.0 || o.fixed_price > 0.0;
  fmt::print("\n{:>9} {:>12} {:>12} {:>11}{}\n", "slots", "wall", "slot hours", "efficiency",
             has_price ? fmt::format(" {:>12}", "cost") : "");
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Forecast& f = cases[i];
    fmt::print("{:>9} {:>12} {:>12.3f} {:>10.1f}%{}{}\n", f.slots, workflow::duration_text(f.wall_s), f.slot_s / 3600.0,
               100.0 * efficiency(f), has_price ? fmt::format(" {:>12.4g}", f.cost) : "", i == best ? "  <" : "");
  }
  fmt::print("\n< {}\n", has_price ? "the fastest of those that cost at most 1 % more than the cheapest"
                                   : "the fewest slots that take at most 1 % longer than the fastest");
}

}  // namespace

void describe(OptionSet& option, PipelineRehearsal& o) {
  option("pipeline", o.file, "pipeline file: instead of a run, rehearse a pipeline by the jobs that its journal tells of").layout();
  option("slots", o.slots, "of a pipeline: numbers of slots to rehearse").range(1, 1e6).layout();
  option("price", o.price, "of a pipeline: price of a slot (core) for an hour").range(0, 1e9).layout();
  option("fixed-price", o.fixed_price, "of a pipeline: price for an hour whatever the slots (the owner's machine, storage)")
      .range(0, 1e9)
      .layout();
  option("preemption-rate", o.preemption_rate, "of a pipeline: how often a machine is taken away, per hour").range(0, 1e6).layout();
}

ExitCode rehearse_pipeline(const PipelineRehearsal& o, bool as_json) {
  if (o.slots.empty()) throw UsageError("--slots names none");
  const workflow::PipelineFile file = faultless(o.file);
  const workflow::PipelineState state = workflow::read_pipeline_state(file.home());
  const std::vector<workflow::Keys> targets = targets_of(file);
  std::vector<Forecast> cases;
  for (const double slots : o.slots)
    cases.push_back(workflow::forecast(file, state, targets, static_cast<int>(slots), {o.preemption_rate, o.price, o.fixed_price}));
  if (cases.front().nodes.empty()) throw DataError(fmt::format("{}: the pipeline has no job (nothing can be rehearsed)", o.file));
  warn_of_unknown(cases.front());
  const std::size_t best = chosen(cases, o.price > 0.0 || o.fixed_price > 0.0);
  as_json ? print_json(cases, best, o) : print_text(cases, best, o);
  return ExitCode::done;
}

}  // namespace skyfold
