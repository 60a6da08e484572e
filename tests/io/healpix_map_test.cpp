#include "skyfold/io/healpix_map.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "../support.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/io/healpix_pixels.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;
using testing_support::Folder;
using testing_support::read_file;
using testing_support::write_file;

/// A map as the writer makes it: NSide 16, columns T (f4) and N (f8), some pixels missing.
struct Written {
  Written() {
    HealpixMapLayout layout{16, false, Frame::galactic, false, {{"T", "K_CMB", Type::f4}, {"N", "", Type::f8}}, {"made by a test"}};
    for (std::size_t i = 0; i < t.size(); ++i) {
      t[i] = i % 17 == 3 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(i) * 0.25F;
      n[i] = static_cast<double>(i) * 1e-9 - 5.0;
    }
    HealpixMapWriter::create(path, layout);
    const HealpixMapWriter writer(path, layout);
    for (std::int64_t begin = 0; begin < 3072; begin += 1024)
      writer.write({begin, begin + 1024}, std::array{std::as_bytes(std::span(t).subspan(static_cast<std::size_t>(begin))).data(),
                                                     std::as_bytes(std::span(n).subspan(static_cast<std::size_t>(begin))).data()});
  }

  /// The file with a text replaced by another of the same length.
  std::string changed(const std::string& from, const std::string& to) const {
    std::string bytes = read_file(path);
    EXPECT_EQ(from.size(), to.size());
    const std::size_t at = bytes.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    bytes.replace(at, from.size(), to);
    return folder.file("changed.fits", bytes);
  }

  Folder folder;
  std::string path = folder.file("map.fits");
  std::vector<float> t = std::vector<float>(3072);
  std::vector<double> n = std::vector<double>(3072);
};

std::string error_for(const std::string& path) {
  return error_of<DataError>([&] { HealpixMapFile file(path); });
}

TEST(HealpixMap, ReadsBackWhatWasWritten) {
  const Written map;
  const HealpixMapFile file(map.path);
  EXPECT_EQ(file.nside(), 16);
  EXPECT_FALSE(file.is_nested());
  EXPECT_TRUE(file.is_full());
  EXPECT_EQ(file.frame(), Frame::galactic);
  ASSERT_EQ(file.columns().size(), 2u);
  EXPECT_EQ(file.columns()[0].unit, "K_CMB");
  for (const RowRange slots : {RowRange{0, 3072}, {5, 6}, {1000, 2100}, {1024, 2048}}) {
    std::vector<float> t(static_cast<std::size_t>(slots.size()));
    std::vector<double> n(t.size());
    const std::size_t columns[] = {1, 0};
    file.read(slots, columns, std::array{std::as_writable_bytes(std::span(n)).data(), std::as_writable_bytes(std::span(t)).data()});
    for (std::size_t i = 0; i < t.size(); ++i) {
      const std::size_t pixel = i + static_cast<std::size_t>(slots.begin);
      EXPECT_EQ(std::isnan(t[i]), pixel % 17 == 3);
      if (pixel % 17 != 3) {
        EXPECT_EQ(t[i], map.t[pixel]);
      }
      EXPECT_EQ(n[i], map.n[pixel]);
    }
  }
}

TEST(HealpixMap, IsTheSameReadAsAWholeAndInPieces) {
  const Written map;
  HealpixPixels whole(HealpixMapFile(map.path), {0, 1}, true, gather_alone), pieces(HealpixMapFile(map.path), {0, 1}, false, gather_alone);
  whole.clear(2);
  whole.load(2);
  const std::vector<RingRun> runs = {{3, 20, 2}, {1020, 10, 23}, {3070, 2, 63}};
  EXPECT_GT(pieces.need(runs), 0);
  EXPECT_EQ(pieces.need(runs), 0);  // they are there
  for (const RingRun& run : runs)
    for (std::int64_t pixel = run.first; pixel < run.first + run.count; ++pixel)
      for (const std::size_t column : {0UL, 1UL}) {
        const double a = whole.values(column)[pixel], b = pieces.values(column)[pixel];
        EXPECT_TRUE(a == b || (std::isnan(a) && std::isnan(b)));
      }
}

TEST(HealpixMap, OfARangeOfPixelsIsMissingElsewhere) {
  const Written map;
  std::string bytes = read_file(map.changed("NSIDE   =                   16", "NSIDE   =                   32"));
  bytes.replace(bytes.find("'FULLSKY '"), 10, "'PARTIAL '");
  bytes.replace(bytes.find("FIRSTPIX=                    0"), 30, "FIRSTPIX=                  500");
  bytes.replace(bytes.find("LASTPIX =                 3071"), 30, "LASTPIX =                 3571");
  const std::string path = map.folder.file("range.fits", bytes);
  HealpixPixels whole(HealpixMapFile(path), {1}, true, gather_alone), pieces(HealpixMapFile(path), {1}, false, gather_alone);
  EXPECT_FALSE(whole.file().is_full());
  whole.clear(1);
  whole.load(1);
  pieces.need(std::vector<RingRun>{{0, 1, 1}, {1500, 1, 28}, {3500, 1, 40}, {9000, 1, 83}});
  for (const std::int64_t pixel : {0, 499, 500, 1023, 1500, 3571, 3572, 9000}) {
    const double expected = pixel < 500 || pixel > 3571 ? std::nan("") : map.n[static_cast<std::size_t>(pixel - 500)];
    for (const HealpixPixels* pixels : {&whole, &pieces}) {
      const double value = pixels->values(0)[pixel];
      EXPECT_TRUE(value == expected || (std::isnan(value) && std::isnan(expected))) << pixel;
    }
  }
}

TEST(HealpixMap, RefusesRangesOfPixelsThatAreNone) {
  const Written map;
  const std::string bytes = read_file(map.changed("NSIDE   =                   16", "NSIDE   =                   32"));
  for (const auto& [first, last] : {std::pair{" 9223372036854775807", "                3571"},
                                    {"-9223372036854775808", " 9223372036854775807"},
                                    {"                 500", "-9223372036854775808"},
                                    {"                 500", "                 499"}}) {
    std::string changed = bytes;
    changed.replace(changed.find("'FULLSKY '"), 10, "'PARTIAL '");
    changed.replace(changed.find("FIRSTPIX=                    0"), 30, std::string("FIRSTPIX= ") + first);
    changed.replace(changed.find("LASTPIX =                 3071"), 30, std::string("LASTPIX = ") + last);
    EXPECT_THROW(HealpixMapFile(map.folder.file("range.fits", changed)), DataError) << first << " to " << last;
  }
}

TEST(HealpixMap, FindsColumnsByNameInAnyCase) {
  const Written map;
  const HealpixMapFile file(map.path);
  EXPECT_EQ(file.column("n"), 1u);
  EXPECT_EQ(file.known_column(std::vector<std::string>{"i_stokes", "t"}), 0u);
  EXPECT_TRUE(contains(error_of<UsageError>([&] { static_cast<void>(file.column("X")); }), "no column 'X'"));
}

TEST(HealpixMap, TakesKeywordsThatAreGivenByHand) {
  const Written map;
  const HealpixMapFile file(map.path, {"", "NESTED", "E"});
  EXPECT_TRUE(file.is_nested());
  EXPECT_EQ(file.frame(), Frame::ecliptic);
  EXPECT_FALSE(HealpixMapFile(map.changed("COORDSYS", "COORDxxx")).frame().has_value());
}

TEST(HealpixMap, SaysInOneLineWhatIsWrongWithAFile) {
  const Written map;
  EXPECT_TRUE(contains(error_for(map.changed("NSIDE   =                   16", "NSIDE   =                   32")),
                       "holds 3,072 pixels, but NSIDE = 32 has 12,288"));
  EXPECT_TRUE(contains(error_for(map.changed("NSIDE   =                   16", "NSIDE   =                  -16")), "NSIDE = -16"));
  EXPECT_TRUE(contains(error_for(map.changed("'RING    '", "'RONG    '")), "ORDERING = 'RONG'"));
  EXPECT_TRUE(contains(error_for(map.changed("ORDERING", "ORDERONG")), "ORDERING is missing (give --map.ordering)"));
  EXPECT_TRUE(contains(error_for(map.changed("'G       '", "'X       '")), "COORDSYS = 'X'"));
  EXPECT_TRUE(contains(error_for(map.changed("1024D", " 512D")), "column N has 512 values per row"));
  EXPECT_TRUE(
      contains(error_for(map.changed("NAXIS2  =                    3", "NAXIS2  =              9999999")), "announces 9,999,999 rows"));
  EXPECT_TRUE(contains(error_for(map.folder.file("text", "no FITS at all")), "not a FITS file"));
  EXPECT_TRUE(contains(error_of<IoError>([&] { static_cast<void>(HealpixMapFile(map.folder.file("zip", "\x1f\x8b\x08 compressed"))); }),
                       "decompress it first"));
  const std::string bytes = read_file(map.path);
  EXPECT_TRUE(contains(error_for(map.folder.file("short.fits", bytes.substr(0, bytes.size() - 2880 * 3))), "truncated"));
}

TEST(HealpixMap, NeverFallsOverADamagedHeader) {
  const Written map;
  const std::string bytes = read_file(map.path);
  for (std::uint64_t i = 0; i < 3000; ++i) {
    ObjectRandom random(11, i);
    std::string damaged = bytes;
    for (int k = 0; k < 3; ++k) damaged[2880 + random.next() % 2880] = static_cast<char>(random.next() % 95 + 32);
    const std::string path = map.folder.file("damaged.fits", damaged);
    try {
      HealpixPixels pixels(HealpixMapFile(path), {0}, true, gather_alone);
      pixels.clear(1);
      pixels.load(1);
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
}

TEST(HealpixMapWriter, NeedsARoomToWriteIn) {
  EXPECT_TRUE(contains(error_of<IoError>([] { HealpixMapWriter::create("/nowhere/at/all.fits", {}); }), "cannot create the file"));
}

TEST(NodeMemory, IsZeroAndBelongsToOneProcessThatIsAlone) {
  const NodeMemory memory(1 << 20, gather_alone);
  EXPECT_EQ(memory.sharers(), 1u);
  EXPECT_EQ(memory.place(), 0u);
  for (const std::byte b : memory.bytes()) ASSERT_EQ(b, std::byte{0});
}

}  // namespace
}  // namespace skyfold
