// The command `pipeline run-event`: the tasks that an event starts, alone and now, for debugging. Nothing is recorded or moved.
#include <fmt/core.h>

#include <filesystem>

#include "common.hpp"
#include "owner.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/workflow/agent.hpp"

namespace skyfold {
namespace {

class PipelineRunEventCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("file", o_.file, "pipeline file").required().positional().layout();
    option("event", event_, "number of the event, as pipeline status shows it").required().positional().range(1, 9e15).call_only();
    option("set", o_.sets, "settings in place of those of the file, each NODE.KEY=VALUE").layout();
  }

  ExitCode run(const CommandContext&) override {
    const workflow::PipelineFile file = faultless_pipeline(o_.file, o_.sets);
    const workflow::PipelineState state = workflow::read_pipeline_state(file.home());
    const auto event = state.events().find(event_);
    if (event == state.events().end()) throw UsageError(fmt::format("{}: there is no event {}", o_.file, event_));
    if (event->second.jobs.empty()) throw UsageError(fmt::format("event {} starts no job", event_));
    bool is_good = true;
    for (const std::int64_t id : event->second.jobs)
      if (state.jobs().at(id).is_valid) is_good &= run_job(file, state.jobs().at(id));
    return is_good ? ExitCode::done : ExitCode::incomplete;
  }

 private:
  static bool run_job(const workflow::PipelineFile& file, const workflow::JobState& job) {
    const workflow::Node* node = file.node(job.record.node);
    if (!node) throw DataError(fmt::format("job {}: {} has no node '{}' any more", job.record.id, file.path, job.record.node));
    if (node->is_step)
      throw UsageError(fmt::format("job {} is the step '{}', a command of skyfold (skyfold pipeline run {} --only {})", job.record.id,
                                   node->name, file.path, node->name));
    workflow::Order order = workflow::task_order(file, *node, job.record, 1);
    const std::string scratch = order.scratch;
    order.scratch = fmt::format("{}/debug/{}", file.home(), job.record.id);
    order.log = order.scratch + ".log";
    std::filesystem::create_directories(folder_of(order.scratch));
    std::filesystem::remove_all(order.scratch);
    std::filesystem::remove(order.log);
    replace_everywhere(order, scratch);
    order.slots = 1;
    log_info(fmt::format("job {} {}: {}", job.record.id, node->name, join(order.words, " ")));
    return tell(run_to_end(file, order), order, job);
  }

  /// The folder of this attempt, wherever words and environment have it.
  static void replace_everywhere(workflow::Order& order, const std::string& scratch) {
    const auto replace = [&](std::string& text) {
      for (std::size_t at = 0; (at = text.find(scratch, at)) != std::string::npos; at += order.scratch.size())
        text.replace(at, scratch.size(), order.scratch);
    };
    for (std::string& word : order.words) replace(word);
    for (auto& variable : order.environment) replace(variable.second);
  }

  static workflow::Outcome run_to_end(const workflow::PipelineFile& file, const workflow::Order& order) {
    workflow::Agent agent("run-event", 1, file.home());
    agent.start(order);
    while (true) {
      const std::vector<workflow::Outcome> outcomes = agent.wait(1.0);
      if (!outcomes.empty()) return outcomes.front();
    }
  }

  static bool tell(const workflow::Outcome& outcome, const workflow::Order& order, const workflow::JobState& job) {
    fmt::print("{}", read_small_file(order.log));
    for (const workflow::EventRecord& event : outcome.end.events)
      log_info("event " + std::string(trim(workflow::event_line(event.event_class, event.keys))));
    const bool has_record = job.state == "completed";
    std::size_t equal = 0;
    for (const workflow::OutputFile& output : outcome.end.outputs) {
      log_info(fmt::format("{}/{}: {} bytes, {}", order.scratch, output.path, grouped(output.bytes), output.hash));
      for (const workflow::OutputFile& before : has_record ? job.ends.back().outputs : std::vector<workflow::OutputFile>{})
        equal += ("/" + before.path).ends_with("/" + output.path) && before.hash == output.hash ? 1 : 0;
    }
    if (has_record)
      log_info(fmt::format("{} of {} outputs have the bytes of the run that is recorded", equal, job.ends.back().outputs.size()));
    if (outcome.end.how == "completed") return true;
    log_warning(fmt::format("job {} {}: failed: {}", job.record.id, job.record.node, outcome.end.message));
    return false;
  }

  PipelineRunOptions o_;
  long event_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_pipeline_run_event_command() { return std::make_unique<PipelineRunEventCommand>(); }

}  // namespace skyfold
