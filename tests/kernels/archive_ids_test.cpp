#include "skyfold/kernels/archive_ids/archive_ids.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "skyfold/core/hash.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

/// Positions that a production archive prints with its ids: SMASH and GOGREEN tables of the Data Lab.
struct Printed {
  double ra, dec;
  std::int32_t htm9, ring256, nested4096;
};
constexpr Printed printed[] = {{103.068355, -37.973539, 2590841, 634661, 162297226},
                               {103.082522, -37.972303, 2590841, 634661, 162297225},
                               {34.521161, -5.112165, 2144799, 427618, 72458635},
                               {34.9568, -5.56971, 2131209, 431715, 72450808}};

TEST(ArchiveIds, AreThoseOfAnArchive) {
  Table in({{"ra", Type::f8}, {"dec", Type::f8}, {"key", Type::i8}, {"id", Type::i8}}, std::size(printed));
  Table out(archive_id_columns(), std::size(printed));
  for (std::size_t i = 0; i < std::size(printed); ++i) {
    in[0].values<double>()[i] = printed[i].ra;
    in[1].values<double>()[i] = printed[i].dec;
    in[2].values<std::int64_t>()[i] = healpix29({printed[i].ra, printed[i].dec});
    in[3].values<std::int64_t>()[i] = static_cast<std::int64_t>(i);
  }
  fill_archive_ids(in[0], in[1], in[2], in[3], out);
  for (std::size_t i = 0; i < std::size(printed); ++i) {
    EXPECT_EQ(out.at("htm9").integer(i), printed[i].htm9);
    EXPECT_EQ(out.at("pix256").integer(i), printed[i].ring256);
    EXPECT_EQ(out.at("pix4096").integer(i), printed[i].nested4096);
    EXPECT_EQ(out.at("random_id").values<float>()[i], random_id_of(i));
  }
}

TEST(ArchiveIds, RandomIdsChooseSamplesOfThatPartOfAllIds) {
  constexpr std::uint64_t objects = 200'000;
  std::vector<double> values;
  for (std::uint64_t id = 0; id < objects; ++id) values.push_back(static_cast<double>(random_id_of(id)));
  std::ranges::sort(values);
  EXPECT_GE(values.front(), 0.0);
  EXPECT_LT(values.back(), 100.0);
  // Kolmogorov-Smirnov distance from the uniform distribution: 1.95 / sqrt(n) is passed once in a thousand.
  double distance = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i)
    distance = std::max(distance, std::abs(values[i] / 100.0 - (static_cast<double>(i) + 0.5) / static_cast<double>(objects)));
  EXPECT_LT(distance, 1.95 / std::sqrt(static_cast<double>(objects)));
}

TEST(ArchiveIds, RandomIdsOfTextsAreThoseOfTheirHashes) {
  Table in({{"ra", Type::f8}, {"dec", Type::f8}, {"key", Type::i8}, {"name", Type::text, 4}}, 1);
  in[0].values<double>()[0] = in[1].values<double>()[0] = 10.0;
  in[2].values<std::int64_t>()[0] = healpix29({10.0, 10.0});
  std::ranges::copy(std::string_view("M 31"), in[3].values<char>().begin());
  Table out({archive_id_columns()[3]}, 1);
  fill_archive_ids(in[0], in[1], in[2], in[3], out);
  EXPECT_EQ(out[0].values<float>()[0], random_id_of(hash_text("M 31")));
}

}  // namespace
}  // namespace skyfold
