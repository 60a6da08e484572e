// PDFs on the way to their form: against normal distributions, whose integrals are known.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "photoz/common/point.hpp"
#include "photoz/pdf/calibration.hpp"
#include "photoz/pdf/converter.hpp"
#include "photoz/pdf/grid_choice.hpp"
#include "photoz/pdf/uniform_pdf.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/kernels/photoz/pdf_layout.hpp"

namespace skyfold {
namespace {

double normal_below(double t) { return 0.5 * std::erfc(-t / std::numbers::sqrt2); }
double normal(double z, double mean, double sigma) {
  const double t = (z - mean) / sigma;
  return std::exp(-0.5 * t * t) / (sigma * std::sqrt(2.0 * std::numbers::pi));
}

struct Part {
  double mean, sigma, weight;
};
Table mixture_table(const std::vector<Part>& parts) {
  const std::size_t n = parts.size();
  Table table({{pdf_means_column, Type::f4, n}, {pdf_stds_column, Type::f4, n}, {pdf_weights_column, Type::f4, n}}, 1);
  for (std::size_t i = 0; i < n; ++i) {
    table[0].values<float>()[i] = static_cast<float>(parts[i].mean);
    table[1].values<float>()[i] = static_cast<float>(parts[i].sigma);
    table[2].values<float>()[i] = static_cast<float>(parts[i].weight);
  }
  return table;
}
const std::vector<Part> two_hills = {{0.5, 0.04, 0.7}, {1.3, 0.1, 0.3}};

Calibration some_calibration() {
  Calibration by = Calibration::identity();
  by.floor = 0.03;
  for (std::size_t k = 0; k < Calibration::knots; ++k) {
    const double p = static_cast<double>(k) / 20.0;
    by.pit[k] = p + 0.02 * std::sin(2.0 * std::numbers::pi * p);
    by.all_z[k] = 0.05 + 2.5 * p * p;
  }
  by.pit.front() = 0.0, by.pit.back() = 1.0;
  return by;
}

TEST(UniformPdf, HasTheDistributionFunctionOfItsGaussiansOneByOneAndAllAtOnce) {
  const Table table = mixture_table(two_hills);
  const auto pdf = make_uniform_pdf(table.schema(), PdfOptions());
  ASSERT_TRUE(pdf->set(table, 0));
  std::vector<double> z;
  for (double at = -0.5; at < 2.5; at += 0.0137) z.push_back(at);
  std::vector<double> all(z.size());
  pdf->cumulatives(z, all);
  for (std::size_t i = 0; i < z.size(); ++i) {
    double expected = 0.0;
    for (const Part& part : two_hills) expected += part.weight * normal_below((z[i] - part.mean) / part.sigma);
    EXPECT_NEAR(all[i], expected, 2e-4) << z[i];
    EXPECT_DOUBLE_EQ(all[i], pdf->cumulative(z[i])) << z[i];
  }
}

TEST(CalibratedPdf, GivesAllAtOnceWhatItGivesOneByOneForAnyRedshifts) {
  const Table table = mixture_table(two_hills);
  const auto pdf = calibrated_pdf(some_calibration(), make_uniform_pdf(table.schema(), PdfOptions()));
  ASSERT_TRUE(pdf->set(table, 0));
  // A second set of redshifts: what is kept of the first must not be used for it.
  for (const double step : {0.0211, 0.05}) {
    std::vector<double> z;
    for (double at = -0.3; at < 3.2; at += step) z.push_back(at);
    std::vector<double> all(z.size());
    pdf->cumulatives(z, all);
    EXPECT_TRUE(std::ranges::is_sorted(all));
    for (std::size_t i = 0; i < z.size(); ++i) EXPECT_NEAR(all[i], pdf->cumulative(z[i]), 1e-12) << z[i];
  }
  for (const double p : {0.001, 0.02, 0.16, 0.5, 0.69, 0.84, 0.98, 0.999}) EXPECT_NEAR(pdf->cumulative(pdf->quantile(p)), p, 1e-7) << p;
}

/// The integral of the squared difference of a grid's straight lines and a Gaussian.
double squared_difference(const std::vector<float>& values, const PdfOptions& grid, const Part& part) {
  const double step = (grid.zmax - grid.zmin) / static_cast<double>(grid.bins - 1), fine = step / 40.0;
  double sum = 0.0;
  for (double z = grid.zmin + 0.5 * fine; z < grid.zmax; z += fine) {
    const double place = (z - grid.zmin) / step;
    const auto i = std::min(static_cast<std::size_t>(place), values.size() - 2);
    const double f = place - static_cast<double>(i), line = (1.0 - f) * values[i] + f * values[i + 1];
    sum += std::pow(line - normal(z, part.mean, part.sigma), 2) * fine;
  }
  return sum;
}

TEST(PdfOnAGrid, IsNearestToThePdfInTheMeanSquare) {
  const PdfOptions grid{.kind = "interp", .zmin = 0.0, .zmax = 2.0, .bins = 101};
  const double step = 0.02;
  for (const double sigma : {0.02, 0.03, 0.05}) {
    const Part part{0.7123, sigma, 1.0};
    const Table table = mixture_table({part});
    const auto pdf = make_uniform_pdf(table.schema(), PdfOptions());
    ASSERT_TRUE(pdf->set(table, 0));
    Table out(pdf_columns(grid, 1), 1);
    EXPECT_EQ(PdfConverter(grid).write(*pdf, 0, out), 0);
    const auto cell = out[0].values<float>();
    const std::vector<float> values(cell.begin(), cell.end());
    std::vector<float> heights;
    for (std::size_t i = 0; i < values.size(); ++i)
      heights.push_back(static_cast<float>(normal(step * static_cast<double>(i), part.mean, part.sigma)));
    const double sum = std::accumulate(values.begin(), values.end(), -0.5 * (values.front() + values.back()));
    EXPECT_NEAR(sum * step, 1.0, 1e-5);
    EXPECT_GE(*std::ranges::min_element(values), 0.0f);
    // Heights at the points lose six times as much where the step is small against the width.
    const double lost = squared_difference(values, grid, part);
    EXPECT_LT(lost, (sigma > step ? 0.35 : 0.6) * squared_difference(heights, grid, part)) << sigma;
    double variance = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i)
      variance += step * values[i] * (std::pow(step * static_cast<double>(i) - part.mean, 2) + step * step / 6.0);
    EXPECT_NEAR(std::sqrt(variance), sigma, 0.02 * sigma);
  }
}

TEST(PdfOnAGrid, OfOneFarNarrowerThanItsStepIsWholeAndPositive) {
  const PdfOptions grid{.kind = "interp", .zmin = 0.0, .zmax = 1.0, .bins = 11};
  const Table table = mixture_table({{0.43, 0.001, 1.0}});
  const auto pdf = make_uniform_pdf(table.schema(), PdfOptions());
  ASSERT_TRUE(pdf->set(table, 0));
  Table out(pdf_columns(grid, 1), 1);
  EXPECT_EQ(PdfConverter(grid).write(*pdf, 0, out), 0);
  for (std::size_t i = 0; i < 11; ++i) EXPECT_NEAR(out[0].values<float>()[i], i == 4 ? 10.0 : 0.0, 1e-4) << i;
}

TEST(PdfInBins, HasTheProbabilityOfEach) {
  const PdfOptions bins{.kind = "hist", .zmin = 0.0, .zmax = 2.0, .bins = 40};
  const Table table = mixture_table(two_hills);
  const auto pdf = make_uniform_pdf(table.schema(), PdfOptions());
  ASSERT_TRUE(pdf->set(table, 0));
  Table out(pdf_columns(bins, 1), 1);
  EXPECT_EQ(PdfConverter(bins).write(*pdf, 0, out), 0);
  for (std::size_t i = 0; i < 40; ++i) {
    double expected = 0.0;
    for (const Part& part : two_hills)
      expected += part.weight * (normal_below((0.05 * static_cast<double>(i + 1) - part.mean) / part.sigma) -
                                 normal_below((0.05 * static_cast<double>(i) - part.mean) / part.sigma));
    EXPECT_NEAR(out[0].values<float>()[i], expected / 0.05, 4e-3) << i;
  }
}

HeldOutEstimates gaussians_of(double sigma) {
  HeldOutEstimates held_out;
  held_out.columns = Table({{pdf_means_column, Type::f4}, {pdf_stds_column, Type::f4}, {pdf_weights_column, Type::f4}}, 300);
  for (std::size_t i = 0; i < 300; ++i) {
    ObjectRandom random(3, i, 1);
    const double u = random.uniform(), v = random.uniform(), mean = 0.2 + 2.0 * random.uniform();
    held_out.columns[0].values<float>()[i] = static_cast<float>(mean);
    held_out.columns[1].values<float>()[i] = static_cast<float>(sigma);
    held_out.columns[2].values<float>()[i] = 1.0f;
    held_out.z.push_back(mean + sigma * std::sqrt(-2.0 * std::log(1.0 - u)) * std::cos(2.0 * std::numbers::pi * v));
    held_out.part.push_back(i % 5);
  }
  return held_out;
}

TEST(GridChoice, FollowsTheSharpestPdfs) {
  PhotozModel model;
  model.z_min = 0.1, model.z_max = 2.5;
  const GridChoice wide = choose_grid(gaussians_of(0.05), Calibration::identity(), model, 2),
                   sharp = choose_grid(gaussians_of(0.007), Calibration::identity(), model, 1);
  EXPECT_EQ(wide.points, 301);
  EXPECT_GT(sharp.points, 301);
  EXPECT_LE(sharp.points, 1001);
  for (const GridChoice& choice : {wide, sharp}) {
    EXPECT_LE(choice.lost, 0.01);
    model.tables[grid_table] = Table({{"step", Type::f8}}, 1);
    model.tables[grid_table][0].values<double>()[0] = choice.step;
    EXPECT_EQ(resolved_pdf(pdf_by_model(), model).bins, choice.points);
  }
  const GridChoice again = choose_grid(gaussians_of(0.007), Calibration::identity(), model, 2);
  EXPECT_EQ(again.lost, sharp.lost);
}

TEST(PointOfPdf, OfLeastRiskIsThatOfASearchOfAllRedshifts) {
  const std::vector<std::vector<Part>> some = {
      two_hills, {{0.5, 0.03, 0.5}, {0.72, 0.03, 0.5}}, {{0.4, 0.02, 0.45}, {1.5, 0.3, 0.55}}, {{0.02, 0.05, 1.0}}};
  for (const std::vector<Part>& parts : some) {
    const Table table = mixture_table(parts);
    const auto pdf = make_uniform_pdf(table.schema(), PdfOptions());
    ASSERT_TRUE(pdf->set(table, 0));
    const auto risk_of = [&](double point) {
      double risk = 0.0;
      for (double z = -0.5; z < 3.5; z += 0.002)
        for (const Part& part : parts) {
          const double t = (point - z) / (1.0 + z) / 0.15;
          risk += 0.002 * part.weight * normal(z, part.mean, part.sigma) * (1.0 - 1.0 / (1.0 + t * t));
        }
      return risk;
    };
    double least = 2.0;
    for (double z = -0.2; z < 2.5; z += 0.01) least = std::min(least, risk_of(z));
    EXPECT_LE(risk_of(point_of_pdf(*pdf, "risk")), least + 1e-5);
  }
}

TEST(PointOfPdf, OfTheCoreIsTheMedianOfWhatIsNearTheMedian) {
  // A narrow hill that holds the median, and one so far that it pulls the median aside but is none of the core.
  const std::vector<Part> parts = {{0.5, 0.02, 0.6}, {1.3, 0.1, 0.4}};
  const Table table = mixture_table(parts);
  const auto pdf = make_uniform_pdf(table.schema(), PdfOptions());
  ASSERT_TRUE(pdf->set(table, 0));
  // By bisection of the normal distribution.
  const auto solve = [](double p) {
    double low = 0.3, high = 0.7;
    for (int i = 0; i < 60; ++i) (normal_below((0.5 * (low + high) - 0.5) / 0.02) < p ? low : high) = 0.5 * (low + high);
    return low;
  };
  const double median = solve(0.5 / 0.6), reach = 0.02 * (1.0 + median);
  const double core = solve(0.5 * (normal_below((median - reach - 0.5) / 0.02) + normal_below((median + reach - 0.5) / 0.02)));
  EXPECT_NEAR(pdf->median(), median, 2e-4);
  EXPECT_NEAR(point_of_pdf(*pdf, "core"), core, 2e-4);
  EXPECT_LT(core, median - 0.003);
}

}  // namespace
}  // namespace skyfold
