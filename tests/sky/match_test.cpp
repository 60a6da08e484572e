#include "skyfold/sky/match.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <random>
#include <set>

#include "../sizes.hpp"

namespace skyfold {
namespace {

using testing_support::sized;

using Pairs = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

struct Positions {
  std::vector<double> ra, dec;
  void add(double r, double d) {
    ra.push_back(r);
    dec.push_back(d);
  }
  [[nodiscard]] std::size_t size() const { return ra.size(); }
};

/// The haversine formula in extended precision: independent of unit vectors.
long double separation(double ra1, double dec1, double ra2, double dec2) {
  constexpr long double radians = std::numbers::pi_v<long double> / 180.0L;
  const long double d = std::sin((static_cast<long double>(dec1) - dec2) * radians / 2);
  const long double r = std::sin((static_cast<long double>(ra1) - ra2) * radians / 2);
  const long double h = d * d + std::cos(dec1 * radians) * std::cos(dec2 * radians) * r * r;
  return 2.0L * std::asin(std::sqrt(std::min(1.0L, h))) / radians * 3600.0L;
}

bool match(const Positions& a, std::size_t i, const Positions& b, std::size_t k, double radius) {
  if (std::abs(a.dec[i] - b.dec[k]) * 3600.0 > radius + 1e-6) return false;  // no separation is smaller than that
  return separation(a.ra[i], a.dec[i], b.ra[k], b.dec[k]) <= static_cast<long double>(radius) + match_tolerance_arcsec;
}

Pairs brute_force_pairs(const Positions& p, double radius) {
  Pairs pairs;
  for (std::uint32_t i = 0; i < p.size(); ++i)
    for (std::uint32_t k = i + 1; k < p.size(); ++k)
      if (match(p, i, p, k, radius)) pairs.emplace_back(i, k);
  return pairs;
}

Pairs ordered(Pairs pairs) {
  for (auto& [a, b] : pairs)
    if (a > b) std::swap(a, b);
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

/// Clumps at the scale of the radius about a place, which may be a pole or RA = 0.
Positions clustered(std::size_t n, double ra, double dec, double radius, unsigned seed, double spread = 6.0) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  const double step = radius / 3600.0;
  // On a tangent plane about the place, so that clumps lie across a pole.
  const Vector3 centre = direction_of(ra, dec), north = direction_of(ra, dec + 90.0 > 90.0 ? dec - 90.0 : dec + 90.0);
  const Vector3 east = {centre.y * north.z - centre.z * north.y, centre.z * north.x - centre.x * north.z,
                        centre.x * north.y - centre.y * north.x};
  Positions p;
  double x = 0.0, y = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    if (i % 4 == 0) {
      x = spread * std::sqrt(static_cast<double>(n)) * step * (uniform(random) - 0.5);
      y = spread * std::sqrt(static_cast<double>(n)) * step * (uniform(random) - 0.5);
    }
    const double u = (x + step * normal(random)) * std::numbers::pi / 180.0, v = (y + step * normal(random)) * std::numbers::pi / 180.0;
    const double a = centre.x + u * east.x + v * north.x, b = centre.y + u * east.y + v * north.y, c = centre.z + u * east.z + v * north.z;
    double place = std::atan2(b, a) * 180.0 / std::numbers::pi;
    if (place < 0.0) place += 360.0;
    p.add(place, std::atan2(c, std::hypot(a, b)) * 180.0 / std::numbers::pi);
  }
  return p;
}

struct Place {
  const char* name;
  double ra, dec;
};
constexpr Place places[] = {{"equator", 120.0, 0.0},
                            {"RA wrap", 0.0, 30.0},
                            {"north pole", 0.0, 90.0},
                            {"south pole", 200.0, -90.0},
                            {"near the pole", 359.9999, 89.99},
                            {"wrap near the south pole", 0.0, -89.999}};

TEST(SkyIndex, FindsThePairsOfBruteForceInClumpsEverywhere) {
  for (const Place& place : places)
    for (const double radius : {0.01, 1.0, 30.0}) {
      const Positions p = clustered(600, place.ra, place.dec, radius, 1);
      const Pairs expected = brute_force_pairs(p, radius);
      EXPECT_GT(expected.size(), 100U);
      EXPECT_EQ(ordered(SkyIndex(p.ra, p.dec, radius).pairs(1)), expected) << place.name << ", " << radius;
    }
}

TEST(SkyIndex, FindsWhatBruteForceFindsAboutOtherPositions) {
  for (const Place& place : places) {
    const double radius = 1.0;
    const Positions small = clustered(400, place.ra, place.dec, radius, 2), large = clustered(800, place.ra, place.dec, radius, 3, 4.0);
    const SkyIndex index(small.ra, small.dec, radius);
    std::size_t matches = 0;
    for (std::size_t i = 0; i < large.size(); ++i) {
      std::vector<SkyIndex::Found> found;
      index.find(large.ra[i], large.dec[i], found);
      std::set<std::uint32_t> ours, expected;
      for (const auto& [object, apart] : found) {
        EXPECT_TRUE(ours.insert(object).second) << "found twice";
        EXPECT_NEAR(apart, static_cast<double>(separation(large.ra[i], large.dec[i], small.ra[object], small.dec[object])), 5e-10);
      }
      for (std::uint32_t k = 0; k < small.size(); ++k)
        if (match(large, i, small, k, radius)) expected.insert(k);
      EXPECT_EQ(ours, expected) << place.name << ", object " << i;
      matches += expected.size();
    }
    EXPECT_GT(matches, 50U) << place.name;
  }
}

TEST(SkyIndex, TakesPairsAtTheRadiusItselfAndNoneBeyondTheTolerance) {
  for (const double dec : {-89.0, -45.0, 0.0, 30.0, 60.0, 89.9}) {
    for (const double radius : {0.5, 1.0, 10.0}) {
      for (const double beyond : {0.0, 3e-10, -1e-8, 1e-8, 1e-6}) {
        Positions p;
        p.add(77.0, dec);
        p.add(77.0, dec + (radius + beyond) / 3600.0);
        const long double apart = separation(p.ra[0], p.dec[0], p.ra[1], p.dec[1]);
        if (std::abs(apart - radius - match_tolerance_arcsec) < 5e-10) continue;  // too near to call
        EXPECT_EQ(SkyIndex(p.ra, p.dec, radius).pairs(1).size(), beyond < 1e-9 ? 1U : 0U) << dec << " " << radius << " " << beyond;
      }
    }
  }
}

TEST(SkyIndex, KnowsEqualPlacesByOtherNames) {
  const double ra[] = {0.0, 360.0, -360.0, 5.0, 365.0 - 360.0, -355.0, 10.0, 200.0}, dec[] = {1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 90.0, 90.0};
  const Pairs pairs = ordered(SkyIndex(ra, dec, 0.1).pairs(1));
  EXPECT_EQ(pairs, (Pairs{{0, 1}, {0, 2}, {1, 2}, {3, 4}, {3, 5}, {4, 5}, {6, 7}}));
}

TEST(SkyIndex, HoldsNothingOrOnePosition) {
  const std::vector<double> none;
  std::vector<SkyIndex::Found> found;
  const SkyIndex empty(none, none, 1.0);
  empty.find(1.0, 2.0, found);
  EXPECT_TRUE(found.empty());
  EXPECT_TRUE(empty.pairs(2).empty());
  const double ra[] = {1.0}, dec[] = {2.0};
  const SkyIndex one(ra, dec, 1.0);
  for (const double d : {-90.0, 1.99, 2.0, 2.01, 90.0}) one.find(1.0, d, found);
  EXPECT_EQ(found.size(), 1U);
}

/// Labels by repeated flooding.
std::vector<std::uint32_t> flooded(std::size_t n, const Pairs& pairs) {
  std::vector<std::uint32_t> label(n);
  for (std::uint32_t i = 0; i < n; ++i) label[i] = i;
  for (bool changes = true; changes;) {
    changes = false;
    for (const auto& [a, b] : pairs)
      if (label[a] != label[b]) {
        label[a] = label[b] = std::min(label[a], label[b]);
        changes = true;
      }
  }
  return label;
}

TEST(FriendsOfFriends, AreTheConnectedComponentsOfFiveThousandClusteredPoints) {
  Positions p;
  for (const Place& place : places) {
    const Positions part = clustered(5000 / std::size(places) + 1, place.ra, place.dec, 1.0, 5, 4.0);
    for (std::size_t i = 0; i < part.size(); ++i) p.add(part.ra[i], part.dec[i]);
  }
  const Pairs pairs = brute_force_pairs(p, 1.0);
  const std::vector<std::uint32_t> label = flooded(p.size(), pairs);
  const SkyGroups groups = friends_of_friends(p.ra, p.dec, 1.0, 2);
  std::map<std::uint32_t, std::uint64_t> group_of_label, pairs_of_group;
  for (std::uint32_t i = 0; i < p.size(); ++i) EXPECT_EQ(group_of_label.emplace(label[i], groups.group[i]).first->second, groups.group[i]);
  EXPECT_EQ(group_of_label.size(), groups.size());
  for (const auto& [a, b] : pairs) ++pairs_of_group[groups.group[a]];
  std::size_t chains = 0;
  for (std::uint32_t g = 0; g < groups.size(); ++g) {
    EXPECT_EQ(groups.pairs[g], pairs_of_group[g]);
    EXPECT_TRUE(std::is_sorted(groups.members(g).begin(), groups.members(g).end()));
    for (const std::uint32_t i : groups.members(g)) EXPECT_EQ(groups.group[i], g);
    bool all_near = true;
    for (const std::uint32_t a : groups.members(g))
      for (const std::uint32_t b : groups.members(g)) all_near &= a == b || match(p, a, p, b, 1.0);
    EXPECT_EQ(groups.is_clique(g), all_near);
    chains += !all_near;
  }
  EXPECT_GT(chains, 100U);
}

TEST(FriendsOfFriends, AreTheSameForAnyNumberOfThreads) {
  const Positions p = clustered(20'000, 0.0, 0.0, 1.0, 6, 4.0);
  const SkyGroups one = friends_of_friends(p.ra, p.dec, 1.0, 1), four = friends_of_friends(p.ra, p.dec, 1.0, 4);
  EXPECT_EQ(one.group, four.group);
  EXPECT_EQ(one.member, four.member);
  EXPECT_EQ(one.pairs, four.pairs);
}

TEST(FriendsOfFriends, CountEachPairOfPositionsThatAreThereSeveralTimes) {
  const Positions once = clustered(300, 0.0, 20.0, 1.0, 7, 4.0);
  Positions p;
  for (std::size_t turn = 0; turn < 5; ++turn)
    for (std::size_t i = 0; i < once.size(); ++i)
      if (i % 5 >= turn) p.add(once.ra[i], once.dec[i]);
  for (const double ra : {0.0, 360.0, -360.0}) p.add(ra, 40.0);
  const Pairs pairs = brute_force_pairs(p, 1.0);
  const std::vector<std::uint32_t> label = flooded(p.size(), pairs);
  for (const int threads : {1, 4}) {
    const SkyGroups groups = friends_of_friends(p.ra, p.dec, 1.0, threads);
    std::vector<std::uint64_t> expected(groups.size());
    for (const auto& [a, b] : pairs) ++expected[groups.group[a]];
    EXPECT_EQ(groups.pairs, expected);
    for (std::uint32_t i = 0; i < p.size(); ++i) {
      EXPECT_EQ(groups.group[i], groups.group[label[i]]);
      EXPECT_EQ(groups.members(groups.group[i])[0], label[i]);
    }
  }
}

/// 2e10 pairs, which nothing that looks at each of them would end with.
TEST(FriendsOfFriends, TakeManyPositionsAtOnePlaceAsOne) {
  constexpr std::uint64_t n = 200'000;
  const double step = 0.6 / 3600.0;
  Positions p;
  for (std::uint64_t i = 0; i < n; ++i) p.add(50.0, -30.0);
  p.add(50.0, -30.0 + step);
  const SkyGroups clique = friends_of_friends(p.ra, p.dec, 1.0, 2);
  ASSERT_EQ(clique.size(), 1U);
  EXPECT_EQ(clique.pairs[0], (n + 1) * n / 2);
  EXPECT_TRUE(clique.is_clique(0));
  p.add(50.0, -30.0 + 2.0 * step);
  const SkyGroups chain = friends_of_friends(p.ra, p.dec, 1.0, 2);
  ASSERT_EQ(chain.size(), 1U);
  EXPECT_EQ(chain.pairs[0], (n + 1) * n / 2 + 1);
  EXPECT_FALSE(chain.is_clique(0));
}

TEST(FriendsOfFriends, HoldNoPairsOfDensePositions) {
  Positions p;
  const auto n = sized<std::uint64_t>(6000, 1500);
  for (std::uint64_t i = 0; i < n; ++i) p.add(10.0 + 1e-8 * static_cast<double>(i % 100), 5.0 + 1e-8 * static_cast<double>(i / 100));
  const auto peak_kilobytes = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const long before = peak_kilobytes();
  const SkyGroups groups = friends_of_friends(p.ra, p.dec, 1.0, 2);
  EXPECT_LT(peak_kilobytes() - before, 50'000);  // 18 million pairs take 144 MB if they are kept
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups.pairs[0], n * (n - 1) / 2);
}

TEST(FriendsOfFriends, ChainAcrossTheWholeSphereAtLargeRadii) {
  Positions p;
  for (int i = 0; i < 180; ++i) p.add(i < 90 ? 0.0 : 180.0, i < 90 ? i : 180.0 - i);  // from the equator over the pole to the other side
  EXPECT_EQ(friends_of_friends(p.ra, p.dec, 3600.0, 1).size(), 1U);
  EXPECT_EQ(friends_of_friends(p.ra, p.dec, 3590.0, 1).size(), 180U);
}

}  // namespace
}  // namespace skyfold
