#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "dnf_reference.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

// Objects, models and comparisons for the tests of DNF.
namespace skyfold::dnf_test {

inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double not_observed = -99.0, not_detected = 99.0;

/// Objects with magnitudes as a catalogue has them, sentinels included.
struct Objects {
  dnf_reference::Matrix mag, err;
  std::vector<double> z;
  std::vector<std::int64_t> id;
};

/// Magnitudes around a line of brightness with scattered colours; the redshift follows the colours.
inline Objects make_objects(std::size_t n, std::size_t bands, std::uint64_t seed) {
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

inline BandColumns band_columns(std::size_t bands) {
  BandColumns columns;
  for (std::size_t b = 0; b < bands; ++b) {
    columns.magnitude.push_back("mag_" + std::to_string(b));
    columns.error.push_back("err_" + std::to_string(b));
  }
  return columns;
}

inline Table table_of(const Objects& objects) {
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

inline PhotozModel train(const Objects& objects, const std::vector<std::string>& arguments) {
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
  LocalTasks tasks(set.threads);
  algorithm->train(set, tasks, model);
  return model;
}

inline Table run(const Kernel& kernel, const Objects& objects, int threads = 1) {
  Table out(kernel.gives(), objects.mag.size());
  kernel.run(table_of(objects), out, threads);
  return out;
}

inline std::unique_ptr<Kernel> kernel_of(const PhotozModel& model, const PdfOptions& pdf = {}) {
  return make_photoz_algorithm("dnf")->estimator(model, band_columns(model.bands.bands.size()), pdf);
}

inline Table estimate(const Objects& training, const Objects& queries, const std::vector<std::string>& arguments,
                      const PdfOptions& pdf = {}) {
  return run(*kernel_of(train(training, arguments), pdf), queries);
}

/// The reference's answer for one query: missing bands leave, non-detections are at the limit with error 1.
inline dnf_reference::Result reference(const Objects& training, const Objects& queries, std::size_t query, const dnf_reference::Options& o,
                                       bool leave_self_out = false) {
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

inline std::vector<std::string> arguments_of(const dnf_reference::Options& o) {
  return {"--dnf.metric=" + o.metric, "--dnf.neighbours=" + std::to_string(o.neighbours), "--dnf.preselect=" + std::to_string(o.preselect),
          std::string("--dnf.fit=") + (o.fit ? "true" : "false")};
}

inline void expect_same(const Table& out, std::size_t row, const dnf_reference::Result& expected, const Objects& training) {
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
  ASSERT_NEAR(out.at("z_err").values<float>()[row], std::hypot(expected.err_fit, expected.err_param),
              1e-6 * (1.0 + expected.err_fit + expected.err_param));
}

inline void expect_definition(const Objects& training, const Objects& queries, const dnf_reference::Options& o,
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

inline void round_magnitudes(Objects& objects, double step) {
  for (auto& mag : objects.mag)
    for (double& m : mag) m = step * std::round(m / step);
}

inline void drop_bands(Objects& objects, std::uint64_t seed) {
  for (std::size_t i = 0; i < objects.mag.size(); ++i) {
    ObjectRandom random(seed, i, 1);
    for (double& m : objects.mag[i]) {
      const double u = random.uniform();
      if (u < 0.05)
        m = nan;
      else if (u < 0.1)
        m = not_observed;
      else if (u < 0.2)
        m = not_detected;
    }
  }
}

}  // namespace skyfold::dnf_test
