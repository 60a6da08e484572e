#pragma once

#include <string>
#include <vector>

#include "skyfold/core/error.hpp"

namespace skyfold {

class OptionSet;

/// `rehearse --pipeline`.
struct PipelineRehearsal {
  std::string file;
  std::vector<double> slots = {1, 2, 4, 8, 16, 32, 64, 128};
  double price = 0.0, fixed_price = 0.0, preemption_rate = 0.0;
};
void describe(OptionSet& option, PipelineRehearsal& o);
/// Prints what the pipeline would take on each number of slots.
ExitCode rehearse_pipeline(const PipelineRehearsal& o, bool as_json);

}  // namespace skyfold
