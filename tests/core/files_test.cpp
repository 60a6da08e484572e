#include "skyfold/core/files.hpp"

#include <gtest/gtest.h>

#include "../support.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;
using testing_support::contains;
using testing_support::error_of;
using testing_support::Folder;
using testing_support::read_file;
using testing_support::write_file;

TEST(WriteDurably, ReplacesAFileInOneStep) {
  const Folder folder;
  const std::string path = folder.file("state.json");
  for (const std::string& text : {std::string("a longer text"), std::string("short"), std::string()}) {
    write_durably(path, text);
    EXPECT_EQ(read_file(path), text);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
  }
  EXPECT_TRUE(contains(error_of<IoError>([&] { write_durably(folder.file("none/state.json"), "x"); }), "none/state.json"));
}

TEST(WriteDurably, TouchesNeitherWhatStandsAtForeseeableNamesNorALink) {
  const Folder folder;
  const std::string path = folder.file("z.html"), victim = folder.file("victim"), real = folder.file("real.html");
  write_file(victim, "of the user");
  for (const char* ending : {".new", ".partial", ".tmp"}) fs::create_symlink(victim, path + ending);
  fs::create_symlink("real.html", path);
  write_durably(path, "log");
  EXPECT_EQ(read_file(victim), "of the user");
  EXPECT_TRUE(fs::is_symlink(path));
  EXPECT_EQ(read_file(real), "log");
  fs::create_symlink("/dev/null", folder.file("null"));
  EXPECT_TRUE(contains(error_of<IoError>([&] { write_durably(folder.file("null"), "x"); }), "device"));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(Temporaries, HaveNamesThatNobodyForesees) {
  const Folder folder;
  const std::string a = make_temporary(folder.path()), b = make_temporary(folder.path());
  EXPECT_NE(a, b);
  EXPECT_TRUE(is_temporary(fs::path(a).filename().string()));
  for (const char* name : {"z.h5.new", ".skyfold-.new", ".skyfold-0123456789abcdeg.new", "x.skyfold-0123456789abcdef.new"})
    EXPECT_FALSE(is_temporary(name)) << name;
}

TEST(CanonicalForms, AreTheSameBeforeAndAfterTheFileIsMade) {
  const Folder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  fs::create_directory_symlink(folder.path(), folder.file("here"));
  fs::create_symlink("z.h5", folder.file("l.h5"));
  const std::vector<std::string> spellings = {"z.h5", "./z.h5", folder.file("z.h5"), "here/z.h5", "l.h5", "here/l.h5"};
  for (int made = 0; made < 2; ++made) {
    for (const std::string& path : spellings) EXPECT_EQ(canonical_form(path), canonical_form(folder.file("z.h5"))) << path;
    write_file("z.h5", "x");
  }
  fs::current_path(before);
}

TEST(Links, InACircleAreAnError) {
  const Folder folder;
  fs::create_symlink("b", folder.file("a"));
  fs::create_symlink("a", folder.file("b"));
  EXPECT_TRUE(contains(error_of<IoError>([&] { (void)link_target(folder.file("a")); }), "too many links"));
}

}  // namespace
}  // namespace skyfold
