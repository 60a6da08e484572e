#include "skyfold/catalogue/catalogue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "../support.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;
using testing_support::Folder;
using testing_support::read_file;

constexpr std::int64_t several_zones = 3 * zone_rows + 1000;

/// Writes catalogues on all ranks, each its share of rows, into a folder that rank 0 makes.
class CatalogueOnRanks : public testing::Test {
 protected:
  CatalogueOnRanks() {
    if (ranks.is_first()) folder = std::make_unique<Folder>();
    path = ranks.broadcast(ranks.is_first() ? folder->file("survey.h5") : "");
  }
  ~CatalogueOnRanks() override {
    ranks.together([] {});
  }  // nobody reads any more when the folder goes

  /// All rows in one go, or each rank every size-th block of `block` rows.
  void write(const CatalogueLayout& layout, const Table& table, std::int64_t block = 5000) {
    ranks.on_first_only([&] { create_catalogue(path, layout); });
    ranks.together([&] {
      RowWriter writer(path);
      for (std::int64_t begin = ranks.rank() * block; begin < layout.rows; begin += ranks.size() * block) {
        const std::int64_t rows = std::min(block, layout.rows - begin);
        for (std::size_t c = 0; c < table.columns(); ++c) {
          const std::size_t width = table[c].info().bytes_per_row();
          writer.write(*find_column(writer.schema(), table[c].info().name), begin,
                       table[c].bytes().subspan(static_cast<std::size_t>(begin) * width, static_cast<std::size_t>(rows) * width));
        }
      }
      writer.sync();
    });
  }
  void finalise() { finalise_catalogue(ranks, path); }

  RankClock clock;
  Ranks ranks{clock};
  std::unique_ptr<Folder> folder;
  std::string path;
};

CatalogueLayout layout_of(Ordering ordering, std::int64_t rows) {
  CatalogueLayout layout;
  layout.schema = {{"id", Type::i8},  {"ra", Type::f8},        {"dec", Type::f8},
                   {"mag", Type::f4}, {"tile", Type::text, 6}, {healpix_column, Type::i8}};
  layout.rows = rows;
  layout.ordering = ordering;
  layout.attribute = ordering == Ordering::attribute ? "mag" : "";
  layout.roles = {"id", "ra", "dec", "tile"};
  layout.creator = "a test";
  layout.provenance = "{}";
  return layout;
}

struct Object {
  double ra, dec;
  float mag;
  std::string tile;
  std::int64_t key;
};

/// Objects in a cap, with some magnitudes missing, in the catalogue's order.
Table make_table(const CatalogueLayout& layout) {
  ObjectRandom random(1, 0);
  std::vector<Object> objects(static_cast<std::size_t>(layout.rows));
  for (Object& o : objects) {
    o.ra = std::fmod(350.0 + 20.0 * random.uniform(), 360.0);
    o.dec = 80.0 * random.uniform() - 40.0;
    o.mag = random.uniform() < 0.1 ? std::nanf("") : static_cast<float>(std::round(180.0 + 60.0 * random.uniform()) / 10.0);
    o.tile = "T" + std::to_string(static_cast<int>((o.dec + 40.0) / 8.0));
    o.key = healpix29({o.ra, o.dec});
  }
  std::stable_sort(objects.begin(), objects.end(), [&](const Object& a, const Object& b) {
    if (layout.ordering == Ordering::tile) return a.tile < b.tile;
    if (layout.ordering == Ordering::attribute) return std::isnan(b.mag) ? !std::isnan(a.mag) : a.mag < b.mag;
    return a.key < b.key;
  });
  Table table(layout.schema, objects.size());
  std::fill(table.at("tile").bytes().begin(), table.at("tile").bytes().end(), std::byte{0});
  for (std::size_t i = 0; i < objects.size(); ++i) {
    table[0].values<std::int64_t>()[i] = static_cast<std::int64_t>(i);
    table[1].values<double>()[i] = objects[i].ra;
    table[2].values<double>()[i] = objects[i].dec;
    table[3].values<float>()[i] = objects[i].mag;
    std::copy(objects[i].tile.begin(), objects[i].tile.end(), table[4].values<char>().begin() + static_cast<std::ptrdiff_t>(6 * i));
    table[5].values<std::int64_t>()[i] = objects[i].key;
  }
  return table;
}

/// The same, made once for each ordering and number of rows.
Table ordered_table(const CatalogueLayout& layout) {
  static std::map<std::pair<Ordering, std::int64_t>, Table> made;
  const std::pair key(layout.ordering, layout.rows);
  if (!made.contains(key)) made.emplace(key, make_table(layout));
  return made.at(key);
}

TEST_F(CatalogueOnRanks, ReadsBackItsLayoutAndRows) {
  const CatalogueLayout layout = layout_of(Ordering::healpix, several_zones);
  const Table table = ordered_table(layout);
  write(layout, table);
  finalise();
  const Catalogue catalogue(path);
  EXPECT_EQ(catalogue.rows(), layout.rows);
  EXPECT_EQ(catalogue.layout().roles.dec, "dec");
  EXPECT_EQ(catalogue.layout().creator, "a test");
  Table back(layout.schema);
  catalogue.reader().read({0, layout.rows}, back);
  for (std::size_t c = 0; c < table.columns(); ++c) EXPECT_TRUE(std::ranges::equal(table[c].bytes(), back[c].bytes())) << c;
}

TEST_F(CatalogueOnRanks, HasTheSameBytesWhateverTheSizeOfTheBlocks) {
  const CatalogueLayout layout = layout_of(Ordering::healpix, several_zones);
  const Table table = ordered_table(layout);
  std::set<std::string> fingerprints, contents;
  for (const std::int64_t block : {layout.rows, std::int64_t{5000}, std::int64_t{70'001}}) {  // all rows by rank 0; shares
    write(layout, table, block);
    finalise();
    fingerprints.insert(Catalogue(path).fingerprint());
    contents.insert(read_file(path));
    ranks.together([] {});
  }
  EXPECT_EQ(fingerprints.size(), 1U);
  EXPECT_EQ(contents.size(), 1U);
}

/// The fingerprint by its definition, from the values alone: rows, then each column in order of name with the hash of
/// each zone.
std::string slow_fingerprint(const Table& table) {
  std::map<std::string, const Column*> by_name;
  for (std::size_t c = 0; c < table.columns(); ++c) by_name[table[c].info().name] = &table[c];
  std::uint64_t hash = hash_text(std::to_string(table.rows()));
  for (const auto& [name, column] : by_name) {
    const ColumnInfo& info = column->info();
    const std::size_t zone = static_cast<std::size_t>(zone_rows) * info.bytes_per_row();
    hash = hash_text(name + ":" + std::string(name_of(info.type)) + ":" + std::to_string(info.width), hash);
    for (auto rest = column->bytes(); !rest.empty(); rest = rest.subspan(std::min(zone, rest.size()))) {
      const std::uint64_t content = hash_bytes(rest.first(std::min(zone, rest.size())));
      hash = hash_bytes(std::as_bytes(std::span(&content, 1)), hash);
    }
  }
  return hex64(hash);
}

TEST_F(CatalogueOnRanks, HasTheSameFingerprintOnAnyNumberOfRanks) {
  const CatalogueLayout layout = layout_of(Ordering::healpix, several_zones);
  const Table table = ordered_table(layout);
  write(layout, table);
  finalise();
  EXPECT_EQ(Catalogue(path).fingerprint(), slow_fingerprint(table));
}

TEST_F(CatalogueOnRanks, ChangesItsFingerprintWithAnyValue) {
  const CatalogueLayout layout = layout_of(Ordering::healpix, 1000);
  Table table = ordered_table(layout);
  std::set<std::string> fingerprints;
  for (const std::size_t row : {0U, 1U, 999U}) {
    table.at("dec").values<double>()[row] += 0.25;
    write(layout, table);
    finalise();
    fingerprints.insert(Catalogue(path).fingerprint());
    ranks.together([] {});
  }
  EXPECT_EQ(fingerprints.size(), 3U);
}

TEST_F(CatalogueOnRanks, IndexesEveryPixelOfOrderFive) {
  const CatalogueLayout layout = layout_of(Ordering::healpix, several_zones);
  const Table table = ordered_table(layout);
  write(layout, table);
  finalise();
  const Catalogue catalogue(path);
  const auto keys = table.at(healpix_column).values<std::int64_t>();
  ASSERT_EQ(std::ssize(catalogue.order5()), pixel_count(5) + 1);
  for (std::int64_t pixel = 0; pixel <= pixel_count(5); ++pixel)
    ASSERT_EQ(catalogue.order5()[static_cast<std::size_t>(pixel)],
              std::lower_bound(keys.begin(), keys.end(), first_key(pixel, 5)) - keys.begin());
}

TEST_F(CatalogueOnRanks, FindsTheRowOfAnyKeyWithinAnyRange) {
  const CatalogueLayout layout = layout_of(Ordering::healpix, several_zones);
  const Table table = ordered_table(layout);
  write(layout, table);
  finalise();
  const Catalogue catalogue(path);
  const OrderedRows rows = catalogue.ordered_rows();
  const auto keys = table.at(healpix_column).values<std::int64_t>();
  ObjectRandom random(2, 0);
  const auto below = [&](std::int64_t n) { return static_cast<std::int64_t>(random.uniform() * static_cast<double>(n)); };
  for (int i = 0; i < 3000; ++i) {
    const std::int64_t end = below(layout.rows + 1), begin = below(end + 1);
    const std::int64_t key = i % 3 == 0 ? below(pixel_count(29)) : keys[static_cast<std::size_t>(below(layout.rows))] + below(3) - 1;
    ASSERT_EQ(rows.row_of_key(key, {begin, end}), std::lower_bound(keys.begin() + begin, keys.begin() + end, key) - keys.begin());
  }
  EXPECT_EQ(rows.row_of_key(pixel_count(29), {0, layout.rows}), layout.rows);
}

TEST_F(CatalogueOnRanks, IndexesItsTiles) {
  const CatalogueLayout layout = layout_of(Ordering::tile, several_zones);
  const Table table = ordered_table(layout);
  write(layout, table);
  finalise();
  const auto tiles = Catalogue(path).ordered_rows().tiles;
  ASSERT_EQ(tiles.size(), 10U);
  std::int64_t next = 0;
  for (const auto& tile : tiles) {
    ASSERT_EQ(tile.rows.begin, next);
    next = tile.rows.end;
    for (std::int64_t row = tile.rows.begin; row < tile.rows.end; ++row)
      ASSERT_EQ(table.at("tile").text(static_cast<std::size_t>(row)), tile.name);
  }
  EXPECT_EQ(next, layout.rows);
}

TEST_F(CatalogueOnRanks, KnowsTheRowsWithoutAnAttribute) {
  const CatalogueLayout layout = layout_of(Ordering::attribute, several_zones);
  const Table table = ordered_table(layout);
  write(layout, table);
  finalise();
  const Catalogue catalogue(path);
  const OrderedRows rows = catalogue.ordered_rows();
  std::int64_t missing = 0;
  for (std::size_t i = 0; i < table.rows(); ++i) missing += std::isnan(table.at("mag").number(i));
  EXPECT_EQ(rows.attribute_missing, missing);
  EXPECT_EQ(rows.attribute_at(12345), table.at("mag").number(12345));
}

TEST_F(CatalogueOnRanks, MayHaveNoRows) {
  for (const Ordering ordering : {Ordering::healpix, Ordering::none}) {
    const CatalogueLayout layout = layout_of(ordering, 0);
    write(layout, ordered_table(layout));
    finalise();
    EXPECT_EQ(Catalogue(path).rows(), 0);
    ranks.together([] {});
  }
}

/// Damages a row of an ordered catalogue; finalising it must fail on every rank.
struct Damage {
  Ordering ordering;
  std::int64_t row;
  std::function<void(Table&, std::size_t)> apply;
};

TEST_F(CatalogueOnRanks, RefusesRowsThatAreNotInOrderWhereverTheyAre) {
  const auto key = [](std::int64_t value) {
    return [value](Table& t, std::size_t i) { t.at(healpix_column).values<std::int64_t>()[i] = value; };
  };
  const auto tile = [](Table& t, std::size_t i) { t.at("tile").values<char>()[6 * i] = 'A'; };
  const auto magnitude = [](Table& t, std::size_t i) { t.at("mag").values<float>()[i] = -5.0F; };
  const auto missing = [](Table& t, std::size_t i) { t.at("mag").values<float>()[i] = std::nanf(""); };
  const Damage damages[] = {
      {Ordering::healpix, 777, key(0)},
      {Ordering::healpix, zone_rows, key(0)},  // between zones
      {Ordering::healpix, 5, key(-1)},
      {Ordering::healpix, several_zones - 1, key(std::int64_t{1} << 62)},  // no such pixel
      {Ordering::healpix, several_zones - 1, key(-(std::int64_t{1} << 60))},
      {Ordering::tile, 777, tile},
      {Ordering::tile, zone_rows, tile},
      {Ordering::attribute, 777, magnitude},
      {Ordering::attribute, zone_rows, magnitude},
      {Ordering::attribute, 777, missing},
  };
  for (const Damage& damage : damages) {
    const CatalogueLayout layout = layout_of(damage.ordering, several_zones);
    Table table = ordered_table(layout);
    damage.apply(table, static_cast<std::size_t>(damage.row));
    write(layout, table);
    try {
      finalise();
      ADD_FAILURE() << "no error: " << name_of(damage.ordering) << " row " << damage.row;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::io);
      EXPECT_TRUE(contains(error.what(), "not in order"));
    }
    EXPECT_FALSE(is_catalogue(path));
    ranks.together([] {});
  }
}

TEST_F(CatalogueOnRanks, IsNotOneBeforeItIsFinished) {
  const CatalogueLayout layout = layout_of(Ordering::healpix, 100);
  write(layout, ordered_table(layout));
  EXPECT_FALSE(is_catalogue(path));
  EXPECT_TRUE(contains(error_of<DataError>([&] { const Catalogue unfinished(path); }), "unfinished"));
  ranks.together([] {});
  finalise();
  EXPECT_TRUE(is_catalogue(path));
}

TEST_F(CatalogueOnRanks, IsRefusedWhenItsIndexIsDamaged) {
  const CatalogueLayout layout = layout_of(Ordering::healpix, 100);
  write(layout, ordered_table(layout));
  finalise();
  ranks.on_first_only([&] {
    Table index({{"first_row", Type::i8}}, 3);
    std::fill_n(index[0].values<std::int64_t>().begin(), 3, 0);
    add_columns(path, {{"/index/order5", index}});
  });
  EXPECT_TRUE(contains(error_of<DataError>([&] { const Catalogue damaged(path); }), path));
}

TEST_F(CatalogueOnRanks, RefusesAnIndexOfTilesThatLeavesRowsOut) {
  const CatalogueLayout layout = layout_of(Ordering::tile, 100);
  write(layout, ordered_table(layout));
  finalise();
  const Table whole = read_columns(path, "/index/tile");
  ASSERT_GT(whole.rows(), 2U);
  EXPECT_EQ(Catalogue(path).tiles().size(), whole.rows());
  ranks.together([] {});  // all have read it, before it is damaged
  for (const auto& [tile, first_row] : {std::pair{0, 5}, {1, 0}, {2, 1'000'000}, {1, -1}}) {
    ranks.on_first_only([&] {
      Table damaged = slice(whole, 0, whole.rows());
      damaged.at("first_row").values<std::int64_t>()[static_cast<std::size_t>(tile)] = first_row;
      add_columns(path, {{"/index/tile", damaged}});
    });
    EXPECT_TRUE(contains(error_of<DataError>([&] { (void)Catalogue(path).tiles(); }), "damaged index of tiles"))
        << tile << " " << first_row;
    ranks.together([] {});
  }
}

TEST_F(CatalogueOnRanks, NamesAFileThatIsNoCatalogue) {
  ranks.on_first_only([&] { testing_support::write_file(path, "id,ra,dec\n1,2,3\n"); });
  EXPECT_TRUE(contains(error_of<DataError>([&] { const Catalogue text(path); }), path + ": is a text file"));
  ranks.together([] {});
  ranks.on_first_only([&] { write_columns(path, {{"/object", Table({{"x", Type::f8}}, 0)}}, {}); });
  EXPECT_TRUE(contains(error_of<DataError>([&] { const Catalogue other(path); }), "not a skyfold catalogue"));
}

}  // namespace
}  // namespace skyfold
