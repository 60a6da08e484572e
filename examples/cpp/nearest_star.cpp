// A small program on skyfold's layers: stars near a position, the HEALPix pixel they are in, and what a light curve is like.
#include <cstdio>
#include <vector>

#include "skyfold/core/version.hpp"
#include "skyfold/kernels/lightcurve/statistics.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/sky/match.hpp"

int main() {
  const std::vector<double> ra = {10.0, 10.0005, 359.9999, 200.0}, dec = {41.0, 41.0, -5.0, 60.0};
  const double radius_arcsec = 2.0;
  const skyfold::SkyIndex index(ra, dec, radius_arcsec);
  std::vector<skyfold::SkyIndex::Found> found;
  index.find(0.0001, -5.0, found);  // beyond the meridian
  for (const auto& star : found) std::printf("star %u at %.4f arcsec\n", star.object, star.separation_arcsec);

  std::printf("order 4, nested: pixel %lld\n", static_cast<long long>(skyfold::pixel_of(skyfold::healpix29({10.0, 41.0}), 4)));

  const std::vector<double> mjd = {1.0, 2.0, 3.0, 4.0}, mag = {20.0, 20.2, 19.8, 20.0}, err(4, 0.1);
  std::vector<skyfold::lightcurve::Residual> residuals;
  const double pair_days = 0.5;
  const auto curve = skyfold::lightcurve::statistics_of({mjd, mag, err}, pair_days, residuals);
  std::printf("mean %.3f, rms %.3f, chi2 %.3f\n", curve.mean, curve.rms, curve.chi2);
  std::printf("skyfold %s\n", skyfold::program_version);
}
