// Steps of pipelines: what is wrong with their options, what they are called with, and when they are up to date. The commands are made up;
// those of skyfold are tested with the command line.
#include "skyfold/workflow/steps.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "../support.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::workflow {
namespace {

using testing_support::error_of;
using testing_support::write_file;

/// A command that takes files and numbers and writes one file, and another beside it.
struct Made {
  std::string input, output, fits, note = "x";
  std::vector<std::string> models;
  double limit = 1.0;
  int seed = 1;
  bool deep = false;
  std::string config;
  OptionSet options;

  Made() {
    options("input", input, "file to read").required().layout();
    options("models", models, "files to read").layout();
    options("output", output, "file to write").required().layout();
    options("fits", fits, "the same").layout().writes(FileKind::fits);
    options("note", note, "a text");
    options("zmax", limit, "a number").range(0.0, 10.0);
    options("seed", seed, "a number");
    options("deep", deep, "a flag");
    options("config", config, "a configuration").call_only();
    options("fresh", deep, "an order").call_only();
    options("threads", seed, "a number").layout();
  }
};

CommandFacts make_facts(const std::string& command) {
  CommandFacts facts;
  facts.problem = "no command '" + command + "'";
  if (command != "make" && command != "take two") return facts;
  facts.is_known = true;
  facts.is_parallel = command == "make";
  const auto made = std::make_shared<Made>();
  facts.options = std::shared_ptr<OptionSet>(made, &made->options);
  facts.products = [made] {
    std::map<std::string, std::string> products = {{"", made->output}};
    if (!made->fits.empty()) products["fits"] = made->fits;
    return products;
  };
  facts.gives = {{"", "thing"}, {"fits", "picture"}};
  if (command == "take two") facts.takes = {{"input", {"thing"}}};
  return facts;
}

class Steps : public testing::Test {
 protected:
  PipelineFile read(const std::string& sections) {
    faults_.clear();
    path_ = folder_.file("p.ini", "[pipeline]\nname = p\n" + sections);
    return read_pipeline_file(path_, {}, faults_);
  }
  /// Faults of steps, a line each, without the file's path.
  std::string told(const std::string& sections) {
    const PipelineFile file = read(sections);
    check_steps(file, make_facts, faults_);
    std::string lines;
    for (const Fault& fault : faults_) lines += fault.text().substr(path_.size() + 1) + "\n";
    return lines;
  }
  StepCall call(const PipelineFile& file, const std::string& step, const Keys& keys = {}) {
    return step_call(file, *file.node(step), keys, make_facts, [this](const std::string& name) { return done_[name]; });
  }
  static std::string words(const StepCall& call) { return join(call.words, "|"); }

  testing_support::Folder folder_;
  std::string path_;
  std::vector<Fault> faults_;
  std::map<std::string, std::vector<DoneStep>> done_;
};

TEST_F(Steps, WithoutFaultsAreSilent) {
  EXPECT_EQ(told("[step a]\ncommand = make\ninput = x.txt\noutput = a.h5\nfits = a.fits\nzmax = 3\nconfig = c.ini\n"
                 "[step b]\ncommand = take  two\ninput = @a\nmodels = @a:fits, y.h5\noutput = b.h5\ndeep = yes\n"),
            "");
}

TEST_F(Steps, TellAllThatIsWrongWithTheirOptions) {
  EXPECT_EQ(told("[step a]\ncommand = make\ninptu = x\nzmax = 11\nseed = one\nfresh = yes\nthreads = 2\n"
                 "[step b]\ncommand = makes\n[step c]\ncommand = make\n[step d]\ncommand = make\noutput = d.h5\ninput =\n"
                 "[step e]\ncommand = make\ninput = x\noutput = e.h5\nfits = e.h5\n"),
            "5: inptu: no option of make (did you mean 'input'?)\n"
            "6: zmax = 11 (must be in 0 to 10)\n"
            "7: seed = 'one' is not a whole number\n"
            "8: fresh: belongs on a command line\n"
            "9: threads: follow from ranks or slots\n"
            "10: [step b] no command 'makes'\n"
            "12: [step c] input is missing (file to read)\n"
            "12: [step c] output is missing (file to write)\n"
            "14: [step d] input: empty\n"
            "18: [step e] --fits e.h5: is written as FITS, and its ending tells of HDF5 (name it e.fits)\n");
}

TEST_F(Steps, TellOfProductsThatThereAreNot) {
  EXPECT_EQ(told("[step a]\ncommand = make\ninput = x\noutput = a.h5\nfits = a.fits\n"
                 "[step b]\ncommand = take two\ninput = @a:fits\nmodels = @a:fist, @a\noutput = b.h5\n"),
            "10: input: @a:fits: a product of class picture, but this option takes thing\n"
            "11: models: @a:fist: make makes no such product (did you mean 'fits'?) (there are: @a, @a:fits)\n");
}

TEST_F(Steps, TellOfPathsThatTwoClaim) {
  write_file(folder_.file("rows.csv"), "field,n\ns1,1\ns2,20\ns3,3\n");
  EXPECT_EQ(told("[step a]\ncommand = make\ninput = x\noutput = a.h5\n[step b]\ncommand = make\ninput = x\noutput = ./sub/../a.h5\n"),
            "7: [step b] step b: step a makes a.h5, too\n");
  EXPECT_EQ(told("[step a]\ncommand = make\nfor_each = row in rows.csv\ninput = x\noutput = a.h5\n"),
            "3: [step a] step a, row 2: step a, row 1 makes a.h5, too\n");
  EXPECT_EQ(told("[step a]\ncommand = make\nfor_each = row in rows.csv\ninput = x\noutput = {field}.h5\nnote = {{n}}\n"), "");
  EXPECT_EQ(told("[step a]\ncommand = make\nfor_each = row in rows.csv\ninput = x\noutput = {field}.h5\nzmax = {n}\n"),
            "8: zmax = 20 (must be in 0 to 10)\n");
}

TEST_F(Steps, BecomeCommandLines) {
  const PipelineFile file = read(
      "[step a]\ncommand = take two\ninput = \"a # b.txt\" # comment\nmodels = \"x,y.h5\", z.h5\nnote = {who} {{x}}\noutput = "
      "sub/a.h5\ndeep = on\n");
  const StepCall made = call(file, "a", {{"who", "me"}});
  EXPECT_EQ(words(made), "take|two|--input=a # b.txt|--models=\"x,y.h5\",z.h5|--note=me {x}|--output=sub/a.h5|--deep=on");
  EXPECT_EQ(made.command, "take two");
  EXPECT_FALSE(made.is_parallel);
  EXPECT_EQ(made.products, (std::map<std::string, std::string>{{"", file.folder + "/sub/a.h5"}}));
}

TEST_F(Steps, TakeTheProductsOfThoseBeforeThem) {
  write_file(folder_.file("rows.csv"), "field\ns1\ns2\n");
  const std::string each = "for_each = row in rows.csv\n";
  const PipelineFile file =
      read("[step a]\ncommand = make\n" + each + "input = x\noutput = {field}.h5\n[step same]\ncommand = make\n" + each +
           "input = @a\noutput = same.{field}.h5\n[step all]\ncommand = make\ninput = x\nmodels = @a, more.h5\noutput = all.h5\n");
  done_["a"] = {{{{"field", "s1"}}, {{"", "s1.h5"}}}, {{{"field", "s2"}}, {{"", file.folder + "/s2.h5"}, {"pdf", "p"}}}};
  EXPECT_EQ(words(call(file, "same", {{"field", "s2"}})), "make|--input=s2.h5|--output=same.s2.h5");
  EXPECT_EQ(words(call(file, "all")), "make|--input=x|--models=s1.h5,s2.h5,more.h5|--output=all.h5");
  done_["a"].pop_back();
  EXPECT_EQ(error_of<DataError>([&] {
              (void)call(file, "same", {{"field", "s2"}});
            }),
            "step same: input: @a: no instance of the step is done");
}

TEST_F(Steps, NameTheOptionOfAValueThatIsWrongInOneInstance) {
  const PipelineFile file = read("[step a]\ncommand = make\ninput = x\noutput = {o}.h5\nzmax = {n}\n");
  EXPECT_EQ(error_of<UsageError>([&] {
              (void)call(file, "a", {{"n", "11"}, {"o", "a"}});
            }),
            "step a: zmax: zmax = 11 (must be in 0 to 10)");
  EXPECT_EQ(error_of<DataError>([&] {
              (void)call(file, "a", {{"n", "1"}});
            }),
            "step a: output: no key 'o' for '{o}.h5' ({{ stands for a brace)");
}

/// A step `a` that has run once.
class StepsThatHaveRun : public Steps {
 protected:
  StepsThatHaveRun() {
    write_file(folder_.file("x.txt"), "input");
    write_file(folder_.file("a.h5"), "product");
    EXPECT_EQ(decide().why, "it has not run yet");
    end_ = finish_step(call(file_, "a"), decide().fingerprint, file_.folder);
    std::filesystem::remove(record_);
  }

  static std::string section(const std::string& more = "") { return "[step a]\ncommand = make\ninput = x.txt\noutput = a.h5\n" + more; }
  void change(const std::string& sections) { file_ = read(sections); }
  [[nodiscard]] StepDecision decide() { return decide_step(call(file_, "a"), make_facts, end_.fingerprint, end_.outputs, file_.folder); }
  /// Why the step would run; "" when it is up to date.
  [[nodiscard]] std::string why() {
    const StepDecision decision = decide();
    EXPECT_EQ(decision.is_current, decision.why.empty());
    return decision.why;
  }

  PipelineFile file_ = read(section());
  std::string record_ = folder_.file(".a.h5.step");
  StepEnd end_;
};

TEST_F(StepsThatHaveRun, AreUpToDate) {
  EXPECT_EQ(why(), "");
  ASSERT_EQ(end_.outputs.size(), 1U);
  EXPECT_EQ(end_.outputs[0].path, "a.h5");
  EXPECT_EQ(end_.outputs[0].bytes, 7);
  EXPECT_EQ(end_.products.at(""), file_.folder + "/a.h5");
}

TEST_F(StepsThatHaveRun, RunAgainForAnotherOption) {
  change(section("zmax = 3\n"));
  EXPECT_EQ(why(), "option zmax was 1, is 3");
  change(section("zmax = 1\nnote =\n"));
  EXPECT_EQ(why(), "option note was x, is empty");
  change(section("zmax = 1.0\n"));
  EXPECT_EQ(why(), "") << "what is given is what it was by default";
}

TEST_F(StepsThatHaveRun, RunAgainForOtherContentAlone) {
  const auto later = std::filesystem::last_write_time(folder_.file("x.txt")) + std::chrono::hours(1);
  std::filesystem::last_write_time(folder_.file("x.txt"), later);
  EXPECT_EQ(why(), "") << "the time of a file is not its content";
  write_file(folder_.file("x.txt"), "inpux");
  EXPECT_EQ(why(), "input x.txt has other content");
  write_file(folder_.file("copy.txt"), "input");
  change("[step a]\ncommand = make\ninput = copy.txt\noutput = a.h5\n");
  EXPECT_EQ(why(), "") << "the same content from elsewhere";
  change(section("models = copy.txt\n"));
  write_file(folder_.file("x.txt"), "input");
  EXPECT_EQ(why(), "input copy.txt (models) is new");
}

TEST_F(StepsThatHaveRun, SeeListsOfFilesAndFolders) {
  std::filesystem::create_directory(folder_.file("sub"));
  write_file(folder_.file("sub/one.txt"), "1");
  write_file(folder_.file("list.txt"), "sub/one.txt\n");
  change("[step a]\ncommand = make\ninput = sub\nmodels = @list.txt\noutput = a.h5\n");
  end_ = finish_step(call(file_, "a"), decide().fingerprint, file_.folder);
  EXPECT_EQ(why(), "");
  write_file(folder_.file("sub/one.txt"), "2");
  EXPECT_EQ(why(), "input sub has other content");
  change("[step a]\ncommand = make\ninput = x.txt\nmodels = @list.txt\noutput = a.h5\n");
  end_ = finish_step(call(file_, "a"), decide().fingerprint, file_.folder);
  write_file(folder_.file("sub/one.txt"), "3");
  EXPECT_EQ(why(), "input sub/one.txt has other content");
}

TEST_F(StepsThatHaveRun, RunAgainForTheirProducts) {
  write_file(folder_.file("a.h5"), "changed");
  EXPECT_EQ(why(), "product a.h5 was changed by another");
  std::filesystem::remove(folder_.file("a.h5"));
  EXPECT_EQ(why(), "product a.h5 is not there");
  write_file(folder_.file("a.h5"), "product");
  EXPECT_EQ(why(), "");
  change(section("fits = a.fits\n"));
  write_file(folder_.file("a.fits"), "of another");
  EXPECT_EQ(why(), "product a.fits is new");
  EXPECT_EQ(error_of<DataError>([&] {
              std::filesystem::remove(folder_.file("a.fits"));
              (void)finish_step(call(file_, "a"), decide().fingerprint, file_.folder);
            }),
            "make has not made a.fits");
}

TEST_F(StepsThatHaveRun, AreUpToDateInAnotherPipelineToo) {
  (void)finish_step(call(file_, "a"), decide().fingerprint, file_.folder);
  end_ = {};
  EXPECT_EQ(why(), "") << "the record beside the product tells";
  change(section("seed = 2\n"));
  EXPECT_EQ(why(), "option seed was 1, is 2");
  write_file(record_, "damaged");
  EXPECT_EQ(why(), "it has not run yet");
}

TEST_F(StepsThatHaveRun, TakeNoFingerprintThatIsNone) {
  for (const char* text : {"", "{", "[]", "{\"form\":2}", "{\"form\":1}", "null"}) {
    end_.fingerprint = text;
    EXPECT_EQ(why(), "nothing tells what it was run with") << text;
  }
}

}  // namespace
}  // namespace skyfold::workflow
