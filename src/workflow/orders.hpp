#pragma once

#include <cstdint>
#include <string>

#include "skyfold/workflow/file.hpp"
#include "skyfold/workflow/records.hpp"

namespace skyfold::workflow {

/// Where the output of a job is, below the folder of a pipeline, or below its name in texts.
[[nodiscard]] std::string log_path(const std::string& home, const JobRecord& job);
/// The folder of an attempt, in which its products are made.
[[nodiscard]] std::string attempt_folder(const std::string& home, std::int64_t job, int attempt);
/// The options of a retry, which its job has as "name=value" lines.
[[nodiscard]] Keys changes_in(const std::string& set);

}  // namespace skyfold::workflow
