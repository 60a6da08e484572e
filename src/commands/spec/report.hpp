#pragma once

#include <string>
#include <vector>

#include "sample.hpp"
#include "skyfold/registry/process.hpp"

namespace skyfold {

/// Lines for the terminal: what came in, survey by survey, and what was resolved.
[[nodiscard]] std::string describe_sample(const std::vector<Survey>& surveys, const std::vector<SurveyRows>& rows, const Sample& sample,
                                          const SampleOptions& o);
/// Tables and plots for the product log: surveys, rules, discrepant groups, the sky by survey, n(z).
void log_sample(Process& process, const std::vector<Survey>& surveys, const std::vector<SurveyRows>& rows, const Sample& sample,
                const SampleOptions& o);

}  // namespace skyfold
