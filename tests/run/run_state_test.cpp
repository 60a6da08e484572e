#include "state.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "../support.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;
using testing_support::contains;
using testing_support::error_of;
using testing_support::Folder;
using testing_support::write_file;

RunState example() {
  RunState state;
  state.phase = "publishing";
  state.command = "photoz";
  state.version = "0.1.0";
  state.output = "/data/z \"new\".h5";
  state.exit_code = 5;
  state.options = {{"bands", "g r i z"}, {"dnf.neighbours", "80"}, {"empty", ""}, {"quoted", "a\\b\"c\"\nµ"}};
  state.inputs = {{"/data/cat.h5", 123456789012, 1700000000123456789, "00000000deadbeef"}, {"/data/model.h5", 0, -1, ""}};
  state.products = {{"/data/z.h5", 77}, {"/data/z.fits", 0}};
  return state;
}

void expect_equal(const RunState& a, const RunState& b) {
  EXPECT_EQ(a.phase, b.phase);
  EXPECT_EQ(a.command, b.command);
  EXPECT_EQ(a.version, b.version);
  EXPECT_EQ(a.output, b.output);
  EXPECT_EQ(a.exit_code, b.exit_code);
  EXPECT_EQ(a.options, b.options);
  EXPECT_EQ(a.inputs, b.inputs);
  ASSERT_EQ(a.products.size(), b.products.size());
  for (std::size_t i = 0; i < a.products.size(); ++i) {
    EXPECT_EQ(a.products[i].path, b.products[i].path);
    EXPECT_EQ(a.products[i].bytes, b.products[i].bytes);
  }
}

class RunStateFile : public testing::Test {
 protected:
  Folder folder;
  std::string path = folder.file("state.json");
};

TEST_F(RunStateFile, ReadsBackWhatWasWritten) {
  for (const RunState& state : {example(), RunState()}) {
    write_file(path, state.text());
    const auto found = read_run_state(path);
    ASSERT_TRUE(found);
    expect_equal(*found, state);
  }
}

TEST_F(RunStateFile, IsNoneWhenItIsNotThereAndAnErrorWhenItIsNotOfThisFormat) {
  EXPECT_FALSE(read_run_state(path));
  const std::string whole = example().text();
  for (std::size_t size = 0; size + 2 < whole.size(); ++size) {  // without its last brace
    write_file(path, whole.substr(0, size));
    ASSERT_TRUE(contains(error_of<IoError>([&] { (void)read_run_state(path); }), "--fresh")) << size;
  }
  for (const char* other : {"[]", "{}", "null", "{\"format\": 2}", "{\"format\": \"1\", \"phase\": 3}", "state"}) {
    write_file(path, other);
    EXPECT_TRUE(contains(error_of<IoError>([&] { (void)read_run_state(path); }), "--fresh")) << other;
  }
}

TEST(SameRun, IsOneWithTheSameCommandOptionsAndInputsWhateverElseDiffers) {
  RunState now = example();
  EXPECT_NO_THROW(check_same_run(example(), now));
  now.phase = "done";
  now.exit_code = 0;
  now.products.clear();
  EXPECT_NO_THROW(check_same_run(example(), now));
}

TEST(SameRun, IsNotOneWithOtherOptionsAndAllOfThemAreNamed) {
  RunState now = example();
  now.version = "0.2.0";
  now.options["dnf.neighbours"] = "20";
  now.options["empty"] = "x";
  now.options.erase("bands");
  now.options["added"] = "1";
  const std::string message = error_of<UsageError>([&] { check_same_run(example(), now); });
  for (const char* part : {now.output.c_str(), "version: 0.1.0 then, 0.2.0 now", "dnf.neighbours: 80 then, 20 now",
                           "empty: unset then, x now", "bands: g r i z then, unset now", "added: unset then, 1 now", "--fresh"})
    EXPECT_TRUE(contains(message, part));
  EXPECT_EQ(message.find("quoted"), std::string::npos) << "it is the same";
  EXPECT_EQ(message.find("command"), std::string::npos);
}

TEST(SameRun, IsNotOneOfAnotherCommandOrWithOtherInputs) {
  RunState now = example();
  now.command = "mock";
  EXPECT_TRUE(contains(error_of<UsageError>([&] { check_same_run(example(), now); }), "command: photoz then, mock now"));
  now = example();
  std::swap(now.inputs[0], now.inputs[1]);
  EXPECT_TRUE(contains(error_of<UsageError>([&] { check_same_run(example(), now); }), "inputs: /data/cat.h5 /data/model.h5 then"));
  now.inputs.pop_back();
  EXPECT_THROW(check_same_run(example(), now), UsageError);
}

TEST(SameRun, IsNotOneWithAnInputThatHasChanged) {
  for (int change = 0; change < 3; ++change) {
    RunState now = example();
    if (change == 0) ++now.inputs[1].bytes;
    if (change == 1) ++now.inputs[1].time_ns;
    if (change == 2) now.inputs[1].hash = "1";
    const std::string message = error_of<DataError>([&] { check_same_run(example(), now); });
    EXPECT_TRUE(contains(message, "/data/model.h5: changed"));
    EXPECT_TRUE(contains(message, "--fresh"));
  }
}

class Inputs : public testing::Test {
 protected:
  Inputs() { write_file(path, std::string(300'000, 'a')); }
  /// Changes the content and leaves the size and the time as they were.
  void overwrite(std::size_t at) const {
    const auto time = fs::last_write_time(path);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file << 'b';
    file.close();
    fs::last_write_time(path, time);
  }
  Folder folder;
  std::string path = folder.file("cat.h5");
};

TEST_F(Inputs, AreTheSameWhenNothingChanged) {
  EXPECT_EQ(input_state(path), input_state(path));
  EXPECT_EQ(input_state(path).bytes, 300'000);
}

TEST_F(Inputs, DifferWhenTheirTimeDoes) {
  const InputState before = input_state(path);
  fs::last_write_time(path, fs::last_write_time(path) + std::chrono::microseconds(1));
  const InputState after = input_state(path);
  EXPECT_EQ(after.time_ns - before.time_ns, 1000);
  EXPECT_EQ(after.hash, before.hash);
}

TEST_F(Inputs, DifferWhenTheirHeaderOrEndDoesAlsoBehindTheTimesBack) {
  for (const std::size_t at : {0U, 65'535U, 299'999U, 240'000U}) {
    const InputState before = input_state(path);
    overwrite(at);
    const InputState after = input_state(path);
    EXPECT_EQ(after.time_ns, before.time_ns);
    EXPECT_NE(after.hash, before.hash) << at;
  }
}

TEST_F(Inputs, MayBeSmallOrEmptyOrNoFile) {
  for (const char* text : {"", "x"}) {
    write_file(path, text);
    EXPECT_EQ(input_state(path), input_state(path));
  }
  EXPECT_EQ(input_state("/dev/null").hash, "");
}

TEST_F(Inputs, AreKnownByTheirWholePath) {
  fs::create_directory(folder.file("sub"));
  EXPECT_EQ(input_state(folder.file("sub/../cat.h5")).path, fs::canonical(path).string());
}

TEST_F(Inputs, WithASelectionAreTheirFileAndTheSelection) {
  const InputState whole = input_state(path), part = input_state(path + "[1][mag<20]");
  EXPECT_EQ(part.path, whole.path + "[1][mag<20]");
  EXPECT_NE(part, input_state(path + "[1][mag<21]"));
  EXPECT_EQ(part.hash, whole.hash);
  overwrite(240'000U);
  EXPECT_NE(input_state(path + "[1][mag<20]").hash, part.hash);
  EXPECT_TRUE(contains(error_of<IoError>([&] { (void)input_state(folder.file("none.h5[1]")); }), "none.h5[1]: no such file"));
}

TEST_F(Inputs, MustBeThere) {
  EXPECT_TRUE(contains(error_of<IoError>([&] { (void)input_state(folder.file("none.h5")); }), "none.h5"));
}

}  // namespace
}  // namespace skyfold
