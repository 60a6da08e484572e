#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// Redshifts low + k step, k = 0 .. count - 1.
struct RedshiftSteps {
  double low, step;
  std::size_t count;

  [[nodiscard]] double at(std::size_t k) const noexcept { return low + static_cast<double>(k) * step; }
  /// The first one above z; `count` for none.
  [[nodiscard]] std::size_t above(double z) const noexcept;
  bool operator==(const RedshiftSteps&) const = default;
};

/// The probability density of the redshift of one object, set anew for each object from what a PDF column holds, whichever algorithm
/// wrote it. Keeps its buffers, so that no object allocates. One for each thread.
class RedshiftPdf {
 public:
  virtual ~RedshiftPdf() = default;

  /// Takes the PDF of a row.
  /// @returns false when there is none: values that are missing, or no mass. Nothing else may be asked then.
  [[nodiscard]] virtual bool set(const Table& rows, std::size_t row) = 0;

  [[nodiscard]] virtual double density(double z) const = 0;
  [[nodiscard]] virtual double cumulative(double z) const = 0;
  /// The same at many redshifts, ascending; shapes [n].
  virtual void cumulatives(std::span<const double> z, std::span<double> values) const {
    for (std::size_t i = 0; i < z.size(); ++i) values[i] = cumulative(z[i]);
  }
  /// The same at equal steps: `values` is set at steps [first, last), which are returned; it is 0 before, and 1 from there on, but for
  /// `negligible`.
  /// @param values  shape [steps.count]
  virtual std::pair<std::size_t, std::size_t> cumulatives_at(const RedshiftSteps& steps, std::span<double> values) const;
  /// Redshift at which `cumulative` is p, 0 < p < 1.
  [[nodiscard]] virtual double quantile(double p) const = 0;
  [[nodiscard]] virtual double mean() const = 0;
  /// Redshift of the greatest density; of equal ones the least.
  [[nodiscard]] virtual double mode() const = 0;
  /// Mean square distance from z.
  [[nodiscard]] virtual double square_about(double z) const = 0;
  /// Integral of the squared density.
  [[nodiscard]] virtual double squared_integral() const = 0;
  /// Redshifts between which all of it lies, but for what is less than single precision tells.
  [[nodiscard]] virtual std::pair<double, double> support() const = 0;
  /// Redshifts to which all PDFs of this form are cut, whatever is set; all numbers where they are not.
  [[nodiscard]] virtual std::pair<double, double> range() const;
  /// Redshifts and their probabilities, sum 1, for integrals of smooth functions.
  virtual void sample(std::vector<double>& z, std::vector<double>& probability) const = 0;

  /// A probability that single precision does not tell from none: an eighth of the last digit of 1.
  static constexpr double negligible = 0x1p-27;

  [[nodiscard]] double median() const { return quantile(0.5); }
  /// Root of the mean square distance from z; from the mean it is the standard deviation.
  [[nodiscard]] double deviation_from(double z) const;
};

/// A PDF of the form that `columns` has (see pdf_layout.hpp), as the group `meta` of its file describes it.
/// Throws DataError where they do not belong together.
[[nodiscard]] std::unique_ptr<RedshiftPdf> make_redshift_pdf(const Schema& columns, const Table& meta);
/// The same of a kernel that was asked for `pdf`.
[[nodiscard]] std::unique_ptr<RedshiftPdf> make_redshift_pdf(const Schema& columns, const PdfOptions& pdf);

/// The loss that a point estimate is expected to have: Tanaka et al. 2018 (PASJ 70, S9), L = 1 - 1/(1 + (dz/0.15)^2) with
/// dz = (z_point - z)/(1 + z).
class PointRisk {
 public:
  void set(const RedshiftPdf& pdf);
  /// 0..1
  [[nodiscard]] double at(double z_point) const noexcept;
  /// The point estimate of least risk: of the places of the PDF's sample, and about the best one between them.
  [[nodiscard]] double least() const noexcept;

 private:
  std::vector<double> z_, probability_, scale_;
};

/// A hill of a PDF on a grid: from its highest point down to the next minimum on either side.
struct PdfMode {
  double z;     ///< of its highest point; NaN when there is none
  double area;  ///< its part of the probability, 0..1
};
/// The highest hill, and the highest of what lies beyond it.
/// @param grid, density  shape [n], density >= 0 and of unit integral
[[nodiscard]] std::pair<PdfMode, PdfMode> two_modes(std::span<const double> grid, std::span<const float> density);

/// The shortest interval that holds the probability p; of intervals that begin or end at a place of the sample.
/// @param places  of RedshiftPdf::sample
[[nodiscard]] std::pair<double, double> shortest_interval(const RedshiftPdf& pdf, std::span<const double> places, double p);

}  // namespace skyfold
