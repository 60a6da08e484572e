#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "nz/draws.hpp"
#include "photoz/pdf/packed.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold::nz {
namespace {

/// Probability below the ends of slots of a Gaussian, and two more values of 1.
std::vector<float> gaussian(std::size_t slots, double width) {
  std::vector<float> below(slots + 2, 1.0f);
  for (std::size_t k = 0; k + 1 < slots; ++k)
    below[k] = static_cast<float>(0.5 * std::erfc((0.5 * static_cast<double>(slots) - static_cast<double>(k) - 1.0) / width));
  return below;
}

TEST(NzDraws, AreTheFirstSlotsOfWhichMoreLiesBelow) {
  for (const auto& [slots, width] : {std::pair(std::size_t{1}, 1.0), {2, 0.1}, {7, 1.0}, {60, 0.2}, {60, 8.0}, {900, 120.0}}) {
    const std::vector<float> below = gaussian(slots, width);
    DrawGuide guide;
    make_guide(below.data(), slots, guide);
    std::vector<float> counts(draw_lanes);
    for (std::size_t lane = 0; lane < draw_lanes; ++lane) counts[lane] = static_cast<float>(lane % 3);
    std::vector<double> sums(slots * draw_lanes, 0.0), wanted = sums;
    for (std::uint64_t key = 1; key <= 300; ++key) {
      add_draws(below.data(), slots, guide, key, 5, 1.5, counts.data(), sums.data());
      for (std::size_t lane = 0; lane < draw_lanes; ++lane) {
        const std::uint64_t bits = mix64(key + (lane + 5) * 0x9e3779b97f4a7c15ULL);
        const double u = std::ldexp(static_cast<double>(bits >> 40), -24);
        const auto slot = static_cast<std::size_t>(
            std::find_if(below.begin(), below.end(), [&](float b) { return static_cast<double>(b) > u; }) - below.begin());
        EXPECT_EQ(draw_slot(below.data(), slots, key, lane + 5), slot);
        wanted[slot * draw_lanes + lane] += 1.5 * static_cast<double>(lane % 3);
      }
    }
    EXPECT_EQ(sums, wanted) << slots << " slots";
  }
}

/// Cells of a packed PDF as the documentation has it: a block is a leaf, or two halves.
bool halve(const std::vector<std::uint8_t>& bits, std::size_t& at, double low, double width, int depth, std::vector<double>& starts) {
  if (at >= 8 * bits.size() || depth > 10) return false;
  const bool is_cut = (bits[at / 8] >> (at % 8) & 1) != 0;
  ++at;
  if (!is_cut) return starts.push_back(low), true;
  return halve(bits, at, low, width / 2, depth + 1, starts) && halve(bits, at, low + width / 2, width / 2, depth + 1, starts);
}

TEST(PackedPdfs, HaveTheCellsThatTheirBitsSayOrAreDamaged) {
  std::size_t good = 0;
  for (std::uint64_t object = 0; object < 20'000; ++object) {
    ObjectRandom random(7, object);
    // From nearly all bits set to none, so that all depths come up.
    const double share = random.uniform();
    std::vector<std::uint8_t> bytes(object % 2 == 0 ? 52 : 120);
    for (std::uint8_t& byte : bytes)
      for (int bit = 0; bit < 8; ++bit) byte = static_cast<std::uint8_t>(byte << 1 | (random.uniform() < share ? 1 : 0));
    bytes[0] = 10, bytes[1] = 1, bytes[2] = 7, bytes[3] = 200;
    const std::vector<std::uint8_t> bits(bytes.begin() + 4, bytes.end());
    const double unit = 3.0 / 65535.0, first = 0.1 + unit * (10 + 256), span = unit * (7 + 256 * 200 - 10 - 256);
    std::vector<double> wanted, z, values;
    std::size_t at = 0;
    bool is_good = true;
    for (int block = 0; block < 8 && is_good; ++block) is_good = halve(bits, at, first + span * block / 8.0, span / 8.0, 0, wanted);
    wanted.push_back(first + span);
    is_good = is_good && (at + 7) / 8 + wanted.size() <= bits.size();
    ASSERT_EQ(unpack_pdf(packed_version, bytes, 0.1, 3.1, z, values), is_good) << object;
    if (!is_good) continue;
    ++good;
    ASSERT_EQ(z.size(), wanted.size());
    for (std::size_t i = 0; i < z.size(); ++i) {
      ASSERT_NEAR(z[i], wanted[i], 1e-14);
      ASSERT_EQ(values[i], std::pow(bits[(at + 7) / 8 + i], 2));
    }
  }
  EXPECT_GT(good, 2000U);
}

}  // namespace
}  // namespace skyfold::nz
