// The engine's rules, one by one: attempts, slots and limits, what an event may be, what counts when a file changes.
#include <gtest/gtest.h>

#include "../support.hpp"
#include "engine_world.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold::workflow {
namespace {

using namespace testing_world;
using testing_support::error_of;

Node task(const std::string& name, const Trigger& on) {
  Node node;
  node.name = name;
  node.on = {on};
  return node;
}

Node step(const std::string& name, const std::vector<Trigger>& on) {
  Node node;
  node.name = name;
  node.is_step = true;
  node.on = on;
  return node;
}

const Trigger each_root{"@start", Trigger::each, ""};
Trigger all_of(const std::string& event_class, const std::string& key) { return {event_class, Trigger::all, key}; }

/// reduce for each image, stack for each brick.
PipelineFile survey() {
  PipelineFile file;
  file.path = "survey.ini";
  file.name = "survey";
  file.targets = "images.csv";
  file.target_classes = {"images", "image"};
  file.nodes = {task("reduce", each_root), task("stack", all_of("reduced", "brick"))};
  return file;
}

Keys image(int number, int brick) { return {{"image", std::to_string(number)}, {"brick", std::to_string(brick)}}; }

/// What runs is told how it ends by the test.
class Rules : public testing::Test {
 protected:
  void open(const PipelineFile& file, const std::vector<Keys>& targets) {
    world_ = std::make_unique<World>(file, targets, [](const Node& node, const Keys&, const std::vector<std::string>&, const std::string&) {
      Deed deed;
      if (node.name == "reduce") deed.events = {{0, 0, "reduced", {}}};
      return deed;
    });
  }
  [[nodiscard]] Engine& engine() { return *world_->engine; }
  [[nodiscard]] const JobState& job(std::int64_t id) { return engine().state().jobs().at(id); }
  std::int64_t start(const std::string& agent = "a") {
    const auto id = engine().next(1, 1);
    EXPECT_TRUE(id.has_value());
    engine().start(id.value_or(0), agent, "host", 1.0);
    return id.value_or(0);
  }
  bool end(std::int64_t id, const std::string& how, const std::vector<EventRecord>& events = {},
           const std::vector<OutputFile>& outputs = {}) {
    EndRecord record;
    record.job = id;
    record.attempt = static_cast<int>(job(id).starts.size());
    record.how = how;
    record.events = events;
    record.outputs = outputs;
    return engine().end(record);
  }
  [[nodiscard]] std::vector<std::string> names_of_valid() {
    std::vector<std::string> names;
    for (const auto& [id, one] : engine().state().jobs())
      if (one.is_valid) names.push_back(told(one.record.node, one.record.keys) + ": " + one.state);
    return names;
  }
  [[nodiscard]] std::string failure(std::int64_t id) {
    return job(id).state == "failed" ? job(id).ends.back().message : "it is " + job(id).state;
  }

  std::unique_ptr<World> world_;
};

TEST_F(Rules, AttemptsFailUntilNoneIsLeftAndLostOnesDoNotCount) {
  PipelineFile file = survey();
  file.nodes[0].attempts = 2;
  open(file, {image(1, 1)});
  const std::int64_t id = start("a");
  engine().lose("a", 2.0);
  EXPECT_EQ(job(id).state, "ready");
  EXPECT_EQ(start("b"), id);
  EXPECT_TRUE(end(id, "failed"));
  EXPECT_TRUE(job(id).ends.back().again);
  engine().lose("b", 2.0);
  EXPECT_EQ(start("c"), id);
  engine().lose("c", 3.0);
  EXPECT_EQ(start("a"), id);
  EXPECT_TRUE(end(id, "failed"));
  EXPECT_EQ(job(id).state, "failed");
  EXPECT_EQ(job(id).attempts, 2);
  EXPECT_EQ(job(id).lost, 2);
  EXPECT_TRUE(engine().is_over());
  EXPECT_EQ(engine().counts().failed, 1);
}

TEST_F(Rules, AJobThatKillsTwoWorkersIsQuarantinedAndTheirOtherJobsAreNot) {
  open(survey(), {image(1, 1), image(2, 1)});
  const std::int64_t first = start("a"), second = start("a");
  engine().lose("a", 1.0, first);
  EXPECT_EQ(job(second).lost, 1);
  EXPECT_EQ(job(first).state, "ready");
  EXPECT_EQ(start("b"), first);
  engine().lose("b", 2.0, first);
  EXPECT_EQ(job(first).state, "quarantined");
  world_->run();
  EXPECT_EQ(engine().counts().quarantined, 1);
  EXPECT_EQ(engine().counts().completed, 1);
  EXPECT_EQ(engine().counts().blocked, 1);
}

TEST_F(Rules, TheEndOfAnAttemptThatWasGivenUpIsNotHeard) {
  open(survey(), {image(1, 1)});
  const std::int64_t id = start("a");
  engine().lose("a", 1.0);
  EXPECT_FALSE(end(id, "completed", {{0, 0, "reduced", {}}}));
  EXPECT_EQ(start("b"), id);
  EndRecord late;
  late.job = id;
  late.attempt = 1;
  late.how = "completed";
  EXPECT_FALSE(engine().end(late));
  late.job = 77;
  EXPECT_FALSE(engine().end(late));
  EXPECT_EQ(job(id).state, "running");
}

TEST_F(Rules, PriorityComesFirstThenTheOrderInWhichJobsCame) {
  PipelineFile file = survey();
  file.nodes.push_back(task("urgent", each_root));
  file.nodes[2].priority = 1;
  open(file, {image(1, 1), image(2, 1)});
  std::vector<std::string> order;
  while (const auto id = engine().next(1, 1)) {
    order.push_back(job(*id).record.node + *value_of(job(*id).record.keys, "image"));
    engine().start(*id, "a", "host", 1.0);
  }
  EXPECT_EQ(order, (std::vector<std::string>{"urgent1", "urgent2", "reduce1", "reduce2"}));
}

TEST_F(Rules, LimitsHoldForJobsAtATime) {
  PipelineFile file = survey();
  file.nodes[0].limit = 2;
  open(file, {image(1, 1), image(2, 1), image(3, 1)});
  const std::int64_t first = start();
  start();
  EXPECT_EQ(engine().next(1, 1), std::nullopt);
  EXPECT_FALSE(engine().is_over());
  end(first, "failed");
  EXPECT_TRUE(engine().next(1, 1).has_value());
}

TEST_F(Rules, ALargeJobIsNotKeptOffBySmallOnes) {
  PipelineFile file = survey();
  file.nodes.push_back(step("large", {}));
  file.nodes[2].slots = 0;
  file.nodes[2].priority = 1;
  open(file, {image(1, 1)});
  EXPECT_EQ(engine().next(3, 4), std::nullopt);
  const auto task_alone = engine().next(3, 4, true);
  ASSERT_TRUE(task_alone.has_value());
  EXPECT_EQ(job(*task_alone).record.node, "reduce");
  const auto whole = engine().next(4, 4);
  ASSERT_TRUE(whole.has_value());
  EXPECT_EQ(job(*whole).record.node, "large");
}

TEST_F(Rules, AJobThatWantsMoreThanAnAgentHasTakesAllOfIt) {
  PipelineFile file = survey();
  file.nodes[0].slots = 8;
  open(file, {image(1, 1)});
  EXPECT_EQ(engine().next(3, 4), std::nullopt);
  EXPECT_TRUE(engine().next(4, 4).has_value());
}

TEST_F(Rules, EventsAreOfClassesThatEmitsNames) {
  PipelineFile file = survey();
  file.nodes[0].emits = {"reduced"};
  open(file, {image(1, 1), image(2, 1), image(3, 1)});
  const std::int64_t first = start(), second = start(), third = start();
  end(first, "completed", {{0, 0, "reduced", {}}, {0, 0, "rejected", {}}});
  EXPECT_EQ(failure(first), "event rejected: `emits` of [task reduce] does not name that class");
  EXPECT_TRUE(job(first).ends.back().events.empty());
  end(second, "completed", {{0, 0, "@start", {}}});
  EXPECT_EQ(failure(second), "event @start: classes that begin with @ are not emitted");
  end(third, "completed", {{0, 0, "reduced", {}}});
  EXPECT_EQ(job(third).state, "completed");
}

TEST_F(Rules, AnEventForAGroupDoesNotComeFromBehindUnlessEmitsSaysSo) {
  PipelineFile file = survey();
  std::swap(file.nodes[0], file.nodes[1]);
  open(file, {image(1, 1)});
  const std::int64_t id = start();
  end(id, "completed", {{0, 0, "reduced", {}}});
  EXPECT_EQ(failure(id),
            "event reduced: [task stack] waits for all of brick and stands before [task reduce] in the file: add emits = reduced "
            "to the latter");
  file.nodes[1].emits = {"reduced"};
  open(file, {image(1, 1), image(2, 1)});
  world_->run();
  EXPECT_EQ(engine().counts().completed, 3);
}

TEST_F(Rules, AJobGivesNoOtherGroupThanItsOwn) {
  open(survey(), {image(1, 1)});
  const std::int64_t id = start();
  end(id, "completed", {{0, 0, "reduced", {{"brick", "2"}}}});
  EXPECT_NE(failure(id).find("another value of that key"), std::string::npos) << failure(id);
}

TEST_F(Rules, AnEventHasTheKeyByWhichGroupsAreMade) {
  const PipelineFile file = survey();
  open(file, {});
  EXPECT_EQ(error_of<UsageError>([&] {
              engine().add_root("reduced", {{"image", "1"}});
            }),
            "event reduced has no key brick, by which [task stack] makes groups");
  engine().add_root("image", {{"image", "1"}});
  const std::int64_t id = start();
  end(id, "completed", {{0, 0, "reduced", {}}});
  EXPECT_EQ(failure(id), "event reduced has no key brick, by which [task stack] makes groups");
}

TEST_F(Rules, TargetsAreKnownByTheirKeysAndEventsFromOutsideByTheirClassToo) {
  open(survey(), {image(1, 1), image(1, 1)});
  engine().add_root("image", image(1, 1));
  engine().add_root("images", {{"brick", "1"}, {"image", "1"}});
  EXPECT_EQ(engine().state().events().size(), 1U);
  engine().add_root("reduced", {{"brick", "9"}});
  EXPECT_EQ(engine().state().events().size(), 2U);
  world_->begin();
  EXPECT_EQ(engine().state().events().size(), 2U);
  EXPECT_THROW(engine().add_root("@reduce", {}), UsageError);
}

TEST_F(Rules, TwoJobsDoNotMakeOneFile) {
  open(survey(), {image(1, 1), image(2, 1)});
  const std::int64_t first = start(), second = start();
  end(first, "completed", {{0, 0, "reduced", {}}}, {{"survey/a.fits", "00", 1}});
  end(second, "completed", {{0, 0, "reduced", {}}}, {{"survey/a.fits", "11", 1}});
  EXPECT_EQ(failure(second), "output survey/a.fits is already that of job 1 (reduce)");
  EXPECT_TRUE(job(second).ends.back().outputs.empty());
  // In the next session as well; and a job that is done again may make its own file again.
  world_->begin();
  engine().retry_failed();
  const std::int64_t again = start();
  end(again, "completed", {{0, 0, "reduced", {}}}, {{"survey/a.fits", "11", 1}});
  EXPECT_EQ(job(again).state, "failed");
  engine().redo(first, "its input has changed");
  const std::int64_t anew = start();
  end(anew, "completed", {{0, 0, "reduced", {}}}, {{"survey/a.fits", "00", 1}});
  EXPECT_EQ(job(anew).state, "completed");
}

TEST_F(Rules, ConditionsAreAskedBeforeAJobIsReady) {
  PipelineFile file = survey();
  file.nodes[0].condition = "{brick} == 1";
  file.nodes[0].attempts = 3;
  open(file, {image(1, 1), image(2, 2), {{"image", "3"}}});
  world_->run();
  EXPECT_EQ(engine().counts().skipped, 1);
  EXPECT_EQ(engine().counts().failed, 1);
  EXPECT_EQ(engine().counts().completed, 1);
  EXPECT_NE(failure(3).find("brick"), std::string::npos) << failure(3);
  const std::size_t records = world_->journal.size();
  world_->begin();
  EXPECT_TRUE(engine().is_over());
  EXPECT_EQ(world_->journal.size(), records);
}

TEST_F(Rules, StepsGiveOutTheirEventAndMayBeUpToDateWithoutAStart) {
  PipelineFile file;
  file.nodes = {step("b", {all_of("@a", "*")}), step("a", {})};
  open(file, {});
  const auto first = engine().next(1, 1);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(job(*first).record.node, "a");
  end(*first, "current", {{0, 0, "@a", {{"product", "/x/a.h5"}}}});
  const auto second = engine().next(1, 1);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(value_of(job(*second).record.keys, "product"), "/x/a.h5");
  engine().start(*second, "a", "host", 1.0);
  end(*second, "completed");
  const EventRecord& given = engine().state().events().rbegin()->second.record;
  EXPECT_EQ(given.event_class, "@b");
  EXPECT_EQ(value_of(given.keys, "product"), std::nullopt) << "the product of another step was handed on";
  EXPECT_TRUE(engine().is_over());
}

TEST_F(Rules, AStepThatIsSkippedStartsNothingAndBlocksNothing) {
  PipelineFile file;
  file.nodes = {step("a", {}), step("b", {all_of("@a", "*")}), step("c", {})};
  file.nodes[0].condition = "1 == 2";
  open(file, {});
  world_->run();
  EXPECT_EQ(engine().counts().skipped, 1);
  EXPECT_EQ(engine().counts().completed, 1);
  EXPECT_EQ(engine().counts().blocked, 0);
}

TEST_F(Rules, OnlyChosenNodesAreStarted) {
  open(survey(), {image(1, 1)});
  world_->chosen = {"stack"};
  world_->begin();
  EXPECT_TRUE(engine().is_over());
  world_->chosen = {"reduce"};
  world_->begin();
  world_->run();
  EXPECT_EQ(names_of_valid(), (std::vector<std::string>{"reduce brick=1 image=1: completed", "stack brick=1 image=1: ready"}));
  world_->chosen = {};
  world_->begin();
  world_->run();
  EXPECT_EQ(engine().counts().completed, 2);
}

TEST_F(Rules, ConfigurationsAreRowsOverOneInputThatIsMadeOnce) {
  PipelineFile file = survey();
  file.nodes.push_back(task("measure", {"reduced", Trigger::each, ""}));
  file.nodes[2].row_name = "config";
  file.nodes[2].row_file = "configs.csv";
  file.nodes[2].rows = {{{"config", "deep"}}, {{"config", "wide"}}};
  open(file, {image(1, 1)});
  world_->run();
  const std::vector<std::string> all = {"reduce brick=1 image=1: completed", "measure brick=1 config=deep image=1: completed",
                                        "measure brick=1 config=wide image=1: completed", "stack brick=1 image=1: completed"};
  std::vector<std::string> found = names_of_valid();
  EXPECT_TRUE(std::is_permutation(found.begin(), found.end(), all.begin(), all.end()));
  // A row more and a row less.
  const std::size_t before = engine().state().jobs().size();
  world_->file.nodes[2].rows = {{{"config", "wide"}}, {{"config", "new"}}};
  world_->begin();
  world_->run();
  EXPECT_EQ(engine().state().jobs().size(), before + 1);
  EXPECT_EQ(engine().counts().completed, 4);
  found = names_of_valid();
  EXPECT_EQ(std::count(found.begin(), found.end(), all[1]), 0);
}

TEST_F(Rules, AGroupThatFiresWhateverHasFailedFiresAgainWithAll) {
  PipelineFile file = survey();
  file.nodes[1].on[0].kind = Trigger::ended;
  open(file, {image(1, 1), image(2, 1)});
  const std::int64_t first = start(), second = start();
  end(first, "failed");
  end(second, "completed", {{0, 0, "reduced", {}}});
  world_->run();
  ASSERT_EQ(engine().counts().completed, 2);
  EXPECT_EQ(job(3).record.events.size(), 1U);
  engine().retry_failed();
  world_->run();
  EXPECT_EQ(engine().counts().completed, 3);
  EXPECT_FALSE(job(3).is_valid);
  EXPECT_EQ(engine().state().jobs().rbegin()->second.record.events.size(), 2U);
}

TEST_F(Rules, ALateEventInterruptsNoProgramButItsResultsDoNotCount) {
  open(survey(), {image(1, 1)});
  const std::int64_t first = start();
  end(first, "completed", {{0, 0, "reduced", {}}});
  const std::int64_t stack = start();
  engine().add_root("image", image(2, 1));
  const std::int64_t second = start();
  end(second, "completed", {{0, 0, "reduced", {}}});
  EXPECT_FALSE(job(stack).is_valid);
  EXPECT_EQ(engine().next(1, 1), std::nullopt) << "its like must wait until it has ended";
  EXPECT_FALSE(engine().is_over());
  EXPECT_TRUE(end(stack, "completed", {{0, 0, "stacked", {}}}, {{"survey/a", "00", 1}}));
  EXPECT_TRUE(job(stack).ends.back().events.empty());
  EXPECT_TRUE(job(stack).ends.back().outputs.empty());
  world_->run();
  EXPECT_EQ(engine().counts().completed, 3);
}

TEST_F(Rules, RetrySaysWhatItCannotDo) {
  open(survey(), {image(1, 1)});
  world_->run();
  EXPECT_EQ(error_of<UsageError>([&] { engine().retry_event(77, {}); }), "event 77: there is none");
  EXPECT_EQ(error_of<UsageError>([&] { engine().retry_event(1, {"stack.depth=2"}); }),
            "--set stack.depth=2: event 1 starts no job of that node");
  EXPECT_EQ(error_of<UsageError>([&] { engine().retry_event(1, {"depth"}); }), "--set depth: not of the form key=value");
  EXPECT_EQ(error_of<UsageError>([&] { engine().redo(77, ""); }), "job 77: there is none");
  const std::size_t records = world_->journal.size();
  engine().retry_failed();
  EXPECT_EQ(world_->journal.size(), records) << "nothing has failed";
  engine().retry_event(1, {"reduce.depth=2", "env.X=1"});
  EXPECT_EQ(job(*engine().next(1, 1)).record.set, "depth=2\nenv.X=1\n");
  EXPECT_EQ(error_of<UsageError>([&] { engine().retry_event(2, {}); }), "event 2: it was invalidated, and others are in its place");
}

std::vector<std::string> faults_of(const PipelineFile& file) {
  std::vector<Fault> faults;
  check_flow(file, faults);
  std::vector<std::string> texts;
  for (const Fault& fault : faults) texts.push_back(fault.text());
  return texts;
}

TEST(Flow, TellsOfNodesThatWouldWaitForEver) {
  PipelineFile file = survey();
  EXPECT_TRUE(faults_of(file).empty());
  // stack is told to emit what it waits for.
  file.nodes[1].emits = {"reduced"};
  file.nodes[1].line = 7;
  EXPECT_EQ(faults_of(file),
            (std::vector<std::string>{"survey.ini:7: [task stack] waits for what comes of itself, by [task stack]: `emits` says "
                                      "what a task may emit"}));
  EXPECT_THROW(Engine(file, [](const Record&) {}), UsageError);
  // Three that wait for one another.
  file.nodes = {task("x", all_of("c", "k")), task("y", all_of("a", "k")), task("z", all_of("b", "k"))};
  file.nodes[0].emits = {"a"};
  file.nodes[1].emits = {"b"};
  file.nodes[2].emits = {"c"};
  EXPECT_EQ(faults_of(file).size(), 3U);
}

TEST(Flow, TellsOfTriggersThatCannotBeJoined) {
  PipelineFile file = survey();
  file.nodes.push_back(step("both", {each_root, all_of("reduced", "brick")}));
  ASSERT_EQ(faults_of(file).size(), 1U);
  EXPECT_NE(faults_of(file)[0].find("[step both]: more than one trigger"), std::string::npos);
}

TEST(Flow, GetsTheRowsOfForEachFromTheFile) {
  const testing_support::Folder folder;
  (void)folder.file("fields.csv", "field,path\nn1,a.h5\nn2,b.h5\n");
  const std::string path = folder.file("p.ini",
                                       "[pipeline]\nname = p\n[task look]\ncommand = ./look.sh {field} {path}\non = @start\n"
                                       "for_each = field in fields.csv\n");
  std::vector<Fault> faults;
  const PipelineFile file = read_pipeline_file(path, {}, faults);
  for (const Fault& fault : faults) ADD_FAILURE() << fault.text();
  World world(file, {}, [](const Node&, const Keys&, const std::vector<std::string>&, const std::string&) { return Deed(); });
  world.run();
  EXPECT_EQ(world.ending().jobs, (std::multiset<std::string>{"completed: look field=n1 path=a.h5 of [@start]",
                                                             "completed: look field=n2 path=b.h5 of [@start]"}));
}

}  // namespace
}  // namespace skyfold::workflow
