#pragma once

#include <set>
#include <string>

#include "skyfold/workflow/state.hpp"

namespace skyfold::workflow {

/// Products of tasks, from the folder of an attempt to their final names.
class Products {
 public:
  explicit Products(const PipelineFile& file) : file_(file) {}

  /// Every record, of earlier sessions and of this: which files are the pipeline's own.
  void learn(const EndRecord& end);
  /// Final paths of what an attempt has made, relative to the folder of the pipeline file, in place of those in its folder; values of its
  /// events that lie in that folder, too. Throws DataError for a path that is there and was not made by this pipeline.
  void name(EndRecord& end, const Node& task, const JobRecord& job, int attempt) const;
  /// Gives the products of a job that is completed, and recorded, their final names, as far as they have not got them yet. Throws IoError
  /// when one is neither in the folder of the attempt nor there.
  void move(const EndRecord& end) const;
  /// Removes the folder of an attempt.
  void forget(std::int64_t job, int attempt) const;
  /// After a death: moves what is recorded and not moved, and removes all other folders of attempts.
  void settle(const PipelineState& state) const;
  /// Removes files of jobs that no longer count and that no job that counts has made again; only such as are still what the job had made.
  /// @returns how many
  [[nodiscard]] std::int64_t remove_stale(const PipelineState& state) const;

 private:
  const PipelineFile& file_;
  std::set<std::string> own_;
};

}  // namespace skyfold::workflow
