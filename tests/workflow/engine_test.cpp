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

/// Draws pipelines by lot and tries something with those that can work.
void with_pipelines(unsigned count,
                    const std::function<void(unsigned seed, const PipelineFile& file, const std::vector<Keys>& targets)>& attempt) {
  for (unsigned seed = 0; seed < count && !testing::Test::HasFatalFailure(); ++seed) {
    Lottery lot(seed);
    const PipelineFile file = lot.pipeline();
    const std::vector<Keys> targets = lot.targets();
    if (is_sound(file)) attempt(seed, file, targets);
  }
}

void expect_end(const World& world, const Reference& reference, unsigned seed) {
  ASSERT_EQ(world.ending(), reference.ending()) << seed << "\n" << as_text(world.file) << difference(world.ending(), reference.ending());
}

std::size_t invalidations(const World& world) {
  const auto is_one = [](const Record& record) { return std::holds_alternative<InvalidRecord>(record); };
  return static_cast<std::size_t>(std::count_if(world.journal.begin(), world.journal.end(), is_one));
}

TEST(Engine, ComesToTheEndThatBruteForceFinds) {
  std::map<std::string, int> seen;
  with_pipelines(3000, [&](unsigned seed, const PipelineFile& file, const std::vector<Keys>& targets) {
    World world(file, targets, deeds_of(seed));
    world.run();
    expect_end(world, Reference(file, targets, deeds_of(seed)), seed);
    for (const auto& [id, job] : world.engine->state().jobs()) ++seen[job.state];
    seen["blocked"] += static_cast<int>(world.engine->counts().blocked);
    seen["group"] += static_cast<int>(std::count_if(world.engine->state().jobs().begin(), world.engine->state().jobs().end(),
                                                    [](const auto& job) { return job.second.record.events.size() > 1; }));
  });
  for (const char* const what : {"completed", "failed", "quarantined", "skipped", "blocked", "group"})
    EXPECT_GT(seen[what], 200) << "the lot has hardly any that are " << what;
}

TEST(Engine, ComesToTheSameEndInAnyOrderWhateverDies) {
  with_pipelines(3000, [&](unsigned seed, const PipelineFile& file, const std::vector<Keys>& targets) {
    World world(file, targets, deeds_of(seed));
    std::mt19937 random(seed);
    world.run_wildly(random, true);
    expect_end(world, Reference(file, targets, deeds_of(seed)), seed);
  });
}

TEST(Engine, ComesToTheSameEndFromEachPrefixOfItsJournal) {
  with_pipelines(150, [&](unsigned seed, const PipelineFile& file, const std::vector<Keys>& targets) {
    const Reference reference(file, targets, deeds_of(seed));
    World world(file, targets, deeds_of(seed));
    std::mt19937 random(seed);
    world.run_wildly(random, false);
    const std::vector<Record> whole = world.journal;
    for (std::size_t left = 0; left <= whole.size(); ++left) {
      world.journal = whole;
      world.die(left);
      world.run();
      ASSERT_NO_FATAL_FAILURE(expect_end(world, reference, seed)) << left;
    }
  });
}

/// Programs that give no key anew by which others make groups.
Program tame(const Program& lot) {
  return [lot](const Node& node, const Keys& keys, const std::vector<std::string>& by, const std::string& set) {
    Deed deed = lot(node, keys, by, set);
    for (EventRecord& event : deed.events) std::erase_if(event.keys, [](const auto& pair) { return pair.first == "brick"; });
    return deed;
  };
}

TEST(Engine, WaitsLongEnoughSoThatNothingIsDoneTwice) {
  with_pipelines(2000, [&](unsigned seed, const PipelineFile& file, const std::vector<Keys>& targets) {
    World world(file, targets, tame(deeds_of(seed)));
    std::mt19937 random(seed);
    world.run_wildly(random, true);
    ASSERT_NO_FATAL_FAILURE(expect_end(world, Reference(file, targets, world.does), seed));
    ASSERT_EQ(invalidations(world), 0U) << seed << "\n" << as_text(file);
  });
}

TEST(Engine, ComesToTheSameEndWhenTargetsAreAddedLater) {
  int added = 0;
  with_pipelines(1500, [&](unsigned seed, const PipelineFile& file, const std::vector<Keys>& targets) {
    PipelineFile with_table = file;
    with_table.targets = "targets.csv";
    std::vector<Keys> all = targets, first;
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    const std::size_t half = all.size() / 2;
    first.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(half));
    const Reference reference(file, all, deeds_of(seed, true));
    // Groups that have fired stay as they are when what is added fails.
    if (reference.has_failures()) return;
    World world(with_table, first, deeds_of(seed, true));
    std::mt19937 random(seed);
    world.run_wildly(random, true);
    for (std::size_t i = half; i < all.size(); ++i) {
      world.targets.push_back(all[i]);
      world.engine->add_root("@start", all[i]);
      if (random() % 2) world.run_wildly(random, true);
    }
    world.run_wildly(random, true);
    expect_end(world, reference, seed);
    ++added;
  });
  EXPECT_GT(added, 300);
}

/// Valid jobs, apart from those that came of some.
std::set<std::int64_t> valid_jobs(const World& world) {
  std::set<std::int64_t> ids;
  for (const auto& [id, job] : world.engine->state().jobs())
    if (job.is_valid) ids.insert(id);
  return ids;
}

/// What came of jobs, found by looking at all events and jobs until nothing more is found.
std::set<std::int64_t> descendants(const World& world, std::set<std::int64_t> jobs) {
  for (std::size_t before = 0; before != jobs.size();) {
    before = jobs.size();
    for (const auto& [id, event] : world.engine->state().events())
      if (jobs.contains(event.record.parent))
        for (const auto& [other, job] : world.engine->state().jobs())
          if (job.is_valid && std::count(job.record.events.begin(), job.record.events.end(), id) > 0) jobs.insert(other);
  }
  return jobs;
}

TEST(Engine, DoesTheDescendantsOfARetriedEventAgainAndNothingElse) {
  int retried = 0;
  with_pipelines(1000, [&](unsigned seed, const PipelineFile& file, const std::vector<Keys>& targets) {
    World world(file, targets, deeds_of(seed, true));
    std::mt19937 random(seed);
    world.run_wildly(random, false);
    std::vector<std::int64_t> events;
    for (const auto& [id, event] : world.engine->state().events())
      if (event.is_valid && !event.jobs.empty()) events.push_back(id);
    if (events.empty()) return;
    const std::int64_t id = events[random() % events.size()];
    std::set<std::int64_t> started;
    std::map<std::string, std::string> options;
    for (const std::int64_t job : world.engine->state().events().at(id).jobs) {
      if (!world.engine->state().jobs().at(job).is_valid) continue;
      const JobRecord& record = world.engine->state().jobs().at(job).record;
      started.insert(job);
      options[told(record.node, record.keys)] = "seed=7\n";
    }
    if (started.empty()) return;
    ++retried;
    const std::set<std::int64_t> before = valid_jobs(world), gone = descendants(world, started);
    const std::size_t records = world.journal.size();
    world.engine->retry_event(id, {"seed=7"});
    // A death leaves nothing of the retry, or all.
    if (random() % 2) world.die(records + random() % (world.journal.size() - records + 1));
    const bool is_kept = world.journal.size() > records;
    world.run_wildly(random, false);
    std::set<std::int64_t> kept;
    for (const std::int64_t job : before)
      if (world.engine->state().jobs().at(job).is_valid) kept.insert(job);
    std::set<std::int64_t> expected;
    std::set_difference(before.begin(), before.end(), gone.begin(), gone.end(), std::inserter(expected, expected.end()));
    if (invalidations(world) <= 1) {
      ASSERT_TRUE(kept == (is_kept ? expected : before)) << seed << "\n" << as_text(file);
    }
  });
  EXPECT_GT(retried, 300);
}

TEST(Engine, DoesWhatFailedAgainUntilTheEndIsThatOfAnUndisturbedRun) {
  with_pipelines(1500, [&](unsigned seed, const PipelineFile& file, const std::vector<Keys>& targets) {
    World world(file, targets, tame(deeds_of(seed)));
    std::mt19937 random(seed);
    world.run_wildly(random, true);
    const std::set<std::int64_t> before = valid_jobs(world);
    std::set<std::int64_t> failed;
    for (const std::int64_t id : before) {
      const std::string& state = world.engine->state().jobs().at(id).state;
      if (state == "failed" || state == "quarantined") failed.insert(id);
    }
    // The programs are repaired, and do the same where they did something before.
    const Program broken = world.does;
    world.does = [broken](const Node& node, const Keys& keys, const std::vector<std::string>& by, const std::string& set) {
      Deed deed = broken(node, keys, by, set);
      deed.fails = deed.kills = false;
      deed.fails_first = 0;
      return deed;
    };
    // A death may take the retry back.
    for (int round = 0; round < 3; ++round) {
      world.engine->retry_failed();
      world.run_wildly(random, round == 0);
    }
    // Groups that fire whatever has failed fire again; else nothing but what failed is done again.
    const auto fires_after_failures = [](const Node& node) {
      return std::any_of(node.on.begin(), node.on.end(), [](const Trigger& trigger) { return trigger.kind == Trigger::ended; });
    };
    const bool is_strict = std::none_of(file.nodes.begin(), file.nodes.end(), fires_after_failures);
    for (const std::int64_t id : before)
      ASSERT_TRUE(!is_strict || failed.contains(id) || world.engine->state().jobs().at(id).is_valid) << seed << "\n" << as_text(file);
    expect_end(world, Reference(file, targets, world.does), seed);
  });
}

}  // namespace
}  // namespace skyfold::workflow
