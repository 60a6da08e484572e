#pragma once

#include <string>

#include "skyfold/workflow/engine.hpp"

namespace skyfold::workflow {

/// The table at the end of a run: jobs by node and state, and the core hours of all sessions.
[[nodiscard]] std::string summary_text(const PipelineFile& file, const PipelineState& state, const Counts& counts, double wall_s);

/// Runs the program of `notify` in the folder of the file, with the summary on its standard input; says when it fails.
void notify(const PipelineFile& file, const std::string& summary);

/// Where a run stands: on a terminal one line that changes, in a batch log a line every 30 s.
class ProgressLine {
 public:
  explicit ProgressLine(std::string name);
  void update(const Counts& counts);
  /// Ends the line on a terminal.
  void finish();

 private:
  std::string name_;
  bool is_terminal_ = false, is_open_ = false;
  double next_s_ = 0.0;
};

}  // namespace skyfold::workflow
