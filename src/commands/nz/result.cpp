// Numbers of n(z): means, widths, overlaps, shift and stretch against a reference, each with errors by bootstrap and jackknife.
#include "result.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "training.hpp"

namespace skyfold {
namespace {

using nz::Estimator;
using View = nz::Distributions::View;

void require_objects_in_bins(const NzResult& r) {
  for (std::size_t b = 0; b < r.layout().bins.size(); ++b) {
    if (r.sums.objects[b] == 0)
      throw DataError(
          fmt::format("{}: bin {} ({}) has no object (its n(z) would be empty)", r.options.pdf, b + 1, r.layout().bins.label(b)));
    if (std::isnan(r.n.n(0, b)[0]))
      throw DataError(fmt::format("{}: bin {} ({}): no probability between z.min = {} and z.max = {}", r.options.pdf, b + 1,
                                  r.layout().bins.label(b), shortest(r.layout().cells.low),
                                  shortest(r.layout().cells.edge(r.layout().cells.count))));
  }
}

Estimator estimator_named(const std::string& name) {
  std::size_t k = 0;
  while (k < nz::n_estimators && nz::name_of(static_cast<Estimator>(k)) != name) ++k;
  return static_cast<Estimator>(k);  // n_estimators: a file
}

/// The n(z) that others are held against: that of an estimator, result by result, or a fixed one.
struct Reference {
  int estimator = -1;
  std::vector<std::vector<double>> fixed;

  [[nodiscard]] std::span<const double> of(const View& n, std::size_t bin) const {
    return estimator >= 0 ? n(static_cast<std::size_t>(estimator), bin) : std::span<const double>(fixed[bin]);
  }
};

Reference find_reference(NzResult& r) {
  Reference reference;
  r.reference = r.options.reference;
  if (r.reference.empty() && r.place_of(Estimator::truth) >= 0) r.reference = "truth";
  if (r.reference.empty()) return reference;
  const Estimator named = estimator_named(r.reference);
  if (static_cast<std::size_t>(named) == nz::n_estimators) {
    reference.fixed = read_reference(r.reference, r.layout().cells, r.layout().bins.size(), r.options.source);
    return reference;
  }
  reference.estimator = r.place_of(named);
  if (reference.estimator < 0)
    throw UsageError(fmt::format("--reference {}: no known redshifts (--truth names their column)", r.reference));
  return reference;
}

/// Of stacks: what points and known redshifts lose is objects, which everybody counts.
void warn_of_losses(const NzResult& r) {
  constexpr double much = 0.01;
  const auto stack = static_cast<std::size_t>(r.place_of(Estimator::stack));
  for (std::size_t b = 0; b < r.layout().bins.size(); ++b)
    if (const double lost = r.outside(stack, b); lost > much)
      log_warning(
          fmt::format("bin {} ({}): {:.2f} % of the PDFs lies beyond the cells of redshift, from {} to {} (--z.max, or photoz --pdf.zmax)",
                      b + 1, r.layout().bins.label(b), 100.0 * lost, shortest(r.layout().cells.low),
                      fmt::format("{:.6g}", r.layout().cells.edge(r.layout().cells.count))));
}

/// Both n(z) have unit integral, so that what they do not share is half of their difference.
double difference_of(const nz::RedshiftCells& cells, std::span<const double> a, std::span<const double> b) {
  return 2.0 * (1.0 - overlap_of(cells, a, b));
}

TrainingJudgement judge_training(const NzResult& r, std::size_t stack, std::size_t training, std::size_t bin) {
  const nz::RedshiftCells& cells = r.layout().cells;
  TrainingJudgement judged{difference_of(cells, r.n.n(training, bin), r.n.n(stack, bin)), 0.0, r.is_training_binned, Estimator::stack};
  double realisations = 0.0;
  for (std::size_t result = 1; result < r.layout().results(); ++result)
    if (const double noise = difference_of(cells, r.n.n(training, bin, result), r.n.n(training, bin)); std::isfinite(noise))
      judged.noise += noise, realisations += 1.0;
  judged.noise /= realisations;  // NaN for none
  const bool may_be_trusted = r.is_training_binned || r.layout().bins.size() == 1;
  // Squares add up: difference^2 - noise^2 is the stack's own, and noise^2 training's.
  if (may_be_trusted && judged.difference * judged.difference > 2.0 * judged.noise * judged.noise) judged.trusted = Estimator::training;
  return judged;
}

}  // namespace

int NzResult::place_of(Estimator estimator) const noexcept {
  const auto& all = layout().estimators;
  const auto found = std::ranges::find(all, estimator);
  return found == all.end() ? -1 : static_cast<int>(found - all.begin());
}

double NzResult::outside(std::size_t estimator, std::size_t bin) const {
  const auto slots = std::span(sums.values).subspan(layout().at(estimator, bin, 0), layout().cells.slots());
  return (slots.front() + slots.back()) / std::accumulate(slots.begin(), slots.end(), 0.0);
}

std::size_t NzResult::chosen() const {
  const int place = place_of(estimator_named(options.estimator));
  if (place < 0) throw UsageError(fmt::format("--estimator {}: no known redshifts (--truth names their column)", options.estimator));
  return static_cast<std::size_t>(place);
}

void measure(NzResult& r) {
  require_objects_in_bins(r);
  warn_of_losses(r);
  const Reference reference = find_reference(r);
  const nz::RedshiftCells& cells = r.layout().cells;
  for (std::size_t e = 0; e < r.layout().estimators.size(); ++e)
    for (std::size_t b = 0; b < r.layout().bins.size(); ++b) {
      BinNumbers numbers{e, b, {}, {}, {}, {}};
      numbers.mean = r.n.measure([&](const View& n) { return moments_of(cells, n(e, b)).mean; });
      numbers.width = r.n.measure([&](const View& n) { return moments_of(cells, n(e, b)).width; });
      if (!r.reference.empty()) {
        numbers.shift =
            r.n.measure([&](const View& n) { return moments_of(cells, n(e, b)).mean - moments_of(cells, reference.of(n, b)).mean; });
        numbers.stretch =
            r.n.measure([&](const View& n) { return moments_of(cells, n(e, b)).width / moments_of(cells, reference.of(n, b)).width; });
      }
      r.numbers.push_back(numbers);
      for (std::size_t other = b + 1; other < r.layout().bins.size(); ++other)
        r.overlaps.push_back({e, b, other, r.n.measure([&](const View& n) { return overlap_of(cells, n(e, b), n(e, other)); })});
    }
  if (const int training = r.place_of(Estimator::training); training >= 0)
    for (std::size_t b = 0; b < r.layout().bins.size(); ++b)
      r.judged.push_back(judge_training(r, static_cast<std::size_t>(r.place_of(Estimator::stack)), static_cast<std::size_t>(training), b));
}

}  // namespace skyfold
