// Calibration of PDFs: against normal distributions whose widths are known to be wrong, and against sums over fine grids.
#include "skyfold/kernels/photoz/calibration.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "../sizes.hpp"
#include "photoz/pdf/calibration.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold {
namespace {

std::vector<double> even(double low, double high) {
  std::vector<double> z;
  for (std::size_t k = 0; k < Calibration::knots; ++k) z.push_back(low + (high - low) * static_cast<double>(k) / 20.0);
  return z;
}

double normal_below(double t) { return 0.5 * std::erfc(-t / std::numbers::sqrt2); }

/// Objects at z = 1 +- sigma, a share of them anywhere in 0..2, and what PDFs of a claimed width say of them.
std::vector<SeenTruth> objects(std::size_t n, double sigma, double claimed, double anywhere) {
  std::vector<SeenTruth> some;
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(7, i, 1);
    const double u = random.uniform(), v = random.uniform(), w = random.uniform(), all = 2.0 * random.uniform();
    const double z = w < anywhere ? all : 1.0 + sigma * std::sqrt(-2.0 * std::log(1.0 - u)) * std::cos(2.0 * std::numbers::pi * v);
    const double t = (z - 1.0) / claimed;
    some.push_back({normal_below(t), std::exp(-0.5 * t * t) / (claimed * std::sqrt(2.0 * std::numbers::pi)), z, 1.0});
  }
  return some;
}

Table mixture_of(double mean, double sigma) {
  Table table({{pdf_means_column, Type::f4}, {pdf_stds_column, Type::f4}, {pdf_weights_column, Type::f4}}, 1);
  table[0].values<float>()[0] = static_cast<float>(mean);
  table[1].values<float>()[0] = static_cast<float>(sigma);
  table[2].values<float>()[0] = 1.0f;
  return table;
}

TEST(Calibration, UndoesAWidthThatIsWrongByAFactor) {
  const Calibration by = fit_calibration(objects(20'000, 0.05, 0.1, 0.0), even(0.0, 2.0));
  EXPECT_LT(by.floor, 0.002);
  // What a PDF of twice the width calls u is truly the normal distribution of twice its normal quantile.
  for (const double t : {-1.5, -0.8, -0.2, 0.4, 1.1}) EXPECT_NEAR(by.map(normal_below(0.5 * t)), normal_below(t), 0.02) << t;
}

TEST(Calibration, LeavesTruePdfsNearlyAlone) {
  const Calibration by = fit_calibration(objects(5'000, 0.05, 0.05, 0.0), even(0.0, 2.0));
  for (double u = 0.05; u < 1.0; u += 0.05) EXPECT_NEAR(by.map(u), u, 0.01);
  EXPECT_LT(by.floor, 0.002);
}

TEST(Calibration, FindsTheShareOfObjectsThatPdfsKnowNothingOf) {
  const Calibration by = fit_calibration(objects(20'000, 0.05, 0.05, 0.05), even(0.0, 2.0));
  EXPECT_NEAR(by.floor, 0.05, 0.006);
}

TEST(Calibration, OfAWeightIsThatOfAsManyObjects) {
  std::vector<SeenTruth> once = objects(3'000, 0.05, 0.08, 0.02), twice = once;
  for (std::size_t i = 0; i < once.size(); i += 3) {
    twice.push_back(once[i]);
    once[i].weight = 2.0;
  }
  const Calibration a = fit_calibration(once, even(0.0, 2.0)), b = fit_calibration(twice, even(0.0, 2.0));
  EXPECT_NEAR(a.floor, b.floor, 1e-9);
  for (std::size_t k = 0; k < Calibration::knots; ++k) EXPECT_NEAR(a.pit[k], b.pit[k], 2e-3);
}

TEST(Calibration, StaysIncreasingWhereTruthsAreBeyondAllPdfs) {
  std::vector<SeenTruth> some = objects(400, 0.05, 0.05, 0.0);
  for (std::size_t i = 0; i < 200; ++i) some[i] = {i % 2 == 0 ? 0.0 : 1.0, 0.0, 0.5, 1.0};
  const Calibration by = fit_calibration(some, even(0.0, 2.0));
  for (std::size_t k = 1; k < Calibration::knots; ++k) EXPECT_LT(by.pit[k - 1], by.pit[k]);
  EXPECT_NO_THROW(Calibration(by.table()));
}

TEST(Calibration, IsReadBackFromItsTableAndRefusedWhenDamaged) {
  const Calibration by = fit_calibration(objects(2'000, 0.05, 0.1, 0.03), even(0.1, 1.9));
  Table table = by.table();
  const Calibration back(table);
  EXPECT_EQ(back.pit, by.pit);
  EXPECT_EQ(back.all_z, by.all_z);
  EXPECT_EQ(back.floor, by.floor);
  table.at("pit").values<double>()[7] = 0.0;
  EXPECT_THROW(Calibration{table}, DataError);
}

TEST(CalibratedPdf, EqualsSumsOverAFineGrid) {
  Calibration by = fit_calibration(objects(5'000, 0.06, 0.1, 0.04), even(0.0, 2.0));
  const Table table = mixture_of(0.9, 0.05);
  const auto pdf = calibrated_pdf(by, make_redshift_pdf(table.schema(), PdfOptions()));
  ASSERT_TRUE(pdf->set(table, 0));
  constexpr double step = 2e-5;
  double below = 0.0, mean = 0.0, squares = 0.0, square = 0.0;
  std::size_t next = 0;
  const double asked[] = {0.01, 0.158655253931457, 0.5, 0.841344746068543, 0.97};
  for (double z = 0.5 * step; z < 2.0; z += step) {
    const double t = (z - 0.9) / 0.05, p = std::exp(-0.5 * t * t) / (0.05 * std::sqrt(2.0 * std::numbers::pi));
    const double f = (1.0 - by.floor) * normal_below(t) + by.floor * z / 2.0;
    const double density = by.slope(f) * ((1.0 - by.floor) * p + by.floor / 2.0);
    below += density * step;
    mean += density * step * z;
    squares += density * density * step;
    square += density * step * (z - 1.0) * (z - 1.0);
    if (next < std::size(asked) && below >= asked[next]) {
      EXPECT_NEAR(pdf->quantile(asked[next++]), z, 5e-5);
    }
  }
  EXPECT_EQ(next, std::size(asked));
  EXPECT_NEAR(below, 1.0, 1e-4);
  EXPECT_NEAR(pdf->mean(), mean, 1e-4);
  EXPECT_NEAR(pdf->squared_integral(), squares, 2e-3 * squares);
  EXPECT_NEAR(pdf->square_about(1.0), square, 1e-4);
  for (const double p : asked) EXPECT_NEAR(pdf->cumulative(pdf->quantile(p)), p, 1e-6);
}

TEST(CalibratedPdf, OfTheIdentityIsThePdfItself) {
  const Table table = mixture_of(0.9, 0.05);
  const auto pdf = calibrated_pdf(Calibration::identity(), make_redshift_pdf(table.schema(), PdfOptions())),
             plain = make_redshift_pdf(table.schema(), PdfOptions());
  ASSERT_TRUE(pdf->set(table, 0) && plain->set(table, 0));
  for (const double z : {0.7, 0.85, 0.9, 1.02}) EXPECT_EQ(pdf->density(z), plain->density(z));
}

/// Gaussians at random redshifts: those that claim to be narrow are too narrow by `narrow`, the wide ones by `wide`.
HeldOutEstimates two_kinds(std::size_t n, double narrow, double wide) {
  HeldOutEstimates held_out;
  held_out.columns = Table({{"z_phot", Type::f8},
                            {"z_err", Type::f4},
                            {pdf_means_column, Type::f4},
                            {pdf_stds_column, Type::f4},
                            {pdf_weights_column, Type::f4}},
                           n);
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(5, i, 1);
    const double u = random.uniform(), v = random.uniform(), mean = 0.5 + random.uniform(), claimed = i % 2 == 0 ? 0.02 : 0.1;
    held_out.columns[0].values<double>()[i] = mean;
    held_out.columns[1].values<float>()[i] = static_cast<float>(claimed);
    held_out.columns[2].values<float>()[i] = static_cast<float>(mean);
    held_out.columns[3].values<float>()[i] = static_cast<float>(claimed);
    held_out.columns[4].values<float>()[i] = 1.0f;
    const double t = std::sqrt(-2.0 * std::log(1.0 - u)) * std::cos(2.0 * std::numbers::pi * v);
    held_out.z.push_back(mean + t * claimed * (i % 2 == 0 ? narrow : wide));
    held_out.part.push_back(i / 2 % 5);
  }
  return held_out;
}

TEST(Calibrate, TellsPdfsOfDifferentWidthsApartWhereThatPays) {
  PhotozModel model;
  model.algorithm = "knn";
  model.z_min = 0.3, model.z_max = 1.8;
  const HeldOutEstimates held_out = two_kinds(6'000, 1.8, 0.6);
  const CalibrationReport report = calibrate(held_out, model, 2);
  EXPECT_TRUE(report.helps);
  EXPECT_NE(report.text.find("bins of width"), std::string::npos) << report.text;
  EXPECT_LT(report.after.cde, report.before.cde - 0.3);
  EXPECT_LT(report.after.pit_ks, 0.02);
  const Calibration back(report.calibration.table());
  ASSERT_EQ(back.wider.size(), report.calibration.wider.size());
  EXPECT_EQ(back.wider.back().pit, report.calibration.wider.back().pit);
  // Both kinds get their true widths.
  const auto pdf = calibrated_pdf(back, make_redshift_pdf(held_out.columns.schema(), held_out.pdf));
  for (const auto& [row, sigma] : {std::pair(std::size_t{0}, 0.036), std::pair(std::size_t{1}, 0.06)}) {
    ASSERT_TRUE(pdf->set(held_out.columns, row));
    EXPECT_NEAR(0.5 * (pdf->quantile(0.8413) - pdf->quantile(0.1587)), sigma, 0.06 * sigma);
  }
  EXPECT_EQ(calibrate(held_out, model, 1).text, report.text);
}

TEST(Calibrate, UsesOneMapWhereWidthsTellNothing) {
  PhotozModel model;
  model.algorithm = "knn";
  model.z_min = 0.3, model.z_max = 1.8;
  const CalibrationReport report = calibrate(two_kinds(testing_support::sized<std::size_t>(6'000, 3'000), 1.4, 1.4), model, 2);
  EXPECT_TRUE(report.helps);
  EXPECT_EQ(report.text.find("bins of width"), std::string::npos) << report.text;
  EXPECT_TRUE(report.calibration.wider.empty());
}

}  // namespace
}  // namespace skyfold
