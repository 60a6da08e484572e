#include "skyfold/run/report.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <thread>

#include "../registry/mpi_environment.hpp"
#include "../support.hpp"

namespace skyfold {
namespace {

using testing_support::contains;

/// The closing table of a run of one rank.
class Summary : public testing::Test {
 protected:
  Summary() {
    testing_support::start_mpi();
    statistics.rows = 1'234'567;
    statistics.jobs = 12;
    statistics.compute_s = {{0, 3.0}, {1, 1.0}, {2, 2.0}};
    statistics.slowest_s = 1.5;
    statistics.slowest = "tile 7";
    statistics.first_idle_s = 1000.0;
    statistics.last_end_s = 1002.25;
  }
  static void spend(RankClock& clock, Phase phase, int milliseconds) {
    clock.enter(phase);
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  }
  /// The text after these times in milliseconds.
  std::string text_after(const std::vector<std::pair<Phase, int>>& times) {
    RankClock clock;
    const Ranks ranks(clock);
    for (const auto& [phase, milliseconds] : times) spend(clock, phase, milliseconds);
    return run_summary(ranks, statistics, 2, "objects").text;
  }
  RunStatistics statistics;
};

TEST_F(Summary, GivesEveryPhaseAndTheySumToTheWhole) {
  const std::string text = text_after({{Phase::read, 40}, {Phase::compute, 60}, {Phase::sync, 30}, {Phase::consolidate, 50}});
  std::map<std::string, std::pair<double, double>> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, percent;
    double seconds = 0.0;
    if (words >> name >> seconds >> percent && percent.ends_with('%')) rows[name] = {seconds, std::stod(percent)};
  }
  ASSERT_EQ(rows.size(), phase_count + 1) << text;
  const auto sum = rows.at("sum");
  rows.erase("sum");
  double seconds = 0.0, shares = 0.0;
  for (std::size_t i = 0; i < phase_count; ++i) {
    const auto& row = rows.at(std::string(name_of(static_cast<Phase>(i))));
    seconds += row.first;
    shares += row.second;
  }
  EXPECT_NEAR(seconds, sum.first, 0.005 * (phase_count + 1)) << text;  // two digits are printed
  EXPECT_NEAR(shares, 100.0, 0.05 * (phase_count + 1)) << text;
  EXPECT_EQ(sum.second, 100.0);
  EXPECT_GE(rows.at("read").first, 0.035);
  EXPECT_GE(rows.at("consolidate").first, 0.045);
}

TEST_F(Summary, TellsHowEvenlyRanksWereBusyAndWhichJobTookLongest) {
  const std::string text = text_after({{Phase::compute, 1}});
  EXPECT_TRUE(contains(text, "busiest rank / mean 1.50"));  // 3 / ((3 + 1 + 2) / 3)
  EXPECT_TRUE(contains(text, "idle tail 2.25 s"));
  EXPECT_TRUE(contains(text, "longest job 1.50 s (tile 7)"));
  EXPECT_TRUE(contains(text, "1,234,567 objects in"));
  EXPECT_TRUE(contains(text, "1 rank x 2 threads"));
  EXPECT_TRUE(contains(text, "12 jobs"));
}

TEST_F(Summary, SaysWhatWasDoneBefore) {
  EXPECT_EQ(text_after({}).find("earlier"), std::string::npos);
  statistics.skipped_rows = 5000;
  EXPECT_TRUE(contains(text_after({}), "5,000 objects were done by earlier attempts"));
}

TEST_F(Summary, OfARunThatDidNothingIsFinite) {
  statistics = {};
  const std::string text = text_after({});
  for (const char* wrong : {"nan", "inf", "-"}) EXPECT_EQ(text.substr(0, text.find("phase")).find(wrong), std::string::npos) << text;
}

TEST_F(Summary, SaysWhatWouldHelpMost) {
  const auto advice = [&](const std::vector<std::pair<Phase, int>>& times) { return text_after(times); };
  EXPECT_TRUE(contains(advice({{Phase::start, 50}}), "starting up"));
  EXPECT_TRUE(contains(advice({{Phase::consolidate, 50}}), "consolidation"));
  EXPECT_TRUE(contains(advice({{Phase::read, 50}}), "bound by reading"));
  EXPECT_TRUE(contains(advice({{Phase::write, 30}, {Phase::sync, 30}}), "bound by writing"));
  EXPECT_TRUE(contains(advice({{Phase::compute, 50}}), "bound by computing"));
  EXPECT_TRUE(contains(advice({{Phase::compute, 50}, {Phase::wait, 50}}), "smaller jobs"));
}

}  // namespace
}  // namespace skyfold
