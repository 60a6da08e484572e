// Steps as jobs of a pipeline: their calls, whether they are up to date, and the events by which others hear of their products.
#include "step_jobs.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "flow.hpp"
#include "orders.hpp"
#include "skyfold/core/text.hpp"
#include "step_options.hpp"

namespace skyfold::workflow {
namespace {

constexpr std::string_view product_key = "product";

Keys without_products(const Keys& keys) {
  Keys kept;
  for (const auto& key : keys)
    if (!is_product_key(key.first)) kept.push_back(key);
  return kept;
}

bool is_done(const std::string& how) { return how == "completed" || how == "current"; }

/// Options of a retry in the place of those of the file.
Node with_changes(Node step, const std::string& set) {
  for (const auto& [name, value] : changes_in(set)) {
    std::erase_if(step.options, [&name](const Setting& option) { return option.key == name; });
    step.options.push_back({name, value, step.line});
  }
  return step;
}

DoneStep done_step(const EventRecord& event) {
  DoneStep done{without_products(event.keys), {}};
  for (const auto& [name, value] : event.keys)
    if (is_product_key(name)) done.products[name == product_key ? "" : name.substr(product_key.size() + 1)] = value;
  return done;
}

/// Instances of a step that have started a job; all that are done when none has, as for a step that only a retry names.
std::vector<DoneStep> instances_for(const JobState& job, const std::string& step, const PipelineState& state) {
  const std::string event_class = "@" + step;
  std::vector<DoneStep> instances;
  for (const std::int64_t id : job.record.events)
    if (const EventRecord& event = state.events().at(id).record; event.event_class == event_class) instances.push_back(done_step(event));
  if (!instances.empty()) return instances;
  for (const auto& [id, event] : state.events())
    if (event.is_valid && event.record.event_class == event_class) instances.push_back(done_step(event.record));
  return instances;
}

/// Puts instances in the order of the rows of their step, whichever was done again.
void sort_by_rows(const Node& step, std::vector<DoneStep>& instances) {
  if (step.rows.empty() || instances.size() < 2) return;
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t row = 0; row < step.rows.size(); ++row) places.emplace(code_of(step.rows[row]), row);
  const auto place_of = [&](const DoneStep& done) {
    Keys row;
    for (const auto& column : step.rows.front()) row.emplace_back(column.first, value_of(done.keys, column.first).value_or(""));
    const auto place = places.find(code_of(row));
    return place == places.end() ? step.rows.size() : place->second;
  };
  std::vector<std::pair<std::size_t, std::size_t>> order;
  for (std::size_t i = 0; i < instances.size(); ++i) order.emplace_back(place_of(instances[i]), i);
  std::sort(order.begin(), order.end());
  std::vector<DoneStep> sorted;
  for (const auto& [row, i] : order) sorted.push_back(std::move(instances[i]));
  instances = std::move(sorted);
}

/// What jobs have in common that do the same, but for products of steps before.
std::string likeness(const JobRecord& job) { return job.node + "\n" + code_of(without_products(job.keys)); }

}  // namespace

void StepJobs::learn(const EndRecord& end, const PipelineState& state) {
  if (!is_done(end.how)) return;
  const JobRecord& job = state.jobs().at(end.job).record;
  const Node* node = file_.node(job.node);
  if (!node || !node->is_step) return;
  std::int64_t& last = last_done_[likeness(job)];
  last = std::max(last, job.id);
}

StepCall StepJobs::call(const Node& step, const JobState& job, const PipelineState& state) const {
  const auto done = [&](const std::string& name) {
    std::vector<DoneStep> instances = instances_for(job, name, state);
    if (const Node* before = file_.node(name)) sort_by_rows(*before, instances);
    return instances;
  };
  return step_call(file_, with_changes(step, job.record.set), job.record.keys, book_, done);
}

StepDecision StepJobs::decide(const StepCall& call, const JobState& job, const PipelineState& state) const {
  const auto before = last_done_.find(likeness(job.record));
  if (before == last_done_.end()) return decide_step(call, book_, "", {}, file_.folder);
  const EndRecord& end = state.jobs().at(before->second).ends.back();
  return decide_step(call, book_, end.fingerprint, end.outputs, file_.folder);
}

Order StepJobs::order(const Node& step, const StepCall& call, const JobRecord& job, int attempt, int slots) const {
  Order order;
  order.job = job.id;
  order.attempt = attempt;
  order.is_step = true;
  order.slots = slots;
  order.folder = file_.folder;
  order.log = log_path(file_.home(), job);
  order.timeout_s = step.timeout_s;
  order.memory_bytes = step.memory_bytes;
  order.log_bytes = step.log_bytes;
  order.hidden = file_.hidden;
  order.words = {o_.program};
  if (call.is_parallel && slots > 1)
    order.words.insert(order.words.end(), {"launch", "--launcher", o_.launcher, "-n", std::to_string(slots), "--"});
  order.words.insert(order.words.end(), call.words.begin(), call.words.end());
  // Each rank has one slot.
  if (slots >= 1) order.words.push_back(fmt::format("--threads={}", call.is_parallel ? 1 : slots));
  return order;
}

void StepJobs::complete(EndRecord& end, const StepCall& call, const std::string& fingerprint, const Node& step) const {
  const StepEnd done = finish_step(call, fingerprint, file_.folder);
  EventRecord event;
  event.event_class = "@" + step.name;
  for (const auto& [name, path] : done.products)
    event.keys.emplace_back(name.empty() ? std::string(product_key) : fmt::format("{}.{}", product_key, name),
                            path_from(file_.folder, path));
  end.fingerprint = done.fingerprint;
  end.outputs = done.outputs;
  end.events = {event};
}

}  // namespace skyfold::workflow
