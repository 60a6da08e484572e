// Parts of a pipeline that a run may be confined to, by what its nodes need of one another.
#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/workflow/runner.hpp"

namespace skyfold::workflow {
namespace {

bool emits(const Node& node, const std::string& event_class) {
  return std::find(node.emits.begin(), node.emits.end(), event_class) != node.emits.end();
}

/// Nodes that may give events of a class: those that say so, else the tasks before `at` that do not say what they emit.
std::vector<std::size_t> givers(const PipelineFile& file, std::size_t at, const std::string& event_class) {
  std::vector<std::size_t> said, possible;
  for (std::size_t i = 0; i < file.nodes.size(); ++i) {
    const Node& node = file.nodes[i];
    if (event_class == "@" + node.name || emits(node, event_class)) said.push_back(i);
    if (i < at && !node.is_step && node.emits.empty()) possible.push_back(i);
  }
  if (!said.empty()) return said;
  return event_class.starts_with('@') ? std::vector<std::size_t>() : possible;
}

/// For each node those that it needs directly.
std::vector<std::set<std::size_t>> needs_of(const PipelineFile& file) {
  std::vector<std::set<std::size_t>> needs(file.nodes.size());
  for (std::size_t i = 0; i < file.nodes.size(); ++i)
    for (const Trigger& trigger : file.nodes[i].on)
      for (const std::size_t giver : givers(file, i, trigger.event_class)) needs[i].insert(giver);
  return needs;
}

std::size_t index_of(const PipelineFile& file, const std::string& name, const char* option) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < file.nodes.size(); ++i) {
    if (file.nodes[i].name == name) return i;
    names.push_back(file.nodes[i].name);
  }
  const std::string nearest = nearest_name(name, names);
  throw UsageError(fmt::format("--{}: {} has no step or task '{}'{}", option, file.path, name,
                               nearest.empty() ? "" : ", did you mean '" + nearest + "'?"));
}

/// A node and all that can be reached from it: by `forward` those that need it, else those that it needs.
std::set<std::size_t> reached(const std::vector<std::set<std::size_t>>& needs, std::size_t start, bool forward) {
  std::set<std::size_t> found = {start};
  for (std::size_t before = 0; before != found.size();) {
    before = found.size();
    for (std::size_t i = 0; i < needs.size(); ++i)
      for (const std::size_t need : needs[i]) {
        if (forward && found.contains(need)) found.insert(i);
        if (!forward && found.contains(i)) found.insert(need);
      }
  }
  return found;
}

}  // namespace

std::set<std::string> chosen_nodes(const PipelineFile& file, const std::string& until, const std::string& from, const std::string& only) {
  const auto needs = needs_of(file);
  std::set<std::size_t> chosen;
  for (std::size_t i = 0; i < file.nodes.size(); ++i) chosen.insert(i);
  const auto keep = [&chosen](const std::set<std::size_t>& part) {
    std::erase_if(chosen, [&part](std::size_t node) { return !part.contains(node); });
  };
  if (!until.empty()) keep(reached(needs, index_of(file, until, "until"), false));
  if (!from.empty()) keep(reached(needs, index_of(file, from, "from"), true));
  if (!only.empty()) keep({index_of(file, only, "only")});
  if (chosen.empty() && !file.nodes.empty())
    throw UsageError(fmt::format("--until, --from, --only: {} has no step or task that belongs to all of them", file.path));
  std::set<std::string> names;
  for (const std::size_t node : chosen) names.insert(file.nodes[node].name);
  return names;
}

}  // namespace skyfold::workflow
