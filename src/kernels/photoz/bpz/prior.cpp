// The prior on type and redshift by magnitude: Benitez 2000, ApJ 536, 571, with the parameters of its tables and of the Dark Energy Survey.
#include "prior.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../common/model.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::bpz {
namespace {

constexpr double faintest = 32.0, steps_per_magnitude = 10.0;
constexpr double least_z = 0.01, greatest_z = 15.0;  // of the characteristic redshift
constexpr double tail = 0.01;                        // of the mean probability of a point of the grid

struct NamedPrior {
  const char* name;
  PriorParameters parameters;
};
const NamedPrior priors[] = {
    {"des-sva1", {{.34, .27}, {.300, .097}, {2.370, 1.977, 1.222}, {.358, .262, .057}, {.091, .099, .101}, 19.0, 19.0}},
    {"des-y1", {{.291, .550}, {.296, .156}, {2.460, 1.836, 1.180}, {.542, .399, .134}, {.112, .101, .143}, 20.0, 18.0}},
    {"hdfn", {{.35, .50}, {.450, .147}, {2.465, 1.806, .906}, {.431, .390, .0626}, {.0913, .0636, .123}, 20.0, 20.0}},
};

double in_range(double magnitude, double m_min) { return std::clamp(magnitude, m_min, faintest); }

void normalise(std::vector<double>& p) {
  double sum = 0.0;
  for (const double value : p) sum += value;
  for (double& value : p) value /= sum;
}

}  // namespace

std::vector<std::string> prior_names() {
  std::vector<std::string> names;
  for (const NamedPrior& prior : priors) names.emplace_back(prior.name);
  return names;
}

PriorParameters prior_named(const std::string& name) {
  for (const NamedPrior& prior : priors)
    if (name == prior.name) return prior.parameters;
  throw UsageError(fmt::format("no prior '{}' (there are: {})", name, join(prior_names(), ", ")));
}

Table table_of(const PriorParameters& p) {
  Table table;
  const auto add = [&](const char* name, const char* text, const auto& values) {
    add_values(table, {name, Type::f8, values.size(), "", "", text, ""}, std::vector<double>(values.begin(), values.end()));
  };
  add("f", "fractions of early and spiral galaxies at m_ref", p.f);
  add("k", "how the fractions fall with magnitude", p.k);
  add("alpha", "slopes of p(z) of early, spiral and irregular galaxies", p.alpha);
  add("z0", "their characteristic redshifts at m_ref", p.z0);
  add("km", "how these grow with magnitude", p.km);
  add("m_ref", "magnitude of the fractions", std::array<double, 1>{p.m_ref});
  add("m_min", "brighter objects count as this magnitude", std::array<double, 1>{p.m_min});
  return table;
}

PriorParameters prior_from(const Table& table) {
  PriorParameters p;
  const auto get = [&](const char* name, auto& values) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = table.at(name).number(0, i);
  };
  get("f", p.f);
  get("k", p.k);
  get("alpha", p.alpha);
  get("z0", p.z0);
  get("km", p.km);
  p.m_ref = table.at("m_ref").number(0);
  p.m_min = table.at("m_min").number(0);
  return p;
}

std::array<double, n_types> type_fractions(const PriorParameters& p, double magnitude) {
  const double dm = in_range(magnitude, p.m_min) - p.m_ref;
  std::array<double, n_types> fraction = {p.f[0] * std::exp(-p.k[0] * dm), p.f[1] * std::exp(-p.k[1] * dm), 0.0};
  fraction[2] = std::max(1.0 - fraction[0] - fraction[1], 0.0);
  return fraction;
}

std::vector<double> redshift_prior(const PriorParameters& p, std::size_t type, double magnitude, std::span<const double> z) {
  const double dm = in_range(magnitude, p.m_min) - p.m_ref;
  const double z_m = std::clamp(p.z0[type] + p.km[type] * dm, least_z, greatest_z);
  std::vector<double> prior;
  for (const double value : z) prior.push_back(std::pow(value, p.alpha[type]) * std::exp(-std::pow(value / z_m, p.alpha[type])));
  normalise(prior);
  for (double& value : prior)
    if (value < tail / static_cast<double>(z.size())) value = 0.0;
  normalise(prior);
  return prior;
}

LogPrior::LogPrior(const PriorParameters& p, std::array<std::size_t, n_types> of_type, std::size_t interpolated,
                   const std::vector<double>& z, std::size_t stride)
    : m_min_(p.m_min), stride_(stride) {
  std::vector<std::size_t> type_of;
  for (std::size_t type = 0; type < n_types; ++type) type_of.insert(type_of.end(), of_type[type], type);
  // A row for each mixture of two types; within a type all mixtures are the same.
  struct Mixture {
    std::size_t a, b;
    double part;
  };
  std::vector<Mixture> mixtures;
  const std::size_t n = type_of.size() + (type_of.size() - 1) * interpolated;
  for (std::size_t t = 0; t < n; ++t) {
    const std::size_t below = std::min(t / (interpolated + 1), type_of.size() - 1), above = std::min(below + 1, type_of.size() - 1);
    const double part = static_cast<double>(t % (interpolated + 1)) / static_cast<double>(interpolated + 1);
    const Mixture mixture{type_of[below], part == 0.0 ? type_of[below] : type_of[above], type_of[below] == type_of[above] ? 0.0 : part};
    const auto is_same = [&](const Mixture& m) { return m.a == mixture.a && m.b == mixture.b && m.part == mixture.part; };
    const auto found = std::ranges::find_if(mixtures, is_same);
    row_of_.push_back(static_cast<std::size_t>(found - mixtures.begin()));
    if (found == mixtures.end()) mixtures.push_back(mixture);
  }
  rows_ = mixtures.size();
  const std::size_t magnitudes = step_of(faintest) + 1;
  values_.assign(magnitudes * rows_ * stride, -std::numeric_limits<double>::infinity());
  for (std::size_t m = 0; m < magnitudes; ++m) {
    const double magnitude = m_min_ + static_cast<double>(m) / steps_per_magnitude;
    const auto fraction = type_fractions(p, magnitude);
    std::array<std::vector<double>, n_types> prior;
    for (std::size_t type = 0; type < n_types; ++type) {
      prior[type] = redshift_prior(p, type, magnitude, z);
      for (double& value : prior[type]) value *= of_type[type] == 0 ? 0.0 : fraction[type] / static_cast<double>(of_type[type]);
    }
    for (std::size_t row = 0; row < rows_; ++row)
      for (std::size_t i = 0; i < z.size(); ++i)
        values_[(m * rows_ + row) * stride + i] =
            std::log((1.0 - mixtures[row].part) * prior[mixtures[row].a][i] + mixtures[row].part * prior[mixtures[row].b][i]);
  }
}

std::size_t LogPrior::step_of(double magnitude) const noexcept {
  // Rounded as decimal texts are, by which BPZ rounds: 22.45 is a little below the half; exact halves (22.25) go to the even digit.
  const double m = in_range(magnitude, m_min_), tenths = m * steps_per_magnitude;
  double rounded = std::nearbyint(tenths);
  if (std::abs(tenths - std::trunc(tenths)) == 0.5)
    if (const double lost = std::fma(m, steps_per_magnitude, -tenths); lost != 0.0)
      rounded = lost > 0.0 ? std::ceil(tenths) : std::floor(tenths);
  return static_cast<std::size_t>(rounded - std::nearbyint(m_min_ * steps_per_magnitude));
}

}  // namespace skyfold::bpz
