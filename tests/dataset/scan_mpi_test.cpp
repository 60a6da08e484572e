#include "skyfold/dataset/scan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

#include "../random_conditions.hpp"
#include "../support.hpp"
#include "skyfold/dataset/chosen_rows.hpp"
#include "skyfold/table/algebra.hpp"

/// A scan gives the rows of a full scan, and reads what it must.
namespace skyfold {
namespace {

using testing_support::ConditionWriter;
using testing_support::contains;
using testing_support::error_of;
using testing_support::Folder;
using testing_support::read_file;

constexpr std::int64_t zones = 4, rows = zones * zone_rows - 1000;
const Schema schema = {{"id", Type::i8},
                       {"ra", Type::f8},
                       {"dec", Type::f8},
                       {"x", Type::f8},
                       {"mag", Type::f4},
                       {.name = "big", .type = Type::i8},
                       {.name = "part", .type = Type::i8, .null = 99},
                       {.name = "n", .type = Type::i4, .null = -1},
                       {"word", Type::text, 1},
                       {healpix_column, Type::i8}};

/// Objects in the order of the sky, whose columns are other in each zone, with missing values; zone 2 has no x at all.
Table objects() {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  std::mt19937_64 random(7);
  const auto below = [&](std::int64_t n) { return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n)); };
  std::vector<std::pair<std::int64_t, Position>> places;
  for (std::int64_t i = 0; i < rows; ++i) {
    const Position at{static_cast<double>(below(1'000'000)) * 1e-5 + 40.0, static_cast<double>(below(1'000'000)) * 1e-5 - 5.0};
    places.emplace_back(healpix29(at), at);
  }
  std::ranges::sort(places, {}, [](const auto& place) { return place.first; });
  Table table(schema, static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const std::int64_t zone = static_cast<std::int64_t>(i) / zone_rows;
    table[0].values<std::int64_t>()[i] = static_cast<std::int64_t>(i);
    table[1].values<double>()[i] = places[i].second.ra;
    table[2].values<double>()[i] = places[i].second.dec;
    table[3].values<double>()[i] =
        zone == 2 || below(50) == 0 ? nan : static_cast<double>(below(1000)) * 0.01 + static_cast<double>(zone) * 5.0;
    table[4].values<float>()[i] = static_cast<float>(below(100'000 / (zone + 1))) * 1e-4F + static_cast<float>(zone) * 12.0F;
    table[5].values<std::int64_t>()[i] = zone == 3 ? 1237648720693755918 + below(7) : (std::int64_t{1} << 53) * zone + below(5);
    table[6].values<std::int64_t>()[i] = zone == 1 && below(3) == 0 ? 99 : below(30) + 10 * zone;
    table[7].values<std::int32_t>()[i] = below(9) == 0 ? -1 : static_cast<std::int32_t>(4 * zone);
    table[8].values<char>()[i] = "ab"[below(2)];
    table[9].values<std::int64_t>()[i] = places[i].first;
  }
  return table;
}

const Table& all_objects() {
  static const Table table = objects();
  return table;
}

class ScanOnRanks : public testing::Test {
 protected:
  ScanOnRanks() {
    if (ranks.is_first()) folder = std::make_unique<Folder>();
    path = ranks.broadcast(ranks.is_first() ? folder->file("survey.h5") : "");
  }
  ~ScanOnRanks() override {
    ranks.together([] {});
  }

  void write(Ordering ordering = Ordering::healpix) {
    CatalogueLayout layout;
    layout.schema = schema;
    layout.rows = rows;
    layout.ordering = ordering;
    layout.roles = {"id", "ra", "dec", ""};
    layout.creator = "a test";
    layout.provenance = "{}";
    ranks.on_first_only([&] {
      create_catalogue(path, layout);
      RowWriter writer(path);
      writer.write(0, all_objects());
      writer.sync();
    });
    finalise_catalogue(ranks, path);
  }

  RankClock clock;
  Ranks ranks{clock};
  std::unique_ptr<Folder> folder;
  std::string path;
};

/// What the operating system says that this process has read.
std::int64_t bytes_of_system() {
  const std::string text = read_file("/proc/self/io");
  return std::stoll(text.substr(text.find("rchar: ") + 7));
}

std::vector<std::int64_t> ids_of(const Dataset& dataset, const ScanRequest& request, ScanCounts* counts = nullptr) {
  std::vector<std::int64_t> ids;
  const ScanCounts counted = scan(dataset, request, [&](const Table& table, std::span<const std::int64_t> numbers) {
    const auto of_block = table.at("id").values<std::int64_t>();
    EXPECT_TRUE(std::ranges::equal(of_block, numbers));  // ids are row numbers
    ids.insert(ids.end(), of_block.begin(), of_block.end());
  });
  if (counts) *counts = counted;
  return ids;
}

/// Without any skipping.
std::vector<std::int64_t> expected_ids(const Condition* condition, const Region* region) {
  std::vector<std::uint8_t> holds(all_objects().rows(), 1);
  if (condition) condition->evaluate(all_objects(), holds);
  std::vector<std::int64_t> ids;
  for (std::size_t i = 0; i < holds.size(); ++i)
    if (holds[i] && (!region || contains(*region, all_objects()[9].values<std::int64_t>()[i]))) ids.push_back(static_cast<std::int64_t>(i));
  return ids;
}

TEST_F(ScanOnRanks, ReadsHalfTheBytesForACutThatExcludesHalfTheZones) {
  write();
  const Dataset dataset(path);
  const auto bytes_for = [&](const std::string& cut, std::int64_t blocks) {
    ScanCounts counts;
    const std::int64_t before = bytes_of_system();
    const auto ids = ids_of(dataset, {{"id", "x"}, Condition(cut, schema, "cut")}, &counts);
    const std::int64_t read = bytes_of_system() - before;
    const Condition condition(cut, schema, "cut");
    EXPECT_EQ(ids, expected_ids(&condition, nullptr)) << cut;
    EXPECT_EQ(counts.blocks, zones);
    EXPECT_EQ(counts.blocks_read, blocks) << cut;
    EXPECT_NEAR(static_cast<double>(read), static_cast<double>(counts.bytes_read), 100'000.0) << cut;  // and the statistics
    return counts.bytes_read;
  };
  // All that is read has 21 bytes a row: id, x, mag and word, of which no range is known.
  EXPECT_EQ(bytes_for("mag > -1 and word != 'c'", 4), rows * 21);
  EXPECT_EQ(bytes_for("mag < 22 and word != 'c'", 2), 2 * zone_rows * 21);
  EXPECT_EQ(bytes_for("mag > 100", 0), 0);
  EXPECT_EQ(bytes_for("n == 4 and mag < 20 and word == 'c'", 1), zone_rows * 9);  // n, mag and word, and nothing was found
  EXPECT_EQ(bytes_for("mag < 11", 1), zone_rows * 16);                            // holds for all of zone 0: mag itself is not read
}

TEST_F(ScanOnRanks, GivesTheRowsOfAFullScanForRandomConditions) {
  write();
  const Dataset dataset(path);
  std::mt19937_64 random(100 + static_cast<std::uint64_t>(ranks.rank()));
  ConditionWriter writer(random);
  std::int64_t blocks = 0, blocks_read = 0;
  for (int i = 0; i < 60; ++i) {
    const Condition condition(writer.truth(2), schema, "a test");
    Region region;
    if (i % 3 == 0)
      region = cone({40.0 + static_cast<double>(random() % 100) * 0.1, -5.0 + static_cast<double>(random() % 100) * 0.1}, 1.0, 10);
    const ScanRequest request{{"id"}, condition, i % 3 == 0 ? std::optional(region) : std::nullopt};
    std::vector<std::int64_t> expected;
    try {
      expected = expected_ids(&condition, i % 3 == 0 ? &region : nullptr);
    } catch (const DataError&) {
      if (!request.region) {
        EXPECT_THROW((void)ids_of(dataset, request), DataError) << condition.text();
      }
      continue;
    }
    ScanCounts counts;
    EXPECT_EQ(ids_of(dataset, request, &counts), expected) << condition.text();
    blocks += counts.blocks;
    blocks_read += counts.blocks_read;
  }
  EXPECT_LT(blocks_read, blocks);
}

TEST_F(ScanOnRanks, FindsARegionByTheIndexAndInAnyOtherOrder) {
  const Region region = cone({43.0, 1.0}, 0.5, 12);
  const std::vector<std::int64_t> expected = expected_ids(nullptr, &region);
  ASSERT_GT(expected.size(), 100u);
  write();
  ScanCounts counts;
  EXPECT_EQ(ids_of(Dataset(path), {{"id"}, std::nullopt, region}, &counts), expected);
  EXPECT_LE(counts.blocks_read, 2);
  ranks.together([] {});
  write(Ordering::none);
  EXPECT_EQ(ids_of(Dataset(path), {{"id"}, std::nullopt, region}), expected);
}

TEST_F(ScanOnRanks, ChosenRowsAreNumberedInTheirOrderWhateverIsAskedFor) {
  write();
  const Catalogue catalogue(path);
  const Condition condition("mag < 22 and (part & 3) != 1 or n == 12 and word == 'a'", schema, "a test");
  const std::vector<std::int64_t> expected = expected_ids(&condition, nullptr);
  std::vector<Partition> partitions;
  for (std::int64_t begin = 0; begin < rows; begin += 30'011)
    partitions.push_back({std::ssize(partitions), "", {begin, std::min(begin + 30'011, rows)}, 2.0});
  const ChosenRows chosen(ranks, catalogue, condition, partitions), uncut(ranks, catalogue, condition);
  ASSERT_EQ(chosen.size(), std::ssize(expected));
  std::int64_t next = 0;
  for (const Partition& partition : chosen.numbered(partitions)) {
    EXPECT_EQ(partition.rows.begin, next);
    EXPECT_LT(next, partition.rows.end);
    next = partition.rows.end;
  }
  EXPECT_EQ(next, chosen.size());
  std::mt19937_64 random(5);
  Table ids({{"id", Type::i8}, {"word", Type::text, 1}});
  for (int i = 0; i < 40; ++i) {
    const std::int64_t begin = static_cast<std::int64_t>(random() % expected.size()),
                       end = std::min(begin + static_cast<std::int64_t>(random() % (i % 2 ? 100 : 90'000)), chosen.size());
    const std::vector<std::int64_t> wanted(expected.begin() + begin, expected.begin() + end);
    EXPECT_EQ((i % 4 ? chosen : uncut).rows_of({begin, end}), wanted);
    chosen.read({begin, end}, ids);
    EXPECT_TRUE(std::ranges::equal(ids[0].values<std::int64_t>(), wanted));
    if (wanted.empty()) continue;
    const RowRange found = uncut.among({wanted.front(), wanted.back() + 1});
    EXPECT_EQ(found.begin, begin);
    EXPECT_EQ(found.end, end);
  }
  const ChosenRows all(catalogue);
  EXPECT_EQ(all.size(), rows);
  EXPECT_EQ(all.rows_of({3, 6}), (std::vector<std::int64_t>{3, 4, 5}));
}

TEST_F(ScanOnRanks, GivesTheSameRowsOfATableOfAnotherProgram) {
  const Folder mine;
  std::string text = "id,RA,Dec,mag\n";
  std::vector<std::int64_t> expected;
  const Region region = cone({43.0, 1.0}, 2.0, 8);
  for (std::int64_t id = 0; id < 3000; ++id) {
    const Position at{38.0 + static_cast<double>(id % 97) * 0.1, static_cast<double>(id % 31) * 0.1};
    text += std::to_string(id) + "," + std::to_string(at.ra) + "," + std::to_string(at.dec) + "," + (id % 7 ? std::to_string(id % 5) : "") +
            "\n";
    if (id % 7 && id % 5 < 3 && contains(region, healpix29(at))) expected.push_back(id);
  }
  const Dataset dataset(mine.file("t.csv", text));
  const Condition condition("mag < 2.5", dataset.schema(), "cut");
  EXPECT_EQ(ids_of(dataset, {{"id"}, condition, region}), expected);
  const Dataset without(mine.file("u.csv", "id,mag\n1,2\n"));
  EXPECT_TRUE(contains(error_of<UsageError>([&] { (void)ids_of(without, {{"id"}, std::nullopt, region}); }), "no coordinates are known"));
}

}  // namespace
}  // namespace skyfold
