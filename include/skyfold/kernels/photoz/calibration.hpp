#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// Table of a model that says how its PDFs are calibrated.
inline constexpr const char* calibration_table = "calibration";
/// Table of a model, one row: `step` of the grid that PDFs have by default, fine enough for the sharpest of them.
inline constexpr const char* grid_table = "pdf_grid";

/// What is done to the PDFs of an estimator so that they are true of objects that it did not see. With F the distribution function of a
/// PDF and W that of all redshifts, the calibrated one is B((1 - e) F + e W), which has the density B' ((1 - e) p + e w).
struct Calibration {
  static constexpr std::size_t knots = 21;
  double floor = 0.0;         ///< e: share of the objects of whose redshift the PDFs say nothing
  std::vector<double> all_z;  ///< redshifts at which W is 0, 0.05, ... 1; increasing
  std::vector<double> pit;    ///< where the map B is 0, 0.05, ... 1; increasing from 0 to 1
  double error_scale = 0.0;   ///< of z_err where it is not of the PDF; 0: z_err is half of the central 68.3 % interval of the PDF
  /// Calibrations of PDFs by their width, half of the central 68.3 % interval before calibration: each holds up to its own, the last one
  /// for all that are wider. With some the numbers above hold for PDFs up to `widest`; else for all.
  std::vector<Calibration> wider;
  double widest = std::numeric_limits<double>::infinity();

  /// A calibration that changes no PDF.
  [[nodiscard]] static Calibration identity();
  [[nodiscard]] bool is_identity() const noexcept { return floor == 0.0 && map_is_identity() && wider.empty(); }
  [[nodiscard]] bool map_is_identity() const noexcept;
  /// W, and its density.
  [[nodiscard]] double all_below(double z) const noexcept;
  [[nodiscard]] double all_density(double z) const noexcept;
  /// B(u), its slope, and the u at which it is p; 0 <= u, p <= 1.
  [[nodiscard]] double map(double u) const noexcept;
  [[nodiscard]] double slope(double u) const noexcept;
  [[nodiscard]] double inverse(double p) const noexcept;

  [[nodiscard]] Table table() const;
  /// Throws DataError for a table that is none.
  explicit Calibration(const Table& table);
  Calibration() = default;
};

/// What PDFs say of the known redshift of an object.
struct SeenTruth {
  double below;    ///< probability below it
  double density;  ///< at it
  double z;
  double weight;
};
/// The calibration of these objects: the floor of the greatest likelihood, at most 0.2, then B by the quantiles of what is below, shrunk to
/// the identity as far as their deviation from it is what as many objects have by chance (James & Stein 1961).
/// @param all_z  as in Calibration
[[nodiscard]] Calibration fit_calibration(std::span<const SeenTruth> objects, const std::vector<double>& all_z);

/// Estimates of objects by models that did not see them.
struct HeldOutEstimates {
  Table columns;                  ///< of the kernel, a row per object
  PdfOptions pdf;                 ///< the form of its PDFs
  std::vector<double> z, weight;  ///< known redshifts; weights, or none
  std::vector<std::size_t> part;  ///< 0..parts-1 of each object, for cross-validation
  std::size_t parts = 5;
};
/// How good PDFs are on objects with known redshifts.
struct PdfQuality {
  double cde, pit_ks, pit_out, within_err;  ///< as validate's metrics of these names; NaN without such
};
struct CalibrationReport {
  Calibration calibration = Calibration::identity();
  PdfQuality before, after;  ///< on the held-out objects; after: each part by a calibration that was made without it
  std::size_t objects = 0;   ///< with a PDF
  bool helps = false;
  double grid_step = 0.0;  ///< of a grid that is fine enough for these PDFs; 0: not known
  std::string text;        ///< one line for people
};
/// Fits a calibration to held-out estimates, and judges it by cross-validation: where the PITs do not come nearer to uniform, or the CDE
/// loss grows by more than half a per cent, PDFs stay what they are.
/// @param model  of which they are estimates; its algorithm and `point` decide what z_phot and z_err are of
[[nodiscard]] CalibrationReport calibrate(const HeldOutEstimates& held_out, const PhotozModel& model, int threads);

}  // namespace skyfold
