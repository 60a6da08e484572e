// Zero-point shifts and the prior's parameters from the training sample, each as one task.
#include "training.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "../../templates/known_redshifts.hpp"
#include "../common/sample.hpp"
#include "fit_at_redshift.hpp"
#include "skyfold/core/parallel.hpp"

namespace skyfold::bpz {
namespace {

constexpr std::size_t objects_per_chunk = 256;

/// Parts of each template, mixtures among them, that are of a type.
std::vector<std::array<double, n_types>> shares_of(std::array<std::size_t, n_types> of_type, std::size_t models) {
  std::vector<std::size_t> type_of;
  for (std::size_t type = 0; type < n_types; ++type) type_of.insert(type_of.end(), of_type[type], type);
  std::vector<std::array<double, n_types>> shares(models);
  const double steps = type_of.size() < 2 ? 1.0 : static_cast<double>(models - 1) / static_cast<double>(type_of.size() - 1);
  for (std::size_t t = 0; t < models; ++t) {
    const double place = static_cast<double>(t) / steps;
    const auto below = static_cast<std::size_t>(place + 1e-9);
    const double part = place - static_cast<double>(below);
    shares[t][type_of[below]] += 1.0 - part;
    shares[t][type_of[std::min(below + 1, type_of.size() - 1)]] += part;
  }
  return shares;
}

/// Mean likelihood of the templates of each type, relative to the best template's.
std::array<double, n_types> likelihoods_of(std::span<const double> chi2, const std::vector<std::array<double, n_types>>& shares) {
  std::array<double, n_types> likelihood{}, templates{};
  const double least = *std::ranges::min_element(chi2);
  for (std::size_t t = 0; t < chi2.size(); ++t)
    for (std::size_t type = 0; type < n_types; ++type) {
      likelihood[type] += shares[t][type] * std::exp(-0.5 * (chi2[t] - least));
      templates[type] += shares[t][type];
    }
  for (std::size_t type = 0; type < n_types; ++type)
    if (templates[type] > 0.0) likelihood[type] /= templates[type];
  return likelihood;
}

std::vector<TypedObject> typed_objects(const ModelFluxes& models, const FluxRules& rules, const TrainingSet& set, std::size_t prior_band,
                                       std::array<std::size_t, n_types> of_type, int threads) {
  const auto shares = shares_of(of_type, models.templates);
  const std::vector<double> no_shift(models.bands, 0.0);
  const std::vector<double> magnitude = detected_magnitudes(set.photometry, no_shift);
  std::vector<TypedObject> objects(set.z.size());
  std::vector<std::unique_ptr<FitAtRedshift>> fits(static_cast<std::size_t>(threads));
  parallel_for(objects.size(), objects_per_chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
    auto& fit = fits[static_cast<std::size_t>(thread)];
    if (!fit) fit = std::make_unique<FitAtRedshift>(models, rules, set);
    for (std::size_t i = begin; i < end; ++i) {
      objects[i] = {magnitude[i * models.bands + prior_band], set.z[i], set.weight.empty() ? 1.0 : set.weight[i], {}};
      const std::span<const double> chi2 = fit->chi2(i, no_shift);
      if (chi2.empty())
        objects[i].weight = 0.0;
      else
        objects[i].likelihood = likelihoods_of(chi2, shares);
    }
  });
  std::erase_if(objects, [](const TypedObject& object) { return !(object.weight > 0.0); });
  return objects;
}

std::vector<double> numbers_of_prior(const PriorFit& fit) {
  const PriorParameters& p = fit.parameters;
  std::vector<double> numbers = {static_cast<double>(fit.used), static_cast<double>(fit.rounds), p.m_ref, p.m_min};
  const auto add = [&](const auto& values) {
    for (const double value : values) numbers.push_back(value);
  };
  add(p.f), add(p.k), add(p.alpha), add(p.z0), add(p.km), add(fit.objects);
  return numbers;
}

PriorFit prior_of_numbers(const std::vector<double>& numbers) {
  PriorFit fit;
  fit.used = static_cast<std::size_t>(numbers.at(0));
  fit.rounds = static_cast<int>(numbers.at(1));
  PriorParameters& p = fit.parameters;
  p.m_ref = numbers.at(2);
  p.m_min = numbers.at(3);
  std::size_t next = 4;
  const auto get = [&](auto& values) {
    for (double& value : values) value = numbers.at(next++);
  };
  get(p.f), get(p.k), get(p.alpha), get(p.z0), get(p.km), get(fit.objects);
  return fit;
}

}  // namespace

ZeroPointShifts learn_shifts(const ModelFluxes& models, const FluxRules& rules, const TrainingSet& set, const ShiftRules& shifts,
                             TrainingTasks& tasks) {
  const auto results = tasks.run("shifts", 1, [&](std::size_t, int threads) {
    const auto make = [&] { return std::make_unique<FitAtRedshift>(models, rules, set); };
    return bytes_of(
        numbers_of_shifts(zero_point_shifts(detected_magnitudes(set.photometry, rules.offset), models.bands, make, shifts, threads)));
  });
  return shifts_of_numbers(numbers_of(results.at(0)), models.bands);
}

PriorFit learn_prior(const ModelFluxes& models, const FluxRules& rules, const TrainingSet& set, std::size_t prior_band,
                     std::array<std::size_t, n_types> of_type, TrainingTasks& tasks) {
  const auto results = tasks.run("prior", 1, [&](std::size_t, int threads) {
    return bytes_of(
        numbers_of_prior(fitted_prior(typed_objects(models, rules, set, prior_band, of_type, threads), prior_named("hdfn"), models.z)));
  });
  return prior_of_numbers(numbers_of(results.at(0)));
}

}  // namespace skyfold::bpz
