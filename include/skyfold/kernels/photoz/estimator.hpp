#pragma once

#include <limits>
#include <memory>

#include "skyfold/kernels/kernel.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// A kernel and the PDFs that it gives.
struct PhotozEstimator {
  std::unique_ptr<Kernel> kernel;
  PdfOptions pdf;  ///< the form, and a grid that is chosen; never native: the form that was taken
};

/// The kernel that estimates with a model, with PDFs in the form that is asked for: every algorithm gives every form. All commands make
/// their kernels here, so that what is measured is what is shipped.
///
/// The algorithm's own kernel gives its PDFs in their best form (a mixture of Gaussians, else values on a fine grid over the model's
/// range); these are calibrated, if the model has a table `calibration`, and turned into the form that is asked for, object by object in
/// the compute threads. Without calibration an algorithm's own forms (mixmod of mixtures, interp) are given as they are.
///
/// @param columns  of magnitudes and errors, in the tables that the kernel is run on
/// Throws UsageError for a grid that is none.
[[nodiscard]] PhotozEstimator photoz_estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf);

/// An algorithm's best form of PDFs: mixtures of Gaussians, else a grid so fine that no PDF of a survey is narrower, over the range of the
/// model and at least from zmin to zmax.
[[nodiscard]] PdfOptions native_pdf(const PhotozModel& model, bool is_mixture, double zmin = std::numeric_limits<double>::infinity(),
                                    double zmax = -std::numeric_limits<double>::infinity());

}  // namespace skyfold
