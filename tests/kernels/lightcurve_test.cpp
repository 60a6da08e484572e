// Light-curve kernels beside formulas written out slowly, least squares by elimination, and simulated stars and noise.
#include "skyfold/kernels/lightcurve/statistics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "../sizes.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/kernels/lightcurve/motion.hpp"
#include "skyfold/kernels/lightcurve/objects.hpp"
#include "skyfold/kernels/lightcurve/periodogram.hpp"

namespace skyfold::lightcurve {
namespace {

using testing_support::sized;
using Numbers = std::vector<double>;

constexpr double two_pi = 2.0 * std::numbers::pi;

struct Data {
  Numbers mjd, mag, err;
  [[nodiscard]] Curve curve() const { return {mjd, mag, err}; }
};

/// A sawtooth of period `period` (none: 0) with noise, at random times.
Data simulated(ObjectRandom& random, std::size_t n, double span, double period, double err, double rise = 0.2) {
  Data data;
  for (std::size_t i = 0; i < n; ++i) data.mjd.push_back(56000.0 + span * random.uniform());
  std::sort(data.mjd.begin(), data.mjd.end());
  for (const double mjd : data.mjd) {
    const double phase = period > 0.0 ? mjd / period - std::floor(mjd / period) : 0.0;
    const double shape = phase < rise ? 1.0 - phase / rise : (phase - rise) / (1.0 - rise);
    data.mag.push_back(21.0 + (period > 0.0 ? 0.8 * shape : 0.0) + err * random.normal());
    data.err.push_back(err);
  }
  return data;
}

TEST(CurveStatistics, AreThoseOfTheFormulas) {
  const Data d{{1.0, 1.01, 5.0, 9.0, 9.02, 9.03}, {20.1, 20.3, 19.8, 20.0, 20.5, 20.2}, {0.1, 0.2, 0.1, 0.1, 0.2, NAN}};
  std::vector<Residual> scratch;
  const CurveStatistics s = statistics_of(d.curve(), 0.03, scratch);
  EXPECT_EQ(s.n, 6);
  EXPECT_NEAR(s.mean, 20.15, 1e-13);
  EXPECT_NEAR(s.amplitude, 0.7, 1e-13);
  EXPECT_EQ(s.mjd_first, 1.0);
  EXPECT_EQ(s.mjd_last, 9.03);
  double squares = 0.0, steps = 0.0, w = 0.0, wm = 0.0, chi2 = 0.0;
  for (std::size_t i = 0; i < 6; ++i) squares += std::pow(d.mag[i] - 20.15, 2);
  for (std::size_t i = 1; i < 6; ++i) steps += std::pow(d.mag[i] - d.mag[i - 1], 2);
  for (std::size_t i = 0; i < 5; ++i) w += std::pow(d.err[i], -2), wm += d.mag[i] * std::pow(d.err[i], -2);
  for (std::size_t i = 0; i < 5; ++i) chi2 += std::pow((d.mag[i] - wm / w) / d.err[i], 2);
  EXPECT_NEAR(s.rms, std::sqrt(squares / 5.0), 1e-13);
  EXPECT_NEAR(s.von_neumann, steps / squares, 1e-12);
  EXPECT_NEAR(s.weighted_mean, wm / w, 1e-13);
  EXPECT_NEAR(s.weighted_mean_err, 1.0 / std::sqrt(w), 1e-15);
  EXPECT_NEAR(s.chi2, chi2, 1e-10);
  // Pairs: (1, 1.01) and (9, 9.02); 5 stands alone; the last one has no error.
  Numbers delta;
  for (std::size_t i = 0; i < 5; ++i) delta.push_back(std::sqrt(5.0 / 4.0) * (d.mag[i] - wm / w) / d.err[i]);
  const auto root = [](double p) { return p < 0.0 ? -std::sqrt(-p) : std::sqrt(p); };
  const double j = (root(delta[0] * delta[1]) + 0.5 * root(delta[2] * delta[2] - 1.0) + root(delta[3] * delta[4])) / 2.5;
  EXPECT_NEAR(s.stetson_j, j, 1e-11);
}

TEST(CurveStatistics, AreTheSameWhateverElseIsWanted) {
  const Data d{{1.0, 1.01, 5.0, 9.0, 9.02}, {20.0, 20.3, 19.7, 20.1, 20.4}, {0.1, 0.2, 0.15, 0.1, 0.3}};
  std::vector<Residual> all_residuals, residuals;
  const CurveStatistics all = statistics_of(d.curve(), 0.03, all_residuals);
  for (int which = 0; which < 16; ++which) {
    const CurveWants wants{(which & 1) != 0, (which & 2) != 0, (which & 4) != 0, (which & 8) != 0};
    const CurveStatistics s = statistics_of(d.curve(), 0.03, residuals, wants);
    EXPECT_EQ(s.mean, all.mean);
    EXPECT_EQ(s.weighted_mean, all.weighted_mean);
    EXPECT_EQ(s.amplitude, all.amplitude);
    EXPECT_EQ(wants.rms ? s.rms : all.rms, all.rms);
    EXPECT_EQ(wants.von_neumann ? s.von_neumann : all.von_neumann, all.von_neumann);
    EXPECT_EQ(wants.chi2 ? s.chi2 : all.chi2, all.chi2);
    EXPECT_EQ(wants.stetson_j ? s.stetson_j : all.stetson_j, all.stetson_j);
    // The index of all filters together is made of these, whatever is wanted of one.
    ASSERT_EQ(residuals.size(), all_residuals.size());
    for (std::size_t i = 0; i < residuals.size(); ++i) EXPECT_EQ(residuals[i].delta, all_residuals[i].delta);
  }
}

TEST(CurveStatistics, AreMissingWhereTooFewMeasurementsTell) {
  std::vector<Residual> scratch;
  const CurveStatistics none = statistics_of({}, 1.0, scratch);
  EXPECT_EQ(none.n, 0);
  EXPECT_TRUE(std::isnan(none.mean) && std::isnan(none.mjd_first) && std::isnan(none.stetson_j));
  const Data one{{5.0}, {20.0}, {0.1}};
  const CurveStatistics s = statistics_of(one.curve(), 1.0, scratch);
  EXPECT_EQ(s.mean, 20.0);
  EXPECT_EQ(s.weighted_mean_err, 0.1);
  EXPECT_EQ(s.chi2, 0.0);
  EXPECT_EQ(s.amplitude, 0.0);
  EXPECT_TRUE(std::isnan(s.rms) && std::isnan(s.von_neumann) && std::isnan(s.stetson_j));
  const Data equal{{5.0, 6.0}, {20.0, 20.0}, {}};
  const CurveStatistics e = statistics_of(equal.curve(), 1.0, scratch);
  EXPECT_EQ(e.rms, 0.0);
  EXPECT_TRUE(std::isnan(e.von_neumann) && std::isnan(e.weighted_mean) && std::isnan(e.chi2));
}

TEST(CompensatedSum, KeepsWhatASumLoses) {
  CompensatedSum sum;
  for (int i = 0; i < 10; ++i) sum.add(1e16), sum.add(1.0), sum.add(-1e16);
  EXPECT_EQ(sum.value(), 10.0);
}

TEST(Motion, IsThatOfASimulatedStarInItsErrors) {
  const MotionRule rule;
  const double ra0 = 359.9999, dec0 = 80.0, mas = 1.0 / 3.6e6;
  double pulls = 0.0;
  std::vector<PlanePoint> scratch;
  const int n_stars = sized(400, 100);
  for (int star = 0; star < n_stars; ++star) {
    ObjectRandom random(7, static_cast<std::uint64_t>(star));
    Numbers mjd, ra, dec, err;
    for (int i = 0; i < 12; ++i) {
      mjd.push_back(56000.0 + 200.0 * i);
      err.push_back(0.001 * (1.0 + random.uniform()));
      const double years = (mjd.back() - 56000.0) / 365.25;
      // Across RA 0.
      ra.push_back(std::fmod(ra0 + (30.0 * years + 1000.0 * err.back() * random.normal()) * mas / std::cos(dec0 * two_pi / 360.0), 360.0));
      dec.push_back(dec0 + (-12.0 * years + 1000.0 * err.back() * random.normal()) * mas);
    }
    const Motion m = motion_of({mjd, ra, dec, err}, ra0, dec0, rule, scratch);
    pulls += std::pow((m.pm_ra - 30.0) / m.pm_ra_err, 2) + std::pow((m.pm_dec + 12.0) / m.pm_dec_err, 2);
    EXPECT_GT(m.scatter_arcsec, 0.02);
    const Motion without = motion_of({mjd, ra, dec, {}}, ra0, dec0, rule, scratch);
    EXPECT_NEAR(without.pm_ra, 30.0, 3.0);
    EXPECT_NEAR(without.pm_dec, -12.0, 3.0);
    EXPECT_NEAR(without.pm_dec_err, m.pm_dec_err, 1.0);
  }
  EXPECT_NEAR(pulls / (2.0 * n_stars), 1.0, 0.2);
}

TEST(Motion, NeedsASpanOfEpochs) {
  std::vector<PlanePoint> scratch;
  const Numbers mjd = {1.0, 2.0, 300.0}, ra = {10.0, 10.0001, 10.0}, dec = {0.0, 0.0, 0.0};
  const Motion m = motion_of({mjd, ra, dec, {}}, 10.0, 0.0, {}, scratch);
  EXPECT_TRUE(std::isnan(m.pm_ra) && std::isnan(m.pm_ra_err));
  EXPECT_NEAR(m.ra, 10.0 + 0.0001 / 3.0, 1e-12);
  EXPECT_NEAR(m.scatter_arcsec, 0.36 * std::sqrt(2.0 / 3.0 / 4.0), 1e-9);
  EXPECT_FALSE(std::isnan(motion_of({mjd, ra, dec, {}}, 10.0, 0.0, {.min_span_days = 200.0}, scratch).pm_ra));
}

/// (chi2_0 - chi2) / chi2_0 by least squares with a column for each amplitude and mean, by elimination.
double power_by_least_squares(const std::vector<Data>& bands, int harmonics, bool is_shared, double frequency) {
  double before = 0.0, after = 0.0;
  std::vector<Numbers> rows;
  const std::size_t amplitudes = 2 * static_cast<std::size_t>(harmonics), shared_columns = amplitudes + bands.size();
  const std::size_t columns = is_shared ? shared_columns : bands.size() * (amplitudes + 1);
  for (std::size_t b = 0; b < bands.size(); ++b) {
    double w = 0.0, wm = 0.0;
    for (std::size_t i = 0; i < bands[b].mjd.size(); ++i)
      w += std::pow(bands[b].err[i], -2), wm += bands[b].mag[i] * std::pow(bands[b].err[i], -2);
    for (std::size_t i = 0; i < bands[b].mjd.size(); ++i) {
      Numbers row(columns + 1, 0.0);
      const std::size_t first = is_shared ? 0 : b * (amplitudes + 1);
      for (int h = 1; h <= harmonics; ++h) {
        const double angle = two_pi * h * frequency * (bands[b].mjd[i] - 56000.0);
        row[first + 2 * h - 2] = std::cos(angle) / bands[b].err[i];
        row[first + 2 * h - 1] = std::sin(angle) / bands[b].err[i];
      }
      row[is_shared ? amplitudes + b : first + amplitudes] = 1.0 / bands[b].err[i];
      row[columns] = (bands[b].mag[i] - wm / w) / bands[b].err[i];
      before += row[columns] * row[columns];
      rows.push_back(row);
    }
  }
  // Gram-Schmidt, column by column; what is left of the last one is chi2.
  for (std::size_t c = 0; c < columns; ++c) {
    double norm = 0.0;
    for (const Numbers& row : rows) norm += row[c] * row[c];
    for (std::size_t d = c + 1; d <= columns; ++d) {
      double product = 0.0;
      for (const Numbers& row : rows) product += row[c] * row[d];
      for (Numbers& row : rows) row[d] -= product / norm * row[c];
    }
  }
  for (const Numbers& row : rows) after += row[columns] * row[columns];
  return (before - after) / before;
}

TEST(Periodogram, IsThatOfLeastSquares) {
  ObjectRandom random(3, 1);
  std::vector<Data> bands;
  for (const std::size_t n : {40u, 25u, 18u}) {
    bands.push_back(simulated(random, n, 300.0, 1.7, 0.03));
    for (double& err : bands.back().err) err *= 0.5 + random.uniform();
  }
  const FrequencyGrid grid{0.05, 0.0137, 700};
  for (int harmonics = 1; harmonics <= max_harmonics; ++harmonics)
    for (const BandModel model : {BandModel::shared, BandModel::separate})
      for (const std::size_t n_bands : {1u, 3u}) {
        const std::vector<Data> some(bands.begin(), bands.begin() + static_cast<std::ptrdiff_t>(n_bands));
        std::vector<Curve> curves;
        for (const Data& band : some) curves.push_back(band.curve());
        Numbers power;
        Periodogram(curves, harmonics, model).evaluate(grid, power);
        ASSERT_EQ(power.size(), grid.size);
        for (std::size_t i = 0; i < grid.size; i += 23)
          EXPECT_NEAR(power[i], power_by_least_squares(some, harmonics, model == BandModel::shared, grid.at(i)), 1e-9)
              << harmonics << " " << i;
      }
}

TEST(Periodogram, LeavesOutWhatSaysNothing) {
  const Data few{{1.0, 2.0, 3.0}, {20.0, 20.1, 20.3}, {0.1, 0.1, 0.1}};
  const Curve curve = few.curve();
  Numbers scratch;
  EXPECT_EQ(Periodogram({&curve, 1}, 1, BandModel::shared).n(), 0u);
  EXPECT_EQ(find_period(Periodogram({&curve, 1}, 1, BandModel::shared), {}, scratch).flags, too_few_measurements);
  Data constant{{}, Numbers(20, 20.0), {}};
  for (int i = 0; i < 20; ++i) constant.mjd.push_back(3.1 * i);
  const Curve flat = constant.curve();
  EXPECT_EQ(find_period(Periodogram({&flat, 1}, 1, BandModel::shared), {}, scratch).flags, no_variation);
  ObjectRandom random(5, 5);
  const Data noise = simulated(random, 20, 1000.0, 0.0, 0.1);
  const Curve long_one = noise.curve();
  EXPECT_EQ(find_period(Periodogram({&long_one, 1}, 1, BandModel::shared), {.max_frequencies = 1000}, scratch).flags, too_many_frequencies);
}

TEST(Periodogram, FindsThePeriodsOfSimulatedStarsAt60Epochs) {
  const int n_stars = sized(100, 12);
  int good = 0, of_filters = 0;
  Numbers scratch;
  for (int star = 0; star < n_stars; ++star) {
    ObjectRandom random(11, static_cast<std::uint64_t>(star));
    // RR Lyrae stars and Cepheids of 0.45 to 15 days.
    const double period = star % 2 == 0 ? 0.45 + 0.25 * random.uniform() : std::pow(10.0, 0.4 + 0.8 * random.uniform());
    const Data data = simulated(random, 60, 400.0, period, 0.05, star % 2 == 0 ? 0.15 : 0.3);
    const Curve curve = data.curve();
    const Period found = find_period(Periodogram({&curve, 1}, 2, BandModel::shared), {.min_period_days = 0.2}, scratch);
    good += std::abs(found.days / period - 1.0) < 1e-3;
    EXPECT_LT(found.false_alarm, 1e-6);
    std::vector<Data> three;
    for (int b = 0; b < 3; ++b) three.push_back(simulated(random, 20, 400.0, period, 0.05, star % 2 == 0 ? 0.15 : 0.3));
    const std::vector<Curve> curves = {three[0].curve(), three[1].curve(), three[2].curve()};
    of_filters +=
        std::abs(find_period(Periodogram(curves, 2, BandModel::shared), {.min_period_days = 0.2}, scratch).days / period - 1.0) < 1e-3;
  }
  // One of few may be missed.
  EXPECT_GE(good, sized(0.95, 0.9) * n_stars);
  EXPECT_GE(of_filters, sized(0.95, 0.9) * n_stars);
}

TEST(Periodogram, FalseAlarmsOfNoiseAreAsFrequentAsTheySay) {
  const int n_stars = sized(1000, 60);
  Numbers scratch;
  for (const int harmonics : {1, 3}) {
    int below = 0;
    for (int star = 0; star < n_stars; ++star) {
      ObjectRandom random(13, static_cast<std::uint64_t>(star));
      const Data data = simulated(random, 50, 60.0, 0.0, 0.1);
      const Curve curve = data.curve();
      below += find_period(Periodogram({&curve, 1}, harmonics, BandModel::shared), {.min_period_days = 1.0}, scratch).false_alarm < 0.1;
    }
    // An upper limit: never many more, and not empty.
    EXPECT_LT(below, 0.1 * n_stars + 3.0 * std::sqrt(0.09 * n_stars)) << harmonics;
    EXPECT_GT(below, sized(0.05 * n_stars, 0.0)) << harmonics;
  }
}

TEST(Periodogram, PrefersTheFrequencyToItsHalf) {
  int good = 0;
  Numbers scratch;
  for (int star = 0; star < 20; ++star) {
    ObjectRandom random(17, static_cast<std::uint64_t>(star));
    Data data = simulated(random, 60, 200.0, 0.0, 0.05);
    for (std::size_t i = 0; i < 60; ++i) data.mag[i] += 0.3 * std::sin(two_pi * data.mjd[i] / 3.7);
    const Curve curve = data.curve();
    good +=
        std::abs(find_period(Periodogram({&curve, 1}, 3, BandModel::shared), {.min_period_days = 0.5}, scratch).days / 3.7 - 1.0) < 1e-2;
  }
  EXPECT_GE(good, 19);
}

/// Three objects: two filters, one with what does not count; none; one measurement.
Table measurements_of_three() {
  Table t({{"mjd", Type::f8}, {"mag", Type::f4}, {"err", Type::f4}, {"filter", Type::u1}, {"flag", Type::i4}}, 9);
  const Numbers mjd = {1, 2, 3, 4, 1, 2, 3, 4, 7}, mag = {20, 99, 21, 22, 18, 19, -99, 20, 25}, err = {.1, .1, 0, .1, .1, .1, .1, .1, .2};
  for (std::size_t i = 0; i < 9; ++i) {
    t[0].values<double>()[i] = mjd[i];
    t[1].values<float>()[i] = static_cast<float>(mag[i]);
    t[2].values<float>()[i] = static_cast<float>(err[i]);
    t[3].values<std::uint8_t>()[i] = static_cast<std::uint8_t>(i < 4 ? 0 : 2);
    t[4].values<std::int32_t>()[i] = i == 7 ? 1 : 0;
  }
  return t;
}

TEST(DescribeObjects, LeavesOutWhatDoesNotCount) {
  const Table t = measurements_of_three();
  UseRule rule;
  rule.where.emplace("flag == 0", t.schema(), "test");
  rule.filter_of = {0, -1, 1};
  const CurveReader reader({"mjd", "filter", "mag", "err", "", "", ""}, rule);
  ObjectOptions o;
  o.filters = {"F475W", "z.DC2"};
  o.statistics = {Statistic::n, Statistic::mean, Statistic::chi2};
  Table out(object_schema(o), 3);
  const std::vector<std::int64_t> first = {0, 8, 8, 9};
  for (const int threads : {1, 2}) {
    describe_objects({t, first, {}, {}}, reader, o, out, threads);
    EXPECT_EQ(out.at("n_measurements").integer(0), 8);
    EXPECT_EQ(out.at("n_used").integer(0), 5);
    EXPECT_EQ(out.at("F475W_n").integer(0), 3);
    EXPECT_EQ(out.at("F475W_mean").number(0), 21.0);
    EXPECT_NEAR(out.at("F475W_chi2").number(0), 200.0, 1e-4);  // two have a weight: 20 and 22 of 0.1
    EXPECT_EQ(out.at("z_DC2_n").integer(0), 2);
    EXPECT_EQ(out.at("z_DC2_mean").number(0), 18.5);
    EXPECT_EQ(out.at("mjd_last").number(0), 4.0);
    EXPECT_EQ(out.at("n_measurements").integer(1), 0);
    EXPECT_TRUE(std::isnan(out.at("z_DC2_mean").number(1)) && std::isnan(out.at("mjd_first").number(1)));
    EXPECT_EQ(out.at("z_DC2_mean").number(2), 25.0);
    EXPECT_EQ(out.at("F475W_n").integer(2), 0);
  }
}

TEST(DescribeObjects, RefusesFiltersInDisorder) {
  const Table t = measurements_of_three();
  UseRule rule;
  rule.filter_of = {1, -1, 0};
  ObjectOptions o;
  o.filters = {"a", "b"};
  o.statistics = {Statistic::mean};
  Table out(object_schema(o), 1);
  const std::vector<std::int64_t> first = {0, 8};
  const CurveReader reader({"mjd", "filter", "mag", "err", "", "", ""}, rule);
  EXPECT_THROW(describe_objects({t, first, {}, {}}, reader, o, out, 1), DataError);
}

}  // namespace
}  // namespace skyfold::lightcurve
