// Models against one object, in vectors along redshift.
#include "chi_square.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace skyfold {

SKYFOLD_CLONES
double chi2_of(const double* model, std::size_t bands, std::size_t stride, const double* fot, const double* ftt, double foo, bool with_ftt,
               double* chi2, double* log_p) {
  Lanes least = Lanes{} + std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < stride; i += n_lanes) {
    const auto [ot, tt] = flux_products(model, bands, stride, fot, ftt, i);
    // A template that is dark in all bands explains nothing, and so does one of negative amplitude.
    const Lanes gain = (tt > 0.0) & (ot > 0.0) ? ot * ot / tt : Lanes{};
    const Lanes value = foo - gain;
    store(chi2 + i, value);
    least = value < least ? value : least;
    store(log_p + i, value * -0.5);
    if (with_ftt)
      for (std::size_t lane = 0; lane < n_lanes; ++lane)
        if (tt[lane] > 0.0) log_p[i + lane] -= 0.5 * std::log(tt[lane]);
  }
  return std::min(std::min(least[0], least[1]), std::min(least[2], least[3]));
}

}  // namespace skyfold
