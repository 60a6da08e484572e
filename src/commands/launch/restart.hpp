#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skyfold/run/child_processes.hpp"

namespace skyfold {

/// What the journal of a run says. All zero and none when there is no run folder or no journal in it.
struct RunProgress {
  std::int64_t completed = 0;         ///< records of ranges of rows that are done
  std::optional<int> exit_code;       ///< when the last record says that the run ended in good order
  std::uint64_t first = 0, last = 0;  ///< checksums of the first and the last record: they tell journals apart
};
/// Throws IoError for a journal that cannot be read.
[[nodiscard]] RunProgress run_progress(const std::string& run_folder);
/// Ranges that were completed in between; a journal that was begun anew counts from its start.
[[nodiscard]] std::int64_t ranges_gained(const RunProgress& before, const RunProgress& after) noexcept;

/// Whether to start again after an abnormal ending, and when.
class RestartPolicy {
 public:
  /// @param attempts   in a row without progress after which it gives up, >= 1
  /// @param backoff_s  pause before the next attempt; doubled for each attempt in a row without progress, at most 300 s
  RestartPolicy(int attempts, double backoff_s) : attempts_(attempts), backoff_s_(backoff_s) {}

  /// Notes an attempt that ended abnormally. The pause in seconds before the next one, or nothing: give up.
  [[nodiscard]] std::optional<double> after_failure(bool made_progress);
  /// Attempts in a row that made no progress.
  [[nodiscard]] int fruitless() const noexcept { return fruitless_; }

 private:
  int attempts_ = 1, fruitless_ = 0;
  double backoff_s_ = 0.0;
};

/// A command line without `--fresh`, which would throw away at a restart what the last attempt has done.
[[nodiscard]] std::vector<std::string> without_fresh(const std::vector<std::string>& words);

/// The value of the first of these options that stands in a configuration as `--print-config` prints it; "" when there is none.
[[nodiscard]] std::string value_in(std::string_view configuration, const std::vector<std::string>& names);

/// The same as `run_progress` of the journal of a pipeline in its folder; what is completed are jobs.
[[nodiscard]] RunProgress pipeline_progress(const std::string& home);

}  // namespace skyfold
