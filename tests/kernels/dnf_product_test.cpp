#include <gtest/gtest.h>

#include <cmath>

#include "dnf_objects.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/kernels/photoz/flags.hpp"

namespace skyfold {
namespace {

using namespace dnf_test;

TEST(DnfProduct, SumsGaussiansAtTheEstimateAndResidualsIntoAPdf) {
  const Objects training = make_objects(900, 4, 26), queries = make_objects(50, 4, 27);
  const PdfOptions pdf{.kind = "interp", .zmin = 0.0, .zmax = 3.0, .bins = 151};
  const std::vector<double> grid = pdf_grid(pdf);
  for (const char* kernel : {"adaptive", "fixed"}) {
    const Table out = estimate(training, queries, {std::string("--dnf.kernel=") + kernel, "--dnf.sigma=0.07"}, pdf);
    for (std::size_t i = 0; i < 50; ++i) {
      const dnf_reference::Result r = reference(training, queries, i, {});
      const double sigma = kernel == std::string("fixed") ? 0.07 : 1.06 * r.err_fit * std::pow(r.n, -0.2);
      std::vector<double> expected(grid.size());
      double integral = 0.0;
      for (std::size_t j = 0; j < grid.size(); ++j) {
        for (std::size_t k = 0; k < r.residual.size(); ++k)
          expected[j] += r.weight[k] * std::exp(-0.5 * std::pow((grid[j] - r.z - r.residual[k]) / sigma, 2));
        integral += expected[j] * 0.02 * (j == 0 || j + 1 == grid.size() ? 0.5 : 1.0);
      }
      for (std::size_t j = 0; j < grid.size(); ++j) {
        const double density = expected[j] / integral;
        ASSERT_NEAR(out.at("pdf").values<float>()[i * grid.size() + j], density, 3e-7 * (1.0 + density));
      }
    }
  }
}

TEST(DnfProduct, GivesPdfsOfUnitIntegralWhereverTheyLie) {
  Objects training = make_objects(400, 3, 28);
  for (std::size_t i = 0; i < 400; ++i) training.z[i] = 5.0 * training.mag[i][0] - 100.0;  // -2 to 27, no scatter
  const Objects queries = make_objects(200, 3, 29);
  const PdfOptions pdf{.kind = "interp", .zmin = 0.0, .zmax = 2.0, .bins = 41};
  const Table out = estimate(training, queries, {}, pdf);
  bool met_off_grid = false;
  for (std::size_t i = 0; i < 200; ++i) {
    const float* p = &out.at("pdf").values<float>()[i * 41];
    double integral = 0.0;
    for (std::size_t j = 0; j < 41; ++j) integral += 0.05 * (j == 0 || j == 40 ? 0.5 : 1.0) * p[j];
    ASSERT_NEAR(integral, 1.0, 1e-6);
    const double z = out.at("z_phot").values<double>()[i];
    if (std::abs(z - 1.0) < 1.2) continue;
    met_off_grid = true;
    EXPECT_TRUE(out.at("flags").values<std::int32_t>()[i] & photoz_pdf_off_grid);
    EXPECT_FLOAT_EQ(p[z < 0.0 ? 0 : 40], 40.0f);
  }
  EXPECT_TRUE(met_off_grid);
}

TEST(DnfProduct, FlagsWhatIsRemarkable) {
  Objects training = make_objects(600, 3, 30), queries = make_objects(6, 3, 31);
  for (auto& mag : queries.mag) mag = training.mag[0];
  queries.mag[1][1] = nan;
  queries.mag[2].assign(3, not_observed);
  queries.mag[3] = {30.0, 30.5, 30.0};
  queries.err[4][2] = 0.0;
  const Table out = estimate(training, queries, {});
  const auto flags = out.at("flags").values<std::int32_t>();
  EXPECT_EQ(flags[0], 0);
  EXPECT_EQ(flags[1], photoz_missing_band);
  EXPECT_EQ(out.at("n_bands").values<std::int32_t>()[1], 2);
  EXPECT_EQ(flags[2], photoz_missing_band | photoz_no_band);
  EXPECT_TRUE(std::isnan(out.at("z_phot").values<double>()[2]));
  EXPECT_EQ(out.at("n_bands").values<std::int32_t>()[2], 0);
  EXPECT_TRUE(flags[3] & photoz_outside_coverage);
  EXPECT_EQ(flags[4], photoz_no_magnitude_error);
  EXPECT_TRUE(std::isnan(out.at("z_err_param").values<float>()[4]));
  EXPECT_EQ(out.at("z_err").values<float>()[4], out.at("z_err_fit").values<float>()[4]);
}

TEST(DnfProduct, FlagsExtrapolationAndDoesNotClip) {
  Objects training = make_objects(400, 3, 32), queries = make_objects(1, 3, 33);
  for (std::size_t i = 0; i < 400; ++i) training.z[i] = 0.1 * training.mag[i][0] - 1.5;
  queries.mag[0] = {28.0, 28.1, 28.2};
  const Table out = estimate(training, queries, {});
  EXPECT_TRUE(out.at("flags").values<std::int32_t>()[0] & photoz_extrapolated);
  EXPECT_NEAR(out.at("z_phot").values<double>()[0], 1.3, 1e-6);
}

TEST(DnfProduct, TakesTheMeanOfARankDeficientNeighbourhood) {
  Objects training = make_objects(400, 3, 34);
  const Objects queries = make_objects(5, 3, 35);
  for (auto& mag : training.mag) mag[2] = mag[0] + 2.0 * (mag[1] - mag[0]);
  const Table out = estimate(training, queries, {"--dnf.neighbours=20"});
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_TRUE(out.at("flags").values<std::int32_t>()[i] & photoz_rank_deficient);
    dnf_reference::Result r = reference(training, queries, i, {.neighbours = 20});
    double mean = 0.0;
    for (const std::size_t row : r.neighbours) mean += training.z[row] / 20.0;
    EXPECT_NEAR(out.at("z_phot").values<double>()[i], mean, 1e-12);
    EXPECT_GT(out.at("z_err").values<float>()[i], 0.0f);
  }
}

TEST(DnfProduct, FitsNearlyCollinearBands) {
  Objects training = make_objects(400, 3, 44), queries = make_objects(20, 3, 45);
  for (Objects* objects : {&training, &queries})
    for (std::size_t i = 0; i < objects->mag.size(); ++i)
      objects->mag[i][2] = objects->mag[i][0] + 1e-5 * (objects->mag[i][2] - objects->mag[i][1]);
  const Table out = estimate(training, queries, {"--dnf.neighbours=60"});
  for (std::size_t i = 0; i < 20; ++i) {
    const dnf_reference::Result r = reference(training, queries, i, {.neighbours = 60});
    EXPECT_EQ(out.at("flags").values<std::int32_t>()[i] & photoz_rank_deficient, 0);
    EXPECT_NEAR(out.at("z_phot").values<double>()[i], r.z, 1e-6);  // digits lost to the condition of the problem
    EXPECT_FLOAT_EQ(out.at("z_err_fit").values<float>()[i], static_cast<float>(r.err_fit));
  }
}

TEST(DnfProduct, FlagsObjectsWhoseBandsNoTrainingRowHas) {
  Objects training = make_objects(100, 3, 36), queries = make_objects(1, 3, 37);
  for (auto& mag : training.mag) mag[2] = not_observed;
  const Table out = estimate(training, queries, {}, {.kind = "interp"});
  EXPECT_EQ(out.at("flags").values<std::int32_t>()[0], photoz_few_neighbours);
  EXPECT_TRUE(std::isnan(out.at("z_phot").values<double>()[0]));
  EXPECT_TRUE(std::isnan(out.at("pdf").values<float>()[99]));
}

TEST(DnfProduct, MarksFailedRows) {
  const auto kernel = kernel_of(train(make_objects(100, 3, 38), {}), {.kind = "interp"});
  Table out(kernel->gives(), 2);
  kernel->mark_failed(out);
  EXPECT_EQ(out.at("flags").values<std::int32_t>()[1], photoz_failed);
  EXPECT_TRUE(std::isnan(out.at("z_phot").values<double>()[1]));
  EXPECT_TRUE(std::isnan(out.at("pdf").values<float>()[150]));
}

TEST(DnfProduct, StoresTheCoverageOfTheTrainingSet) {
  const Objects training = make_objects(500, 3, 39);
  std::vector<double> distances;
  for (std::size_t i = 0; i < 500; ++i) {
    double nearest = std::numeric_limits<double>::infinity();
    for (std::size_t j = 0; j < 500; ++j)
      if (j != i) nearest = std::min(nearest, dnf_reference::euclid2(training.mag[i], training.mag[j]));
    distances.push_back(std::sqrt(nearest));
  }
  const PhotozModel model = train(training, {});
  EXPECT_DOUBLE_EQ(model.tables.at("coverage").at("d1_euclid_99").values<double>()[0], quantile(distances, 0.99));
}

TEST(DnfProduct, KeepsItsOptionsInTheModel) {
  const PhotozModel model = train(make_objects(100, 3, 40), {"--dnf.neighbours=7", "--dnf.metric=enf"});
  EXPECT_EQ(model.algorithm, "dnf");
  EXPECT_EQ(model.parameters.at("dnf.neighbours"), "7");
  EXPECT_EQ(model.parameters.at("dnf.metric"), "enf");
  EXPECT_EQ(model.parameters.at("dnf.preselect"), "4000");
  EXPECT_EQ(model.tables.at("training").rows(), 100u);
}

TEST(DnfProduct, ReadsTheIdOnlyToLeaveObjectsOut) {
  const PhotozModel plain = train(make_objects(100, 2, 41), {});
  EXPECT_EQ(kernel_of(plain)->needs(), (std::vector<std::string>{"mag_0", "mag_1", "err_0", "err_1"}));
  const PhotozModel left_out = train(make_objects(100, 2, 41), {"--dnf.leave_self_out", "--dnf.id=name"});
  EXPECT_EQ(kernel_of(left_out)->needs().back(), "name");
}

TEST(DnfProduct, RefusesTrainingSetsThatTeachNothing) {
  Objects one = make_objects(1, 3, 42), holes = make_objects(10, 3, 43);
  holes.z[4] = nan;
  EXPECT_THROW(train(one, {}), DataError);
  EXPECT_THROW(train(holes, {}), DataError);
}

}  // namespace
}  // namespace skyfold
