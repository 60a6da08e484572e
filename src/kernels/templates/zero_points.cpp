// Shifts of zero points from objects of known redshift: medians of observed less model magnitudes, derived again until they settle.
#include "skyfold/kernels/templates/zero_points.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr int most_rounds = 10;
constexpr double greatest_difference = 1.0;                 // mag; beyond, the model is another object's
constexpr double settled_mean = 0.02, settled_band = 0.03;  // mag
constexpr std::size_t least_objects = 10, objects_per_chunk = 64;
constexpr double error_of_median = 1.2533;  // of a normal distribution, in units of sigma / sqrt(n)
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Observed less model magnitudes, [bands][objects].
std::vector<double> differences(std::span<const double> magnitude, std::size_t bands, const std::vector<double>& shift,
                                const MakeKnownRedshiftFit& make, int threads) {
  const std::size_t objects = magnitude.size() / bands;
  std::vector<double> difference(magnitude.size());
  std::vector<std::unique_ptr<KnownRedshiftFit>> fits(static_cast<std::size_t>(threads));
  parallel_for(objects, objects_per_chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
    auto& fit = fits[static_cast<std::size_t>(thread)];
    if (!fit) fit = make();
    std::vector<double> model(bands);
    for (std::size_t object = begin; object < end; ++object) {
      std::ranges::fill(model, nan);
      fit->fit(object, shift, model);
      for (std::size_t band = 0; band < bands; ++band) difference[band * objects + object] = magnitude[object * bands + band] - model[band];
    }
  });
  return difference;
}

/// Medians of a round.
void measure(const std::vector<double>& difference, std::size_t bands, ZeroPointShifts& found) {
  const std::size_t objects = difference.size() / bands;
  std::vector<double> values;
  for (std::size_t band = 0; band < bands; ++band) {
    values.clear();
    for (std::size_t object = 0; object < objects; ++object)
      if (const double value = difference[band * objects + object]; std::abs(value) < greatest_difference) values.push_back(value);
    found.objects[band] = values.size();
    found.uncapped[band] = values.size() < least_objects ? nan : median(values);
    found.error[band] = values.size() < 2 ? nan : error_of_median * nmad(values) / std::sqrt(static_cast<double>(values.size()));
  }
}

/// The new shifts; returns whether they differ little from those before.
bool take_medians(const ShiftRules& rules, ZeroPointShifts& found) {
  const double reference = found.uncapped[rules.reference];
  double sum = 0.0, greatest = 0.0;
  for (std::size_t band = 0; band < found.shift.size(); ++band) {
    found.uncapped[band] = std::isnan(found.uncapped[band]) ? 0.0 : found.uncapped[band] - reference;
    const double shift = std::clamp(found.uncapped[band], -rules.cap, rules.cap), change = std::abs(shift - found.shift[band]);
    found.shift[band] = shift;
    sum += change;
    greatest = std::max(greatest, change);
  }
  return sum < settled_mean * static_cast<double>(found.shift.size()) && greatest < settled_band;
}

}  // namespace

std::string ZeroPointShifts::line(const std::vector<std::string>& bands) const {
  std::vector<std::string> parts;
  std::size_t most = 0;
  for (std::size_t band = 0; band < bands.size(); ++band) {
    most = std::max(most, objects[band]);
    if (shift[band] != uncapped[band])
      parts.push_back(fmt::format("{} {:.3f} (capped, {:.3f})", bands[band], shift[band], uncapped[band]));
    else if (shift[band] == 0.0)
      parts.push_back(bands[band] + " 0");
    else
      parts.push_back(fmt::format("{} {:.3f} +- {:.3f}", bands[band], shift[band], error[band]));
  }
  return fmt::format("{}: {} objects, {} round{}", join(parts, ", "), grouped(static_cast<long long>(most)), rounds,
                     rounds == 1 ? "" : "s");
}

std::string ZeroPointShifts::warning(const std::vector<std::string>& bands) const {
  std::vector<std::string> parts;
  for (std::size_t band = 0; band < bands.size(); ++band) {
    if (shift[band] != uncapped[band])
      parts.push_back(fmt::format("{} {:.3f} mag is capped at {:.3f} (templates that do not fit look like zero points)", bands[band],
                                  uncapped[band], shift[band]));
    if (objects[band] < least_objects) parts.push_back(fmt::format("{} is not shifted, {} objects tell of it", bands[band], objects[band]));
  }
  if (!has_settled) parts.push_back(fmt::format("they still change after {} rounds", rounds));
  return join(parts, "; ");
}

ZeroPointShifts zero_point_shifts(std::span<const double> magnitude, std::size_t bands, const MakeKnownRedshiftFit& make,
                                  const ShiftRules& rules, int threads) {
  ZeroPointShifts found;
  found.shift.assign(bands, 0.0);
  found.uncapped = found.error = found.shift;
  found.objects.assign(bands, 0);
  while (found.rounds < most_rounds && !found.has_settled) {
    measure(differences(magnitude, bands, found.shift, make, threads), bands, found);
    if (found.objects[rules.reference] < least_objects)
      throw DataError(
          fmt::format("zero-point shifts: {} objects of known redshift have a model in the reference band (at least {} are needed)",
                      found.objects[rules.reference], least_objects));
    ++found.rounds;
    found.has_settled = take_medians(rules, found);
  }
  return found;
}

}  // namespace skyfold
