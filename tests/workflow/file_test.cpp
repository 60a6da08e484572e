// Pipeline files: what is read of a good one, and every fault of a bad one with file and line.
#include "skyfold/workflow/file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <regex>

#include "../support.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::workflow {
namespace {

using testing_support::error_of;

constexpr const char* good =
    "; a survey\n"                                        // 1
    "[pipeline]\n"                                        // 2
    "name = des-y1     # a folder\n"                      // 3
    "targets = images.csv\n"                              // 4
    "notify = ./tell.sh 'all done # really'  # mail\n"    // 5
    "env.hide = TOKEN, KEY\n"                             // 6
    "html = status.html\n"                                // 7
    "[step spec]\n"                                       // 8
    "command = spec\n"                                    // 9
    "surveys = wide.ini, deep.ini\n"                      // 10
    "output = spec.h5\n"                                  // 11
    "[step train]\n"                                      // 12
    "command = pdf   convert\n"                           // 13
    "sample = @spec\n"                                    // 14
    "option.limit = 3\n"                                  // 15
    "limit = 2\n"                                         // 16
    "train.fraction = 0.5\n"                              // 17
    "[step photoz]\n"                                     // 18
    "command = photoz\n"                                  // 19
    "for_each = field in fields.csv\n"                    // 20
    "catalogue = {path}\n"                                // 21
    "models = @train:dnf, @spec\n"                        // 22
    "magnitudes = mag_{{band}}\n"                         // 23
    "output = {field}.h5\n"                               // 24
    "ranks = all\n"                                       // 25
    "[step nz]\n"                                         // 26
    "command = nz\n"                                      // 27
    "for_each = field in fields.csv\n"                    // 28
    "pdf = @photoz:pdf\n"                                 // 29
    "input = @files.txt\n"                                // 30
    "output = nz.{field}.h5\n"                            // 31
    "[task reduce]\n"                                     // 32
    "command = \"./my reduce.sh\" {image} {out} 'a b'\n"  // 33
    "on = image\n"                                        // 34
    "if = {filter} == F814W and {brick} > 2\n"            // 35
    "emits = reduced\n"                                   // 36
    "[task stack]\n"                                      // 37
    "command = ls *.fits | wc -l # count\n"               // 38
    "shell = true\n"                                      // 39
    "on = reduced, all of brick but failed\n"             // 40
    "attempts = 3\n"                                      // 41
    "timeout = 2h\n"                                      // 42
    "memory = 4G\n"                                       // 43
    "slots = 2\n"                                         // 44
    "priority = -1.5\n"                                   // 45
    "log.max = 10M\n"                                     // 46
    "env.OMP_NUM_THREADS = 1\n"                           // 47
    "outputs = stacks/{brick}\n";                         // 48

class PipelineFileTest : public testing::Test {
 protected:
  PipelineFileTest() {
    testing_support::write_file(folder_.file("images.csv"), "image,filter,brick\na.fits,F814W,007\nb.fits,F475W,3\n");
    testing_support::write_file(folder_.file("fields.csv"), "field,path\ns1,s1.h5\ns2,s2.h5\n");
  }

  PipelineFile read(std::string_view text, const std::vector<std::string>& sets = {}) {
    faults_.clear();
    path_ = folder_.file("p.ini", text);
    return read_pipeline_file(path_, sets, faults_);
  }
  /// Faults of a file, a line each, without its path.
  std::string told(std::string_view text, const std::vector<std::string>& sets = {}) {
    (void)read(text, sets);
    std::string lines;
    for (const Fault& fault : faults_) {
      EXPECT_EQ(fault.file, path_);
      lines += fault.text().substr(path_.size() + 1) + "\n";
    }
    return lines;
  }
  /// Faults of a pipeline of some sections.
  std::string told_of(const std::string& sections) { return told("[pipeline]\nname = p\n" + sections); }

  testing_support::Folder folder_;
  std::string path_;
  std::vector<Fault> faults_;
};

std::string good_with(const std::string& from, const std::string& to) {
  std::string text = good;
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST_F(PipelineFileTest, IsReadAsItStands) {
  const PipelineFile file = read(good);
  for (const Fault& fault : faults_) ADD_FAILURE() << fault.text();
  EXPECT_EQ(file.folder, std::filesystem::canonical(folder_.path()).string());
  EXPECT_EQ(file.home(), file.folder + "/des-y1");
  EXPECT_EQ(file.targets, file.folder + "/images.csv");
  EXPECT_EQ(file.target_classes, (std::vector<std::string>{"images", "image"}));
  EXPECT_EQ(command_words(file.notify), (std::vector<std::string>{"./tell.sh", "all done # really"}));
  EXPECT_EQ(file.hidden, (std::vector<std::string>{"TOKEN", "KEY"}));
  EXPECT_EQ(file.html, "status.html");
  ASSERT_EQ(file.nodes.size(), 6U);
  EXPECT_EQ(file.node("nobody"), nullptr);
}

TEST_F(PipelineFileTest, HasStepsWithTheirOptionsAndWhatTheyWaitFor) {
  const PipelineFile file = read(good);
  const Node &train = *file.node("train"), &photoz = *file.node("photoz"), &nz = *file.node("nz");
  EXPECT_TRUE(train.is_step);
  EXPECT_EQ(train.command, "pdf convert");
  EXPECT_EQ(train.limit, 2);
  ASSERT_EQ(train.options.size(), 3U);
  EXPECT_EQ(train.options[1].key, "limit");
  EXPECT_EQ(train.options[1].line, 15);
  ASSERT_EQ(train.on.size(), 1U);
  EXPECT_EQ(train.on[0].event_class, "@spec");
  EXPECT_EQ(train.on[0].kind, Trigger::all);
  EXPECT_EQ(photoz.slots, 0);
  EXPECT_EQ(photoz.on.size(), 2U);
  EXPECT_EQ(photoz.row_name, "field");
  EXPECT_EQ(photoz.row_file, "fields.csv");
  ASSERT_EQ(nz.on.size(), 1U) << "@files.txt is a list of files";
  EXPECT_EQ(nz.on[0].kind, Trigger::each) << "both go over the same rows";
}

TEST_F(PipelineFileTest, HasTasksWithTheirProgramsAndLimits) {
  const PipelineFile file = read(good);
  const Node &reduce = *file.node("reduce"), &stack = *file.node("stack");
  EXPECT_EQ(reduce.words, (std::vector<std::string>{"./my reduce.sh", "{image}", "{out}", "a b"}));
  EXPECT_EQ(reduce.on[0].event_class, "@start");
  EXPECT_EQ(reduce.slots, 1);
  EXPECT_EQ(reduce.log_bytes, 10 << 20);
  EXPECT_EQ(stack.words, (std::vector<std::string>{"ls *.fits | wc -l"}));
  EXPECT_EQ(stack.on[0].kind, Trigger::ended);
  EXPECT_EQ(stack.on[0].group, "brick");
  EXPECT_EQ(stack.attempts, 3);
  EXPECT_EQ(stack.timeout_s, 7200.0);
  EXPECT_EQ(stack.memory_bytes, std::int64_t{4} << 30);
  EXPECT_EQ(stack.slots, 2);
  EXPECT_EQ(stack.priority, -1.5);
  EXPECT_EQ(stack.environment, (decltype(stack.environment){{"OMP_NUM_THREADS", "1"}}));
  EXPECT_EQ(stack.outputs, "stacks/{brick}");
}

TEST_F(PipelineFileTest, TellsAllThatIsWrongInOneListByLine) {
  const std::string text =
      "what = 1\n[pipelin]\n[pipeline]\nnam = x\nname = a/b\nname = c\n[step spec]\ncommand = spec\nonly words\n[task t]\n"
      "command = 'a\ntimeout = soon\nmemory = 4 elephants\nattempts = 0\nshell = perhaps\nslots = 2\nranks = 2\nlimt = 3\n[task t]\n"
      "on = a all of b\ncommand = ls\n[task 1x]\non = @start, all of {x}\ncommand = ls\n";
  EXPECT_EQ(told(text),
            "1: 'what' stands before the first section ([pipeline], [step NAME], [task NAME])\n"
            "2: ['pipelin'] is no section of a pipeline (did you mean 'pipeline'?) ([pipeline], [step NAME], [task NAME])\n"
            "4: nam: unknown key (did you mean 'name'?)\n"
            "5: name: 'a/b' is no name of a folder (letters, digits, _, - and .)\n"
            "6: 'name' is given twice (first in line 5)\n"
            "9: 'only words' is neither [section] nor key = value\n"
            "10: [task t] has no on = CLASS (the class of event that starts it; @start: root events)\n"
            "11: command: no closing '\n"
            "12: timeout: 'soon' is no time (2h, 90s, 1h30m; s, m, h, d)\n"
            "13: memory: '4 elephants' is no size (4G, 10M; k, M, G, T of 1024 each)\n"
            "14: attempts: '0' (must be a whole number in 1 to 1000)\n"
            "15: shell: 'perhaps' is not true or false\n"
            "17: ranks: slots is given, too (line 16; they are the same)\n"
            "18: limt: unknown key (did you mean 'limit'?)\n"
            "19: 't' is a second step or task of this name (first in line 10)\n"
            "20: on: 'a all of b' is no class of events (a comma stands before 'all of')\n"
            "22: '1x' is no name (letters, digits, _ and -, a letter first)\n"
            "23: on: 'all of {x}' (must be 'all of KEY' or 'all of *', perhaps with 'but failed' behind it)\n");
}

TEST_F(PipelineFileTest, NeedsAPipelineSectionAndSomethingToDo) {
  EXPECT_EQ(told(""), "1: no section [pipeline] (name = NAME names the folder of its products)\n1: no step and no task\n");
  EXPECT_EQ(told("[pipeline]\n"),
            "1: [pipeline] has no name (products, ledger and logs stand in a folder of this name)\n1: no step and no task\n");
  EXPECT_EQ(told("[pipeline x]\nname = p.ini\n[step a]\ncommand = spec\n"),
            "1: [pipeline 'x'] (its name is set by name = NAME)\n"
            "2: name: " +
                std::filesystem::canonical(path_).string() + " is a file (products, ledger and logs stand in a folder of this name)\n");
  EXPECT_THROW((void)read_pipeline_file(folder_.file("none.ini"), {}, faults_), IoError);
  EXPECT_THROW((void)read_pipeline_file(folder_.path(), {}, faults_), IoError);
}

TEST_F(PipelineFileTest, NamesTheNearestStepForOneThatIsNot) {
  EXPECT_EQ(told(good_with("@spec\n", "@spce\n")), "14: sample: @spce: no such step (did you mean 'spec'?)\n");
  EXPECT_EQ(told(good_with("on = image\n", "on = @tarin\n")), "34: on: @tarin: no such step (did you mean '@train'?)\n");
  EXPECT_EQ(told(good_with("on = reduced,", "on = redused,")),
            "40: on: redused: nothing gives events of this class (did you mean 'reduced'?)\n");
}

TEST_F(PipelineFileTest, NamesTheStepsOfACircle) {
  EXPECT_EQ(told_of("[step a]\ncommand = spec\nx = @c\n[step b]\ncommand = spec\nx = @a\n[step c]\ncommand = spec\nx = @b:pdf\n"
                    "[step behind]\ncommand = spec\nx = @a\n[step self]\ncommand = spec\nx = @self\n"),
            "3: steps in a circle: a -> b -> c -> a (each waits for the one before it)\n"
            "15: steps in a circle: self -> self (each waits for the one before it)\n");
}

TEST_F(PipelineFileTest, NamesTasksThatOnlyStartOneAnother) {
  EXPECT_EQ(told_of("[task a]\ncommand = ls\non = y\nemits = x\n[task b]\ncommand = ls\non = x\nemits = y\n"),
            "5: on: nothing starts a, b: they wait for events that come of themselves alone\n");
  EXPECT_EQ(told_of("[task a]\ncommand = ls\non = a\n"),
            "5: on: a: nothing gives events of this class (targets = NAME in FILE, or emits of a task)\n");
  EXPECT_EQ(told_of("[task a]\ncommand = ls\non = @start\n[task b]\ncommand = ls\non = whatever\n"), "") << "a may emit anything";
}

TEST_F(PipelineFileTest, KnowsWhichKeysThereAre) {
  EXPECT_EQ(told(good_with("{image} ", "{imgae} ")),
            "33: command: no key 'imgae' for reduce (did you mean 'image'?); {{ stands for a brace\n");
  EXPECT_EQ(told(good_with("{path}", "{x}")), "21: catalogue: no key 'x' for photoz (keys: field, path, product); {{ stands for a brace\n");
  EXPECT_EQ(told(good_with("mag_{{band}}", "mag_{band}")),
            "23: magnitudes: no key 'band' for photoz (keys: field, path, product); {{ stands for a brace\n");
  EXPECT_EQ(told(good_with("output = spec.h5", "output = {out}")),
            "11: output: no key 'out' for spec (it has no keys); {{ stands for a brace\n");
  EXPECT_EQ(told(good_with("{brick} > 2", "{brik} > 2")),
            "35: if: no key 'brik' for reduce (did you mean 'brick'?); {{ stands for a brace\n");
  EXPECT_EQ(told(good_with("stacks/{brick}", "{whatever}")), "") << "reduce may give its events any keys";
  EXPECT_EQ(told_of("[task a]\ncommand = ls {x}\non = @start, all of y\n"),
            "4: command: no key 'x' for a (it has no keys); {{ stands for a brace\n"
            "5: on: all of y: the root event has no column 'y'\n");
}

TEST_F(PipelineFileTest, TellsWhatIsWrongInItsTablesWhereTheyAreNamed) {
  testing_support::write_file(folder_.file("images.csv"), "image,n\na,1\nb,2\na,1\n");
  testing_support::write_file(folder_.file("fields.csv"), "field,path\n");
  const std::string lines = told(good_with("{brick} > 2", "{n} > 2"));
  EXPECT_NE(lines.find("4: images.csv: row 3 is the same as row 1\n"), std::string::npos) << lines;
  EXPECT_NE(lines.find("20: fields.csv: "), std::string::npos) << lines;
  EXPECT_NE(told(good_with("images.csv", "exposure in nowhere.csv")).find("4: nowhere.csv: "), std::string::npos);
}

TEST_F(PipelineFileTest, TakesSettingsOfTheCommandLineInPlaceOfItsOwn) {
  const PipelineFile file = read(good, {"stack.timeout=3h", "train.limit=7", "photoz.pdf=mixmod", "pipeline.name=other"});
  for (const Fault& fault : faults_) ADD_FAILURE() << fault.text();
  EXPECT_EQ(file.node("stack")->timeout_s, 10800.0);
  EXPECT_EQ(file.name, "other");
  EXPECT_EQ(file.node("photoz")->options.back().value, "mixmod");
  EXPECT_EQ(told(good, {"stak.timeout=3h", "nonsense", "stack.timeout=never"}),
            " --set 'nonsense': not of the form NAME.KEY=VALUE\n"
            " --set 'stak.timeout=3h': no step or task 'stak' (did you mean 'stack'?)\n"
            " --set stack.timeout: 'never' is no time (2h, 90s, 1h30m; s, m, h, d)\n");
}

TEST_F(PipelineFileTest, ReadsTheFormOfConfigurations) {
  const PipelineFile file =
      read("\xef\xbb\xbf[pipeline]\r\nname = \"p\" # c\r\n; c\r\n\r\n[ step   a ]  # c\r\n  command=\"spec\"\r\nwhere = \"x # y\" # z\r\n");
  for (const Fault& fault : faults_) ADD_FAILURE() << fault.text();
  EXPECT_EQ(file.name, "p");
  EXPECT_EQ(file.node("a")->command, "spec");
  EXPECT_EQ(file.node("a")->options.at(0).value, "\"x # y\"");
}

TEST_F(PipelineFileTest, TellsFileAndLineWhateverIsBroken) {
  std::mt19937_64 random(20);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::vector<std::string> lines;
  for (std::string_view rest = good; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1))
    lines.emplace_back(rest.substr(0, rest.find('\n')));
  int broken = 0;
  for (int file = 0; file < 200; ++file) {
    std::vector<std::string> changed = lines;
    for (std::size_t change = 0; change < 1 + below(4); ++change) {
      const std::size_t at = below(changed.size()), other = below(changed.size());
      std::string& line = changed[at];
      switch (below(6)) {
        case 0:
          changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        case 1:
          changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(other), std::string(line));
          break;
        case 2:
          std::swap(line, changed[other]);
          break;
        case 3:
          line.insert(below(line.size() + 1), 1 + below(3), static_cast<char>(below(256)));
          break;
        case 4:
          if (!line.empty()) line[below(line.size())] = static_cast<char>(below(256));
          break;
        default:
          line.resize(below(line.size() + 1));
      }
    }
    std::string text;
    for (const std::string& line : changed) text += line + "\n";
    (void)read(text);
    const int last = static_cast<int>(std::count(text.begin(), text.end(), '\n'));
    broken += faults_.empty() ? 0 : 1;
    EXPECT_TRUE(std::is_sorted(faults_.begin(), faults_.end()));
    EXPECT_EQ(std::adjacent_find(faults_.begin(), faults_.end()), faults_.end());
    for (const Fault& fault : faults_) {
      EXPECT_EQ(fault.file, path_);
      EXPECT_TRUE(fault.line >= 1 && fault.line <= last) << fault.text();
      EXPECT_FALSE(fault.message.empty());
      EXPECT_EQ(fault.message.find('\n'), std::string::npos) << fault.text();
    }
  }
  EXPECT_GT(broken, 100) << "most changes break something";
}

TEST(RowsOfATable, AreTextsAsTheyStand) {
  const testing_support::Folder folder;
  std::vector<Fault> faults;
  const auto rows = read_rows(folder.file("a.csv", "id,x,my col,flag,empty\n007,1.50,z,true,\n8,2,\"a,b\",false,\n"), faults);
  EXPECT_TRUE(faults.empty());
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0], (Keys{{"id", "007"}, {"x", "1.50"}, {"flag", "true"}, {"empty", ""}}));
  EXPECT_EQ(value_of(rows[1], "id"), "8");
  EXPECT_EQ(value_of(rows[1], "none"), std::nullopt);
}

TEST(RowsOfATable, AreToldApart) {
  const testing_support::Folder folder;
  std::vector<Fault> faults;
  const std::string path = folder.file("a.csv", "id,x\n1,2\n3,4\n1,2\n3,4\n");
  EXPECT_EQ(read_rows(path, faults).size(), 4U);
  ASSERT_EQ(faults.size(), 2U);
  EXPECT_EQ(faults[0].text(), path + ": row 3 is the same as row 1");
  EXPECT_EQ(faults[1].text(), path + ": row 4 is the same as row 2");
}

TEST(RowsOfATable, MayBeManyAndColumnsOfNumbers) {
  const testing_support::Folder folder;
  std::string text = "image,brick\n";
  for (int row = 0; row < 100'000; ++row) text += "image_" + std::to_string(row) + ".fits," + std::to_string(row % 100) + "\n";
  std::vector<Fault> faults;
  const auto rows = read_rows(folder.file("a.csv", text), faults);
  EXPECT_TRUE(faults.empty());
  ASSERT_EQ(rows.size(), 100'000U);
  EXPECT_EQ(rows[99'999], (Keys{{"image", "image_99999.fits"}, {"brick", "99"}}));
}

TEST(RowsOfATable, ThatCannotBeReadAreFaults) {
  const testing_support::Folder folder;
  for (const auto& [name, content] : std::vector<std::pair<std::string, std::string>>{
           {"header.csv", "id,x\n"}, {"empty.csv", ""}, {"odd.csv", "my col\n1\n"}, {"torn.csv", "a,b\n1,2\n3\n"}}) {
    std::vector<Fault> faults;
    const std::string path = folder.file(name, content);
    (void)read_rows(path, faults);
    ASSERT_EQ(faults.size(), 1U) << name;
    EXPECT_EQ(faults[0].file, path);
    EXPECT_EQ(faults[0].message.find(path), std::string::npos) << faults[0].message;
  }
  std::vector<Fault> faults;
  (void)read_rows(folder.file("none.csv"), faults);
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].message, "no such file");
}

TEST(WordsOfACommand, AreCutByQuotingRules) {
  const auto words = [](std::string_view line) { return join(command_words(line), "|"); };
  EXPECT_EQ(words(" a  b\tc "), "a|b|c");
  EXPECT_EQ(words(R"("a b"'c d'e \"f\ g '' "")"), R"(a bc de|"f g||)");
  EXPECT_EQ(words(R"('a\b' "a\"b\\")"), R"(a\b|a"b\)");
  EXPECT_EQ(words(R"x("print('a\n')" "\$x")x"), R"x(print('a\n')|\$x)x");  // as Python's shlex has it
  EXPECT_EQ(words("$HOME * ; | {key}"), "$HOME|*|;|||{key}");
  EXPECT_TRUE(command_words("  ").empty());
  for (const char* line : {"'a", "\"a", "a\\", "'a\\'b'"}) EXPECT_THROW((void)command_words(line), UsageError) << line;
}

TEST(TextsWithKeys, AreFilled) {
  const Keys keys = {{"a", "1"}, {"b.c-d", "{x}"}};
  EXPECT_EQ(filled("{a}-{b.c-d}{{a}}{}{ a }{", keys), "1-{x}{a}{}{ a }{");
  EXPECT_EQ(filled("awk '{print $1}' }}", keys), "awk '{print $1}' }");
  EXPECT_EQ(names_in_braces("{a}{{b}}{c}{d e}"), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(error_of<DataError>([&] { (void)filled("x{none}", keys); }), "no key 'none' for 'x{none}' ({{ stands for a brace)");
}

TEST(ConditionsOnKeys, CompareNumbersAndTexts) {
  const Keys keys = {{"filter", "F814W"}, {"brick", "007"}, {"mag", "21.5"}, {"none", ""}, {"word", "814"}};
  for (const char* condition :
       {"", "{filter} == F814W", "{filter} == 'F814W'", "{brick} == 7", "{brick} == '007'", "{brick} > 6.5 and {mag} < 22",
        "{filter} in (F475W, F814W)", "not ({brick} & 8)", "{word} == '814' and {brick} == 7", "missing({none})", "{brick} != {mag}",
        "abs({mag}) = 21.5 or {filter} == x"})
    EXPECT_TRUE(holds_for(condition, keys)) << condition;
  for (const char* condition : {"{filter} == F475W", "{brick} == 8", "{brick} == '7'", "{none} > 1", "{none} < 1", "not ({mag} > 21)"})
    EXPECT_FALSE(holds_for(condition, keys)) << condition;
}

TEST(ConditionsOnKeys, ThatCannotBeAskedAreErrors) {
  const Keys keys = {{"filter", "F814W"}};
  EXPECT_EQ(error_of<DataError>([&] { (void)holds_for("{x} > 1", keys); }), "no key 'x' for the condition {x} > 1");
  EXPECT_NE(error_of<DataError>([&] { (void)holds_for("{filter} > 1", keys); }).find("(with filter=F814W)"), std::string::npos);
}

TEST_F(PipelineFileTest, RefusesConditionsThatAreNone) {
  for (const char* condition : {"{brick} >", "filter > 2", "{filter == x", "{brick} > 2 and", "(((", "'x", "{a} {b}", "814W == {filter}"}) {
    const std::string lines = told(good_with("{filter} == F814W and {brick} > 2", condition));
    EXPECT_TRUE(lines.starts_with("35: if: ")) << condition << ": " << lines;
  }
}

}  // namespace
}  // namespace skyfold::workflow
