#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "dnf_objects.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/kernels/photoz/flags.hpp"

// Models and estimates of any algorithm, on the objects of dnf_objects.hpp.
namespace skyfold::photoz_test {

using dnf_test::make_objects;
using dnf_test::nan;
using dnf_test::not_detected;
using dnf_test::not_observed;
using dnf_test::Objects;

/// A model of any algorithm. Bands are b0, b1, ...
inline PhotozModel train(const std::string& name, const Objects& objects, const std::vector<std::string>& arguments,
                         std::vector<double> weight = {}, int threads = 1) {
  PhotozModel model;
  const std::size_t bands = objects.mag[0].size();
  for (std::size_t b = 0; b < bands; ++b) model.bands.bands.push_back("b" + std::to_string(b));
  model.bands.limits.assign(bands, 26.0);
  TrainingSet set{.id = objects.id, .z = objects.z, .photometry = {}, .weight = std::move(weight), .threads = threads};
  gather_photometry(dnf_test::table_of(objects), dnf_test::band_columns(bands), model.bands, model.bands.limits, set.photometry);
  model.z_min = *std::min_element(set.z.begin(), set.z.end());
  model.z_max = *std::max_element(set.z.begin(), set.z.end());
  const auto algorithm = make_photoz_algorithm(name);
  OptionSet option;
  algorithm->describe(option);
  option.read_command_line(arguments);
  LocalTasks tasks(set.threads);
  algorithm->train(set, tasks, model);
  return model;
}

inline Table estimate(const PhotozModel& model, const Objects& queries, const PdfOptions& pdf = {}, int threads = 1) {
  const auto kernel = make_photoz_algorithm(model.algorithm)->estimator(model, dnf_test::band_columns(queries.mag[0].size()), pdf);
  return dnf_test::run(*kernel, queries, threads);
}

/// The same bytes whatever the threads and the blocks: of all queries at once, and in parts of `block`.
inline void expect_same_for_any_layout(const PhotozModel& model, const Objects& queries, const PdfOptions& pdf, std::size_t block) {
  const Table whole = estimate(model, queries, pdf), threads = estimate(model, queries, pdf, 3);
  for (std::size_t c = 0; c < whole.columns(); ++c) EXPECT_TRUE(std::ranges::equal(whole[c].bytes(), threads[c].bytes()));
  for (std::size_t begin = 0; begin < queries.mag.size(); begin += block) {
    Objects part;
    for (std::size_t i = begin; i < std::min(begin + block, queries.mag.size()); ++i) {
      part.mag.push_back(queries.mag[i]);
      part.err.push_back(queries.err[i]);
      part.id.push_back(queries.id[i]);
    }
    const Table out = estimate(model, part, pdf);
    for (std::size_t c = 0; c < out.columns(); ++c) {
      const std::size_t width = out[c].info().bytes_per_row();
      EXPECT_TRUE(std::ranges::equal(out[c].bytes(), whole[c].bytes().subspan(begin * width, out.rows() * width))) << out[c].info().name;
    }
  }
}

/// The error of a training, as its message; empty: none.
inline std::string training_error(const std::string& name, const Objects& objects, const std::vector<std::string>& arguments = {},
                                  std::vector<double> weight = {}) {
  try {
    (void)train(name, objects, arguments, std::move(weight));
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

}  // namespace skyfold::photoz_test
