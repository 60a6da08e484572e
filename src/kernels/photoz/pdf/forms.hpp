#pragma once

#include <vector>

#include "skyfold/kernels/photoz/pdf_layout.hpp"

namespace skyfold {

/// Names of the columns of PDFs in bins (f4, mean densities), as quantiles (f4, their redshifts), as one Gaussian (f4), packed (u1), and
/// sparse (i4).
inline constexpr const char* pdf_bins_column = "pdf_bins";
inline constexpr const char* pdf_locs_column = "pdf_locs";
inline constexpr const char* pdf_loc_column = "pdf_loc";
inline constexpr const char* pdf_scale_column = "pdf_scale";
inline constexpr const char* pdf_packed_column = "pdf_packed";
inline constexpr const char* pdf_sparse_column = "pdf_sparse";

/// Probabilities of the quantiles of quant, (1 - cos(pi (k + 1/2) / n)) / 2: closest together at both ends.
[[nodiscard]] std::vector<double> pdf_quantiles(const PdfOptions& o);
/// Edges of the bins of hist, shape [bins + 1].
[[nodiscard]] std::vector<double> pdf_edges(const PdfOptions& o);

}  // namespace skyfold
