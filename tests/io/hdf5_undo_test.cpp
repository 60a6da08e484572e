// save_structure and roll_back: a change of a file's structure that was cut anywhere leaves nothing behind.
#include <gtest/gtest.h>
#include <hdf5.h>

#include <algorithm>

#include "../support.hpp"
#include "row_tables.hpp"
#include "skyfold/io/hdf5.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;
using testing_support::contains;
using testing_support::error_of;
using testing_support::every_type;
using testing_support::Folder;
using testing_support::random_table;
using testing_support::read_file;
using testing_support::same_bytes;
using testing_support::write_file;

/// A file with large columns (1.6 MB each), small ones, and attributes, before and after a change of its structure.
class Undo : public testing::Test {
 protected:
  Undo()
      : large(random_table({{"ra", Type::f8}, {"dec", Type::f8}, {"flag", Type::u1}}, 200'000, 1)),
        small(random_table(every_type(), 50, 2)) {
    write_columns(path, {{"/object", large}, {"/index/small", small}}, {{"ordering", "healpix"}, {"provenance", std::string(3000, 'p')}});
    before = read_file(path);
  }
  void change() const {
    add_columns(path, {{"/index/small", random_table(every_type(), 7, 3)},
                       {"/index/order5", random_table({{"first_row", Type::i8}}, 12'289, 4)},
                       {"/index/large", random_table({{"x", Type::f8}}, 300'000, 5)}});
    write_attributes(path, {{"fingerprint", "0123456789abcdef"}, {"provenance", "shorter"}});
  }
  /// Byte ranges of datasets of at least 1 MiB: these are not saved, since nothing rewrites them.
  std::vector<std::pair<std::size_t, std::size_t>> large_columns() const {
    std::vector<std::pair<std::size_t, std::size_t>> ranges;
    const ColumnPlaces places = open_columns(path, "/object");
    for (std::size_t i = 0; i < places.offsets.size(); ++i) {
      const std::size_t bytes = places.group.schema[i].bytes_per_row() * static_cast<std::size_t>(places.group.rows);
      if (bytes >= std::size_t{1} << 20) ranges.emplace_back(static_cast<std::size_t>(places.offsets[i]), bytes);
    }
    return ranges;
  }
  /// The worst that a killed process could leave: garbage everywhere but in the large columns, at any length.
  void ruin(std::size_t size) const {
    std::string bytes = before;
    const auto kept = large_columns();
    for (std::size_t i = 0; i < bytes.size(); ++i)
      if (std::none_of(kept.begin(), kept.end(), [&](auto range) { return i >= range.first && i < range.first + range.second; }))
        bytes[i] = static_cast<char>(~bytes[i]);
    bytes.resize(size, 'x');
    write_file(path, bytes);
    EXPECT_THROW((void)read_attributes(path), Error) << "the garbage is a file that opens";
  }
  bool is_as_before() const { return read_file(path) == before; }

  Folder folder;
  std::string path = folder.file("a.h5"), undo = path + ".undo", before;
  Table large, small;
};

TEST_F(Undo, PutsEveryByteBackAfterAWholeChange) {
  save_structure(path);
  change();
  EXPECT_FALSE(is_as_before());
  roll_back(path);
  EXPECT_TRUE(is_as_before());
  EXPECT_TRUE(same_bytes(large, read_columns(path, "/object")));
  EXPECT_TRUE(same_bytes(small, read_columns(path, "/index/small")));
  EXPECT_FALSE(has_columns(path, "/index/order5"));
}

TEST_F(Undo, PutsEveryByteBackAfterAChangeThatWasCut) {
  save_structure(path);
  for (const std::size_t size : {before.size(), before.size() + 1, before.size() + 3'000'000}) {
    ruin(size);
    roll_back(path);
    EXPECT_TRUE(is_as_before()) << size;
    fs::remove(undo);
    save_structure(path);
  }
}

TEST_F(Undo, LetsTheSameChangeGiveTheSameBytes) {
  save_structure(path);
  change();
  const std::string after = read_file(path);
  roll_back(path);
  save_structure(path);
  change();
  EXPECT_EQ(read_file(path), after);
}

TEST_F(Undo, MayBeRepeated) {
  save_structure(path);
  change();
  roll_back(path);
  roll_back(path);
  EXPECT_TRUE(is_as_before());
}

TEST_F(Undo, MayBeCutItselfAndRepeated) {
  save_structure(path);
  const std::string saved = read_file(undo);
  ruin(before.size() + 100);
  const std::string ruined = read_file(path);
  for (const double share : {0.0, 0.3, 0.9}) {  // a part of the bytes was put back when the process died
    std::string half = ruined;
    half.replace(0, static_cast<std::size_t>(share * 10'000), before, 0, static_cast<std::size_t>(share * 10'000));
    write_file(path, half);
    write_file(undo, saved);
    roll_back(path);
    EXPECT_TRUE(is_as_before()) << share;
  }
}

TEST_F(Undo, KeepsRowsThatWereWrittenIntoLargeColumnsSince) {
  save_structure(path);
  const auto ranges = large_columns();
  ASSERT_EQ(ranges.size(), 2U);  // "flag" is small
  std::string bytes = before;
  bytes.replace(ranges[0].first + 800, 8, "new rows");
  write_file(path, bytes);
  roll_back(path);
  EXPECT_EQ(read_file(path), bytes);
}

TEST_F(Undo, KeepsRowsThatWereWrittenIntoSmallColumnsAfterIt) {
  save_structure(path);
  change();
  roll_back(path);
  const std::size_t at = static_cast<std::size_t>(open_columns(path, "/index/small").offsets[0]);
  std::string bytes = before;
  bytes.replace(at, 8, "new rows");  // e.g. rows that a check found damaged
  write_file(path, bytes);
  roll_back(path);  // the process died once more
  EXPECT_EQ(read_file(path), bytes);
}

TEST_F(Undo, DoesNothingToAFileThatWasNotSaved) {
  change();
  const std::string after = read_file(path);
  roll_back(path);
  EXPECT_EQ(read_file(path), after);
}

TEST_F(Undo, IsIgnoredWhenItWasCutShort) {
  save_structure(path);
  const std::string saved = read_file(undo);
  const auto edge = std::min<std::size_t>(saved.size(), 40);
  for (std::size_t size = 0; size < saved.size(); size += size < edge || size + edge > saved.size() ? 1 : 9973) {
    write_file(undo, saved.substr(0, size));
    roll_back(path);
    ASSERT_TRUE(is_as_before()) << size;
  }
  change();
  const std::string after = read_file(path);
  write_file(undo, saved.substr(0, saved.size() / 2));
  roll_back(path);
  EXPECT_EQ(read_file(path), after);
}

TEST_F(Undo, IsMuchSmallerThanTheFile) {
  save_structure(path);
  EXPECT_LT(fs::file_size(undo), before.size() / 4);
  EXPECT_FALSE(fs::exists(undo + ".new"));
}

TEST_F(Undo, WorksOnAFileWithoutColumns) {
  const std::string empty = folder.file("empty.h5");
  create_columns(empty, {}, {});
  const std::string bytes = read_file(empty);
  save_structure(empty);
  add_columns(empty, {{"/a", small}});
  roll_back(empty);
  EXPECT_EQ(read_file(empty), bytes);
}

TEST_F(Undo, NamesTheFileThatItCannotSave) {
  EXPECT_TRUE(contains(error_of<IoError>([&] { save_structure(folder.file("none.h5")); }), "none.h5"));
  write_file(path, "not an HDF5 file at all");
  EXPECT_TRUE(contains(error_of<IoError>([&] { save_structure(path); }), path));
}

}  // namespace
}  // namespace skyfold
