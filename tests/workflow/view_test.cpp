// The tree, the counts and the words of a pipeline, told from records that were written by hand.
#include "skyfold/workflow/view.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "../support.hpp"
#include "pipeline_examples.hpp"

namespace skyfold::workflow {
namespace {

using examples::Story;
using examples::Survey;
using testing_support::contains;

std::string tree_of(const PipelineFile& file, const PipelineState& state, const Standing& standing, const TreeChoice& choice,
                    bool with_invalid = false) {
  std::string text;
  for (const StateTree::Line& line : StateTree(file, state, standing, with_invalid).lines(choice))
    text += std::string(2 * static_cast<std::size_t>(line.depth), ' ') + line.text + "\n";
  return text;
}

std::string tree_of(const Survey& survey, const TreeChoice& choice = {}) {
  const Standing standing = survey.standing();
  return tree_of(survey.file, survey.story.state, standing, choice);
}

TEST(PipelineTree, ShowsEventsAndJobsByParentage) {
  EXPECT_EQ(tree_of(Survey()),
            "Event(1) image brick=3 image=a.fits: completed\n"
            "  Job(1): completed (rank 2, node07, 41 s) for Task(reduce)\n"
            "    Event(2) reduced brick=3: completed, in Job(3)\n"
            "Event(3) image brick=3 image=b.fits: completed, 1 failed below\n"
            "  Job(2): completed (rank 2, node07, 41 s) for Task(reduce)\n"
            "    Event(4) reduced brick=3: completed, 1 failed below\n"
            "      Job(3): FAILED (rank 1, node03, 5 s, exit 2, \"no PSF star\") for Task(stack), 2 events   work/survey/log/stack.3.log\n"
            "Event(5) image brick=4 image=c.fits: completed\n"
            "  Job(4): completed (rank 1, node03, 20 s) for Task(reduce)\n"
            "    Event(6) reduced brick=4: waits for others\n"
            "Event(7) image brick=4 image=d.fits: running\n"
            "  Job(5): running (rank 1, node03, 7 s) for Task(reduce)   work/survey/log/reduce.5.log\n");
}

TEST(PipelineTree, OfFailuresHasOnlyBranchesThatFail) {
  TreeChoice failed;
  failed.failed = true;
  const std::string text = tree_of(Survey(), failed);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
  EXPECT_TRUE(text.starts_with("Event(3)"));
  EXPECT_TRUE(contains(text, "Job(3): FAILED"));
}

TEST(PipelineTree, FindsALineWithWhatIsAboveAndBelow) {
  TreeChoice find;
  find.find = "Job(4)";
  const std::string text = tree_of(Survey(), find);
  EXPECT_EQ(text.find("Event(5)"), 0U);
  EXPECT_TRUE(contains(text, "Event(6)"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  find.find = "nothing like it";
  EXPECT_EQ(tree_of(Survey(), find), "");
}

TEST(PipelineTree, SaysOnceItsOwnerIsGoneThatAJobWasInterrupted) {
  const Survey survey;
  const Standing standing = survey.standing("");
  EXPECT_EQ(standing.word, "interrupted");
  EXPECT_TRUE(contains(tree_of(survey.file, survey.story.state, standing, {}), "Job(5): interrupted (rank 1, node03)"));
}

/// Many images, each reduced; a few failed.
struct Long {
  PipelineFile file = examples::file_with({examples::task("reduce", "image"), examples::task("look", "reduced")});
  Story story;
  explicit Long(int count) {
    for (int i = 0; i < count; ++i) {
      const auto job = story.job("reduce", {story.root("image", {{"n", std::to_string(i)}})}, {});
      story.start(job);
      if (i % 100 == 50) {
        story.end(job, "failed", 1.0, {}, "broken", 1);
        continue;
      }
      const auto event = story.end(job, "completed", 1.0, {{0, 0, "reduced", {}}}).front();
      story.job("look", {event});
    }
  }
};

TEST(PipelineTree, CountsEverythingThatItLeavesOut) {
  const Long many(1000);
  const Standing standing = standing_of(many.file, many.story.state, "x", many.story.now);
  const StateTree tree(many.file, many.story.state, standing, false);
  const auto total = std::ssize(tree.rows());
  ASSERT_EQ(total, 2 * 1000 + 2 * 990);
  for (const std::int64_t limit : {1, 2, 19, 20, 21, 57, 400, 3979, 3980, 10000}) {
    std::int64_t shown = 0, left_out = 0, failures = 0;
    for (const StateTree::Line& line : tree.lines({false, "", limit})) {
      if (!line.is_left_out) {
        ++shown;
        failures += tree.rows()[line.row].job && is_failing(*tree.rows()[line.row].job);
        continue;
      }
      // "... left out: 99 events, 198 jobs (...)": the independent count is that of all rows.
      std::string digits;
      for (const char c : line.text.substr(0, line.text.find('(')))
        if (c != ',') digits += std::isdigit(static_cast<unsigned char>(c)) ? c : ' ';
      std::istringstream numbers(digits);
      for (std::int64_t n = 0; numbers >> n;) left_out += n;
    }
    EXPECT_LE(shown, limit);
    EXPECT_EQ(shown + left_out, total) << limit;
    // Failures come first, each with its event above it.
    EXPECT_EQ(failures, std::min<std::int64_t>(10, limit / 2)) << limit;
  }
  EXPECT_EQ(std::ssize(tree.lines({false, "", 0})), total);
}

TEST(PipelineTree, OfAChainAsLongAsThePipelineIsBuilt) {
  PipelineFile file = examples::file_with({examples::task("next", "link")});
  Story story;
  std::int64_t event = story.root("link", {});
  for (int i = 0; i < 50000; ++i) {
    const auto job = story.job("next", {event});
    story.start(job);
    event = story.end(job, "completed", 1.0, {{0, 0, "link", {}}}).front();
  }
  const Standing standing = standing_of(file, story.state, "", 0.0);
  const auto lines = StateTree(file, story.state, standing, false).lines({false, "", 0});
  ASSERT_EQ(lines.size(), 100001U);
  EXPECT_EQ(lines.back().depth, 100000);
}

TEST(PipelineTree, LeavesOutWhatNoLongerCountsUnlessAsked) {
  Survey survey;
  survey.story.state.apply(InvalidRecord{{3}, {}, "retry"});
  const Standing standing = survey.standing();
  EXPECT_FALSE(contains(tree_of(survey.file, survey.story.state, standing, {}), "Job(3)"));
  EXPECT_TRUE(contains(tree_of(survey.file, survey.story.state, standing, {}, true), "Job(3): no longer counts"));
}

TEST(PipelineTree, ShowsNoControlCharactersOfForeignTexts) {
  Story story;
  const auto job = story.job("t\x1b[2J", {story.root("c\n", {{"k", "\x1b]0;x\x07 \xff"}})});
  story.start(job, "a\tb", "h\r");
  story.end(job, "failed", 1.0, {}, "line\nline\x1b[31m", 1);
  const PipelineFile file = examples::file_with({});
  const Standing standing = standing_of(file, story.state, "", 0.0);
  const std::string text = tree_of(file, story.state, standing, {}) + headline(file, story.state, standing);
  for (const char c : text) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << text;
  EXPECT_TRUE(contains(text, "line\\nline"));
}

TEST(PipelineCounts, AreThoseOfTheJobsAndGroups) {
  const Survey survey;
  const auto nodes = count_nodes(survey.file, survey.story.state, survey.standing());
  EXPECT_EQ(counts_text(nodes.at("reduce")), "3 completed, 1 running");
  EXPECT_EQ(counts_text(nodes.at("stack")), "1 FAILED, 1 group not complete yet");
  EXPECT_DOUBLE_EQ(nodes.at("reduce").wall_s, 102.0);
  EXPECT_DOUBLE_EQ(nodes.at("reduce").cpu_s, 51.0);
}

TEST(PipelineCounts, CallAGroupBlockedOnceThePipelineHasEnded) {
  Survey survey;
  survey.story.end(5, "failed", 1.0, {}, "broken", 1);
  survey.story.close(5);
  const auto nodes = count_nodes(survey.file, survey.story.state, survey.standing(""));
  EXPECT_EQ(nodes.at("stack").counts.blocked, 1);
  EXPECT_EQ(nodes.at("stack").waiting, 0);
}

TEST(PipelineCounts, CallNoGroupBlockedOfAPipelineThatWentAsFarAsItWasTold) {
  Survey survey;
  survey.story.end(5, "completed", 1.0);
  survey.story.close(0);
  EXPECT_EQ(count_nodes(survey.file, survey.story.state, survey.standing("")).at("stack").waiting, 1);
  EXPECT_TRUE(contains(tree_of(survey.file, survey.story.state, survey.standing(""), {}), "reduced brick=4: waits for others"));
}

TEST(PipelineHeadline, TellsWhoHoldsThePipelineAndWhetherItLives) {
  Survey survey;
  const auto text = [&](const std::string& holder) { return headline(survey.file, survey.story.state, survey.standing(holder)); };
  EXPECT_TRUE(contains(text("node03, process 77"), "survey (work/SURVEY.ini): running, held by node03, process 77, which lives\n"));
  EXPECT_TRUE(contains(text(""), "interrupted: its owner is gone"));
  survey.story.close(5);
  EXPECT_TRUE(contains(text(""), "ended, exit code 5\n"));
  EXPECT_TRUE(contains(headline(survey.file, PipelineState(), standing_of(survey.file, {}, "", 0.0)), "not started"));
}

TEST(PipelineAttempts, AreMatchedWithTheirEndsAlsoWhenSomeWereLost) {
  Story story;
  const auto job = story.job("t", {});
  const double walls[] = {3.0, 4.0, 5.0};
  const char* hows[] = {"lost", "failed", "completed"};
  const int numbers[] = {1, 1, 2};
  for (int i = 0; i < 3; ++i) {
    story.start(job, "w", "h", numbers[i]);
    story.end(job, hows[i], walls[i], {}, "", 0, numbers[i]);
  }
  const auto attempts = attempts_of(story.state.jobs().at(job));
  ASSERT_EQ(attempts.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_NE(attempts[i].end, nullptr);
    EXPECT_EQ(attempts[i].end->how, hows[i]);
    EXPECT_DOUBLE_EQ(attempts[i].end->time_s - attempts[i].start->time_s, walls[i]);
  }
}

}  // namespace
}  // namespace skyfold::workflow
