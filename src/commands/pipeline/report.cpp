// The command `pipeline report`: what steps, tasks, users and machines have used, of all attempts that the journal tells of.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "shown.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/commands/text_table.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/csv.hpp"
#include "skyfold/workflow/usage.hpp"

namespace skyfold {
namespace {

using Json = nlohmann::ordered_json;
using workflow::Usage;

void print_csv(const std::vector<Usage>& rows, const std::string& by) {
  fmt::print("{},jobs,attempts,completed,failed,lost,core_s,slot_s,wall_s,longest_s,memory_bytes\n", by);
  for (const Usage& r : rows)
    fmt::print("{},{},{},{},{},{},{},{},{},{},{}\n", csv_cell(r.name), r.jobs, r.attempts, r.completed, r.failed, r.lost, shortest(r.cpu_s),
               shortest(r.slot_s), shortest(r.wall_s), shortest(r.longest_s), r.memory_bytes);
}

void print_json(const std::vector<Usage>& rows, const std::string& by) {
  Json json = {{"by", by}, {"rows", Json::array()}};
  for (const Usage& r : rows)
    json["rows"].push_back({{"name", r.name},
                            {"jobs", r.jobs},
                            {"attempts", r.attempts},
                            {"completed", r.completed},
                            {"failed", r.failed},
                            {"lost", r.lost},
                            {"core_s", r.cpu_s},
                            {"slot_s", r.slot_s},
                            {"wall_s", r.wall_s},
                            {"longest_s", r.longest_s},
                            {"memory_bytes", r.memory_bytes}});
  fmt::print("{}\n", json_text(json, 1));
}

class PipelineReportCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("file", file_, "pipeline file").required().positional();
    option("by", by_, "what the rows are; node: steps and tasks").one_of({"node", "step", "task", "user", "host"});
    option("csv", csv_, "print comma-separated values with all digits");
    option("json", json_, "print JSON");
  }

  ExitCode run(const CommandContext&) override {
    if (csv_ && json_) throw UsageError("--csv and --json exclude each other");
    const ShownPipeline pipeline(file_);
    const std::vector<Usage> rows = workflow::usage_by(pipeline.file(), pipeline.state(), by_);
    if (csv_)
      print_csv(rows, by_);
    else if (json_)
      print_json(rows, by_);
    else
      fmt::print("{}", as_text(workflow::usage_table(rows, by_)));
    return ExitCode::done;
  }

 private:
  std::string file_, by_ = "node";
  bool csv_ = false, json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_pipeline_report_command() { return std::make_unique<PipelineReportCommand>(); }

}  // namespace skyfold
