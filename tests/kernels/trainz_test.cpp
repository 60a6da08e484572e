// The baseline, and PDFs in bins, against sums written out.
#include <numeric>

#include "photoz/common/binned_pdf.hpp"
#include "photoz_objects.hpp"

namespace skyfold {
namespace {

using namespace photoz_test;

TEST(BinnedPdf, HasTheMomentsAndQuantilesOfItsBins) {
  BinnedPdf pdf({0.0, 1.0, 1.5, 3.5});
  pdf.set(std::vector<double>{2.0, 4.0, 2.0});
  EXPECT_DOUBLE_EQ(pdf.mean(), 0.25 * 0.5 + 0.5 * 1.25 + 0.25 * 2.5);
  EXPECT_DOUBLE_EQ(pdf.mode(), 1.25);
  EXPECT_DOUBLE_EQ(pdf.density(1.2), 1.0);
  EXPECT_DOUBLE_EQ(pdf.density(3.5), 0.125);
  EXPECT_EQ(pdf.density(3.6), 0.0);
  EXPECT_DOUBLE_EQ(pdf.squared_integral(), 0.0625 + 0.5 + 0.03125);
  for (const auto& [p, z] : {std::pair{0.1, 0.4}, {0.25, 1.0}, {0.5, 1.25}, {0.75, 1.5}, {0.875, 2.5}}) {
    EXPECT_DOUBLE_EQ(pdf.quantile(p), z);
    EXPECT_DOUBLE_EQ(pdf.cumulative(z), p);
  }
  pdf.set(std::vector<double>{0.0, 0.0, 1.0});
  EXPECT_DOUBLE_EQ(pdf.quantile(0.5), 2.5);
}

TEST(Trainz, GivesAllObjectsTheWeightedDistribution) {
  const Objects training = make_objects(500, 3, 20);
  std::vector<double> weight(500);
  for (std::size_t i = 0; i < 500; ++i) weight[i] = static_cast<double>(i % 4);
  const PhotozModel model = train("trainz", training, {"--trainz.bins=20", "--trainz.point=mean"}, weight);
  const auto [low, high] = std::minmax_element(training.z.begin(), training.z.end());
  const double width = (*high - *low) / 20.0;
  std::vector<double> share(20, 0.0);
  for (std::size_t i = 0; i < 500; ++i)
    share[std::min<std::size_t>(static_cast<std::size_t>((training.z[i] - *low) / width), 19)] += weight[i];
  const double sum = std::accumulate(share.begin(), share.end(), 0.0);
  double mean = 0.0;
  for (std::size_t b = 0; b < 20; ++b) {
    EXPECT_NEAR(model.tables.at("nz").at("probability").number(b), share[b] / sum, 1e-12);
    mean += share[b] / sum * (*low + (static_cast<double>(b) + 0.5) * width);
  }
  Objects queries = make_objects(5, 3, 21);
  queries.mag[1][0] = not_observed;
  queries.mag[2].assign(3, not_observed);
  const PdfOptions pdf{.kind = "interp", .zmin = -1.0, .zmax = 3.0, .bins = 4001};
  const Table out = estimate(model, queries, pdf);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(out.at("z_phot").number(i), mean, 1e-12);
    double integral = 0.0;
    for (std::size_t j = 0; j < 4001; ++j) {
      const float p = out.at(pdf_column).values<float>()[i * 4001 + j];
      integral += 0.001 * p;
      const double x = -1.0 + 0.001 * static_cast<double>(j), bin = (x - *low) / width;
      // Between two edges the density is that of the bin.
      if (bin > 0.02 && bin < 19.98 && std::abs(bin - std::round(bin)) > 0.02) {
        ASSERT_NEAR(p, share[static_cast<std::size_t>(bin)] / sum / width, 1e-4) << x;
      }
    }
    EXPECT_NEAR(integral, 1.0, 1e-5);
  }
  EXPECT_EQ(out.at("flags").integer(0), 0);
  EXPECT_EQ(out.at("flags").integer(2), photoz_missing_band);
  EXPECT_EQ(out.at("n_bands").integer(1), 2);
  expect_same_for_any_layout(model, queries, pdf, 2);
}

TEST(Trainz, SaysWhenThePdfIsOffTheGrid) {
  const PhotozModel model = train("trainz", make_objects(300, 3, 22), {});
  const Table out = estimate(model, make_objects(1, 3, 23), {.kind = "interp", .zmin = 5.0, .zmax = 6.0, .bins = 11});
  EXPECT_EQ(out.at("flags").integer(0), photoz_pdf_off_grid);
  EXPECT_FLOAT_EQ(out.at(pdf_column).values<float>()[0], 20.0f);
}

TEST(Trainz, RefusesSetsThatTeachNothing) {
  Objects same = make_objects(200, 3, 24), holes = same;
  same.z.assign(200, 0.5);
  holes.z[3] = nan;
  EXPECT_EQ(training_error("trainz", same), "all training redshifts are 0.5 (the 100 bins of trainz.bins need a range)");
  EXPECT_EQ(training_error("trainz", holes), "training row 4: redshift nan (must be a number to train on)");
  EXPECT_EQ(training_error("trainz", make_objects(50, 3, 24)), "trainz.bins = 100 (more bins than the 50 training objects)");
  EXPECT_EQ(training_error("trainz", make_objects(200, 3, 24), {}, std::vector<double>(200, 0.0)),
            "no weight of the 200 training objects is above 0");
}

}  // namespace
}  // namespace skyfold
