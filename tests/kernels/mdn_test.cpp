// Mixture density networks: what they learn, what they do without, and that layouts cannot be seen in them.
#include "colour_objects.hpp"
#include "skyfold/core/statistics.hpp"

namespace skyfold {
namespace {

using namespace photoz_test;

const std::vector<std::string> quick = {"--mdn.hidden=16,16",   "--mdn.gaussians=3", "--mdn.nets=2",
                                        "--mdn.narrowest=0.01", "--mdn.epochs=40",   "--mdn.rate=0.01"};

TEST(Mdn, LearnsTheRedshiftAndItsScatter) {
  const Objects training = make_colours(3000, 1), queries = make_colours(1000, 2);
  const Table out = estimate(
      train("mdn", training, {"--mdn.hidden=16,16", "--mdn.nets=1", "--mdn.narrowest=0.005", "--mdn.rate=0.01", "--mdn.noise=0"}), queries);
  std::vector<double> bright, faint, off;
  for (std::size_t i = 0; i < 1000; ++i) {
    const double error = out.at("z_err").number(i);
    if (queries.mag[i][1] < 22.0) bright.push_back(error);
    if (queries.mag[i][1] > 23.0) faint.push_back(error);
    off.push_back((out.at("z_phot").number(i) - queries.z[i]) / (queries.mag[i][1] < 22.5 ? 0.02 : 0.1));
  }
  EXPECT_NEAR(median(bright), 0.02, 0.006);
  EXPECT_NEAR(median(faint), 0.1, 0.02);
  EXPECT_LT(nmad(off), 1.25);  // 1: nothing more can be known
}

TEST(Mdn, GivesPdfsOfWhichThePointEstimatesAre) {
  const Objects training = make_colours(500, 3), queries = make_colours(60, 4);
  const PhotozModel model = train("mdn", training, quick);
  const Table out = estimate(model, queries, {.kind = "mixmod"});
  const Table grid = estimate(model, queries, {.kind = "interp", .zmin = -2.0, .zmax = 4.0, .bins = 3001});
  const std::size_t width = out.at(pdf_means_column).info().width;
  ASSERT_EQ(width, 6u);
  for (std::size_t i = 0; i < 60; ++i) {
    double below = 0.0, weights = 0.0, low = 0.0;
    const double z = out.at("z_phot").number(i);
    for (std::size_t k = 0; k < width; ++k) {
      const double weight = out.at(pdf_weights_column).values<float>()[i * width + k];
      const double mean = out.at(pdf_means_column).values<float>()[i * width + k],
                   std = out.at(pdf_stds_column).values<float>()[i * width + k];
      weights += weight;
      below += weight * 0.5 * std::erfc((mean - z) / (std * std::numbers::sqrt2));
      EXPECT_GE(std, 0.00999);
    }
    EXPECT_NEAR(weights, 1.0, 1e-6);
    EXPECT_NEAR(below, 0.5, 1e-5);
    const float* p = &grid.at(pdf_column).values<float>()[i * 3001];
    const auto last = static_cast<std::size_t>((z + 2.0) / 0.002);
    for (std::size_t j = 0; j < last; ++j) low += 0.001 * (p[j] + p[j + 1]);
    low += (z + 2.0 - 0.002 * static_cast<double>(last)) * p[last];
    EXPECT_NEAR(low, 0.5, 0.005);
    EXPECT_EQ(grid.at("z_phot").number(i), z);
  }
}

TEST(Mdn, ModelsAndEstimatesAreTheSameForAnyThreadsAndBlocks) {
  const Objects training = make_colours(400, 5);
  Objects queries = make_colours(150, 6);
  queries.mag[7] = {not_observed, not_observed, not_observed};
  queries.mag[9][0] = not_observed;
  const PhotozModel model = train("mdn", training, quick), again = train("mdn", training, quick, {}, 3);
  EXPECT_TRUE(std::ranges::equal(model.tables.at("nets").at("weights").bytes(), again.tables.at("nets").at("weights").bytes()));
  expect_same_for_any_layout(model, queries, {.kind = "interp", .bins = 50}, 37);
}

TEST(Mdn, KnowsLessWithoutTheBandThatTells) {
  const Objects training = make_colours(2000, 7);
  Objects queries = make_colours(300, 8);
  const std::vector<std::string> options = {"--mdn.hidden=16,16", "--mdn.nets=1", "--mdn.narrowest=0.01", "--mdn.rate=0.01",
                                            "--mdn.hide=0.2"};
  const PhotozModel model = train("mdn", training, options);
  const Table all = estimate(model, queries);
  for (auto& mag : queries.mag) mag[0] = not_observed;
  const Table less = estimate(model, queries);
  std::vector<double> wider, off;
  for (std::size_t i = 0; i < 300; ++i) {
    wider.push_back(less.at("z_err").number(i) / all.at("z_err").number(i));
    off.push_back(std::abs(less.at("z_phot").number(i) - queries.z[i]) / less.at("z_err").number(i));
    EXPECT_EQ(less.at("flags").integer(i) & photoz_missing_band, photoz_missing_band);
    EXPECT_EQ(less.at("n_bands").integer(i), 2);
  }
  EXPECT_GT(median(wider), 1.5);
  EXPECT_LT(quantile(off, 0.683), 1.5);  // errors that are as wide as the truth is away
}

TEST(Mdn, FlagsWhatTrainingHasNotSeen) {
  const Objects training = make_colours(300, 9);
  Objects queries = make_colours(3, 10);
  queries.mag[0] = {25.0, 19.0, 22.0};
  queries.mag[1] = {not_observed, not_observed, not_observed};
  queries.err[2][1] = nan;
  const Table out = estimate(train("mdn", training, quick), queries);
  EXPECT_EQ(out.at("flags").integer(0) & photoz_outside_coverage, photoz_outside_coverage);
  EXPECT_TRUE(std::isnan(out.at("z_phot").number(1)));
  EXPECT_EQ(out.at("flags").integer(1), photoz_missing_band | photoz_no_band);
  EXPECT_EQ(out.at("flags").integer(2) & photoz_no_magnitude_error, photoz_no_magnitude_error);
}

TEST(Mdn, ObjectsWithoutWeightTeachNothing) {
  const Objects training = make_colours(300, 11), queries = make_colours(20, 12);
  Objects with_lies = training;
  std::vector<double> weight(300, 2.0);
  for (std::size_t i = 250; i < 300; ++i) {
    weight[i] = 0.0;
    with_lies.z[i] = 50.0;
  }
  Objects honest;
  for (std::size_t i = 0; i < 250; ++i) {
    honest.mag.push_back(training.mag[i]);
    honest.err.push_back(training.err[i]);
    honest.z.push_back(training.z[i]);
    honest.id.push_back(training.id[i]);
  }
  const Table one = estimate(train("mdn", with_lies, quick, weight), queries), other = estimate(train("mdn", honest, quick), queries);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(one.at("z_phot").number(i), other.at("z_phot").number(i));
}

TEST(Mdn, RefusesWhatTeachesNothingAndDamagedModels) {
  Objects few = make_colours(49, 13);
  EXPECT_THROW(train("mdn", few, quick), DataError);
  Objects training = make_colours(60, 14);
  EXPECT_THROW(train("mdn", training, quick, std::vector<double>(60, 0.0)), DataError);
  EXPECT_THROW(train("mdn", training, {"--mdn.hidden=3.5"}), UsageError);
  PhotozModel model = train("mdn", training, quick);
  model.parameters["mdn.hidden"] = "16,17";
  EXPECT_THROW(estimate(model, training), DataError);
  training.z[3] = nan;
  EXPECT_THROW(train("mdn", training, quick), DataError);
}

TEST(Mdn, TrainsWhereAllRedshiftsOrFeaturesAreTheSame) {
  Objects training = make_colours(60, 15);
  for (double& z : training.z) z = 0.5;
  for (auto& mag : training.mag) mag = {21.0, 20.5, 20.2};
  const Table out = estimate(train("mdn", training, quick), training);
  for (std::size_t i = 0; i < 60; ++i) EXPECT_NEAR(out.at("z_phot").number(i), 0.5, 0.05);
}

}  // namespace
}  // namespace skyfold
