#pragma once

#include <string>

#include "result.hpp"

namespace skyfold {

/// Class of the products.
inline constexpr const char* nz_product_class = "redshift_distributions";

/// Writes the HDF5 product (docs/nz.md): qp's `hist` with all n(z) and realisations, and groups of numbers and covariances.
void write_nz(const std::string& path, const NzResult& result, const std::string& provenance, int threads);
/// Redshift (middle of the cell) and the n(z) of each bin.
[[nodiscard]] std::string nz_text(const NzResult& result);
/// The same as a FITS table NZ_SAMPLE: Z_LOW, Z_MID, Z_HIGH, BIN1, ...
void write_nz_fits(const std::string& path, const NzResult& result, const std::string& creator);

}  // namespace skyfold
