// A pipeline in virtual time against formulas, and the cost of machines that are taken away against a Monte Carlo.
#include "skyfold/workflow/forecast.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "../support.hpp"
#include "pipeline_examples.hpp"

namespace skyfold::workflow {
namespace {

using examples::file_with;
using examples::Story;
using examples::task;

/// A chain: one partition, `count` tasks of it, one sum of all; as an earlier run has done it.
struct Chain {
  PipelineFile file = file_with({task("cut", "@start"), task("measure", "piece"), task("sum", "measured", "*")});
  Story story;
  explicit Chain(const std::vector<double>& walls) {
    file.nodes[0].emits = {"piece"};
    file.nodes[1].emits = {"measured"};
    const auto cut = story.job("cut", {story.root("@start", {})});
    story.start(cut);
    std::vector<EventRecord> pieces;
    for (std::size_t i = 0; i < walls.size(); ++i) pieces.push_back({0, 0, "piece", {{"n", std::to_string(i)}}});
    const auto events = story.end(cut, "completed", 10.0, pieces);
    std::vector<std::int64_t> measured;
    for (std::size_t i = 0; i < walls.size(); ++i) {
      const auto job = story.job("measure", {events[i]}, {{"n", std::to_string(i)}});
      story.start(job);
      measured.push_back(story.end(job, "completed", walls[i], {{0, 0, "measured", {{"n", std::to_string(i)}}}}).front());
    }
    const auto sum = story.job("sum", measured);
    story.start(sum);
    story.end(sum, "completed", 5.0);
  }
};

TEST(PipelineForecast, OfEqualTasksIsTheFormula) {
  const Chain chain(std::vector<double>(100, 3.0));
  for (const int slots : {1, 2, 3, 7, 100, 1000}) {
    const Forecast f = forecast(chain.file, chain.story.state, {}, slots, {});
    EXPECT_NEAR(f.wall_s, 10.0 + std::ceil(100.0 / slots) * 3.0 + 5.0, 1e-9) << slots;
    EXPECT_NEAR(f.slot_s, 315.0, 1e-9);
    EXPECT_EQ(f.nodes.at("measure").jobs, 100);
    EXPECT_EQ(f.nodes.at("measure").known, 100);
  }
}

TEST(PipelineForecast, HandsOutUnequalTasksInOrderToTheFirstFreeSlot) {
  std::mt19937 random(7);
  std::vector<double> walls(57);
  for (double& wall : walls) wall = 1.0 + static_cast<double>(random() % 1000) / 100.0;
  const Chain chain(walls);
  for (const int slots : {1, 2, 5, 20}) {
    std::vector<double> free(static_cast<std::size_t>(slots), 10.0);
    for (const double wall : walls) *std::min_element(free.begin(), free.end()) += wall;
    EXPECT_NEAR(forecast(chain.file, chain.story.state, {}, slots, {}).wall_s, *std::max_element(free.begin(), free.end()) + 5.0, 1e-6);
  }
}

TEST(PipelineForecast, KeepsLimitsAndSlotsOfTasks) {
  Chain chain(std::vector<double>(12, 4.0));
  chain.file.nodes[1].limit = 3;
  EXPECT_NEAR(forecast(chain.file, chain.story.state, {}, 50, {}).wall_s, 15.0 + 4 * 4.0, 1e-9);
  chain.file.nodes[1].limit = 0;
  chain.file.nodes[1].slots = 4;
  EXPECT_NEAR(forecast(chain.file, chain.story.state, {}, 9, {}).wall_s, 15.0 + 6 * 4.0, 1e-9);
}

TEST(PipelineForecast, DrawsTimesOfTargetsThatAreNew) {
  PipelineFile file = file_with({task("reduce", "@start"), task("stack", "reduced", "brick")});
  file.targets = "images.csv";
  file.nodes[0].emits = {"reduced"};
  Story story;
  const auto target = [](int i) { return Keys{{"brick", std::to_string(i / 4)}, {"image", std::to_string(i)}}; };
  std::vector<std::int64_t> reduced;
  for (int i = 0; i < 4; ++i) {
    const auto job = story.job("reduce", {story.root("@start", target(i))}, target(i));
    story.start(job);
    reduced.push_back(story.end(job, "completed", 10.0 + i, {{0, 0, "reduced", target(i)}}).front());
  }
  const auto stack = story.job("stack", reduced, {{"brick", "0"}});
  story.start(stack);
  story.end(stack, "completed", 100.0);
  std::vector<Keys> targets;
  for (int i = 0; i < 40; ++i) targets.push_back(target(i));
  const Forecast f = forecast(file, story.state, targets, 4, {});
  EXPECT_EQ(f.nodes.at("reduce").jobs, 40);
  EXPECT_EQ(f.nodes.at("reduce").known, 4);
  EXPECT_EQ(f.nodes.at("stack").jobs, 10);
  EXPECT_GE(f.slot_s, 40 * 10.0 + 10 * 100.0);
  EXPECT_LE(f.slot_s, 40 * 13.0 + 10 * 100.0);
}

TEST(PipelineForecast, SaysWhichNodesItKnowsNothingOf) {
  Chain chain({1.0, 2.0});
  chain.file.nodes.push_back(task("mail", "@start"));
  const Forecast f = forecast(chain.file, chain.story.state, {}, 2, {});
  EXPECT_EQ(f.nodes.at("mail").jobs, 1);
  EXPECT_TRUE(f.nodes.at("mail").walls.empty());
}

TEST(PipelineForecast, EndsWhereTasksStartOneAnotherWithoutEnd) {
  PipelineFile file = file_with({task("begin", "@start"), task("turn", "again")});
  file.nodes[0].emits = file.nodes[1].emits = {"again"};
  Story story;
  const auto begin = story.job("begin", {story.root("@start", {})});
  story.start(begin);
  const auto turn = story.job("turn", story.end(begin, "completed", 1.0, {{0, 0, "again", {}}}));
  story.start(turn);
  // Once more, and then no more, which its keys do not tell.
  const auto last = story.job("turn", story.end(turn, "completed", 1.0, {{0, 0, "again", {}}}));
  story.start(last);
  story.end(last, "completed", 1.0);
  const auto message = testing_support::error_of<DataError>([&] { (void)forecast(file, story.state, {}, 1, {}); });
  EXPECT_TRUE(testing_support::contains(message, "no end in virtual time"));
}

/// Seconds that a job takes when its machine is taken away at random.
double lucky_seconds(double wall_s, double rate, std::mt19937_64& random) {
  std::exponential_distribution<double> next(rate);
  double spent = 0.0;
  for (double until = next(random); until < wall_s; until = next(random)) spent += until;
  return spent + wall_s;
}

TEST(PreemptedMachines, TakeAsLongAsAMonteCarloSays) {
  std::mt19937_64 random(20);
  constexpr int draws = 40000;
  for (const auto& [wall_h, per_hour] : {std::pair{1.0, 0.05}, {1.0, 1.0}, {2.0, 1.0}, {0.1, 5.0}}) {
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < draws; ++i) {
      const double hours = lucky_seconds(wall_h, per_hour, random);
      sum += hours;
      squares += hours * hours;
    }
    const double mean = sum / draws, error = std::sqrt((squares / draws - mean * mean) / draws);
    EXPECT_NEAR(expected_seconds(3600.0 * wall_h, per_hour) / 3600.0, mean, 5.0 * error) << wall_h << " h at " << per_hour;
  }
  EXPECT_DOUBLE_EQ(expected_seconds(77.0, 0.0), 77.0);
  EXPECT_NEAR(expected_seconds(77.0, 1e-9), 77.0, 1e-6);
}

TEST(PreemptedMachines, CostWhatAMonteCarloOfTheWholeFarmSays) {
  // Many jobs for each slot, as where the number of slots is worth thinking of: then the mean of the end is the end of means, nearly.
  constexpr double per_hour = 0.5, wall_s = 1200.0, price = 0.04, fixed = 0.3;
  constexpr int jobs = 600, repeats = 60;
  const Chain chain(std::vector<double>(jobs, wall_s));
  std::mt19937_64 random(4);
  for (const int slots : {4, 12}) {
    double cost = 0.0, busy = 0.0;
    for (int repeat = 0; repeat < repeats; ++repeat) {
      const auto draw = [&](double seconds) { return lucky_seconds(seconds, per_hour / 3600.0, random); };
      std::vector<double> free(static_cast<std::size_t>(slots), draw(10.0));
      for (int i = 0; i < jobs; ++i) {
        const double seconds = draw(wall_s);
        busy += seconds;
        *std::min_element(free.begin(), free.end()) += seconds;
      }
      cost += (*std::max_element(free.begin(), free.end()) + draw(5.0)) / 3600.0 * (price * slots + fixed);
    }
    const Forecast f = forecast(chain.file, chain.story.state, {}, slots, {per_hour, price, fixed});
    EXPECT_NEAR(f.nodes.at("measure").slot_s / (busy / repeats), 1.0, 0.01) << slots;
    EXPECT_NEAR(f.cost / (cost / repeats), 1.0, 0.03) << slots;
    EXPECT_LE(f.cost, 1.001 * cost / repeats) << "the model is a lower bound: the last job is late more often than early";
  }
}

TEST(PreemptedMachines, ThatNeverLastAJobAreAnError) {
  const Chain chain({3.6e6});
  EXPECT_THROW((void)forecast(chain.file, chain.story.state, {}, 1, {5.0, 0.0, 0.0}), DataError);
}

}  // namespace
}  // namespace skyfold::workflow
