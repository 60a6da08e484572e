// Nearest-neighbour errors (Oyaizu et al. 2008, ApJ 689, 709): quantiles of the residuals of the nearest objects with known redshifts.
#include "nearest_errors.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "model.hpp"
#include "objects.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

constexpr std::size_t index_budget_bytes = std::size_t{128} << 20;
constexpr std::size_t most_in_cells = 80'000;
constexpr double least_error = 1e-9;  // has a logarithm
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Buffers of one thread.
struct Buffers {
  explicit Buffers(std::size_t neighbours, std::size_t dimensions) : values(neighbours), place(dimensions) {}
  NeighbourSearch search;
  std::vector<double> values, place;
};

double measured(NearestNeighbourErrors::Measure measure, std::span<double> residuals) {
  if (measure == NearestNeighbourErrors::Measure::half_width)
    return 0.5 * (quantile_in_place(residuals, 0.84) - quantile_in_place(residuals, 0.16));
  for (double& value : residuals) value = std::abs(value);
  return quantile_in_place(residuals, 0.68);
}

}  // namespace

double quantile_in_place(std::span<double> values, double p) {
  if (values.empty()) return nan;
  const double place = p * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::ptrdiff_t>(place);
  std::nth_element(values.begin(), values.begin() + low, values.end());
  const double at = values[static_cast<std::size_t>(low)], part = place - static_cast<double>(low);
  if (part == 0.0) return at;
  // What nth_element leaves behind the place is not less: the next one is its smallest.
  return at + part * (*std::min_element(values.begin() + low + 1, values.end()) - at);
}

NearestNeighbourErrors::NearestNeighbourErrors(std::size_t n_features, std::vector<double> feature, std::span<const double> residual,
                                               std::size_t n_estimators, std::size_t neighbours)
    : neighbours_(neighbours),
      n_estimators_(n_estimators),
      metric_(n_features),
      indices_(index_budget_bytes, [this](std::uint64_t mask) { return std::make_shared<const FeatureIndex>(rows_, metric_, mask); }),
      cells_{{index_budget_bytes, [this](std::uint64_t mask) { return make_cells(mask, Measure::absolute); }},
             {index_budget_bytes, [this](std::uint64_t mask) { return make_cells(mask, Measure::half_width); }}} {
  rows_.n_features = n_features;
  const std::size_t n = residual.size() / n_estimators;
  for (std::size_t i = 0; i < n; ++i) {
    const auto mine = residual.subspan(i * n_estimators, n_estimators);
    // An estimator without an answer for an object says nothing of its errors there.
    if (!std::ranges::all_of(mine, [](double x) { return std::isfinite(x); })) continue;
    const auto first = feature.begin() + static_cast<std::ptrdiff_t>(i * n_features);
    std::copy(first, first + static_cast<std::ptrdiff_t>(n_features),
              feature.begin() + static_cast<std::ptrdiff_t>(rows_.n_rows * n_features));
    residual_.insert(residual_.end(), mine.begin(), mine.end());
    ++rows_.n_rows;
  }
  if (rows_.n_rows == 0) throw DataError("no object has an estimate and a redshift (errors by nearest neighbours need some)");
  feature.resize(rows_.n_rows * n_features);
  rows_.feature = std::move(feature);
  rows_.mark_present();
  std::map<std::uint64_t, std::size_t> count;
  for (const std::uint64_t mask : rows_.present) ++count[mask];
  usual_mask_ = std::ranges::max_element(count, {}, [](const auto& entry) { return entry.second; })->first;
}

NearestNeighbourErrors::NearestNeighbourErrors(const Table& table, std::size_t neighbours)
    : NearestNeighbourErrors(table.at("feature").info().width, values_of<double>(table, "feature"), table.at("residual").values<double>(),
                             table.at("residual").info().width, neighbours) {}

Table NearestNeighbourErrors::table() const {
  Table table;
  add_values(table, {"feature", Type::f8, rows_.n_features, "", "", "features as distances are measured in; NaN where missing", ""},
             rows_.feature);
  add_values(table, {"residual", Type::f8, n_estimators_, "", "stat.fit.residual", "z_phot less the known redshift", ""}, residual_);
  return table;
}

void NearestNeighbourErrors::estimate(const Features& objects, Measure measure, std::span<double> error, int threads,
                                      std::span<double> farthest) const {
  const auto by_mask = objects_by_mask(objects.n_objects, [&](std::size_t row) { return std::uint64_t{objects.present[row]}; });
  for (const auto& [mask, list] : by_mask) estimate_mask(mask, list, objects, measure, error, threads, farthest);
}

/// Objects that have the same features: they share an index.
void NearestNeighbourErrors::estimate_mask(std::uint64_t mask, const std::vector<std::uint32_t>& list, const Features& objects,
                                           Measure measure, std::span<double> error, int threads, std::span<double> farthest) const {
  const std::shared_ptr<const FeatureIndex> index = mask == 0 ? nullptr : indices_.get(mask, list.size());
  if (!index || index->tree().size() == 0) {
    for (const std::uint32_t object : list) {
      std::ranges::fill(error.subspan(object * n_estimators_, n_estimators_), nan);
      if (!farthest.empty()) farthest[object] = nan;
    }
    return;
  }
  std::vector<double> place(index->dimensions());
  const auto place_of = [&](std::size_t object) {
    index->embed(&objects.value[object * objects.n_features], place.data());
    return index->tree().leaf_of(place.data());
  };
  estimate_by_place(
      list, threads, place_of, [&] { return std::make_unique<Buffers>(neighbours_, index->dimensions()); },
      [&](std::size_t object, Buffers& mine) {
        index->embed(&objects.value[object * objects.n_features], mine.place.data());
        const double distance = find_errors(*index, mine.place.data(), measure, mine.search, mine.values, &error[object * n_estimators_]);
        if (!farthest.empty()) farthest[object] = distance;
      });
}

double NearestNeighbourErrors::find_errors(const FeatureIndex& index, const double* place, Measure measure, NeighbourSearch& search,
                                           std::span<double> residuals, double* error) const {
  const auto found = search.find(index.tree(), place, neighbours_);
  for (std::size_t e = 0; e < n_estimators_; ++e) {
    for (std::size_t i = 0; i < found.size(); ++i) residuals[i] = residual_[found[i].row * n_estimators_ + e];
    error[e] = measured(measure, residuals.first(found.size()));
  }
  return std::sqrt(found.back().distance2);
}

std::shared_ptr<const PlaneCells> NearestNeighbourErrors::make_cells(std::uint64_t mask, Measure measure) const {
  const auto index = std::make_shared<const FeatureIndex>(rows_, metric_, mask);
  Buffers buffers(neighbours_, index->dimensions());
  const auto errors_at = [&](const double* place, double* error) {
    (void)find_errors(*index, place, measure, buffers.search, buffers.values, error);
    // Errors differ by factors: their logarithms are the smoother.
    for (std::size_t e = 0; e < n_estimators_; ++e) error[e] = std::log(std::max(error[e], least_error));
  };
  if (index->tree().size() <= most_in_cells) return std::make_shared<const PlaneCells>(index, rows_, n_estimators_, errors_at);
  // Of many known objects some: what they tell is still made of the nearest of all.
  FeatureRows some;
  some.n_features = rows_.n_features;
  const std::size_t every = rows_.n_rows / most_in_cells + 1;
  for (std::size_t row = 0; row < rows_.n_rows; row += every, ++some.n_rows)
    some.feature.insert(some.feature.end(), rows_.feature.begin() + static_cast<std::ptrdiff_t>(row * rows_.n_features),
                        rows_.feature.begin() + static_cast<std::ptrdiff_t>((row + 1) * rows_.n_features));
  some.mark_present();
  return std::make_shared<const PlaneCells>(std::make_shared<const FeatureIndex>(some, metric_, mask), some, n_estimators_, errors_at);
}

void NearestNeighbourErrors::estimate_by_cell(const Features& objects, Measure measure, std::span<double> error, int threads) const {
  if (neighbours_ < 2 * leaf_points) return estimate(objects, measure, error, threads);
  std::vector<double> place(rows_.n_features);
  for (const auto& [mask, list] :
       objects_by_mask(objects.n_objects, [&](std::size_t row) { return std::uint64_t{objects.present[row]}; })) {
    if (mask != usual_mask_ || mask == 0) {
      estimate_mask(mask, list, objects, measure, error, threads, {});
      continue;
    }
    const std::shared_ptr<const PlaneCells> cells = cells_[static_cast<std::size_t>(measure)].get(mask, list.size());
    for (const std::uint32_t object : list) {
      const std::span<double> mine = error.subspan(object * n_estimators_, n_estimators_);
      cells->index().embed(&objects.value[object * objects.n_features], place.data());
      cells->evaluate(place.data(), mine.data());
      for (double& e : mine) e = std::exp(e);
    }
  }
}

}  // namespace skyfold
