// Maximum likelihood of the prior's parameters on a spectroscopic sample; objects are counted in cells of the prior's magnitudes and of
// the grid, so that a step costs the same for any sample.
#include "prior_training.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "../../network/minimise.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::bpz {
namespace {

constexpr std::size_t least_objects = 100;
constexpr double least_of_type = 30.0;
constexpr int most_rounds = 50;
constexpr double settled = 1e-7;  // change of the mean ln likelihood
constexpr double steps_per_magnitude = 10.0, faintest = 32.0;
constexpr double least_z_m = 0.01;  // as the prior has it

/// Sums of weights by type, [step of magnitude][z].
using Cells = std::array<std::vector<double>, n_types>;

/// The grid, with the powers of it that are needed again and again.
struct Grid {
  explicit Grid(const std::vector<double>& points) : z(points) {
    for (const double value : z) log_z.push_back(std::log(std::max(value, 1e-9)));  // a grid may begin at 0
  }
  [[nodiscard]] std::size_t size() const noexcept { return z.size(); }
  std::vector<double> z, log_z;
};

/// ln p(z | m) of one type with its derivatives: parameters are ln alpha, ln z0, ln km, so that z_m
/// does not fall with magnitude.
class RedshiftLikelihood {
 public:
  RedshiftLikelihood(const Grid& grid, const std::vector<double>& cells) : grid_(grid), cells_(cells) {}

  double operator()(std::span<const double> x, std::span<double> gradient) {
    std::ranges::fill(gradient, 0.0);
    const std::size_t n = grid_.size(), steps = cells_.size() / n;
    double value = 0.0, weight = 0.0;
    for (std::size_t step = 0; step < steps; ++step) {
      const std::span<const double> cells(&cells_[step * n], n);
      if (std::ranges::all_of(cells, [](double cell) { return cell == 0.0; })) continue;
      value += add_step(x, static_cast<double>(step) / steps_per_magnitude, cells, gradient, weight);
    }
    for (double& slope : gradient) slope /= -weight;
    return -value / weight;
  }

 private:
  double add_step(std::span<const double> x, double dm, std::span<const double> cells, std::span<double> gradient, double& weight) {
    const double alpha = std::exp(x[0]), z0 = std::exp(x[1]), rise = std::exp(x[2]) * dm, unclipped = z0 + rise,
                 z_m = std::max(unclipped, least_z_m);
    const double log_z_m = std::log(z_m);
    double norm = 0.0, norm_alpha = 0.0, norm_z_m = 0.0, sum = 0.0, count = 0.0, by_alpha = 0.0, by_z_m = 0.0;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const double log_ratio = grid_.log_z[i] - log_z_m, power = std::exp(std::min(alpha * log_ratio, 700.0));
      const double log_p = alpha * grid_.log_z[i] - power, p = std::exp(log_p);
      const double slope_alpha = grid_.log_z[i] - power * log_ratio, slope_z_m = alpha * power / z_m;
      norm += p;
      norm_alpha += p * slope_alpha;
      norm_z_m += p * slope_z_m;
      if (cells[i] == 0.0) continue;
      count += cells[i];
      sum += cells[i] * log_p;
      by_alpha += cells[i] * slope_alpha;
      by_z_m += cells[i] * slope_z_m;
    }
    weight += count;
    by_alpha -= count * norm_alpha / norm;
    by_z_m = unclipped > least_z_m ? by_z_m - count * norm_z_m / norm : 0.0;
    gradient[0] += by_alpha * alpha;
    gradient[1] += by_z_m * z0;
    gradient[2] += by_z_m * rise;
    return sum - count * std::log(norm);
  }

  const Grid& grid_;
  const std::vector<double>& cells_;
};

/// ln p(T | m) with its derivatives. Parameters are ln(f_E / f_I), ln(f_S / f_I), ln k_E, ln k_S, where f_I is what is left at m_ref: so
/// fractions stay within 0 and 1 for all fainter magnitudes.
class TypeLikelihood {
 public:
  explicit TypeLikelihood(std::vector<std::array<double, n_types>> counts) : counts_(std::move(counts)) {}

  [[nodiscard]] static PriorParameters with(PriorParameters p, std::span<const double> x) {
    const double e = std::exp(x[0]), s = std::exp(x[1]), sum = 1.0 + e + s;
    p.f = {e / sum, s / sum};
    p.k = {std::exp(x[2]), std::exp(x[3])};
    return p;
  }
  [[nodiscard]] static std::vector<double> begin(const PriorParameters& p) {
    const double rest = std::max(1.0 - p.f[0] - p.f[1], 0.01);
    return {std::log(p.f[0] / rest), std::log(p.f[1] / rest), std::log(p.k[0]), std::log(p.k[1])};
  }

  double operator()(std::span<const double> x, std::span<double> gradient) const {
    const PriorParameters p = with({}, x);
    std::ranges::fill(gradient, 0.0);
    double value = 0.0, weight = 0.0;
    for (std::size_t step = 0; step < counts_.size(); ++step) {
      const double dm = static_cast<double>(step) / steps_per_magnitude;
      const std::array<double, 2> fraction = {p.f[0] * std::exp(-p.k[0] * dm), p.f[1] * std::exp(-p.k[1] * dm)};
      const double rest = std::max(1.0 - fraction[0] - fraction[1], 1e-300);
      const auto& count = counts_[step];
      value += count[0] * (std::log(p.f[0]) - p.k[0] * dm) + count[1] * (std::log(p.f[1]) - p.k[1] * dm) + count[2] * std::log(rest);
      weight += count[0] + count[1] + count[2];
      for (std::size_t type = 0; type < 2; ++type) {
        const double slope = count[type] - count[2] * fraction[type] / rest;  // by ln of the fraction
        for (std::size_t other = 0; other < 2; ++other) gradient[other] += slope * ((type == other ? 1.0 : 0.0) - p.f[other]);
        gradient[2 + type] -= slope * p.k[type] * dm;
      }
    }
    for (double& slope : gradient) slope /= -weight;
    return -value / weight;
  }

 private:
  std::vector<std::array<double, n_types>> counts_;
};

/// An object's cell and its likelihoods.
struct Counted {
  std::size_t step, cell;
  double weight;
  std::array<double, n_types> likelihood;
};

std::vector<Counted> counted(std::span<const TypedObject> objects, const Grid& grid, double m_min) {
  std::vector<Counted> list;
  const double step = (grid.z.back() - grid.z.front()) / static_cast<double>(grid.size() - 1);
  for (const TypedObject& object : objects) {
    const double place = std::nearbyint((object.z - grid.z.front()) / step);
    if (!(place >= 0.0 && place < static_cast<double>(grid.size())) || std::isnan(object.magnitude)) continue;
    const double m = std::clamp(object.magnitude, m_min, faintest);
    const auto at = static_cast<std::size_t>(std::nearbyint((m - m_min) * steps_per_magnitude));
    list.push_back({at, at * grid.size() + static_cast<std::size_t>(place), object.weight, object.likelihood});
  }
  return list;
}

/// p(T | m) p(z | T, m) in the cells.
Cells probabilities(const PriorParameters& p, const Grid& grid, std::size_t steps) {
  Cells cells;
  const std::size_t n = grid.size();
  for (std::size_t type = 0; type < n_types; ++type) {
    cells[type].resize(steps * n);
    for (std::size_t step = 0; step < steps; ++step) {
      const double dm = static_cast<double>(step) / steps_per_magnitude, z_m = std::max(p.z0[type] + p.km[type] * dm, least_z_m);
      double* row = &cells[type][step * n];
      double norm = 0.0;
      for (std::size_t i = 0; i < n; ++i) {
        const double power = std::exp(std::min(p.alpha[type] * (grid.log_z[i] - std::log(z_m)), 700.0));
        norm += row[i] = std::exp(p.alpha[type] * grid.log_z[i] - power);
      }
      const double scale = type_fractions(p, p.m_ref + dm)[type] / norm;
      for (std::size_t i = 0; i < n; ++i) row[i] *= scale;
    }
  }
  return cells;
}

/// Parts of the objects by type into cells; returns the mean ln likelihood.
double expect(const std::vector<Counted>& list, const Cells& p, Cells& cells) {
  for (std::size_t type = 0; type < n_types; ++type) cells[type].assign(p[type].size(), 0.0);
  double value = 0.0, weight = 0.0;
  for (const Counted& object : list) {
    std::array<double, n_types> part{};
    double sum = 0.0;
    for (std::size_t type = 0; type < n_types; ++type) sum += part[type] = object.likelihood[type] * p[type][object.cell];
    // Far out in all tails at once: by the colours alone.
    const bool is_lost = !(sum > 0.0);
    if (is_lost) sum = object.likelihood[0] + object.likelihood[1] + object.likelihood[2];
    for (std::size_t type = 0; type < n_types; ++type)
      cells[type][object.cell] += object.weight * (is_lost ? object.likelihood[type] : part[type]) / sum;
    value += object.weight * (is_lost ? -700.0 : std::log(sum));
    weight += object.weight;
  }
  return value / weight;
}

double sum_of(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum;
}

void maximise(const Cells& cells, const Grid& grid, std::size_t steps, PriorFit& fit) {
  std::vector<std::array<double, n_types>> counts(steps);
  PriorParameters& p = fit.parameters;
  for (std::size_t type = 0; type < n_types; ++type) {
    for (std::size_t i = 0; i < cells[type].size(); ++i) counts[i / grid.size()][type] += cells[type][i];
    fit.objects[type] = sum_of(cells[type]);
    if (fit.objects[type] < least_of_type) continue;
    RedshiftLikelihood likelihood(grid, cells[type]);
    std::vector<double> x = {std::log(p.alpha[type]), std::log(p.z0[type]), std::log(p.km[type])};
    static_cast<void>(network::minimise([&](auto at, auto gradient) { return likelihood(at, gradient); }, x, {.iterations = 50}));
    p.alpha[type] = std::exp(x[0]);
    p.z0[type] = std::exp(x[1]);
    p.km[type] = std::exp(x[2]);
  }
  const TypeLikelihood likelihood(std::move(counts));
  std::vector<double> x = TypeLikelihood::begin(p);
  static_cast<void>(network::minimise([&](auto at, auto gradient) { return likelihood(at, gradient); }, x, {.iterations = 50}));
  p = TypeLikelihood::with(p, x);
}

/// Returns the mean ln likelihood of the parameters that are found.
double maximise_from(const std::vector<Counted>& list, const Grid& grid, PriorFit& fit) {
  fit.used = list.size();
  if (list.size() < least_objects)
    throw DataError(fmt::format("the prior of bpz: {} objects have a magnitude, a fit and a redshift of {} to {} (at least {} are needed)",
                                list.size(), shortest(grid.z.front()), shortest(grid.z.back()), least_objects));
  const auto steps = static_cast<std::size_t>((faintest - fit.parameters.m_min) * steps_per_magnitude) + 1;
  Cells cells;
  double before = -std::numeric_limits<double>::infinity();
  while (true) {
    const double value = expect(list, probabilities(fit.parameters, grid, steps), cells);
    if (value - before < settled || fit.rounds == most_rounds) return value;
    maximise(cells, grid, steps, fit);
    ++fit.rounds;
    before = value;
  }
}

}  // namespace

std::string PriorFit::line() const {
  constexpr const char* names[] = {"early", "spiral", "irregular"};
  std::vector<std::string> parts;
  const PriorParameters& p = parameters;
  for (std::size_t type = 0; type < n_types; ++type) {
    std::string text = names[type];
    if (type < 2) text += fmt::format(" f {:.3f}, k {:.3f},", p.f[type], p.k[type]);
    text += fmt::format(" alpha {:.3f}, z0 {:.3f}, km {:.4f} ({} objects{})", p.alpha[type], p.z0[type], p.km[type],
                        grouped(std::llround(objects[type])), objects[type] < least_of_type ? ": p(z) is that of hdfn" : "");
    parts.push_back(text);
  }
  return fmt::format("{} objects, m_ref {}: {}", grouped(static_cast<long long>(used)), shortest(p.m_ref), join(parts, "; "));
}

PriorFit fitted_prior(std::span<const TypedObject> objects, const PriorParameters& start, const std::vector<double>& z) {
  const Grid grid(z);
  std::vector<double> magnitudes;
  for (const TypedObject& object : objects)
    if (!std::isnan(object.magnitude)) magnitudes.push_back(object.magnitude);
  const auto whole = [&](double p) { return magnitudes.empty() ? 20.0 : std::floor(std::min(quantile(magnitudes, p), faintest - 1.0)); };
  PriorFit best;
  double likeliest = -std::numeric_limits<double>::infinity();
  for (double m_min = whole(0.01); m_min <= whole(0.5); m_min += 1.0) {
    PriorFit fit{start, {}, 0, 0};
    fit.parameters.m_ref = fit.parameters.m_min = m_min;
    const double value = maximise_from(counted(objects, grid, m_min), grid, fit);
    if (value > likeliest) {
      likeliest = value;
      best = fit;
    }
  }
  return best;
}

}  // namespace skyfold::bpz
