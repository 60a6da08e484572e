// What a PDF says at the true redshift: probability integral transform, conditional density loss (Izbicki & Lee 2017), and the mass
// about the estimate.
#include "skyfold/kernels/validate/pdf_measures.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace skyfold::validation {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

PdfMeasures measure(const RedshiftPdf& pdf, double z_spec, double z_phot, double odds_width) {
  const double half_width = odds_width * (1.0 + z_phot);
  // Where a form ends the density is 0: a true redshift there costs the loss what it should, and the PIT is 0 or 1.
  return {pdf.cumulative(z_spec), pdf.squared_integral() - 2.0 * pdf.density(z_spec),
          pdf.cumulative(z_phot + half_width) - pdf.cumulative(z_phot - half_width)};
}

PitHistogram pit_histogram(std::span<const double> pit, std::span<const double> weight, std::size_t bins) {
  PitHistogram histogram{std::vector<double>(bins, 0.0), std::vector<double>(bins, nan), 0};
  double total = 0.0;
  for (std::size_t i = 0; i < pit.size(); ++i) {
    if (std::isnan(pit[i])) continue;
    const double w = weight.empty() ? 1.0 : weight[i];
    // A PIT of 1 belongs to the last bin.
    const auto bin = static_cast<std::size_t>(std::clamp(pit[i], 0.0, 1.0) * static_cast<double>(bins));
    histogram.share[std::min(bin, bins - 1)] += w;
    total += w;
    ++histogram.n;
  }
  for (std::size_t k = 0; k < bins; ++k) {
    double& share = histogram.share[k];
    share = total > 0.0 ? share / total : nan;
    histogram.error[k] = std::sqrt(share * (1.0 - share) / static_cast<double>(histogram.n));
  }
  return histogram;
}

}  // namespace skyfold::validation
