#include "import/object_join.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "../support.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/sky/match.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;
using testing_support::Folder;

constexpr std::size_t objects = 500, measurements = 2000;

/// A catalogue of a crowded field near the pole, across RA = 0.
std::string object_catalogue(const Folder& folder, bool has_repeated_id = false) {
  Table rows({{"id", Type::i8}, {"ra", Type::f8}, {"dec", Type::f8}}, objects);
  ObjectRandom random(3, 1);
  for (std::size_t i = 0; i < objects; ++i) {
    rows[0].values<std::int64_t>()[i] = static_cast<std::int64_t>(i) * 977 + 5;
    rows[1].values<double>()[i] = std::fmod(359.7 + 0.6 * random.uniform(), 360.0);
    rows[2].values<double>()[i] = 89.9 + 0.002 * random.uniform();
  }
  if (has_repeated_id) rows[0].values<std::int64_t>()[400] = rows[0].values<std::int64_t>()[30];
  const std::string path = folder.file("o.h5");
  CatalogueLayout layout{rows.schema(), objects, Ordering::none, "", {"id", "ra", "dec", ""}, "test", "{}"};
  Attributes attributes = catalogue_attributes(layout);
  attributes["fingerprint"] = "0123456789abcdef";
  write_columns(path, {{"/object", rows}}, attributes);
  return path;
}

std::vector<std::int64_t> joined(const Catalogue& catalogue, const JoinRule& rule, const Table& rows, std::int64_t shares) {
  const std::vector<std::string> columns = rule.is_by_id() ? std::vector<std::string>{"objid"} : std::vector<std::string>{"ra", "dec"};
  std::vector<std::int64_t> object(rows.rows(), -1);
  std::vector<double> separation(rows.rows(), 0.0);
  for (std::int64_t share = 0; share < shares; ++share) {
    const auto found = read_object_share(catalogue, rule, columns, share, shares);
    found->find(rows, 0, 700, object, separation);
    found->find(rows, 700, rows.rows(), object, separation);
  }
  return object;
}

TEST(ObjectJoin, ByIdFindsTheSameInAnyNumberOfShares) {
  const Folder folder;
  const Catalogue catalogue(object_catalogue(folder));
  Table rows({{"objid", Type::i8}}, measurements);
  ObjectRandom random(5, 1);
  for (std::int64_t& id : rows[0].values<std::int64_t>()) id = random.next() % 500'000;
  for (std::size_t i = 0; i < measurements; i += 3) rows[0].values<std::int64_t>()[i] = static_cast<std::int64_t>(i % objects) * 977 + 5;
  for (const std::int64_t shares : {1, 2, 7, 600}) {
    const std::vector<std::int64_t> object = joined(catalogue, join_rule("id:objid"), rows, shares);
    for (std::size_t i = 0; i < measurements; ++i) {
      const std::int64_t id = rows[0].values<std::int64_t>()[i];
      const bool is_there = id % 977 == 5 && id / 977 < static_cast<std::int64_t>(objects);
      EXPECT_EQ(object[i], is_there ? id / 977 : -1);
    }
  }
}

TEST(ObjectJoin, ByPositionFindsTheNearestInAnyNumberOfShares) {
  const Folder folder;
  const Catalogue catalogue(object_catalogue(folder));
  const Table all = read_columns(catalogue.path(), "/object");
  Table rows({{"ra", Type::f8}, {"dec", Type::f8}}, measurements);
  ObjectRandom random(6, 1);
  for (std::size_t i = 0; i < measurements; ++i) {
    rows[0].values<double>()[i] = std::fmod(359.7 + 0.6 * random.uniform(), 360.0);
    rows[1].values<double>()[i] = 89.9 + 0.002 * random.uniform();
  }
  std::size_t found = 0;
  std::vector<std::int64_t> nearest(measurements, -1);
  for (std::size_t i = 0; i < measurements; ++i) {
    double least = 0.1;
    for (std::size_t k = 0; k < objects; ++k) {
      const double separation = separation_arcsec(direction_of(rows[0].number(i), rows[1].number(i)),
                                                  direction_of(all.at("ra").number(k), all.at("dec").number(k)));
      if (separation >= least) continue;
      least = separation;
      nearest[i] = static_cast<std::int64_t>(k);
    }
    found += nearest[i] >= 0;
  }
  EXPECT_GT(found, measurements / 10);
  EXPECT_LT(found, measurements);
  for (const std::int64_t shares : {1, 3, 40}) EXPECT_EQ(joined(catalogue, join_rule("position:0.1"), rows, shares), nearest);
}

TEST(ObjectJoin, SharesFitTheMemory) {
  const Folder folder;
  const Catalogue catalogue(object_catalogue(folder));
  EXPECT_EQ(object_shares(catalogue, join_rule("id:objid"), 1'000'000), 1);
  EXPECT_EQ(object_shares(catalogue, join_rule("id:objid"), 24 * 100), 5);
  EXPECT_EQ(object_shares(catalogue, join_rule("position:1"), 64 * 100), 5);
}

TEST(ObjectJoin, RefusesAnIdOfTwoObjects) {
  const Folder folder;
  const Catalogue catalogue(object_catalogue(folder, true));
  EXPECT_TRUE(contains(error_of<DataError>([&] { (void)read_object_share(catalogue, join_rule("id:objid"), {"objid"}, 0, 1); }),
                       "column id: rows 31 and 401 have the same id"));
}

TEST(JoinRule, IsReadOrRefused) {
  EXPECT_EQ(join_rule("id: OBJID").id, "OBJID");
  EXPECT_EQ(join_rule("position:0.5").radius_arcsec, 0.5);
  for (const char* text : {"", "id", "id:", "position", "position:x", "position:nan", "position:-1", "position:4000", "name:x"})
    EXPECT_FALSE(error_of<UsageError>([&] { (void)join_rule(text); }).empty()) << text;
}

}  // namespace
}  // namespace skyfold
