// How much galaxies differ from the templates, by how often intervals of p(z) miss the known redshifts of a sample: errors of the
// photometry alone make them too narrow, the more so the fewer templates there are.
#include "template_error.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "../common/sample.hpp"
#include "options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/kernels/photoz/held_out.hpp"

namespace skyfold::lephare {
namespace {

constexpr double aim = 0.68;
constexpr double step = 1e-3;  // mag
constexpr std::size_t least_objects = 100, most_objects = 1'000;

TrainingSet evenly_chosen(const TrainingSet& set) {
  std::vector<std::size_t> rows;
  const std::size_t n = std::min(set.z.size(), most_objects);
  for (std::size_t i = 0; i < n; ++i) rows.push_back(i * set.z.size() / n);
  return subset_of(set, rows);
}

TemplateError coverage(const PhotozModel& model, const TrainingSet& some, double error, int threads) {
  PhotozModel trial = model;
  add_template_error(trial, error);
  const Table estimates = estimates_by(std::move(trial), some, {}, threads);
  const auto low = estimates.at("z_68_low").values<float>(), high = estimates.at("z_68_high").values<float>();
  TemplateError result{error, 0.0, 0};
  double all = 0.0;
  for (std::size_t i = 0; i < some.z.size(); ++i) {
    if (std::isnan(low[i])) continue;
    const double weight = some.weight.empty() ? 1.0 : some.weight[i];
    ++result.objects;
    all += weight;
    if (low[i] <= some.z[i] && some.z[i] <= high[i]) result.within += weight;
  }
  result.within = all > 0.0 ? result.within / all : 1.0;
  return result;
}

/// Not by bisection alone: with errors so great that priors and edges of the grid decide, fewer redshifts lie within again.
TemplateError least_error(const PhotozModel& model, const TrainingSet& some, int threads) {
  TemplateError found = coverage(model, some, 0.0, threads), most = found;
  double low = 0.0;
  for (const double next : {0.02, 0.04, 0.08, 0.16, 0.32, greatest_template_error}) {
    if (found.within >= aim) break;
    low = found.error;
    found = coverage(model, some, next, threads);
    if (found.within > most.within) most = found;
  }
  if (found.within < aim) return most;
  double high = found.error;
  while (high - low > 1.5 * step) {
    const double middle = step * std::round(0.5 * (low + high) / step);
    const TemplateError tried = coverage(model, some, middle, threads);
    if (tried.within < aim) {
      low = middle;
    } else {
      high = middle;
      found = tried;
    }
  }
  return found;
}

}  // namespace

std::string TemplateError::line() const {
  const std::string held = fmt::format("the central 68 % of p(z) holds {:.1f} % of the redshifts of {} objects", 100.0 * within,
                                       grouped(static_cast<long long>(objects)));
  if (objects < least_objects)
    return fmt::format("{} mag, the usual: {} objects have an estimate (fewer than {} do not tell)", error, objects, least_objects);
  if (within < aim)
    return fmt::format("{} mag, the usual: no error up to {} mag is enough, {} at most (templates, photometry or sample are wrong)", error,
                       greatest_template_error, held);
  return fmt::format("{:.3f} mag, with which {}", error, held);
}

TemplateError learn_template_error(const PhotozModel& model, const TrainingSet& set, TrainingTasks& tasks) {
  const auto results = tasks.run("template_error", 1, [&](std::size_t, int threads) {
    const TemplateError found = least_error(model, evenly_chosen(set), threads);
    return bytes_of(std::vector<double>{found.error, found.within, static_cast<double>(found.objects)});
  });
  const std::vector<double> numbers = numbers_of(results.at(0));
  TemplateError found{numbers.at(0), numbers.at(1), static_cast<std::size_t>(numbers.at(2))};
  if (found.within < aim || found.objects < least_objects) found.error = usual_template_error;
  return found;
}

void add_template_error(PhotozModel& model, double error) {
  for (double& value : model.tables.at("zeropoints").at("error").values<double>()) value = std::hypot(value, error);
}

}  // namespace skyfold::lephare
