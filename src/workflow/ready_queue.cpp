// Which job is next: a line of jobs for each node, and the heads of the lines in order of urgency.
#include "ready_queue.hpp"

namespace skyfold::workflow {

ReadyQueue::ReadyQueue(const std::vector<PlannedNode>& nodes) : nodes_(nodes), lines_(nodes.size()) {}

void ReadyQueue::change(int node, std::int64_t added, std::int64_t removed, int running) {
  Line& line = lines_[static_cast<std::size_t>(node)];
  const Node& what = *nodes_[static_cast<std::size_t>(node)].node;
  if (line.place) order_.erase(*line.place);
  if (added != 0 && line.jobs.insert(added).second) ++waiting_;
  if (removed != 0) waiting_ -= static_cast<std::int64_t>(line.jobs.erase(removed));
  line.running += running;
  line.place.reset();
  if (line.jobs.empty() || (what.limit > 0 && line.running >= what.limit)) return;
  line.place = Place{-what.priority, *line.jobs.begin(), node};
  order_.insert(*line.place);
}

void ReadyQueue::add(int node, std::int64_t job) { change(node, job, 0, 0); }
void ReadyQueue::remove(int node, std::int64_t job) { change(node, 0, job, 0); }
void ReadyQueue::started(int node) { change(node, 0, 0, 1); }
void ReadyQueue::ended(int node) { change(node, 0, 0, -1); }

std::optional<std::int64_t> ReadyQueue::top(int free_slots, int all_slots, bool tasks_only) const {
  for (const Place& place : order_) {
    const Node& node = *nodes_[static_cast<std::size_t>(place.node)].node;
    if (tasks_only && node.is_step) continue;
    const int wanted = node.slots <= 0 || node.slots > all_slots ? all_slots : node.slots;
    return wanted <= free_slots ? std::optional(place.job) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace skyfold::workflow
