// cmnn against the definition by brute force, and chi^2 against scipy's numbers.
#include <map>
#include <set>

#include "../sizes.hpp"
#include "photoz/cmnn/chi_square.hpp"
#include "photoz_objects.hpp"
#include "skyfold/core/statistics.hpp"

namespace skyfold {
namespace {

using namespace photoz_test;

TEST(ChiSquareDistribution, HasTheQuantilesOfScipy) {
  struct Row {
    int degrees;
    double at_05, at_68, at_999, cumulative;  // the last one at 2.5 times the degrees
  };
  for (const Row& row : {Row{1, 0.003932140000019522, 0.988946481478023, 10.827566170662733, 0.8861537019933423},
                         Row{2, 0.10258658877510106, 2.27886856637673, 13.815510557964274, 0.9179150013761012},
                         Row{3, 0.35184631774927144, 3.505882355768179, 16.26623619623813, 0.9424415480273636},
                         Row{5, 1.1454762260617692, 5.8608022596974125, 20.515005652432873, 0.9714568766738325},
                         Row{8, 2.732636793499662, 9.270418200246363, 26.12448155837614, 0.9896639493240743}}) {
    EXPECT_NEAR(cmnn::chi_square_quantile(0.05, row.degrees), row.at_05, 1e-12 * row.at_05);
    EXPECT_NEAR(cmnn::chi_square_quantile(0.68, row.degrees), row.at_68, 1e-12 * row.at_68);
    EXPECT_NEAR(cmnn::chi_square_quantile(0.999, row.degrees), row.at_999, 1e-11 * row.at_999);
    EXPECT_NEAR(cmnn::chi_square_cumulative(2.5 * row.degrees, row.degrees), row.cumulative, 1e-14);
  }
  EXPECT_EQ(cmnn::chi_square_cumulative(0.0, 4), 0.0);
}

/// What the definition gives for an object.
struct Match {
  std::size_t n = 0, within = 0, nearest = 0;
  double z = 0.0, error = 0.0, distance2 = 0.0;
};

/// Graham et al. 2018: D = sum (c_train - c)^2 / err^2 over the colours that both have, matched within the quantile for their number; else
/// the `least` nearest.
Match brute_force(const Objects& training, const Objects& queries, std::size_t q, std::size_t least) {
  const auto is_missing = [](double m) { return std::isnan(m) || m == not_observed; };
  std::vector<std::tuple<double, std::size_t, int>> all;
  Match match;
  for (std::size_t i = 0; i < training.mag.size(); ++i) {
    double d2 = 0.0;
    int degrees = 0;
    for (std::size_t b = 0; b + 1 < training.mag[i].size(); ++b) {
      const std::vector<double>&x = training.mag[i], &y = queries.mag[q], &e = queries.err[q];
      if (is_missing(x[b]) || is_missing(x[b + 1]) || is_missing(y[b]) || is_missing(y[b + 1])) continue;
      ++degrees;
      d2 += std::pow(x[b] - x[b + 1] - y[b] + y[b + 1], 2) / (e[b] * e[b] + e[b + 1] * e[b + 1]);
    }
    if (degrees > 0 && d2 > 1e-4) all.emplace_back(d2, i, degrees);
  }
  std::sort(all.begin(), all.end());
  std::vector<double> z;
  for (const auto& [d2, i, degrees] : all)
    if (d2 <= cmnn::chi_square_quantile(0.68, degrees)) z.push_back(training.z[i]);
  match.within = z.size();
  double widening = 1.0;
  if (z.size() < least) {
    z.clear();
    for (std::size_t k = 0; k < std::min(least, all.size()); ++k) z.push_back(training.z[std::get<1>(all[k])]);
    const auto& [d2, i, degrees] = all[z.size() - 1];
    widening = cmnn::chi_square_cumulative(d2, degrees) / 0.68;
    match.nearest = std::get<1>(all[0]);
  } else {
    for (const auto& [d2, i, degrees] : all)
      if (d2 <= cmnn::chi_square_quantile(0.68, degrees)) {
        match.nearest = i;
        break;
      }
  }
  double mean = 0.0, square = 0.0;
  for (const double value : z) mean += value / static_cast<double>(z.size());
  for (const double value : z) square += (value - mean) * (value - mean) / static_cast<double>(z.size());
  match.n = z.size();
  match.error = std::sqrt(square) * widening;
  match.z = training.z[match.nearest];
  return match;
}

TEST(Cmnn, EqualsTheDefinitionByBruteForceMissingBandsToo) {
  const std::size_t n = testing_support::sized<std::size_t>(200, 60);
  Objects training = make_objects(1500, 4, 40), queries = make_objects(n, 4, 41);
  for (std::size_t i = 0; i < 1500; i += 6) training.mag[i][i / 6 % 4] = not_observed;
  for (std::size_t i = 0; i < n; i += 5) queries.mag[i][i / 5 % 4] = not_observed;
  for (std::size_t i = 0; i < n; ++i)
    for (double& e : queries.err[i]) e *= i % 3 == 0 ? 0.3 : 3.0;  // some with too few matches
  const Table out = estimate(train("cmnn", training, {}), queries);
  std::size_t few = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const Match match = brute_force(training, queries, i, 25);
    ASSERT_EQ(out.at("z_phot").number(i), match.z) << i;
    ASSERT_EQ(out.at("n_neighbours").integer(i), static_cast<std::int64_t>(match.n)) << i;
    ASSERT_NEAR(out.at("z_err").values<float>()[i], match.error, 1e-6 * (1.0 + match.error)) << i;
    const std::int64_t flags = out.at("flags").integer(i);
    ASSERT_EQ((flags & photoz_few_neighbours) != 0, match.within < 25) << i;
    ASSERT_EQ((flags & photoz_outside_coverage) != 0, match.within == 0) << i;
    ASSERT_EQ((flags & photoz_missing_band) != 0, i % 5 == 0) << i;
    ASSERT_EQ(out.at("n_colours").integer(i), i % 5 != 0 ? 3 : i / 5 % 4 == 0 || i / 5 % 4 == 3 ? 2 : 1) << i;
    few += match.within < 25;
  }
  EXPECT_GT(few, 20u);
  EXPECT_LT(few, 180u);
}

TEST(Cmnn, DrawsMatchesByObjectInProportionToTheirWeights) {
  // All training objects have the same colours; thirds of the redshifts have weights 1, 2 and 3.
  Objects training = make_objects(300, 3, 42), queries = make_objects(3000, 3, 43);
  std::vector<double> weight;
  for (std::size_t i = 0; i < 300; ++i) {
    training.mag[i] = {20.0, 20.1, 20.2};
    training.z[i] = 0.1 * static_cast<double>(1 + i % 3);
    weight.push_back(static_cast<double>(1 + i % 3));
  }
  for (auto& mag : queries.mag) mag = {20.02, 20.1, 20.2};
  const PhotozModel model = train("cmnn", training, {"--cmnn.choice=random", "--cmnn.id=id"}, weight);
  const Table out = estimate(model, queries);
  std::map<int, int> drawn;
  for (std::size_t i = 0; i < 3000; ++i) ++drawn[static_cast<int>(std::lround(10.0 * out.at("z_phot").number(i)))];
  for (int k = 1; k <= 3; ++k) EXPECT_NEAR(drawn[k], 500 * k, 4.0 * std::sqrt(500.0 * k)) << k;
  const PhotozModel reseeded = train("cmnn", training, {"--cmnn.choice=random", "--cmnn.seed=2"}, weight);
  EXPECT_FALSE(std::ranges::equal(estimate(reseeded, queries).at("nn_id").bytes(), out.at("z_phot").bytes()));
  expect_same_for_any_layout(model, queries, {.kind = "mixmod"}, 999);
}

TEST(Cmnn, PrefersNearMatchesWhenWeighted) {
  Objects training = make_objects(200, 3, 44), queries = make_objects(2000, 3, 45);
  for (std::size_t i = 0; i < 200; ++i) {
    training.mag[i] = {20.0 + (i < 100 ? 0.03 : 0.06), 20.0, 20.0};
    training.z[i] = i < 100 ? 0.1 : 0.2;
  }
  for (std::size_t i = 0; i < 2000; ++i) {
    queries.mag[i].assign(3, 20.0);
    queries.err[i].assign(3, 0.05);
  }
  const Table out = estimate(train("cmnn", training, {"--cmnn.choice=weighted"}), queries);
  int near = 0;
  for (std::size_t i = 0; i < 2000; ++i) near += out.at("z_phot").number(i) == 0.1;
  EXPECT_NEAR(near, 1600, 4.0 * std::sqrt(320.0));  // D is four times as large for the far ones
}

TEST(Cmnn, GivesAGaussianAndFlags) {
  const Objects training = make_objects(800, 3, 46);
  Objects queries = make_objects(40, 3, 47);
  queries.mag[1].assign(3, not_observed);
  queries.mag[2] = {20.0, not_observed, 20.0};
  queries.err[3].assign(3, nan);
  queries.mag[4] = {20.0, 40.0, 20.0};
  const PhotozModel model = train("cmnn", training, {});
  const Table out = estimate(model, queries, {.kind = "mixmod"});
  for (std::size_t i = 5; i < 40; ++i) {
    EXPECT_FLOAT_EQ(out.at(pdf_means_column).values<float>()[i], static_cast<float>(out.at("z_phot").number(i)));
    EXPECT_FLOAT_EQ(out.at(pdf_stds_column).values<float>()[i], out.at("z_err").values<float>()[i]);
    EXPECT_EQ(out.at(pdf_weights_column).values<float>()[i], 1.0f);
  }
  EXPECT_EQ(out.at("flags").integer(1), photoz_missing_band | photoz_no_band);
  EXPECT_EQ(out.at("flags").integer(2), photoz_missing_band | photoz_few_neighbours);  // bands, but no colour
  EXPECT_EQ(out.at("flags").integer(3), photoz_no_magnitude_error | photoz_few_neighbours);
  EXPECT_TRUE(std::isnan(out.at("z_phot").number(3)));
  EXPECT_EQ(out.at("flags").integer(4) & (photoz_few_neighbours | photoz_outside_coverage),
            photoz_few_neighbours | photoz_outside_coverage);
  expect_same_for_any_layout(model, queries, {.kind = "interp"}, 7);
}

TEST(Cmnn, RefusesSetsThatTeachNothing) {
  Objects holes = make_objects(100, 3, 48);
  holes.z[7] = nan;
  EXPECT_EQ(training_error("cmnn", make_objects(24, 3, 48)),
            "the training set has 24 objects with a colour and weight (cmnn.least = 25 needs as many)");
  EXPECT_EQ(training_error("cmnn", holes), "training row 8: redshift nan (must be a number to train on)");
  EXPECT_EQ(training_error("cmnn", make_objects(100, 3, 48), {}, std::vector<double>(100, 0.0)),
            "the training set has 0 objects with a colour and weight (cmnn.least = 25 needs as many)");
  EXPECT_EQ(training_error("cmnn", make_objects(100, 1, 48)), "one band (cmnn matches colours, which need two)");
}

}  // namespace
}  // namespace skyfold
