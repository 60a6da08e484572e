// A committee of networks: minimising against known optima, errors against differences and brute force.
#include <numeric>

#include "../sizes.hpp"
#include "colour_objects.hpp"
#include "network/minimise.hpp"
#include "photoz/common/regression_nets.hpp"
#include "skyfold/core/statistics.hpp"

namespace skyfold {
namespace {

using namespace photoz_test;

const std::vector<std::string> quick = {"--annz.hidden=8", "--annz.nets=3", "--annz.iterations=120"};

TEST(Minimise, FindsTheValleyOfRosenbrock) {
  // Rosenbrock 1960: the minimum is 0 at (1, ..., 1), at the end of a bent valley.
  for (const std::size_t n : {2u, 10u}) {
    const network::Objective f = [n](std::span<const double> x, std::span<double> g) {
      double value = 0.0;
      std::ranges::fill(g, 0.0);
      for (std::size_t i = 0; i + 1 < n; ++i) {
        const double a = x[i + 1] - x[i] * x[i], b = 1.0 - x[i];
        value += 100.0 * a * a + b * b;
        g[i] += -400.0 * x[i] * a - 2.0 * b;
        g[i + 1] += 200.0 * a;
      }
      return value;
    };
    std::vector<double> x(n, -1.2);
    const network::Minimum found = network::minimise(f, x, {.iterations = 500, .tolerance = 1e-9});
    EXPECT_TRUE(found.is_converged);
    EXPECT_LT(found.iterations, 150u);
    for (const double v : x) EXPECT_NEAR(v, 1.0, 1e-7);
  }
}

TEST(Minimise, SolvesAQuadraticInAboutAsManyStepsAsItHasVariables) {
  const network::Objective f = [](std::span<const double> x, std::span<double> g) {
    double value = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double scale = std::pow(10.0, static_cast<double>(i)), off = x[i] - static_cast<double>(i);
      value += 0.5 * scale * off * off;
      g[i] = scale * off;
    }
    return value;
  };
  std::vector<double> x(6, 5.0);
  const network::Minimum found = network::minimise(f, x, {.iterations = 200, .memory = 200, .tolerance = 1e-10});
  EXPECT_TRUE(found.is_converged);
  EXPECT_LT(found.iterations, 60u);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(x[i], static_cast<double>(i), 1e-6);
}

TEST(Annz, GradientOfTheSquaredErrorsEqualsDifferencesForAnyThreads) {
  const Objects objects = make_colours(5000, 1);
  network::Inputs inputs({}, {"b0", "b1", "b2"});
  TrainingSet set{.id = objects.id, .z = objects.z, .photometry = {}};
  BandOptions bands;
  bands.bands = {"b0", "b1", "b2"};
  gather_photometry(dnf_test::table_of(objects), dnf_test::band_columns(3), bands, std::vector{26.0, 26.0, 26.0}, set.photometry);
  std::vector<std::uint32_t> rows(5000);
  std::iota(rows.begin(), rows.end(), 0u);
  inputs.standardise_by(set.photometry, rows);
  std::vector<double> weight(5000);
  for (std::size_t i = 0; i < 5000; ++i) weight[i] = 0.5 + static_cast<double>(i % 3);
  const TrainingSheet sheet = sheet_of(inputs, set, weight, rows, 0.1);
  const network::Shape shape = {{inputs.size(), 7, 1}, network::Activation::logistic};
  std::vector<double> w = network::uniform_weights(shape, 1, 1), gradient(w.size()), other(w.size());
  const double sum = squared_errors(shape, sheet, w, 1, gradient);
  EXPECT_EQ(squared_errors(shape, sheet, w, 3, other), sum);
  EXPECT_EQ(gradient, other);
  for (std::size_t i = 0; i < w.size(); i += 5) {
    const double kept = w[i], h = 1e-5;
    w[i] = kept + h;
    const double above = squared_errors(shape, sheet, w, 1, {});
    w[i] = kept - h;
    const double below = squared_errors(shape, sheet, w, 1, {});
    w[i] = kept;
    EXPECT_NEAR(gradient[i], (above - below) / (2.0 * h), 1e-5 * (1.0 + std::abs(gradient[i])));
  }
}

TEST(Annz, LearnsTheRedshiftAndWhereItScatters) {
  const Objects training = make_colours(testing_support::sized<std::size_t>(3000, 1500), 2), queries = make_colours(1000, 3);
  const Table out = estimate(train("annz", training, {"--annz.iterations=300", "--annz.neighbours=25"}), queries);
  std::vector<double> bright, faint, off;
  std::size_t within = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    const double error = out.at("z_err").number(i), residual = out.at("z_phot").number(i) - queries.z[i];
    if (queries.mag[i][1] < 21.5) bright.push_back(error);
    if (queries.mag[i][1] > 23.5) faint.push_back(error);
    off.push_back(residual / (queries.mag[i][1] < 22.5 ? 0.02 : 0.1));
    within += std::abs(residual) < error ? 1 : 0;
  }
  EXPECT_GT(median(faint), 1.7 * median(bright));
  EXPECT_LT(nmad(off), 1.5);  // 1: nothing more can be known
  EXPECT_NEAR(static_cast<double>(within), 683.0, 60.0);
}

TEST(Annz, ErrorsOfMagnitudesGoIntoTheErrorAsDifferencesSay) {
  const Objects training = make_colours(500, 4);
  Objects query = make_colours(1, 5);
  // One net, the same scatter for all: the error is that of the magnitudes and a constant.
  const PhotozModel model =
      train("annz", training,
            {"--annz.hidden=8", "--annz.nets=1", "--annz.iterations=100", "--annz.neighbours=0", "--annz.features=reference,colours"});
  const double scale = model.tables.at("error").at("scale").number(0), usual = model.tables.at("error").at("usual_scatter").number(0);
  query.err[0] = {0.05, 0.1, 0.2};
  const auto z_of = [&](std::size_t band, double by) {
    Objects moved = query;
    moved.mag[0][band] += by;
    return estimate(model, moved).at("z_phot").number(0);
  };
  double variance = usual * usual;
  for (std::size_t b = 0; b < 3; ++b) variance += std::pow((z_of(b, 1e-4) - z_of(b, -1e-4)) / 2e-4 * query.err[0][b], 2);
  EXPECT_NEAR(estimate(model, query).at("z_err").number(0), scale * std::sqrt(variance), 1e-6);
}

TEST(Annz, ModelsAndEstimatesAreTheSameForAnyThreadsAndBlocks) {
  const Objects training = make_colours(400, 6);
  Objects queries = make_colours(150, 7);
  queries.mag[7] = {not_observed, not_observed, not_observed};
  queries.mag[9][0] = not_observed;
  const PhotozModel model = train("annz", training, quick), again = train("annz", training, quick, {}, 4);
  EXPECT_TRUE(std::ranges::equal(model.tables.at("nets").at("weights").bytes(), again.tables.at("nets").at("weights").bytes()));
  EXPECT_TRUE(std::ranges::equal(model.tables.at("error").at("scale").bytes(), again.tables.at("error").at("scale").bytes()));
  expect_same_for_any_layout(model, queries, {.kind = "interp", .bins = 50}, 37);
  const Table out = estimate(model, queries);
  EXPECT_EQ(out.at("flags").integer(7), photoz_missing_band | photoz_no_band);
  EXPECT_TRUE(std::isfinite(out.at("z_err").number(9)));
}

TEST(Annz, GivesAGaussianAsPdf) {
  const Objects training = make_colours(300, 8), queries = make_colours(5, 9);
  const Table out = estimate(train("annz", training, quick), queries, {.kind = "mixmod"});
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_FLOAT_EQ(out.at(pdf_means_column).values<float>()[i], static_cast<float>(out.at("z_phot").number(i)));
    EXPECT_FLOAT_EQ(out.at(pdf_stds_column).values<float>()[i], out.at("z_err").values<float>()[i]);
    EXPECT_EQ(out.at(pdf_weights_column).values<float>()[i], 1.0f);
  }
}

TEST(Annz, RefusesWhatTeachesNothingAndDamagedModels) {
  EXPECT_THROW(train("annz", make_colours(49, 10), quick), DataError);
  const Objects training = make_colours(60, 11);
  EXPECT_THROW(train("annz", training, quick, std::vector<double>(60, 0.0)), DataError);
  EXPECT_THROW(train("annz", training, {"--annz.hidden=3.5"}), UsageError);
  PhotozModel model = train("annz", training, quick);
  model.parameters["annz.hidden"] = "9";
  EXPECT_THROW(estimate(model, training), DataError);
}

TEST(Annz, TrainsWhereAllRedshiftsOrFeaturesAreTheSame) {
  Objects training = make_colours(60, 12);
  for (double& z : training.z) z = 0.5;
  for (auto& mag : training.mag) mag = {21.0, 20.5, 20.2};
  const Table out = estimate(train("annz", training, quick), training);
  for (std::size_t i = 0; i < 60; ++i) EXPECT_NEAR(out.at("z_phot").number(i), 0.5, 0.05);
}

}  // namespace
}  // namespace skyfold
