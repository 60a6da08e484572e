#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "flow.hpp"

namespace skyfold::workflow {

/// Jobs that can be started, the most urgent first: by priority of the node, then by number. Each change and each question is O(log n) in
/// the number of jobs. Nodes whose limit is reached are not asked.
class ReadyQueue {
 public:
  explicit ReadyQueue(const std::vector<PlannedNode>& nodes);

  void add(int node, std::int64_t job);
  void remove(int node, std::int64_t job);
  void started(int node);  ///< one more of the node runs
  void ended(int node);
  [[nodiscard]] bool is_empty() const noexcept { return waiting_ == 0; }
  /// The most urgent job; none when there is none or it must wait for slots, so that many small ones cannot keep off a large one. A job
  /// that wants more slots than the agent has takes all of them.
  [[nodiscard]] std::optional<std::int64_t> top(int free_slots, int all_slots, bool tasks_only) const;

 private:
  struct Place {
    double urgency = 0.0;  ///< smaller is sooner
    std::int64_t job = 0;
    int node = 0;
    auto operator<=>(const Place&) const = default;
  };
  struct Line {
    std::set<std::int64_t> jobs;
    int running = 0;
    std::optional<Place> place;  ///< in order_
  };
  void change(int node, std::int64_t added, std::int64_t removed, int running);

  const std::vector<PlannedNode>& nodes_;
  std::vector<Line> lines_;
  std::set<Place> order_;     ///< first jobs of nodes whose limits admit one
  std::int64_t waiting_ = 0;  ///< jobs in all
};

}  // namespace skyfold::workflow
