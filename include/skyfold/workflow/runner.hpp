#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/workflow/agent.hpp"
#include "skyfold/workflow/engine.hpp"
#include "skyfold/workflow/steps.hpp"

namespace skyfold::workflow {

struct RunnerOptions {
  int slots = 1;                    ///< of the owner itself, >= 1
  int guests = 0;                   ///< that the launcher of this process has started beside it: they are waited for at the end
  std::string launcher = "mpirun";  ///< that starts ranks, with its options, as `launch` takes it
  std::string program;              ///< path of skyfold
  std::set<std::string> chosen;     ///< names of nodes that may run now
  double grace_s = 5.0;             ///< between SIGTERM and SIGKILL, when a run is stopped
  std::function<void(const PipelineState&)> show;  ///< called now and then, and at the end; none for none
};

/// The one process that decides what is done in a pipeline and writes its journal. Whatever dies at whatever moment: the next owner goes on
/// from the journal.
class PipelineOwner {
 public:
  /// Makes the pipeline's folder where it is missing, takes its lock, reads its journal and ends what an earlier owner has left half done.
  /// Throws IoError when another one lives.
  PipelineOwner(PipelineFile file, RunnerOptions o, CommandBook book);
  ~PipelineOwner();
  PipelineOwner(const PipelineOwner&) = delete;
  PipelineOwner& operator=(const PipelineOwner&) = delete;

  /// First: root events of the targets get in, steps are looked at for whether they are up to date.
  void begin(const std::vector<Keys>& targets);
  /// Then, for what is asked for besides: retries, more targets.
  [[nodiscard]] Engine& engine() noexcept;
  /// Does all that is to be done. Says what fails as it fails, and a table at the end.
  /// @returns done, or incomplete (failed, quarantined or blocked jobs). Throws Error with ExitCode::stopped for a signal.
  [[nodiscard]] ExitCode run();
  /// In place of `run`: leaves it to the next owner.
  void leave();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Nodes that a part of a pipeline consists of.
/// @param until, from, only  names of nodes: all that a node needs with it; a node with all that follows from it; it alone. "" for none.
/// Throws UsageError for a name that is none, and when they have nothing in common.
[[nodiscard]] std::set<std::string> chosen_nodes(const PipelineFile& file, const std::string& until, const std::string& from,
                                                 const std::string& only);

/// What an agent has to do for a task's job. Throws DataError for a key that is missing, or a value that a shell would not take as one
/// word.
[[nodiscard]] Order task_order(const PipelineFile& file, const Node& task, const JobRecord& job, int attempt);
/// What decides what a task does, as 16 hexadecimal digits: its words, folders and environment.
[[nodiscard]] std::string task_fingerprint(const Node& task);

}  // namespace skyfold::workflow
