#pragma once

#include <string>

#include "skyfold/kernels/photoz/redshift_pdf.hpp"

namespace skyfold {

/// What is taken from a PDF for z_phot: its mean, its mode, the redshift of least risk (Tanaka et al. 2018), the median of its core (what
/// lies within 0.02 (1 + z) of its median z), or else its median.
[[nodiscard]] double point_of_pdf(const RedshiftPdf& pdf, const std::string& point);

}  // namespace skyfold
