#include "skyfold/dataset/row_sink.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <iterator>
#include <string>

namespace skyfold {
namespace {

namespace fs = std::filesystem;

class RowSinkTest : public testing::Test {
 protected:
  RowSinkTest() : folder_(testing::TempDir() + "/row_sink_" + std::to_string(getpid())) { fs::create_directories(folder_); }
  ~RowSinkTest() override { fs::remove_all(folder_); }

  [[nodiscard]] RowOutput output(const std::string& name) const {
    RowOutput o;
    o.options.output = folder_ + "/" + name;
    o.layout.schema = {{"id", Type::i8}};
    return o;
  }
  [[nodiscard]] static Table rows() { return Table({{"id", Type::i8}}, 1000); }
  [[nodiscard]] long names() const { return std::distance(fs::directory_iterator(folder_), fs::directory_iterator()); }
  /// A process that is killed while its rows wait.
  void kill_one(const std::string& name) const {
    EXPECT_EXIT(
        {
          RowSink sink(output(name));
          sink.add(rows());
          (void)raise(SIGKILL);
        },
        testing::KilledBySignal(SIGKILL), "");
  }
  std::string folder_;
};

TEST_F(RowSinkTest, LeavesItsOutputAlone) {
  {
    RowSink sink(output("a.fits"));
    sink.add(rows());
    EXPECT_EQ(sink.finish(), 1000);
    const RowSink unfinished(output("b.csv"));
    EXPECT_EQ(names(), 3);
  }
  EXPECT_EQ(names(), 1);
  EXPECT_TRUE(fs::exists(folder_ + "/a.fits"));
}

TEST_F(RowSinkTest, RemovesWhatAKilledOneLeftOfTheSameOutputAndNothingThatIsInUse) {
  kill_one("a.fits");
  kill_one("b.csv");
  ASSERT_EQ(names(), 2);
  {
    RowSink living(output("a.fits"));
    living.add(rows());
    EXPECT_EQ(names(), 2);  // that of a.fits went, its own came
    RowSink second(output("a.fits"));
    EXPECT_EQ(names(), 3);
    EXPECT_EQ(living.finish(), 1000);
  }
  EXPECT_EQ(names(), 2);
  { const RowSink again(output("b.csv")); }
  EXPECT_EQ(names(), 1);
  EXPECT_TRUE(fs::exists(folder_ + "/a.fits"));
}

}  // namespace
}  // namespace skyfold
