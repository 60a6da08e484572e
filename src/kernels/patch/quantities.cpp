// The table of all quantities that patch can measure: names, units, UCDs and descriptions, in one place.
#include "quantities.hpp"

#include <algorithm>
#include <limits>

#include "skyfold/kernels/patch/patch_kernel.hpp"

namespace skyfold {
namespace {

/// What is said about a quantity. `unit` "map" stands for the map's.
struct Description {
  Quantity quantity;
  const char *measure, *name, *unit, *ucd, *text;
};

// In the order of Quantity: column_of finds a description by its number. Products have their columns in this order, too.
constexpr Description descriptions[] = {
    {q_mean, "mean", "mean", "map", "phot.flux.sb;stat.mean", "mean of the pixels in the disc"},
    {q_n_pix, "mean", "n_pix", "", "meta.number", "pixels in the disc with a value"},
    {q_coverage, "mean", "coverage", "", "stat.value", "part of the disc's pixels that have a value"},
    {q_median, "disc", "median", "map", "phot.flux.sb;stat.median", "median in the disc"},
    {q_rms, "disc", "rms", "map", "stat.stdev", "root mean square about the mean in the disc"},
    {q_min, "disc", "min", "map", "stat.min", "smallest value in the disc"},
    {q_max, "disc", "max", "map", "stat.max", "largest value in the disc"},
    {q_sum, "disc", "sum", "map", "phot.flux.sb", "sum over the pixels in the disc"},
    {q_n_missing, "disc", "n_missing", "", "meta.number", "pixels in the disc without a value"},
    {q_aper_flux, "aperture", "aper_flux", "Jy", "phot.flux.density", "aperture photometry"},
    {q_aper_flux_err, "aperture", "aper_flux_err", "Jy", "stat.error;phot.flux.density", "its error"},
    {q_aper_background, "aperture", "aper_bg", "map", "instr.background", "background in the annulus"},
    {q_aper_noise, "aperture", "aper_rms", "map", "stat.stdev", "standard deviation in the annulus"},
    {q_psf_flux, "psf", "psf_flux", "Jy", "phot.flux.density", "flux of the beam fitted at the position"},
    {q_psf_flux_err, "psf", "psf_flux_err", "Jy", "stat.error;phot.flux.density", "its error"},
    {q_psf_background, "psf", "psf_bg", "map", "instr.background", "background of that fit"},
    {q_gau_flux, "gauss", "gau_flux", "Jy", "phot.flux.density", "flux of the fitted Gaussian"},
    {q_gau_flux_err, "gauss", "gau_flux_err", "Jy", "stat.error;phot.flux.density", "its error"},
    {q_gau_x, "gauss", "gau_x", "arcsec", "pos.cartesian.x", "fitted centre minus position, east"},
    {q_gau_x_err, "gauss", "gau_x_err", "arcsec", "stat.error;pos.cartesian.x", "its error"},
    {q_gau_y, "gauss", "gau_y", "arcsec", "pos.cartesian.y", "fitted centre minus position, north"},
    {q_gau_y_err, "gauss", "gau_y_err", "arcsec", "stat.error;pos.cartesian.y", "its error"},
    {q_gau_offset, "gauss", "gau_offset", "arcsec", "pos.angDistance", "distance of the fitted centre"},
    {q_gau_fwhm_1, "gauss", "gau_fwhm_1", "arcmin", "phys.angSize.smajAxis", "FWHM along the major axis"},
    {q_gau_fwhm_2, "gauss", "gau_fwhm_2", "arcmin", "phys.angSize.sminAxis", "FWHM along the minor axis"},
    {q_gau_angle, "gauss", "gau_angle", "deg", "pos.posAng", "major axis from north through east"},
    {q_gau_fwhm_eff, "gauss", "gau_fwhm_eff", "arcmin", "phys.angSize", "FWHM of the round Gaussian of the same area"},
    {q_gau_background, "gauss", "gau_bg", "map", "instr.background", "background of that fit"},
    {q_gau_chi2, "gauss", "gau_chi2", "", "stat.fit.chi2", "chi-square; squared residuals without a variance"},
    {q_gau_iterations, "gauss", "gau_iterations", "", "meta.number", "steps of the fit"},
    {q_gau_status, "gauss", "gau_status", "", "meta.code", "0 converged, 1 to 4 see patch.md"},
    {q_pol_q, "polarisation", "pol_q", "Jy", "phys.polarization.stokes.Q", "Stokes Q at the position, IAU convention"},
    {q_pol_u, "polarisation", "pol_u", "Jy", "phys.polarization.stokes.U", "Stokes U at the position, IAU convention"},
    {q_pol_flux, "polarisation", "pol_flux", "Jy", "phot.flux.density;phys.polarization", "polarised flux, sqrt(Q^2 + U^2)"},
    {q_pol_flux_err, "polarisation", "pol_flux_err", "Jy", "stat.error", "its error"},
    {q_pol_flux_debiased, "polarisation", "pol_flux_debiased", "Jy", "phot.flux.density;phys.polarization", "sqrt(P^2 - error^2), 0 below"},
    {q_pol_angle, "polarisation", "pol_angle", "deg", "pos.posAng;phys.polarization", "from north through east"},
    {q_pol_angle_err, "polarisation", "pol_angle_err", "deg", "stat.error", "its error"},
    {q_flags, "", "flags", "", "meta.code", "bits, see patch.md; 0: nothing remarkable"},
};
static_assert(std::size(descriptions) == quantity_count);

}  // namespace

bool is_integer(Quantity quantity) noexcept {
  return quantity == q_n_pix || quantity == q_n_missing || quantity == q_gau_iterations || quantity == q_gau_status || quantity == q_flags;
}

Measurements nothing_measured() noexcept {
  Measurements m;
  // Counts and codes have no NaN: nothing measured is 0 for them, and a flag says why.
  for (std::size_t i = 0; i < m.size(); ++i) m[i] = is_integer(static_cast<Quantity>(i)) ? 0.0 : std::numeric_limits<double>::quiet_NaN();
  return m;
}

std::vector<Quantity> chosen_quantities(const PatchOptions& o, bool has_polarisation) {
  std::vector<Quantity> chosen;
  for (const Description& d : descriptions) {
    const std::string measure = d.measure;
    const bool is_chosen = measure.empty() || o.measures(measure) || (measure == "mean" && o.measures("disc"));
    // The mean is part of the statistics of discs, and flags belong to any choice. Polarisation needs Q and U, which not every map has.
    if (is_chosen && (measure != "polarisation" || has_polarisation)) chosen.push_back(d.quantity);
  }
  return chosen;
}

ColumnInfo column_of(Quantity quantity, const std::string& suffix, const std::string& map_unit) {
  const Description& d = descriptions[quantity];
  const std::string unit = d.unit;
  return {patch_column(d.name, suffix), is_integer(quantity) ? Type::i4 : Type::f8, 1, unit == "map" ? map_unit : unit, d.ucd, d.text};
}

}  // namespace skyfold
