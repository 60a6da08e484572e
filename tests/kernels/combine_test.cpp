// Weights of combined PDFs against a search over a fine grid of weights; models inside a model.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "photoz/combine/kernel.hpp"
#include "photoz/combine/weights.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold::combine {
namespace {

/// A positive definite matrix and a vector, of draws.
void draw(std::uint64_t seed, std::vector<double>& q, std::vector<double>& b) {
  ObjectRandom random(seed, 1, 1);
  std::vector<double> root(15);
  for (double& r : root) r = random.uniform();
  q.assign(9, 0.0), b.assign(3, 0.0);
  for (std::size_t i = 0; i < 3; ++i) {
    b[i] = 1.0 + random.uniform();
    for (std::size_t j = 0; j < 3; ++j)
      for (std::size_t k = 0; k < 5; ++k) q[i * 3 + j] += root[i * 5 + k] * root[j * 5 + k];
  }
}

TEST(CombineWeights, AreTheLeastLossOfAFineGridOfWeights) {
  std::vector<double> q, b;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    draw(seed, q, b);
    const std::vector<double> weights = best_weights(q, b);
    double sum = 0.0;
    for (const double w : weights) {
      EXPECT_GE(w, 0.0);
      sum += w;
    }
    EXPECT_NEAR(sum, 1.0, 1e-12);
    double least = 1e300;
    for (int i = 0; i <= 200; ++i)
      for (int j = 0; i + j <= 200; ++j)
        least = std::min(least, loss_of(std::vector<double>{i / 200.0, j / 200.0, (200 - i - j) / 200.0}, q, b));
    EXPECT_LE(loss_of(weights, q, b), least + 1e-12) << seed;
    EXPECT_NEAR(loss_of(weights, q, b), least, 1e-3) << seed;
  }
}

TEST(CombineWeights, LeaveOutMembersThatWouldCostMoreThanTheyGive) {
  // The second member is worth half a per cent.
  const std::vector<double> q = {2.0, 1.0, 1.0, 2.0}, b = {2.0, 1.01};
  EXPECT_NEAR(best_weights(q, b)[1], 0.005, 1e-9);
  BinnedProducts products(2, 5);
  for (std::size_t part = 0; part < 5; ++part)
    for (std::size_t bin = 0; bin < finest_bins; ++bin) {
      Products& cell = products.at(part, bin);
      cell.q = q, cell.b = b, cell.weight = 1.0;
    }
  const BinnedWeights some = binned_weights(products, std::vector<double>{20.0, 21.0, 22.0}, 0.01);
  EXPECT_EQ(some.all, (std::vector<double>{1.0, 0.0}));
  EXPECT_TRUE(some.bins.empty());
}

TEST(CombineWeights, OfTwoEqualMembersLoseNothing) {
  const std::vector<double> q = {2.0, 2.0, 2.0, 2.0}, b = {1.5, 1.5};
  const std::vector<double> weights = best_weights(q, b);
  EXPECT_NEAR(loss_of(weights, q, b), 2.0 - 3.0, 1e-12);
}

TEST(CombineMembers, ComeBackAsTheyWerePut) {
  std::vector<Member> members(2);
  members[0].weight = 0.7, members[0].model.algorithm = "mdn", members[0].model.parameters = {{"mdn.units", "8"}};
  members[1].weight = 0.3, members[1].model.algorithm = "tpz";
  Table table({{"x", Type::f8}}, 2);
  table[0].values<double>()[1] = 5.0;
  members[1].model.tables["trees"] = table;
  PhotozModel model;
  model.z_max = 2.0;
  put_members(members, model);
  const std::vector<Member> back = members_of(model);
  ASSERT_EQ(back.size(), 2U);
  EXPECT_EQ(back[0].model.algorithm, "mdn");
  EXPECT_EQ(back[0].weight, 0.7);
  EXPECT_EQ(back[0].model.parameters, members[0].model.parameters);
  EXPECT_EQ(back[1].model.tables.at("trees").at("x").number(1), 5.0);
  EXPECT_EQ(back[1].model.z_max, 2.0);
}

TEST(CombineMembers, MayHaveNamesOfAnyLengths) {
  std::vector<Member> members(3);
  members[0].model.algorithm = "mdn", members[1].model.algorithm = "skynet", members[2].model.algorithm = "knn";
  // Memory that was used before shows what is left unset.
  for (int round = 0; round < 50; ++round) {
    { const std::vector<char> used(18, 'x'); }
    PhotozModel model;
    put_members(members, model);
    const std::vector<Member> back = members_of(model);
    for (std::size_t k = 0; k < members.size(); ++k) ASSERT_EQ(back[k].model.algorithm, members[k].model.algorithm);
  }
}

TEST(CombinePdfs, AreWeightedSumsAndLeaveOutWhatIsMissing) {
  PdfOptions pdf{.kind = "interp", .zmin = 0.0, .zmax = 1.0, .bins = 3};
  std::vector<Table> estimates;
  for (const float value : {1.0f, 3.0f}) {
    estimates.emplace_back(Schema{{pdf_column, Type::f4, 3}}, 3);
    for (float& v : estimates.back()[0].values<float>()) v = value;
  }
  for (std::size_t j = 3; j < 6; ++j) estimates[0][0].values<float>()[j] = std::nanf("");
  for (std::size_t j = 6; j < 9; ++j) estimates[0][0].values<float>()[j] = estimates[1][0].values<float>()[j] = std::nanf("");
  Table sum({{pdf_column, Type::f4, 3}}, 3);
  BinnedWeights weights;
  weights.all = {0.25, 0.75};
  const std::vector<double> magnitude(3, 20.0);
  sum_pdfs(estimates, weights, magnitude, pdf, 1, sum);
  EXPECT_FLOAT_EQ(sum[0].values<float>()[0], 2.5f);
  EXPECT_FLOAT_EQ(sum[0].values<float>()[4], 3.0f);
  EXPECT_TRUE(std::isnan(sum[0].values<float>()[8]));
}

/// Sums in which member 0 is better among the bright, member 1 among the faint, by `contrast`.
BinnedProducts contrasted(double contrast) {
  BinnedProducts products(2, 5);
  for (std::size_t part = 0; part < 5; ++part)
    for (std::size_t bin = 0; bin < finest_bins; ++bin) {
      ObjectRandom random(9, part * 10 + bin, 1);
      Products& cell = products.at(part, bin);
      cell.weight = 100.0;
      cell.q = {200.0, 100.0, 100.0, 200.0};
      const double sign = bin < finest_bins / 2 ? 1.0 : -1.0;
      cell.b = {150.0 + sign * contrast + random.uniform(), 150.0 - sign * contrast + random.uniform()};
    }
  return products;
}

TEST(CombineBins, AreUsedWhereTheyPayAndHaveTheWeightsOfTheirObjects) {
  const std::vector<double> edges = {20.0, 21.0, 22.0};
  const BinnedWeights weights = binned_weights(contrasted(20.0), edges, 0.01);
  ASSERT_EQ(weights.bins.size(), 2U);
  EXPECT_EQ(weights.up_to.front(), 21.0);
  EXPECT_GT(weights.gain, 0.0);
  EXPECT_EQ(weights.of(21.0), weights.bins[0]);
  EXPECT_EQ(weights.of(25.0), weights.bins[1]);
  EXPECT_EQ(weights.of(std::nan("")), weights.all);
  const Products bright = contrasted(20.0).sum(0, 2).mean();
  EXPECT_EQ(weights.bins[0], best_weights(bright.q, bright.b));
  EXPECT_GT(weights.bins[0][0], 0.6);
  EXPECT_LT(weights.bins[1][0], 0.4);
  EXPECT_TRUE(binned_weights(contrasted(0.0), edges, 0.01).bins.empty());
}

TEST(CombineBins, ComeBackAsTheyWerePut) {
  BinnedWeights weights;
  weights.all = {0.5, 0.0, 0.5}, weights.up_to = {21.0, std::numeric_limits<double>::infinity()};
  weights.bins = {{0.9, 0.0, 0.1}, {0.2, 0.0, 0.8}};
  std::vector<Member> members(2);
  members[0].weight = members[1].weight = 0.5;
  members[0].model.algorithm = "mdn", members[1].model.algorithm = "tpz";
  PhotozModel model;
  put_members(members, model);
  put_weights(weights, {0, 2}, model);
  const BinnedWeights back = weights_of(model, members_of(model));
  EXPECT_EQ(back.up_to, weights.up_to);
  EXPECT_EQ(back.bins, (std::vector<std::vector<double>>{{0.9, 0.1}, {0.2, 0.8}}));
  EXPECT_EQ(back.all, (std::vector<double>{0.5, 0.5}));
}

}  // namespace
}  // namespace skyfold::combine
