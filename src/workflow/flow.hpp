#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skyfold/workflow/records.hpp"

namespace skyfold::workflow {

/// The value of a key, null where there is no such key.
[[nodiscard]] const std::string* find_key(const Keys& keys, std::string_view name) noexcept;
/// Sets a key, in its place when it is there.
void set_key(Keys& keys, const std::string& name, const std::string& value);
/// Leaves in `common` what is the same in `keys`.
void keep_common(Keys& common, const Keys& keys);
/// Whether a key says where products are: those are of the event of one step and not handed on.
[[nodiscard]] bool is_product_key(std::string_view name) noexcept;
/// Keys as one text, different for different keys; the order of names does not count.
[[nodiscard]] std::string code_of(Keys keys);

/// A trigger that waits: for all events of a group, or, from step to step of one for_each, for all of a row.
struct Gate {
  int node = 0;
  const Trigger* trigger = nullptr;
  bool by_row = false;
  std::vector<std::string> row_names;  ///< columns of the rows, of by_row

  /// Which group keys belong to; none: any of them.
  [[nodiscard]] std::optional<std::string> value(const Keys& keys) const;
  [[nodiscard]] bool is_for_all() const { return !by_row && trigger->group == "*"; }
  /// "all of brick", for messages.
  [[nodiscard]] std::string text() const;
};

/// Who hears of a class of events: a gate of a node, or, with gate -1, a node that each event starts.
struct Listener {
  int node = 0, gate = -1;
};

/// A gate that waits as long as a node could still do something.
struct Lead {
  int gate = 0;
  bool fails = false;  ///< also whether a failure is missed there: not where "but failed" stands between
};

struct PlannedNode {
  const Node* node = nullptr;
  std::vector<Keys> rows;       ///< of for_each; an empty one where there is none
  bool is_driven = false;       ///< has instances for events or groups as they come, not from the beginning
  int driving_gate = -1;        ///< whose groups these are; -1: events
  std::vector<int> gates = {};  ///< in order of the triggers
  std::vector<Lead> leads = {};
};

/// What the nodes of a file have to do with one another, whatever happens: who hears of which events, and who could still give what a
/// group waits for. That is a node that may emit the class, or a class of which such a node hears, and so on. A step emits its own @STEP
/// alone; a task what `emits` says, or, where it says nothing, whatever the nodes behind it in the file wait for.
class Flow {
 public:
  /// Faults get what could never work: triggers that cannot be joined, groups that wait for one another.
  Flow(const PipelineFile& file, std::vector<Fault>& faults);

  [[nodiscard]] const std::vector<PlannedNode>& nodes() const noexcept { return nodes_; }
  [[nodiscard]] const std::vector<Gate>& gates() const noexcept { return gates_; }
  [[nodiscard]] const std::vector<Listener>& listeners(const std::string& event_class) const;
  [[nodiscard]] int index_of(const std::string& node) const;  ///< -1: there is none

  /// What is wrong with an event; "" for nothing.
  [[nodiscard]] std::string fault_of(const EventRecord& event) const;
  /// The same for one that a job of a node emits. What depends on nothing but the job and the event, so that it does not matter when it
  /// comes.
  [[nodiscard]] std::string fault_of(const EventRecord& event, int node, const Keys& job_keys) const;

 private:
  struct Reach;
  void plan_node(const PipelineFile& file, int index, std::vector<Fault>& faults);
  void find_leads(int gate);
  [[nodiscard]] bool may_emit(int node, const std::string& event_class, int waiting_node) const;
  [[nodiscard]] Reach reach_of(int gate, bool of_failures) const;
  void find_circles(const PipelineFile& file, std::vector<Fault>& faults) const;
  [[nodiscard]] bool leads_to(int node, int gate) const;
  [[nodiscard]] bool waits_for(int waiting, int other) const;

  std::vector<PlannedNode> nodes_;
  std::vector<Gate> gates_;
  std::map<std::string, std::vector<Listener>> listeners_;
  std::map<std::string, std::vector<int>> gates_behind_;  ///< gates for which a class of events counts
  std::map<std::string, int> index_;
};

}  // namespace skyfold::workflow
