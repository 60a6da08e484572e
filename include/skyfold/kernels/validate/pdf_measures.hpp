#pragma once

#include <span>
#include <vector>

#include "skyfold/kernels/photoz/redshift_pdf.hpp"

namespace skyfold::validation {

/// What a probability density says of one object. NaN in all where there is no PDF.
struct PdfMeasures {
  double pit = 0.0;   ///< probability integral transform: mass below z_spec
  double cde = 0.0;   ///< integral of p^2 dz - 2 p(z_spec), the object's part of the CDE loss
  double odds = 0.0;  ///< mass within z_phot +- odds_width (1 + z_phot)
};

/// Of a PDF that is set, of any form; exact for what the form says of the density.
[[nodiscard]] PdfMeasures measure(const RedshiftPdf& pdf, double z_spec, double z_phot, double odds_width);

/// Shares of the PITs in `bins` equal bins of [0, 1], the last one with 1; weights as for the metrics. PITs that are NaN
/// do not count.
///
/// @param weight  shape [n], or empty
struct PitHistogram {
  std::vector<double> share, error;  ///< error: sqrt(share (1 - share) / n)
  std::size_t n = 0;
};
[[nodiscard]] PitHistogram pit_histogram(std::span<const double> pit, std::span<const double> weight, std::size_t bins);

}  // namespace skyfold::validation
