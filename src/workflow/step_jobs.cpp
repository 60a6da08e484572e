// Steps as jobs of a pipeline: their calls, whether they are up to date, and the events by which others hear of their products.
#include "step_jobs.hpp"

#include <fmt/core.h>

#include <filesystem>

#include "skyfold/core/text.hpp"

namespace skyfold::workflow {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view product_key = "product";

bool is_product_key(std::string_view name) { return name == product_key || name.starts_with("product."); }

Keys without_products(const Keys& keys) {
  Keys kept;
  for (const auto& key : keys)
    if (!is_product_key(key.first)) kept.push_back(key);
  return kept;
}

bool is_done(const JobState& job) { return job.state == "completed" || job.state == "current"; }

std::string relative(const std::string& folder, const std::string& path) {
  const std::string below = fs::path(path).lexically_relative(folder).string();
  return below.empty() || below.starts_with("..") ? path : below;
}

/// Options of a retry, "name=value" lines, in the place of those of the file.
Node with_changes(Node step, const std::string& set) {
  for (const std::string& line : split(set, '\n')) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    std::erase_if(step.options, [&](const Setting& option) { return option.key == line.substr(0, equals); });
    step.options.push_back({line.substr(0, equals), line.substr(equals + 1), step.line});
  }
  return step;
}

std::vector<DoneStep> done_instances(const std::string& step, const PipelineState& state) {
  std::vector<DoneStep> instances;
  for (const auto& [id, job] : state.jobs()) {
    if (job.record.node != step || !job.is_valid || !is_done(job)) continue;
    DoneStep done{job.record.keys, {}};
    for (const EventRecord& event : job.ends.back().events)
      for (const auto& [name, value] : event.keys)
        if (is_product_key(name)) done.products[name == product_key ? "" : name.substr(product_key.size() + 1)] = value;
    instances.push_back(std::move(done));
  }
  return instances;
}

}  // namespace

const JobState* like_before(const JobState& job, const PipelineState& state) {
  const Keys keys = without_products(job.record.keys);
  const JobState* found = nullptr;
  for (const auto& [id, other] : state.jobs())
    if (id != job.record.id && is_done(other) && other.record.node == job.record.node && without_products(other.record.keys) == keys)
      found = &other;
  return found;
}

StepCall StepJobs::call(const Node& step, const JobState& job, const PipelineState& state) const {
  const auto done = [&state](const std::string& name) { return done_instances(name, state); };
  return step_call(file_, with_changes(step, job.record.set), job.record.keys, book_, done);
}

StepDecision StepJobs::decide(const StepCall& call, const JobState& job, const PipelineState& state) const {
  const JobState* before = like_before(job, state);
  if (!before) return decide_step(call, book_, "", {}, file_.folder);
  return decide_step(call, book_, before->ends.back().fingerprint, before->ends.back().outputs, file_.folder);
}

Order StepJobs::order(const Node& step, const StepCall& call, const JobRecord& job, int attempt, int slots) const {
  Order order;
  order.job = job.id;
  order.attempt = attempt;
  order.is_step = true;
  order.slots = slots;
  order.folder = file_.folder;
  order.log = fmt::format("{}/log/{}.{}.log", file_.home(), step.name, job.id);
  order.timeout_s = step.timeout_s;
  order.memory_bytes = step.memory_bytes;
  order.log_bytes = step.log_bytes;
  order.words = {o_.program};
  if (call.is_parallel && slots > 1)
    order.words.insert(order.words.end(), {"launch", "--launcher", join(o_.launcher, " "), "-n", std::to_string(slots), "--"});
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
                            relative(file_.folder, path));
  end.fingerprint = done.fingerprint;
  end.outputs = done.outputs;
  end.events = {event};
}

}  // namespace skyfold::workflow
