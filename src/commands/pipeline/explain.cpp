// Why each step of a pipeline would run: the decisions of a run, with the journal of earlier ones and without running anything.
#include <fmt/core.h>

#include <filesystem>
#include <set>

#include "common.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/workflow/state.hpp"

namespace skyfold {
namespace {

using workflow::DoneStep;
using workflow::Keys;
using workflow::Node;

class Explanation {
 public:
  explicit Explanation(const workflow::PipelineFile& file) : file_(file), book_(command_book()) {
    std::error_code error;
    if (std::filesystem::exists(file.home() + "/journal", error)) state_ = workflow::read_pipeline_state(file.home());
  }

  void tell() {
    for (const Node& node : file_.nodes)
      if (!node.is_step) fmt::print("task {}: one job for each event of {}\n", node.name, node.on.front().event_class);
    for (const Node& node : file_.nodes)
      if (node.is_step) look_at(node);
  }

 private:
  /// Steps before it are looked at first, so that it is known what they give.
  void look_at(const Node& step) {
    if (!seen_.insert(step.name).second) return;
    std::set<std::string> waits_for, running;
    for (const workflow::Trigger& trigger : step.on) {
      const Node* before = trigger.event_class.starts_with('@') ? file_.node(trigger.event_class.substr(1)) : nullptr;
      if (before == nullptr) {
        waits_for.insert(trigger.event_class);
        continue;
      }
      look_at(*before);
      if (unknown_.contains(before->name)) waits_for.insert("@" + before->name);
      if (running_.contains(before->name)) running.insert(before->name);
    }
    if (!waits_for.empty()) {
      unknown_.insert(step.name);
      fmt::print("step {}: decided when all it waits for is there ({})\n", step.name, joined(waits_for));
      return;
    }
    if (step.row_file.empty()) return tell_instance(step, {}, "", running);
    for (std::size_t row = 0; row < step.rows.size(); ++row) tell_instance(step, step.rows[row], fmt::format(", row {}", row + 1), running);
  }

  static std::string joined(const std::set<std::string>& names) { return join(std::vector<std::string>(names.begin(), names.end()), ", "); }

  /// The last job of a step with the keys of a row that came to a good end.
  [[nodiscard]] const workflow::EndRecord* last_end(const Node& step, const Keys& keys) const {
    const workflow::EndRecord* last = nullptr;
    for (const auto& [id, job] : state_.jobs()) {
      bool is_it = job.record.node == step.name && (job.state == "completed" || job.state == "current");
      for (const auto& [name, value] : keys) is_it = is_it && workflow::value_of(job.record.keys, name) == value;
      if (is_it && !job.ends.empty()) last = &job.ends.back();
    }
    return last;
  }

  void tell_instance(const Node& step, const Keys& keys, const std::string& which, const std::set<std::string>& running) {
    const auto done = [this](const std::string& name) { return given_[name]; };
    const workflow::StepCall call = workflow::step_call(file_, step, keys, book_, done);
    given_[step.name].push_back({keys, call.products});
    const workflow::EndRecord* last = last_end(step, keys);
    const workflow::StepDecision decision = workflow::decide_step(call, book_, last ? last->fingerprint : "",
                                                                  last ? last->outputs : std::vector<workflow::OutputFile>(), file_.folder);
    if (!decision.is_current) {
      running_.insert(step.name);
      fmt::print("step {}{}: would run: {}\n", step.name, which, decision.why);
    } else if (!running.empty()) {
      running_.insert(step.name);
      fmt::print("step {}{}: would run if {} gives other content\n", step.name, which, joined(running));
    } else {
      fmt::print("step {}{}: up to date\n", step.name, which);
    }
  }

  const workflow::PipelineFile& file_;
  workflow::CommandBook book_;
  workflow::PipelineState state_;
  std::map<std::string, std::vector<DoneStep>> given_;  ///< by step, instances that were looked at
  std::set<std::string> seen_, running_, unknown_;
};

}  // namespace

ExitCode explain_pipeline(const workflow::PipelineFile& file) {
  Explanation(file).tell();
  return ExitCode::done;
}

}  // namespace skyfold
