#include "skyfold/sky/htm.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <numbers>
#include <sstream>
#include <string>
#include <vector>

#include "skyfold/core/random.hpp"

namespace skyfold {
namespace {

struct Vector {
  double ra, dec;
  std::int64_t id;
};

/// Positions and ids of a CSV file of the shared data; empty without it.
std::vector<Vector> vectors_of(const std::string& name, std::size_t id_column) {
  const char* folder = std::getenv("SKYFOLD_SHARED_DATA");
  std::ifstream file((folder ? std::string(folder) : std::string(SKYFOLD_SOURCE_DIR "/../shared/data")) + "/catalogue/vectors/" + name);
  std::vector<Vector> vectors;
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> cells;
    std::istringstream cut(line);
    for (std::string cell; std::getline(cut, cell, ',');) cells.push_back(cell);
    if (cells.size() <= id_column || cells[id_column].empty() || cells[0].starts_with("ra") || cells[0].starts_with('#')) continue;
    vectors.push_back({std::stod(cells[0]), std::stod(cells[1]), std::stoll(cells[id_column])});
  }
  return vectors;
}

using Long = long double;
using Triple = std::array<Long, 3>;

/// Whether a direction lies in the trixel of that id, by its definition, in long double; as the rule has it, up to 1e-15 outside an edge.
bool holds(std::int64_t id, int level, Position p) {
  const std::vector<Triple> v = {{0, 0, 1}, {1, 0, 0}, {0, 1, 0}, {-1, 0, 0}, {0, -1, 0}, {0, 0, -1}};
  const int roots[8][3] = {{1, 5, 2}, {2, 5, 3}, {3, 5, 4}, {4, 5, 1}, {1, 0, 4}, {4, 0, 3}, {3, 0, 2}, {2, 0, 1}};
  const auto middle = [](const Triple& a, const Triple& b) {
    Triple sum = {a[0] + b[0], a[1] + b[1], a[2] + b[2]};
    const Long length = std::sqrt(sum[0] * sum[0] + sum[1] * sum[1] + sum[2] * sum[2]);
    for (Long& x : sum) x /= length;
    return sum;
  };
  const int* root = roots[(id >> (2 * level)) - 8];
  Triple a = v[static_cast<std::size_t>(root[0])], b = v[static_cast<std::size_t>(root[1])], c = v[static_cast<std::size_t>(root[2])];
  for (int l = level - 1; l >= 0; --l) {
    const Triple w0 = middle(b, c), w1 = middle(a, c), w2 = middle(a, b), old_a = a, old_b = b, old_c = c;
    const auto child = (id >> (2 * l)) & 3;
    a = child == 0 ? old_a : child == 1 ? old_b : child == 2 ? old_c : w0;
    b = child == 0 ? w2 : child == 1 ? w0 : w1;
    c = child == 0 ? w1 : child == 1 ? w2 : child == 2 ? w0 : w2;
  }
  const Long degree = std::numbers::pi_v<Long> / 180, ra = p.ra * degree, dec = p.dec * degree;
  const Triple x = {std::cos(ra) * std::cos(dec), std::sin(ra) * std::cos(dec), std::sin(dec)};
  const auto side = [&](const Triple& s, const Triple& t) {
    return (s[1] * t[2] - s[2] * t[1]) * x[0] + (s[2] * t[0] - s[0] * t[2]) * x[1] + (s[0] * t[1] - s[1] * t[0]) * x[2];
  };
  return side(a, b) > -2e-15L && side(b, c) > -2e-15L && side(c, a) > -2e-15L;
}

TEST(Htm, IdsAreThoseOfTheJhuLibraryOnExactEdgesToo) {
  const std::vector<Vector> vectors = vectors_of("htm9_vectors.csv", 3);
  if (vectors.empty()) GTEST_SKIP() << "no shared data";
  EXPECT_EQ(vectors.size(), 229U);
  for (const Vector& v : vectors) EXPECT_EQ(htm_id({v.ra, v.dec}, 9), v.id) << v.ra << " " << v.dec;
}

TEST(Htm, IdsAreThoseThatAProductionArchivePrints) {
  const std::vector<Vector> vectors = vectors_of("datalab_real_vectors.csv", 2);
  if (vectors.empty()) GTEST_SKIP() << "no shared data";
  EXPECT_EQ(vectors.size(), 17U);
  for (const Vector& v : vectors) EXPECT_EQ(htm_id({v.ra, v.dec}, 9), v.id) << v.ra << " " << v.dec;
}

TEST(Htm, TrixelsHoldThePositionsThatAreNumberedByThem) {
  ObjectRandom random(7, 1);
  for (int i = 0; i < 3000; ++i) {
    // A third of them on multiples of 15 degrees, where edges and corners are.
    const bool is_round = i % 3 == 0;
    Position p{360.0 * random.uniform(), std::asin(2.0 * random.uniform() - 1.0) * 180.0 / std::numbers::pi};
    if (is_round) p = {15.0 * std::floor(p.ra / 15.0), 15.0 * std::floor(p.dec / 15.0)};
    for (const int level : {0, 3, 9, max_htm_level}) {
      const std::int64_t id = htm_id(p, level);
      EXPECT_TRUE(holds(id, level, p)) << p.ra << " " << p.dec << " level " << level;
      EXPECT_EQ(id >> (2 * level), htm_id(p, 0));
    }
  }
}

TEST(Htm, LongitudesMayBeNegative) {
  EXPECT_EQ(htm_id({-75.5, 12.0}, 9), htm_id({284.5, 12.0}, 9));
  std::vector<std::int64_t> ids(2);
  htm_ids(std::vector{10.0, 200.5}, std::vector{0.0, 0.0}, 9, ids);
  EXPECT_EQ(ids, (std::vector<std::int64_t>{2099216, 2629732}));
}

}  // namespace
}  // namespace skyfold
