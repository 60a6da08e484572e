#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "dnf_reference.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/kernels/photoz/flags.hpp"

namespace skyfold {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double not_observed = -99.0, not_detected = 99.0;

/// Objects with magnitudes as a catalogue has them, sentinels included.
struct Objects {
  dnf_reference::Matrix mag, err;
  std::vector<double> z;
  std::vector<std::int64_t> id;
};

/// Magnitudes around a line of brightness with scattered colours; the redshift follows the colours.
Objects make_objects(std::size_t n, std::size_t bands, std::uint64_t seed) {
  Objects objects;
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(seed, i);
    const double brightness = 20.0 + 5.0 * random.uniform(), type = random.normal();
    std::vector<double> mag, err;
    double z = 0.8 + 0.2 * random.normal();
    for (std::size_t b = 0; b < bands; ++b) {
      const double colour = 0.3 * type * std::sin(static_cast<double>(b + 1)) + 0.3 * random.normal();
      mag.push_back(brightness + colour);
      err.push_back(0.01 + 0.05 * random.uniform());
      z += 0.1 * colour;
    }
    objects.mag.push_back(mag);
    objects.err.push_back(err);
    objects.z.push_back(z);
    objects.id.push_back(static_cast<std::int64_t>(1000 + i));
  }
  return objects;
}

BandColumns band_columns(std::size_t bands) {
  BandColumns columns;
  for (std::size_t b = 0; b < bands; ++b) {
    columns.magnitude.push_back("mag_" + std::to_string(b));
    columns.error.push_back("err_" + std::to_string(b));
  }
  return columns;
}

Table table_of(const Objects& objects) {
  const BandColumns columns = band_columns(objects.mag[0].size());
  Table table({}, objects.mag.size());
  for (std::size_t b = 0; b < columns.magnitude.size(); ++b)
    for (const auto& [name, values] : {std::pair{columns.magnitude[b], &objects.mag}, {columns.error[b], &objects.err}}) {
      const auto column = table.add({name, Type::f8}).values<double>();
      for (std::size_t i = 0; i < column.size(); ++i) column[i] = (*values)[i][b];
    }
  const auto id = table.add({"id", Type::i8}).values<std::int64_t>();
  std::copy(objects.id.begin(), objects.id.end(), id.begin());
  return table;
}

PhotozModel train(const Objects& objects, const std::vector<std::string>& arguments) {
  PhotozModel model;
  const std::size_t bands = objects.mag[0].size();
  for (std::size_t b = 0; b < bands; ++b) model.bands.bands.push_back(std::to_string(b));
  model.bands.limits.assign(bands, 26.0);
  TrainingSet set{.id = objects.id, .z = objects.z, .photometry = {}};
  gather_photometry(table_of(objects), band_columns(bands), model.bands, model.bands.limits, set.photometry);
  model.z_min = *std::min_element(set.z.begin(), set.z.end());
  model.z_max = *std::max_element(set.z.begin(), set.z.end());
  const auto algorithm = make_photoz_algorithm("dnf");
  OptionSet option;
  algorithm->describe(option);
  option.read_command_line(arguments);
  algorithm->train(set, model);
  return model;
}

Table run(const Kernel& kernel, const Objects& objects, int threads = 1) {
  Table out(kernel.gives(), objects.mag.size());
  kernel.run(table_of(objects), out, threads);
  return out;
}

std::unique_ptr<Kernel> kernel_of(const PhotozModel& model, const PdfOptions& pdf = {}) {
  return make_photoz_algorithm("dnf")->estimator(model, band_columns(model.bands.bands.size()), pdf);
}

Table estimate(const Objects& training, const Objects& queries, const std::vector<std::string>& arguments,
               const PdfOptions& pdf = {}) {
  return run(*kernel_of(train(training, arguments), pdf), queries);
}

/// The reference's answer for one query: missing bands leave, non-detections are at the limit with error 1.
dnf_reference::Result reference(const Objects& training, const Objects& queries, std::size_t query,
                                const dnf_reference::Options& o, bool leave_self_out = false) {
  const auto is_missing = [](double m) { return std::isnan(m) || m == not_observed; };
  const auto value = [](double m) { return m == not_detected ? 26.0 : m; };
  std::vector<std::size_t> bands, rows;
  std::vector<double> mag, err;
  for (std::size_t b = 0; b < queries.mag[query].size(); ++b) {
    if (is_missing(queries.mag[query][b])) continue;
    bands.push_back(b);
    mag.push_back(value(queries.mag[query][b]));
    err.push_back(queries.mag[query][b] == not_detected ? 1.0 : queries.err[query][b]);
  }
  dnf_reference::Matrix known(training.mag.size());
  for (std::size_t row = 0; row < known.size(); ++row) {
    bool is_complete = true;
    for (const std::size_t b : bands) {
      is_complete = is_complete && !is_missing(training.mag[row][b]);
      known[row].push_back(value(training.mag[row][b]));
    }
    const bool is_self = leave_self_out && training.id[row] == queries.id[query] && known[row] == mag;
    if (is_complete && !is_self) rows.push_back(row);
  }
  return dnf_reference::estimate(known, training.z, rows, mag, err, o);
}

std::vector<std::string> arguments_of(const dnf_reference::Options& o) {
  return {"--dnf.metric=" + o.metric, "--dnf.neighbours=" + std::to_string(o.neighbours),
          "--dnf.preselect=" + std::to_string(o.preselect), std::string("--dnf.fit=") + (o.fit ? "true" : "false")};
}

void expect_same(const Table& out, std::size_t row, const dnf_reference::Result& expected, const Objects& training) {
  const double scale = 1e-9 * (1.0 + std::abs(expected.z));
  ASSERT_EQ(out.at("n_neighbours").values<std::int32_t>()[row], static_cast<int>(expected.n)) << "object " << row;
  ASSERT_NEAR(out.at("z_phot").values<double>()[row], expected.z, scale) << "object " << row;
  ASSERT_EQ(out.at("nn_id").values<std::int64_t>()[row], training.id[expected.neighbours[0]]) << "object " << row;
  ASSERT_EQ(out.at("z_nn").values<double>()[row], training.z[expected.neighbours[0]]);
  ASSERT_FLOAT_EQ(out.at("d1").values<float>()[row], static_cast<float>(expected.d1));
  ASSERT_FLOAT_EQ(out.at("d1_euclid").values<float>()[row], static_cast<float>(expected.d1_euclid));
  if (std::isnan(expected.err_fit)) {
    ASSERT_TRUE(std::isnan(out.at("z_err_fit").values<float>()[row]));
    return;
  }
  ASSERT_NEAR(out.at("z_err_fit").values<float>()[row], expected.err_fit, 1e-6 * (1e-3 + expected.err_fit));
  ASSERT_NEAR(out.at("z_err_param").values<float>()[row], expected.err_param, 1e-6 * (1e-3 + expected.err_param));
  ASSERT_NEAR(out.at("z_err").values<float>()[row], std::hypot(expected.err_fit, expected.err_param), 1e-6);
}

void expect_definition(const Objects& training, const Objects& queries, const dnf_reference::Options& o,
                       bool leave_self_out = false) {
  std::vector<std::string> arguments = arguments_of(o);
  if (leave_self_out) arguments.push_back("--dnf.leave_self_out");
  const Table out = estimate(training, queries, arguments);
  for (std::size_t i = 0; i < queries.mag.size(); ++i) {
    SCOPED_TRACE(o.metric + " preselect " + std::to_string(o.preselect));
    expect_same(out, i, reference(training, queries, i, o, leave_self_out), training);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

void round_magnitudes(Objects& objects, double step) {
  for (auto& mag : objects.mag)
    for (double& m : mag) m = step * std::round(m / step);
}

void drop_bands(Objects& objects, std::uint64_t seed) {
  for (std::size_t i = 0; i < objects.mag.size(); ++i) {
    ObjectRandom random(seed, i, 1);
    for (double& m : objects.mag[i]) {
      const double u = random.uniform();
      if (u < 0.05) m = nan;
      else if (u < 0.1) m = not_observed;
      else if (u < 0.2) m = not_detected;
    }
  }
}

const char* const metrics[] = {"enf", "anf", "dnf"};

TEST(Dnf, AgreesWithTheDefinitionForAnyNumberOfBands) {
  for (const std::size_t bands : {1, 2, 3, 4, 5, 6, 7, 13}) {
    const Objects training = make_objects(1000, bands, 1), queries = make_objects(20, bands, 2);
    for (const char* metric : metrics)
      for (const std::size_t preselect : {0, 50, 400, 4000})
        expect_definition(training, queries, {.metric = metric, .neighbours = 40, .preselect = preselect});
  }
}

TEST(Dnf, AgreesWithTheDefinitionForAThickTrainingSet) {
  const Objects training = make_objects(9000, 6, 3), queries = make_objects(60, 6, 4);
  for (const char* metric : metrics)
    for (const std::size_t preselect : {0, 80, 4000})
      expect_definition(training, queries, {.metric = metric, .preselect = preselect});
}

TEST(Dnf, BreaksTiesByTheOrderOfTrainingRows) {
  Objects training = make_objects(2000, 4, 5), queries = make_objects(30, 4, 6);
  round_magnitudes(training, 0.5);
  round_magnitudes(queries, 0.5);
  for (const char* metric : metrics)
    for (const std::size_t preselect : {0, 5, 50, 700}) {
      expect_definition(training, queries, {.metric = metric, .neighbours = 5, .preselect = preselect});
      expect_definition(training, queries, {.metric = metric, .neighbours = 150, .preselect = preselect});
    }
}

TEST(Dnf, CountsEachDuplicateOfATrainingRow) {
  Objects training = make_objects(50, 3, 7);
  for (std::size_t i = 0; i < 1000; ++i) {
    training.mag.push_back(training.mag[i % 7]);
    training.err.push_back(training.err[i % 7]);
    training.z.push_back(0.001 * static_cast<double>(i));
    training.id.push_back(static_cast<std::int64_t>(5000 + i));
  }
  const Objects queries = make_objects(50, 3, 7);
  for (const char* metric : metrics)
    for (const std::size_t preselect : {0, 50})
      expect_definition(training, queries, {.metric = metric, .neighbours = 3, .preselect = preselect});
}

TEST(Dnf, DropsBandsThatWereNotObserved) {
  Objects training = make_objects(1000, 5, 8), queries = make_objects(60, 5, 9);
  drop_bands(training, 10);
  drop_bands(queries, 11);
  for (const char* metric : metrics)
    for (const std::size_t preselect : {0, 200})
      expect_definition(training, queries, {.metric = metric, .neighbours = 60, .preselect = preselect});
}

TEST(Dnf, LeavesAnObjectOutOfItsOwnNeighbours) {
  Objects training = make_objects(800, 4, 12);
  training.mag[5] = training.mag[6];  // an equal object with another id stays
  training.mag[7] = training.mag[8];  // one object twice leaves twice
  training.id[7] = training.id[8];
  Objects queries = training;
  queries.mag.resize(40), queries.err.resize(40), queries.z.resize(40), queries.id.resize(40);
  queries.mag[9][0] += 1e-9;  // the same id elsewhere is another measurement
  for (const char* metric : metrics)
    for (const std::size_t preselect : {0, 50, 798, 799, 800}) {
      expect_definition(training, queries, {.metric = metric, .neighbours = 30, .preselect = preselect}, true);
      expect_definition(training, queries, {.metric = metric, .neighbours = 1, .preselect = preselect}, true);
    }
}

TEST(Dnf, AgreesWithTheDefinitionForMagnitudesOfAnySign) {
  Objects training = make_objects(1200, 4, 13), queries = make_objects(60, 4, 14);
  for (Objects* objects : {&training, &queries})
    for (std::size_t i = 0; i < objects->mag.size(); ++i) {
      ObjectRandom random(15, i);
      for (double& m : objects->mag[i]) m = random.normal();
    }
  queries.mag[0].assign(4, 0.0);  // has no direction
  training.mag[3].assign(4, 0.0);
  for (const char* metric : metrics)
    for (const std::size_t preselect : {0, 100})
      expect_definition(training, queries, {.metric = metric, .neighbours = 30, .preselect = preselect});
}

TEST(Dnf, TakesTheMeanOfFewerNeighboursThanCoefficients) {
  for (const std::size_t n : {2, 3, 5, 6, 30}) {
    const Objects training = make_objects(n, 4, 16), queries = make_objects(20, 4, 17);
    for (const char* metric : metrics) expect_definition(training, queries, {.metric = metric});
    const Table out = estimate(training, queries, {});
    EXPECT_EQ((out.at("flags").values<std::int32_t>()[0] & photoz_few_neighbours) != 0, n <= 5) << n;
  }
  expect_definition(make_objects(100, 4, 16), make_objects(20, 4, 17), {.neighbours = 1});
}

TEST(Dnf, WeighsByInverseDistanceWithoutFit) {
  const Objects training = make_objects(2000, 4, 18);
  Objects queries = make_objects(50, 4, 19);
  queries.mag[3] = training.mag[3];  // at distance zero
  for (const char* metric : metrics) expect_definition(training, queries, {.metric = metric, .fit = false});
}

TEST(Dnf, GivesTheSameBitsForAnyThreadsBlocksAndOrder) {
  Objects training = make_objects(2000, 4, 20), queries = make_objects(700, 4, 21);
  drop_bands(training, 22);
  drop_bands(queries, 23);
  const auto kernel = kernel_of(train(training, {"--dnf.preselect=300"}), {.kind = "interp"});
  const Table whole = run(*kernel, queries), threaded = run(*kernel, queries, 3);
  const auto expect_row = [&](const Table& part, std::size_t row, std::size_t original) {
    for (std::size_t c = 0; c < whole.columns(); ++c) {
      const std::size_t bytes = whole[c].info().bytes_per_row();
      ASSERT_EQ(0, std::memcmp(part[c].bytes().data() + row * bytes, whole[c].bytes().data() + original * bytes, bytes))
          << whole[c].info().name << " of object " << original;
    }
  };
  for (std::size_t i = 0; i < whole.rows(); ++i) expect_row(threaded, i, i);
  const auto fresh = kernel_of(train(training, {"--dnf.preselect=300"}), {.kind = "interp"});
  for (std::size_t end = queries.mag.size(); end > 0; end -= std::min<std::size_t>(end, 7)) {
    Objects part;
    for (std::size_t i = end; i > end - std::min<std::size_t>(end, 7); --i) {
      part.mag.push_back(queries.mag[i - 1]);
      part.err.push_back(queries.err[i - 1]);
      part.id.push_back(queries.id[i - 1]);
    }
    const Table out = run(*fresh, part);
    for (std::size_t i = 0; i < part.mag.size(); ++i) expect_row(out, i, end - 1 - i);
  }
}

TEST(Dnf, EstimatesAPlaneExactly) {
  Objects training = make_objects(500, 3, 24);
  for (std::size_t i = 0; i < 500; ++i) training.z[i] = 1.0 + 0.1 * training.mag[i][0] - 0.2 * training.mag[i][2];
  const Objects queries = make_objects(20, 3, 25);
  const Table out = estimate(training, queries, {});
  for (std::size_t i = 0; i < 20; ++i)
    EXPECT_NEAR(out.at("z_phot").values<double>()[i], 1.0 + 0.1 * queries.mag[i][0] - 0.2 * queries.mag[i][2], 1e-9);
}

TEST(Dnf, SumsGaussiansAtTheEstimateAndResidualsIntoAPdf) {
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
      for (std::size_t j = 0; j < grid.size(); ++j)
        ASSERT_NEAR(out.at("pdf").values<float>()[i * grid.size() + j], expected[j] / integral, 3e-7 * (1.0 + expected[j] / integral));
    }
  }
}

TEST(Dnf, GivesPdfsOfUnitIntegralWhereverTheyLie) {
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

TEST(Dnf, FlagsWhatIsRemarkable) {
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

TEST(Dnf, FlagsExtrapolationAndDoesNotClip) {
  Objects training = make_objects(400, 3, 32), queries = make_objects(1, 3, 33);
  for (std::size_t i = 0; i < 400; ++i) training.z[i] = 0.1 * training.mag[i][0] - 1.5;
  queries.mag[0] = {28.0, 28.1, 28.2};
  const Table out = estimate(training, queries, {});
  EXPECT_TRUE(out.at("flags").values<std::int32_t>()[0] & photoz_extrapolated);
  EXPECT_NEAR(out.at("z_phot").values<double>()[0], 1.3, 1e-6);
}

TEST(Dnf, TakesTheMeanOfARankDeficientNeighbourhood) {
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

TEST(Dnf, FlagsObjectsWhoseBandsNoTrainingRowHas) {
  Objects training = make_objects(100, 3, 36), queries = make_objects(1, 3, 37);
  for (auto& mag : training.mag) mag[2] = not_observed;
  const Table out = estimate(training, queries, {}, {.kind = "interp"});
  EXPECT_EQ(out.at("flags").values<std::int32_t>()[0], photoz_few_neighbours);
  EXPECT_TRUE(std::isnan(out.at("z_phot").values<double>()[0]));
  EXPECT_TRUE(std::isnan(out.at("pdf").values<float>()[99]));
}

TEST(Dnf, MarksFailedRows) {
  const auto kernel = kernel_of(train(make_objects(100, 3, 38), {}), {.kind = "interp"});
  Table out(kernel->gives(), 2);
  kernel->mark_failed(out);
  EXPECT_EQ(out.at("flags").values<std::int32_t>()[1], photoz_failed);
  EXPECT_TRUE(std::isnan(out.at("z_phot").values<double>()[1]));
  EXPECT_TRUE(std::isnan(out.at("pdf").values<float>()[150]));
}

TEST(Dnf, StoresTheCoverageOfTheTrainingSet) {
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

TEST(Dnf, KeepsItsOptionsInTheModel) {
  const PhotozModel model = train(make_objects(100, 3, 40), {"--dnf.neighbours=7", "--dnf.metric=enf"});
  EXPECT_EQ(model.algorithm, "dnf");
  EXPECT_EQ(model.parameters.at("dnf.neighbours"), "7");
  EXPECT_EQ(model.parameters.at("dnf.metric"), "enf");
  EXPECT_EQ(model.parameters.at("dnf.preselect"), "4000");
  EXPECT_EQ(model.tables.at("training").rows(), 100u);
}

TEST(Dnf, ReadsTheIdOnlyToLeaveObjectsOut) {
  const PhotozModel plain = train(make_objects(100, 2, 41), {});
  EXPECT_EQ(kernel_of(plain)->needs(), (std::vector<std::string>{"mag_0", "mag_1", "err_0", "err_1"}));
  const PhotozModel left_out = train(make_objects(100, 2, 41), {"--dnf.leave_self_out", "--dnf.id=name"});
  EXPECT_EQ(kernel_of(left_out)->needs().back(), "name");
}

TEST(Dnf, RefusesTrainingSetsThatTeachNothing) {
  Objects one = make_objects(1, 3, 42), holes = make_objects(10, 3, 43);
  holes.z[4] = nan;
  EXPECT_THROW(train(one, {}), DataError);
  EXPECT_THROW(train(holes, {}), DataError);
}

TEST(PhotozAlgorithms, SuggestTheNearestName) {
  const std::vector<std::string> names = photoz_algorithm_names();
  EXPECT_NE(std::find(names.begin(), names.end(), "dnf"), names.end());
  try {
    static_cast<void>(make_photoz_algorithm("dnff"));
    FAIL() << "no error";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean 'dnf'"), std::string::npos);
  }
}

TEST(PdfGrid, HoldsBothEnds) {
  const std::vector<double> grid = pdf_grid({.kind = "interp", .zmin = 0.1, .zmax = 1.1, .bins = 11});
  EXPECT_EQ(grid.size(), 11u);
  EXPECT_EQ(grid.front(), 0.1);
  EXPECT_EQ(grid.back(), 1.1);
  EXPECT_NEAR(grid[5], 0.6, 1e-15);
  EXPECT_THROW(static_cast<void>(pdf_grid({.zmin = 1.0, .zmax = 1.0})), UsageError);
}

}  // namespace
}  // namespace skyfold
