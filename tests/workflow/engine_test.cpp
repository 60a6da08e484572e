// The engine against brute force: pipelines drawn by lot come to the same end in any order, with any losses and deaths.
#include "skyfold/workflow/engine.hpp"

#include <gtest/gtest.h>

#include "engine_reference.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold::workflow {
namespace {

using namespace testing_world;

std::string difference(const Ending& a, const Ending& b) {
  std::string text = "blocked " + std::to_string(a.blocked) + ", should be " + std::to_string(b.blocked) + "\n";
  const auto list = [&text](const std::multiset<std::string>& x, const std::multiset<std::string>& y, const std::string& what) {
    std::vector<std::string> only;
    std::set_difference(x.begin(), x.end(), y.begin(), y.end(), std::back_inserter(only));
    for (const std::string& line : only) text += what + line + "\n";
  };
  list(a.jobs, b.jobs, "too much  ");
  list(b.jobs, a.jobs, "missing   ");
  list(a.events, b.events, "too much  event ");
  list(b.events, a.events, "missing   event ");
  return text;
}

/// Whether the lot gave a pipeline that can work.
bool is_sound(const PipelineFile& file) {
  std::vector<Fault> faults;
  check_flow(file, faults);
  return faults.empty();
}

std::string as_text(const PipelineFile& file) {
  std::string text;
  for (const Node& node : file.nodes) {
    text += node.name + " if '" + node.condition + "' rows " + node.row_file + " emits " + std::to_string(node.emits.size()) +
            " attempts " + std::to_string(node.attempts) + " on";
    for (const Trigger& trigger : node.on) text += " " + trigger.event_class + "/" + std::to_string(trigger.kind) + "/" + trigger.group;
    text += "\n";
  }
  return text;
}

TEST(Engine, ComesToTheEndThatBruteForceFinds) {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    Lottery lot(seed);
    const PipelineFile file = lot.pipeline();
    const std::vector<Keys> targets = lot.targets();
    if (!is_sound(file)) continue;
    const Reference reference(file, targets, deeds_of(seed));
    World world(file, targets, deeds_of(seed));
    world.run();
    ASSERT_EQ(world.ending(), reference.ending()) << seed << "\n" << as_text(file) << difference(world.ending(), reference.ending());
  }
}

TEST(Engine, ComesToTheSameEndInAnyOrderWhateverDies) {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    Lottery lot(seed);
    const PipelineFile file = lot.pipeline();
    const std::vector<Keys> targets = lot.targets();
    if (!is_sound(file)) continue;
    const Reference reference(file, targets, deeds_of(seed));
    World world(file, targets, deeds_of(seed));
    std::mt19937 random(seed);
    world.run_wildly(random, true);
    ASSERT_EQ(world.ending(), reference.ending()) << seed << "\n" << as_text(file) << difference(world.ending(), reference.ending());
  }
}

}  // namespace
}  // namespace skyfold::workflow
