#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skyfold/kernels/patch/options.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// Everything that can be measured for a source on a map, in the order of the output columns.
enum Quantity : std::uint8_t {
  q_mean,
  q_n_pix,
  q_coverage,
  q_median,
  q_rms,
  q_min,
  q_max,
  q_sum,
  q_n_missing,
  q_aper_flux,
  q_aper_flux_err,
  q_aper_background,
  q_aper_noise,
  q_psf_flux,
  q_psf_flux_err,
  q_psf_background,
  q_gau_flux,
  q_gau_flux_err,
  q_gau_x,
  q_gau_x_err,
  q_gau_y,
  q_gau_y_err,
  q_gau_offset,
  q_gau_fwhm_1,
  q_gau_fwhm_2,
  q_gau_angle,
  q_gau_fwhm_eff,
  q_gau_background,
  q_gau_chi2,
  q_gau_iterations,
  q_gau_status,
  q_pol_q,
  q_pol_u,
  q_pol_flux,
  q_pol_flux_err,
  q_pol_flux_debiased,
  q_pol_angle,
  q_pol_angle_err,
  q_flags,
  quantity_count
};

/// The measurements of one source on one map, by Quantity; NaN (floats) and 0 (counts) until set.
using Measurements = std::array<double, quantity_count>;
[[nodiscard]] Measurements nothing_measured() noexcept;

/// Quantities that the options ask for.
[[nodiscard]] std::vector<Quantity> chosen_quantities(const PatchOptions& o, bool has_polarisation);
[[nodiscard]] ColumnInfo column_of(Quantity quantity, const std::string& suffix, const std::string& map_unit);
[[nodiscard]] bool is_integer(Quantity quantity) noexcept;

}  // namespace skyfold
