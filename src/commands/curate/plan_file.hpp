#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace skyfold {

/// A line of a plan: which rank does which task, and when by prediction.
struct PlannedTask {
  int rank = 0;
  std::string host, task;  ///< "12.cu4"
  double seconds = 0.0, begin_s = 0.0, end_s = 0.0;
};

/// The text of a plan, a line each, to be read and edited by people.
[[nodiscard]] std::string plan_text(const std::vector<PlannedTask>& tasks);

/// Which rank begins with which tasks: a plan that `curate suggest` has made and people may have edited.
class CuratePlan {
 public:
  CuratePlan() = default;
  /// Throws UsageError, with the line, for what cannot be read and for a task that stands twice.
  [[nodiscard]] static CuratePlan from(const std::string& path);

  /// The tasks in the order in which a rank shall try to take them: its own as planned, those that no rank was given, then those of others,
  /// so that nothing is left behind by a rank that died. Without a plan: as they are.
  [[nodiscard]] std::vector<std::string> ordered(int rank, const std::vector<std::string>& waiting) const;

 private:
  struct Place {
    int rank = 0;
    std::size_t line = 0;
  };
  std::map<std::string, Place> places_;
};

}  // namespace skyfold
