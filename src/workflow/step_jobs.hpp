#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "skyfold/workflow/runner.hpp"

namespace skyfold::workflow {

/// Jobs of steps: what they are called with, whether they are up to date, and what they leave.
class StepJobs {
 public:
  StepJobs(const PipelineFile& file, const RunnerOptions& o, const CommandBook& book) : file_(file), o_(o), book_(book) {}

  /// Every end, of earlier sessions and of this: the last job of each kind that came to a good end, valid or not, tells whether its like is
  /// up to date.
  /// @param state  that knows the job
  void learn(const EndRecord& end, const PipelineState& state);
  /// Command and options of a job, with the products of the steps before it.
  [[nodiscard]] StepCall call(const Node& step, const JobState& job, const PipelineState& state) const;
  /// Whether what the job would do is done already, by an earlier job of the same node with the same keys, but for products of steps.
  [[nodiscard]] StepDecision decide(const StepCall& call, const JobState& job, const PipelineState& state) const;
  [[nodiscard]] Order order(const Node& step, const StepCall& call, const JobRecord& job, int attempt, int slots) const;
  /// Puts the products of a job that is done into its record, and the event @STEP that tells of them.
  /// @param fingerprint  of the decision before the run
  void complete(EndRecord& end, const StepCall& call, const std::string& fingerprint, const Node& step) const;

 private:
  const PipelineFile& file_;
  const RunnerOptions& o_;
  const CommandBook& book_;
  std::unordered_map<std::string, std::int64_t> last_done_;  ///< by node and keys
};

}  // namespace skyfold::workflow
