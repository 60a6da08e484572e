#include "skyfold/core/random.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace skyfold {
namespace {

using Counter = std::array<std::uint32_t, 4>;

// Known answers of Random123 (Salmon et al. 2011), file kat_vectors, philox4x32 with 10 rounds.
TEST(Philox, GivesTheKnownAnswerForZeros) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
}
TEST(Philox, GivesTheKnownAnswerForOnes) {
  constexpr std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox4x32({ones, ones, ones, ones}, {ones, ones}), (Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}
TEST(Philox, GivesTheKnownAnswerForTheDigitsOfPi) {
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

/// Raw moments 1 to 4 of n draws.
template <class Draw>
std::array<double, 4> moments(std::size_t n, Draw draw) {
  std::array<double, 4> sums{};
  for (std::size_t i = 0; i < n; ++i) {
    double power = 1.0;
    for (const double x = draw(); double& sum : sums) sum += (power *= x);
  }
  for (double& sum : sums) sum /= static_cast<double>(n);
  return sums;
}

constexpr std::size_t draws = 400'000;  // standard error of a mean of order one: 0.0016

TEST(ObjectRandom, UniformNumbersHaveTheMomentsOfTheUnitInterval) {
  ObjectRandom random(1, 2);
  const auto m = moments(draws, [&] { return random.uniform(); });
  for (std::size_t k = 0; k < 4; ++k) EXPECT_NEAR(m[k], 1.0 / static_cast<double>(k + 2), 0.003) << "moment " << k + 1;
}

TEST(ObjectRandom, UniformNumbersStayInTheHalfOpenInterval) {
  ObjectRandom random(3, 4);
  for (std::size_t i = 0; i < draws; ++i) {
    const double u = random.uniform();
    ASSERT_TRUE(u >= 0.0 && u < 1.0) << u;
  }
}

TEST(ObjectRandom, NormalNumbersHaveTheMomentsOfAGaussian) {
  ObjectRandom random(5, 6);
  const auto m = moments(draws, [&] { return random.normal(); });
  EXPECT_NEAR(m[0], 0.0, 0.01);
  EXPECT_NEAR(m[1], 1.0, 0.015);
  EXPECT_NEAR(m[2], 0.0, 0.03);
  EXPECT_NEAR(m[3], 3.0, 0.1);
}

TEST(ObjectRandom, IsAFunctionOfSeedObjectAndStream) {
  ObjectRandom first(7, 8, 9), again(7, 8, 9);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(first.next(), again.next());
}

TEST(ObjectRandom, ChangesWithEachBitOfSeedObjectAndStream) {
  std::set<std::uint32_t> seen = {ObjectRandom(0, 0, 0).next()};
  for (int bit = 0; bit < 64; ++bit) {
    seen.insert(ObjectRandom(std::uint64_t{1} << bit, 0, 0).next());
    seen.insert(ObjectRandom(0, std::uint64_t{1} << bit, 0).next());
    if (bit < 32) seen.insert(ObjectRandom(0, 0, std::uint32_t{1} << bit).next());
  }
  EXPECT_EQ(seen.size(), 1U + 64 + 64 + 32);
}

TEST(ObjectRandom, StreamsAndNeighbouringObjectsAreUncorrelated) {
  double streams = 0.0, neighbours = 0.0;
  constexpr int objects = 100'000;
  for (std::uint64_t object = 0; object < objects; ++object) {
    const double x = ObjectRandom(11, object, 0).normal();
    streams += x * ObjectRandom(11, object, 1).normal();
    neighbours += x * ObjectRandom(11, object + 1, 0).normal();
  }
  EXPECT_NEAR(streams / objects, 0.0, 0.016);  // five standard errors
  EXPECT_NEAR(neighbours / objects, 0.0, 0.016);
}

TEST(Mix64, HasNoCollisionsAmongSmallNumbers) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t i = 0; i < 10'000; ++i) seen.insert(mix64(i));
  EXPECT_EQ(seen.size(), 10'000U);
  EXPECT_EQ(mix64(0), 0xe220a8397b1dcdafULL);  // first output of SplitMix64 with seed 0 (Vigna's splitmix64.c)
}

}  // namespace
}  // namespace skyfold
