// Records of a pipeline: what is written is read, what is torn never happened, what is damaged is said.
#include "skyfold/workflow/records.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "../support.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/workflow/state.hpp"

namespace skyfold::workflow {
namespace {

std::vector<Record> one_of_each() {
  EndRecord end;
  end.job = 1;
  end.how = "failed";
  end.exit_code = 2;
  end.message = "no \"PSF\" star\\ \xff\n";
  end.folder = "cat";
  end.outputs = {{"cat/a.cat", "0123456789abcdef", 17}};
  end.events = {{2, 1, "reduced", {{"brick", "3"}}}};
  return {SessionRecord{1.5, "node07", "0.1.0", "me", 12, 4},
          EventRecord{1, 0, "image", {{"brick", "3"}, {"name", "caf\xc3\xa9 \x80"}}},
          JobRecord{1, "reduce", {1}, {{"brick", "3"}}, ""},
          StartRecord{1, 1, 2.0, "rank 2", "node07"},
          end,
          InvalidRecord{{1}, {2}, "retry"},
          CloseRecord{3.0, 5}};
}

std::vector<std::string> lines_read(const std::string& path) {
  std::vector<std::string> lines;
  JournalReader(path).read([&lines](const Record& record) { lines.push_back(line_of(record)); });
  return lines;
}

class Journal : public testing::Test {
 protected:
  testing_support::Folder folder_;
  std::string path_ = folder_.file("journal");
};

TEST_F(Journal, GivesBackWhatWasWrittenWhateverItsBytes) {
  std::vector<std::string> written;
  JournalWriter writer(path_);
  for (const Record& record : one_of_each()) {
    writer.add(record);
    written.push_back(line_of(record));
  }
  writer.sync();
  EXPECT_EQ(lines_read(path_), written);
}

TEST_F(Journal, IsCutAtEachByteAndTakenUpThere) {
  std::string text;
  for (const Record& record : one_of_each()) text += line_of(record);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    std::ofstream(path_, std::ios::binary) << text.substr(0, cut);
    const auto whole = static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(cut), '\n'));
    ASSERT_EQ(lines_read(path_).size(), whole) << cut;
    {
      JournalWriter writer(path_);
      writer.add(CloseRecord{4.0, 0});
      writer.flush();
    }
    const auto lines = lines_read(path_);
    ASSERT_EQ(lines.size(), whole + 1) << cut;
    ASSERT_EQ(lines.back(), line_of(CloseRecord{4.0, 0}));
  }
}

TEST_F(Journal, SaysWhichLineIsDamaged) {
  std::string text;
  for (const Record& record : one_of_each()) text += line_of(record);
  text[text.find("reduce")] = 'X';
  std::ofstream(path_, std::ios::binary) << text;
  try {
    (void)lines_read(path_);
    FAIL() << "nothing was said";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find(path_ + ":3:"), std::string::npos) << error.what();
  }
}

TEST_F(Journal, IsReadOnWhileItGrows) {
  JournalWriter writer(path_);
  JournalReader reader(path_);
  std::size_t seen = 0;
  for (const Record& record : one_of_each()) {
    writer.add(record);
    writer.flush();
    reader.read([&seen](const Record&) { ++seen; });
  }
  EXPECT_EQ(seen, 7U);
}

TEST_F(Journal, TellsOfJobsAndEventsThatThereAre) {
  PipelineState state;
  for (const Record& record : one_of_each()) state.apply(record);
  EXPECT_EQ(state.jobs().at(1).state, "failed");
  EXPECT_EQ(state.jobs().at(1).attempts, 1);
  EXPECT_FALSE(state.jobs().at(1).is_valid);
  EXPECT_FALSE(state.events().at(2).is_valid);
  EXPECT_EQ(state.events().at(1).jobs, (std::vector<std::int64_t>{1}));
  EXPECT_EQ(state.exit_code(), 5);
  EXPECT_THROW(state.apply(StartRecord{7, 1, 0.0, "", ""}), DataError);
  EXPECT_THROW(state.apply(EventRecord{1, 0, "image", {}}), DataError);
}

}  // namespace
}  // namespace skyfold::workflow
