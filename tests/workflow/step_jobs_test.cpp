// Steps as jobs: which products of which instances they are called with, and which job before tells whether one is up to date.
#include "step_jobs.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "../support.hpp"

namespace skyfold::workflow {
namespace {

using testing_support::write_file;

/// A command that takes files and writes one.
struct Joined {
  std::vector<std::string> input;
  std::string output;
  OptionSet options;

  Joined() {
    options("input", input, "files to read").required();
    options("output", output, "file to write").required().layout();
  }
};

CommandFacts facts_of_join(const std::string&) {
  CommandFacts facts;
  facts.is_known = true;
  const auto joined = std::make_shared<Joined>();
  facts.options = std::shared_ptr<OptionSet>(joined, &joined->options);
  facts.products = [joined] { return std::map<std::string, std::string>{{"", joined->output}}; };
  return facts;
}

/// Rows s1 and s2 of step a, then b, which takes both; a of s1 was done again after a of s2.
class StepsAsJobs : public testing::Test {
 protected:
  void SetUp() override {
    write_file(folder_.file("rows.csv"), "f\ns1\ns2\n");
    write_file(folder_.file("x"), "x");
    const std::string text =
        "[pipeline]\nname = p\n[step a]\ncommand = join\nfor_each = row in rows.csv\ninput = x\noutput = {f}.h5\n"
        "[step b]\ncommand = join\ninput = @a\noutput = b.h5\n";
    file_ = read_pipeline_file(folder_.file("p.ini", text), {}, faults_);
    ASSERT_TRUE(faults_.empty());
    jobs_.emplace(file_, options_, book_);
    state_.apply(JobRecord{1, "a", {}, {{"f", "s1"}}, ""});
    state_.apply(JobRecord{2, "a", {}, {{"f", "s2"}}, ""});
    done(1, "s1");
    done(2, "s2");
    state_.apply(InvalidRecord{{1}, {1}, "asked for", {JobRecord{3, "a", {}, {{"f", "s1"}}, ""}}});
    done(3, "s1");
    state_.apply(JobRecord{4, "b", {2, 3}, {}, ""});
  }

  /// The step's product is there, and the job of that number has given its event, which has the number, too.
  void done(std::int64_t id, const std::string& row) {
    write_file(folder_.file(row + ".h5"), "made by the last");
    state_.apply(StartRecord{id, 1, 0.0, "agent", "host"});
    EndRecord end;
    end.job = id;
    end.how = "completed";
    end.events = {{id, id, "@a", {{"f", row}, {"product", row + ".h5"}}}};
    const JobState& job = state_.jobs().at(id);
    const StepCall call = jobs_->call(*file_.node("a"), job, state_);
    end.fingerprint = finish_step(call, decide_step(call, book_, "", {}, file_.folder).fingerprint, file_.folder).fingerprint;
    state_.apply(end);
    jobs_->learn(end, state_);
  }

  testing_support::Folder folder_;
  std::vector<Fault> faults_;
  PipelineFile file_;
  RunnerOptions options_;
  CommandBook book_ = facts_of_join;
  std::optional<StepJobs> jobs_;
  PipelineState state_;
};

TEST_F(StepsAsJobs, TakeProductsInTheOrderOfRowsWhicheverWasDoneAgain) {
  const StepCall call = jobs_->call(*file_.node("b"), state_.jobs().at(4), state_);
  EXPECT_EQ(call.words, (std::vector<std::string>{"join", "--input=s1.h5,s2.h5", "--output=b.h5"}));
}

TEST_F(StepsAsJobs, AreUpToDateByTheLastJobOfTheirKind) {
  state_.apply(InvalidRecord{{3}, {3}, "asked for", {JobRecord{5, "a", {}, {{"f", "s1"}}, ""}, JobRecord{6, "a", {}, {{"f", "s3"}}, ""}}});
  const auto decision_of = [&](std::int64_t id) {
    const JobState& job = state_.jobs().at(id);
    return jobs_->decide(jobs_->call(*file_.node("a"), job, state_), job, state_);
  };
  std::filesystem::remove(folder_.file(".s1.h5.step"));  // which would tell as well
  EXPECT_TRUE(decision_of(5).is_current) << decision_of(5).why;
  EXPECT_FALSE(decision_of(6).is_current);
  write_file(folder_.file("x"), "another");
  EXPECT_FALSE(decision_of(5).is_current);
}

}  // namespace
}  // namespace skyfold::workflow
