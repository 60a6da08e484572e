#pragma once

#include <cstdint>

namespace skyfold {

/// Bits of the `flags` column of every photo-z product; 0 means that nothing is remarkable.
enum PhotozFlag : std::int32_t {
  photoz_missing_band = 1,         ///< at least one band was not observed; it left distances and fit
  photoz_no_band = 2,              ///< no band is usable: z_phot is NaN
  photoz_few_neighbours = 4,       ///< too few neighbours for a fit: mean of their redshifts, or NaN without any
  photoz_rank_deficient = 8,       ///< the neighbours do not determine a fit: mean of their redshifts
  photoz_extrapolated = 16,        ///< z_phot lies outside the range of the training redshifts (it is not clipped)
  photoz_outside_coverage = 32,    ///< farther from the training set than 99 % of its objects are from each other, or (networks,
                                   ///< trees, gpz, annz2) a feature lies beyond those of all training objects
  photoz_no_magnitude_error = 64,  ///< a band has no error: z_err_param is NaN and z_err holds z_err_fit alone
  photoz_pdf_off_grid = 128,       ///< less than half of the PDF lies on the grid
  photoz_failed = 1 << 30,         ///< the computation failed; nothing else in the row is meaningful
};

}  // namespace skyfold
