// Shifts of zero points: models at the known redshifts of a sample.
#include "shifts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <span>

#include "../../templates/known_redshifts.hpp"
#include "../common/sample.hpp"

namespace skyfold::lephare {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double per_magnitude = std::numbers::ln10 / 2.5;  // part of the flux

/// All models at the redshift of an object, between the points of the grid linearly. One for each thread.
class ModelsAtRedshift final : public KnownRedshiftFit {
 public:
  ModelsAtRedshift(const std::vector<Model>& models, const std::vector<double>& z, const std::vector<double>& offset,
                   const std::vector<double>& error, const TrainingSet& set)
      : models_(models),
        z_(z),
        offset_(offset),
        error_(error),
        set_(set),
        magnitude_(error.size()),
        flux_(error.size()),
        weight_(error.size()),
        at_z_(error.size()) {}

  void fit(std::size_t object, std::span<const double> shift, std::span<double> model) override {
    const double place = (set_.z[object] - z_.front()) / (z_[1] - z_[0]);
    if (!(place >= 0.0) || place > static_cast<double>(z_.size() - 1) || !take(object, shift)) return;
    const auto below = static_cast<std::size_t>(std::min(place, static_cast<double>(z_.size() - 2)));
    const double part = place - static_cast<double>(below);
    // The same amplitude as in the fit; chi2 but for what all models share.
    double most = -1.0;
    for (const Model& m : models_) {
      double ot = 0.0, tt = 0.0;
      for (std::size_t band = 0; band < flux_.size(); ++band) {
        const double* row = &m.flux[band * z_.size() + below];
        at_z_[band] = (1.0 - part) * row[0] + part * row[1];
        ot += flux_[band] * at_z_[band] * weight_[band];
        tt += at_z_[band] * at_z_[band] * weight_[band];
      }
      const double gain = tt > 0.0 && ot > 0.0 ? ot * ot / tt : 0.0;
      if (gain <= most) continue;
      most = gain;
      for (std::size_t band = 0; band < flux_.size(); ++band) {
        const double value = gain > 0.0 ? at_z_[band] * ot / tt : 0.0;
        model[band] = value > 0.0 ? brightest_ - 2.5 * std::log10(value) : nan;
      }
    }
  }

 private:
  /// Fluxes relative to the brightest one; false without a detection.
  bool take(std::size_t object, std::span<const double> shift) {
    const std::size_t bands = flux_.size();
    brightest_ = std::numeric_limits<double>::infinity();
    for (std::size_t band = 0; band < bands; ++band) {
      magnitude_[band] = detected_magnitude(set_.photometry, offset_, object, band);
      if (!std::isnan(magnitude_[band])) brightest_ = std::min(brightest_, magnitude_[band] - shift[band]);
    }
    for (std::size_t band = 0; band < bands; ++band) {
      flux_[band] = weight_[band] = 0.0;
      if (std::isnan(magnitude_[band])) continue;
      flux_[band] = std::pow(10.0, -0.4 * (magnitude_[band] - shift[band] - brightest_));
      const double e = flux_[band] * per_magnitude * std::hypot(set_.photometry.mag_err[object * bands + band], error_[band]);
      weight_[band] = 1.0 / (e * e);
    }
    return brightest_ < std::numeric_limits<double>::infinity();
  }

  const std::vector<Model>& models_;
  const std::vector<double>&z_, &offset_, &error_;
  const TrainingSet& set_;
  std::vector<double> magnitude_, flux_, weight_, at_z_;
  double brightest_ = 0.0;
};

}  // namespace

ZeroPointShifts learn_shifts(const std::vector<Model>& models, const std::vector<double>& z, const std::vector<double>& offset,
                             const std::vector<double>& error, const TrainingSet& set, const ShiftRules& rules, TrainingTasks& tasks) {
  const auto results = tasks.run("shifts", 1, [&](std::size_t, int threads) {
    const auto make = [&] { return std::make_unique<ModelsAtRedshift>(models, z, offset, error, set); };
    return bytes_of(numbers_of_shifts(zero_point_shifts(detected_magnitudes(set.photometry, offset), offset.size(), make, rules, threads)));
  });
  return shifts_of_numbers(numbers_of(results.at(0)), offset.size());
}

}  // namespace skyfold::lephare
