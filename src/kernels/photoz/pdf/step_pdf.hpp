#pragma once

#include <memory>
#include <vector>

#include "skyfold/kernels/photoz/redshift_pdf.hpp"

namespace skyfold {

/// PDFs as densities in bins with these edges.
[[nodiscard]] std::unique_ptr<RedshiftPdf> make_histogram_pdf(std::vector<double> edges);
/// PDFs as the redshifts of these quantiles: the distribution function is linear between them, and goes on so to 0 and 1.
[[nodiscard]] std::unique_ptr<RedshiftPdf> make_quantile_pdf(std::vector<double> quantiles);

}  // namespace skyfold
