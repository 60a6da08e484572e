// Metrics of all models, for all objects and the culled subset, whole and in bins, with bootstrap errors. Realisations are dealt to
// the ranks by number; the numbers are those of objects and seed, so any number of ranks gives the same errors.
#include "measure.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>

#include "skyfold/core/log.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/kernels/validate/bootstrap.hpp"
#include "skyfold/kernels/validate/subsets.hpp"

namespace skyfold {
namespace {

using validation::Bin;
using validation::Metrics;
using validation::MetricSet;
using validation::n_metrics;
using validation::Objects;

// What ranks do between two exchanges of results: bytes, and objects times realisations, some seconds of one processor.
constexpr std::int64_t most_bytes = std::int64_t{1} << 24, most_work = 100'000'000;

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
    if (!sample.is_usable[i] || std::isnan(estimates.z_phot[i])) continue;
    objects.z_spec.push_back(sample.z_spec[i]);
    objects.z_phot.push_back(estimates.z_phot[i]);
    objects.z_err.push_back(estimates.z_err[i]);
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

/// What one rank measures of each set: every `ranks`-th realisation, and on the first one the set itself before them.
class Share {
 public:
  Share(const ValidateOptions& o, std::size_t rank, std::size_t ranks, int threads)
      : realisations_(static_cast<std::size_t>(o.realisations)),
        rank_(rank),
        ranks_(ranks),
        threads_(threads),
        scratch_(static_cast<std::size_t>(threads)) {}

  /// Number of a set's results that this rank has.
  [[nodiscard]] std::size_t results() const noexcept { return own() + (rank_ == 0 ? 1 : 0); }
  void measure(const MetricSet& set, std::span<Metrics> results) {
    if (rank_ == 0) results[0] = set.measure(scratch_[0]);
    const std::span<Metrics> mine = results.subspan(rank_ == 0 ? 1 : 0);
    parallel_for(mine.size(), 1, threads_, [&](std::size_t begin, std::size_t end, int thread) {
      check_stop();
      for (std::size_t k = begin; k < end; ++k) mine[k] = set.measure(rank_ + k * ranks_, scratch_[static_cast<std::size_t>(thread)]);
    });
  }

 private:
  [[nodiscard]] std::size_t own() const noexcept { return realisations_ > rank_ ? (realisations_ - rank_ - 1) / ranks_ + 1 : 0; }

  std::size_t realisations_, rank_, ranks_;
  int threads_;
  std::vector<MetricSet::Scratch> scratch_;
};

/// Fills in values and errors of the sets from what all ranks measured.
void collect(const ValidateOptions& o, const std::vector<std::string>& shares, std::span<SetPlan> plans) {
  const auto realisations = static_cast<std::size_t>(o.realisations);
  std::vector<const char*> at;
  for (const std::string& share : shares) at.push_back(share.data());
  const auto next = [&](std::size_t rank) {
    Metrics metrics;
    std::memcpy(metrics.data(), at[rank], sizeof metrics);
    at[rank] += sizeof metrics;
    return metrics;
  };
  std::vector<double> values(realisations * n_metrics);
  for (SetPlan& plan : plans) {
    plan.set.objects = std::ssize(plan.members);
    // Results lie in each share in the order of the sets, the first rank's with the set itself before its realisations.
    plan.set.value = next(0);
    for (std::size_t r = 0; r < realisations; ++r) {
      const Metrics metrics = next(r % shares.size());
      for (std::size_t m = 0; m < n_metrics; ++m) values[m * realisations + r] = metrics[m];
    }
    for (std::size_t m = 0; m < n_metrics; ++m)
      plan.set.error[m] = std::isnan(plan.set.value[m])
                              ? plan.set.value[m]
                              : validation::bootstrap_error(std::span(values).subspan(m * realisations, realisations));
  }
}

/// Measures some sets of a model on all ranks.
void measure_sets(const ValidateOptions& o, const Measurable& what, std::span<SetPlan> plans, const Ranks& ranks, int threads) {
  const auto n_ranks = static_cast<std::size_t>(ranks.size());
  const std::vector<std::string> shares = ranks.run_units(n_ranks, [&](std::size_t unit) {
    Share share(o, unit, n_ranks, threads);
    std::vector<Metrics> results(plans.size() * share.results());
    for (std::size_t k = 0; k < plans.size(); ++k) {
      check_stop();
      share.measure(MetricSet(what.objects, plans[k].members, o.rules), std::span(results).subspan(k * share.results(), share.results()));
    }
    return std::string(reinterpret_cast<const char*>(results.data()), results.size() * sizeof(Metrics));
  });
  collect(o, shares, plans);
}

void measure_model(const ValidateOptions& o, const Measurable& what, std::span<SetPlan> plans, const Ranks& ranks, int threads,
                   const std::string& name) {
  const std::int64_t results = o.realisations + 1;  // of each set
  std::int64_t objects = 0, done = 0;
  for (const SetPlan& plan : plans) objects += std::ssize(plan.members);
  Progress progress("bootstrap of " + name, objects, "objects");
  for (std::size_t first = 0, next = 0; first < plans.size(); first = next) {
    std::int64_t work = 0, bytes = 0;
    // Sets go in batches: all at once would hold too much memory, one by one the exchange would cost more than the work.
    for (; next < plans.size() && work < most_work && bytes < most_bytes; ++next) {
      work += results * std::ssize(plans[next].members);
      bytes += results * static_cast<std::int64_t>(sizeof(Metrics));
      done += std::ssize(plans[next].members);
    }
    measure_sets(o, what, plans.subspan(first, next - first), ranks, threads);
    progress.update(done);
  }
  progress.finish();
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

Validation measure(const ValidateOptions& o, const ValidationSample& sample, const std::vector<Estimates>& models, const Ranks& ranks,
                   int threads) {
  Validation validation;
  for (std::size_t model = 0; model < models.size(); ++model) {
    const Measurable what = measurable(o, sample, models[model]);
    std::vector<SetPlan> plans = plan_sets(o, model, what);
    measure_model(o, what, plans, ranks, threads, models[model].name);
    for (const SetPlan& plan : plans) {
      (plan.set.by.empty() ? validation.whole : validation.bins).push_back(plan.set);
      if (plan.set.by.empty() && models[model].has_pdf) add_pit(o, plan, what.objects, validation);
    }
  }
  judge(o, validation);
  return validation;
}

}  // namespace skyfold
