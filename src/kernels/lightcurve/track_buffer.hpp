#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "skyfold/kernels/lightcurve/motion.hpp"
#include "skyfold/kernels/lightcurve/usable.hpp"

namespace skyfold::lightcurve {

/// Positions of measurements, as they are taken one by one. A buffer: it keeps its memory.
class TrackBuffer {
 public:
  void clear() {
    for (std::vector<double>* v : {&mjd_, &ra_, &dec_, &err_}) v->clear();
  }
  /// Takes the position of a measurement, unless it is none.
  void add(const UsableMeasurements& m, std::size_t i) {
    const bool has_errors = !m.position_error.empty();
    const double err = has_errors ? m.position_error[i] : 1.0;
    if (!std::isfinite(m.ra[i]) || !(std::abs(m.dec[i]) <= 90.0) || !(err > 0.0) || !std::isfinite(err)) return;
    mjd_.push_back(m.mjd[i]);
    ra_.push_back(m.ra[i]);
    dec_.push_back(m.dec[i]);
    if (has_errors) err_.push_back(err);
  }
  [[nodiscard]] Track track() const noexcept { return {mjd_, ra_, dec_, err_}; }

 private:
  std::vector<double> mjd_, ra_, dec_, err_;
};

}  // namespace skyfold::lightcurve
