// What is measured, of which objects, and how the bootstrap is spread over ranks: in units that depend on the sets alone.
#include "measure.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/validate/bootstrap.hpp"
#include "skyfold/kernels/validate/subsets.hpp"

namespace skyfold {
namespace {

using validation::Bin;
using validation::Metrics;
using validation::MetricSet;
using validation::n_metrics;
using validation::Objects;

/// The objects of one model that are measured, and the magnitudes for the bins.
struct Measurable {
  Objects objects;
  std::vector<double> magnitude;
};

/// A set to measure.
struct SetPlan {
  MeasuredSet set;  ///< without values
  std::vector<std::uint32_t> members;
};

Measurable measurable(const ValidateOptions& o, const ValidationSample& sample, const Estimates& estimates) {
  Measurable result;
  Objects& objects = result.objects;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    // All vectors are filled side by side: an index into one is an index into all of them, and into the magnitudes.
    if (!sample.is_usable[i] || std::isnan(estimates.z_phot[i])) continue;
    objects.z_spec.push_back(sample.z_spec[i]);
    objects.z_phot.push_back(estimates.z_phot[i]);
    objects.z_err.push_back(estimates.z_err[i]);
    // The bootstrap draws by id, not by row: the order of the sample and the objects that a model fails at change no other object's draw.
    objects.key.push_back(validation::bootstrap_key(static_cast<std::uint64_t>(o.seed), sample.ids[i]));
    if (!sample.weights.empty()) objects.weight.push_back(sample.weights[i]);
    if (!sample.magnitudes.empty()) result.magnitude.push_back(sample.magnitudes[i]);
    if (!estimates.has_pdf) continue;
    objects.pit.push_back(estimates.pit[i]);
    objects.cde.push_back(estimates.cde[i]);
    objects.odds.push_back(estimates.odds[i]);
  }
  return result;
}

void plan_bins(const MeasuredSet& whole, const std::string& by, std::vector<Bin> bins, std::vector<SetPlan>& plans) {
  for (Bin& bin : bins) {
    SetPlan& plan = plans.emplace_back(SetPlan{whole, std::move(bin.members)});
    plan.set.by = by;
    plan.set.low = bin.low;
    plan.set.high = bin.high;
  }
}

/// Both subsets of a model, each whole and in bins.
std::vector<SetPlan> plan_sets(const ValidateOptions& o, std::size_t model, const Measurable& what) {
  std::vector<SetPlan> plans;
  std::vector<std::uint32_t> all(what.objects.size());
  std::iota(all.begin(), all.end(), 0u);
  // Culled once, over all objects, and not within each bin: the bins of 'culled' may differ in the share that they keep.
  const std::vector<std::uint32_t> culled = validation::without_largest(what.objects.z_err, all, o.cull);
  for (const auto& [subset, members] : {std::pair{"all", std::cref(all)}, std::pair{"culled", std::cref(culled)}}) {
    MeasuredSet whole;
    whole.model = model;
    whole.subset = subset;
    plans.push_back({whole, members.get()});
    if (o.z_width > 0.0) plan_bins(whole, "z_phot", validation::bins_of_width(what.objects.z_phot, members.get(), o.z_width), plans);
    if (o.magnitude_width > 0.0 && !what.magnitude.empty())
      plan_bins(whole, "magnitude", validation::bins_of_width(what.magnitude, members.get(), o.magnitude_width), plans);
    if (o.error_bins > 0)
      plan_bins(whole, "z_err",
                validation::bins_of_equal_numbers(what.objects.z_err, members.get(), static_cast<std::size_t>(o.error_bins)), plans);
  }
  return plans;
}

/// The results of all sets in one row after the other: of each set first the set itself, then the realisations of the bootstrap.
class Results {
 public:
  Results(const ValidateOptions& o, const Measurable& what, const std::vector<SetPlan>& plans)
      : of_set_(o.realisations + 1), rules_(o.rules), what_(what), plans_(plans) {}

  /// Units of work: a part of a large set, or several small ones. They depend on the sets alone.
  [[nodiscard]] std::vector<Partition> units() const {
    std::vector<Partition> units;
    for (std::size_t k = 0; k < plans_.size(); ++k) {
      const auto size = static_cast<double>(plans_[k].members.size());
      const auto fits = static_cast<std::int64_t>(std::clamp(unit_work / std::max(size, 1.0), fewest_results, most_results));
      // Parts of nearly equal length, rounded down at both ends by one rule, so that they leave no row out and share none.
      const std::int64_t parts = (of_set_ + fits - 1) / fits;
      for (std::int64_t part = 0; part < parts; ++part) {
        const RowRange rows{row_of(k) + of_set_ * part / parts, row_of(k) + of_set_ * (part + 1) / parts};
        const double cost = size * static_cast<double>(rows.size()) / results_per_cost;
        // Rows of neighbouring sets are neighbours, too, so several small sets are one range of rows.
        if (!units.empty() && parts == 1 && takes_more(units.back(), rows, cost)) {
          units.back().rows.end = rows.end;
          units.back().cost += cost;
        } else {
          units.push_back({std::ssize(units), fmt::format("set {} of {}", k + 1, plans_.size()), rows, cost});
        }
      }
    }
    return units;
  }

  /// Compute thread.
  void measure(RowRange rows, int threads, std::vector<Metrics>& results) const {
    results.resize(static_cast<std::size_t>(rows.size()));
    std::vector<MetricSet::Scratch> scratch(static_cast<std::size_t>(threads));
    for (std::int64_t row = rows.begin; row < rows.end;) {
      const auto k = static_cast<std::size_t>(row / of_set_);
      const std::int64_t end = std::min(row_of(k + 1), rows.end);
      // Sorted anew in each unit that has results of the set: cheaper than to keep all sets, or to send them to ranks.
      const MetricSet set(what_.objects, plans_[k].members, rules_);
      parallel_for(static_cast<std::size_t>(end - row), 1, threads, [&](std::size_t first, std::size_t last, int thread) {
        MetricSet::Scratch& mine = scratch[static_cast<std::size_t>(thread)];
        for (std::int64_t i = row + static_cast<std::int64_t>(first); i < row + static_cast<std::int64_t>(last); ++i) {
          const std::int64_t result = i - row_of(k);
          // Result 0 is the set itself; realisation k is the result k + 1.
          results[static_cast<std::size_t>(i - rows.begin)] =
              result == 0 ? set.measure(mine) : set.measure(static_cast<std::uint64_t>(result - 1), mine);
        }
      });
      row = end;
    }
  }

  [[nodiscard]] std::int64_t of_set() const noexcept { return of_set_; }

 private:
  // Objects times results of a unit: some tenths of a second of one processor. Less than 50 results of a set are not worth sorting its
  // objects for; the results of a unit stay within 12 MB.
  static constexpr double unit_work = 2e7, fewest_results = 50.0, most_results = 65'536.0, results_per_cost = 100.0;

  [[nodiscard]] std::int64_t row_of(std::size_t set) const noexcept { return static_cast<std::int64_t>(set) * of_set_; }
  [[nodiscard]] bool takes_more(const Partition& unit, RowRange rows, double cost) const {
    return (unit.cost + cost) * results_per_cost <= unit_work / 4.0 && static_cast<double>(unit.rows.size() + rows.size()) <= most_results;
  }

  std::int64_t of_set_;
  const validation::MetricRules& rules_;
  const Measurable& what_;
  const std::vector<SetPlan>& plans_;
};

/// Fills in values and errors of the sets, from results that come in their order.
class Collector {
 public:
  Collector(std::int64_t of_set, std::vector<SetPlan>& plans) : realisations_(static_cast<std::size_t>(of_set) - 1), plans_(plans) {
    values_.resize(realisations_ * n_metrics);
  }

  void add(const std::vector<Metrics>& results) {
    for (const Metrics& metrics : results) {
      MeasuredSet& set = plans_[set_].set;
      // Realisations are kept by metric, so that the error of one is computed from a contiguous row.
      if (result_ == 0) set.value = metrics;
      for (std::size_t m = 0; m < n_metrics && result_ > 0; ++m) values_[m * realisations_ + result_ - 1] = metrics[m];
      if (result_++ < realisations_) continue;
      finish(set);
      result_ = 0;
      ++set_;
    }
  }

 private:
  void finish(MeasuredSet& set) const {
    set.objects = std::ssize(plans_[set_].members);
    for (std::size_t m = 0; m < n_metrics; ++m)
      // A metric that the set does not have (of PDFs, say) has no error either, whatever its realisations are.
      set.error[m] = std::isnan(set.value[m]) ? set.value[m]
                                              : validation::bootstrap_error(std::span(values_).subspan(m * realisations_, realisations_));
  }

  std::size_t realisations_, set_ = 0, result_ = 0;
  std::vector<SetPlan>& plans_;
  std::vector<double> values_;  ///< of the set that is being collected: [metrics x realisations]
};

void measure_model(const ValidateOptions& o, const Measurable& what, std::vector<SetPlan>& plans, const ValidatePasses& passes,
                   std::size_t model, const std::string& name) {
  const Results results(o, what, plans);
  Collector collector(results.of_set(), plans);
  do_pass<RowsCodec<Metrics>>(
      passes, {"bootstrap of " + name, "realisations"}, fmt::format("bootstrap {}", model), results.units(), {},
      [&](RowRange rows, std::vector<Metrics>& found) { results.measure(rows, passes.threads, found); },
      [&](RowRange, const std::vector<Metrics>& found) { collector.add(found); });
}

void add_pit(const ValidateOptions& o, const SetPlan& plan, const Objects& objects, Validation& validation) {
  std::vector<double> pit, weight;
  for (const std::uint32_t i : plan.members) {
    pit.push_back(objects.pit[i]);
    if (!objects.weight.empty()) weight.push_back(objects.weight[i]);
  }
  validation.pits.push_back(
      {plan.set.model, plan.set.subset, validation::pit_histogram(pit, weight, static_cast<std::size_t>(o.pit_bins))});
}

JudgedMetric judged(const MeasuredSet& set, validation::Metric metric, double limit) {
  const double value = set.value[validation::place(metric)], error = set.error[validation::place(metric)];
  const bool pass = validation::passes(metric, value, limit);
  // A limit missed by less than the error is told apart: another sample could have passed.
  const bool could_pass =
      error > 0.0 && (validation::passes(metric, value - error, limit) || validation::passes(metric, value + error, limit));
  return {set.model, set.subset, metric, value, error, limit, pass, !pass && could_pass};
}

void judge(const ValidateOptions& o, Validation& validation) {
  for (const MeasuredSet& set : validation.whole) {
    // Bins are not judged: the requirements are for the sample as a whole.
    if (o.limits_subset != "both" && o.limits_subset != set.subset) continue;
    for (std::size_t m = 0; m < n_metrics; ++m) {
      if (!o.limits[m].empty()) validation.judged.push_back(judged(set, static_cast<validation::Metric>(m), o.limits[m][0]));
    }
  }
}

}  // namespace

bool Validation::passes() const noexcept {
  return std::all_of(judged.begin(), judged.end(), [](const JudgedMetric& metric) { return metric.pass; });
}

Validation measure(const ValidateOptions& o, const ValidationSample& sample, const std::vector<Estimates>& models,
                   const ValidatePasses& passes) {
  Validation validation;
  for (std::size_t model = 0; model < models.size(); ++model) {
    const Measurable what = measurable(o, sample, models[model]);
    std::vector<SetPlan> plans = plan_sets(o, model, what);
    measure_model(o, what, plans, passes, model, models[model].name);
    for (const SetPlan& plan : plans) {
      (plan.set.by.empty() ? validation.whole : validation.bins).push_back(plan.set);
      if (plan.set.by.empty() && models[model].has_pdf) add_pit(o, plan, what.objects, validation);
    }
  }
  judge(o, validation);
  return validation;
}

}  // namespace skyfold
