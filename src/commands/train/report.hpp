#pragma once

#include <string>
#include <vector>

#include "reference.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/registry/process.hpp"
#include "subsets.hpp"

namespace skyfold {

/// All that is told of a training.
struct TrainReport {
  const TrainOptions& options;
  const TrainPaths& paths;
  const TrainSample& sample;
  const TrainSubsets& subsets;
  const std::vector<PhotozModel>& models;  ///< at least one
  const ReferenceResult* reference;        ///< null without one
};

/// The summary on standard output.
void print_summary(const TrainReport& report);
/// Facts, tables and plots for the product log.
void tell_process(const TrainReport& report, Process& process);

}  // namespace skyfold
