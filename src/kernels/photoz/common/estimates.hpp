#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gaussian_pdf.hpp"
#include "mixture.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// Columns that the products of photo-z algorithms share. An algorithm lists those that it has, with its own among them.
namespace photoz_column {
[[nodiscard]] ColumnInfo z_phot();
[[nodiscard]] ColumnInfo z_err(const char* description);
[[nodiscard]] ColumnInfo z_nn();  ///< of algorithms with neighbours, as the next three
[[nodiscard]] ColumnInfo d1();
[[nodiscard]] ColumnInfo nn_id();
[[nodiscard]] ColumnInfo n_neighbours();
[[nodiscard]] ColumnInfo n_bands(const char* description);
[[nodiscard]] ColumnInfo flags();
}  // namespace photoz_column

/// A missing value in all elements of a cell.
void set_missing_cell(Column& column, std::size_t row);

/// The columns of a block of estimates, by name; those that the algorithm does not have are empty.
class EstimateColumns {
 public:
  explicit EstimateColumns(Table& out);

  /// Nothing is known of an object: missing values, 0 neighbours, and the flags that say why.
  void set_missing(std::size_t row, std::int32_t bands, std::int32_t why) const;

  std::span<double> z_phot;
  std::span<float> z_err;
  std::span<double> z_nn;
  std::span<float> d1;
  std::span<std::int64_t> nn_id;
  std::span<std::int32_t> n_neighbours, n_bands, flags;
  std::span<float> pdf, pdf_means, pdf_stds, pdf_weights;

 private:
  Table* out_;
};

/// Half of the central 68.3 % interval of a PDF: z_err of the algorithms that give one.
/// @param pdf  with quantile(p)
template <class Pdf>
[[nodiscard]] double central_half_width(const Pdf& pdf) {
  constexpr double below = 0.158655253931457;  // the normal distribution below -1 sigma
  return 0.5 * (pdf.quantile(1.0 - below) - pdf.quantile(below));
}

/// What an option `point` takes from a PDF for z_phot: its mean, its mode, or else its median.
template <class Pdf>
[[nodiscard]] double point_of(const Pdf& pdf, const std::string& point) {
  return point == "mean" ? pdf.mean() : point == "mode" ? pdf.mode() : pdf.quantile(0.5);
}

/// Writes PDFs that are sums of Gaussians, in the form that is asked for. One for each thread.
class PdfWriter {
 public:
  explicit PdfWriter(const PdfOptions& o);

  [[nodiscard]] bool is_on_grid() const noexcept { return grid_.has_value(); }

  /// On the grid; does nothing without one. See GaussianPdf::fill.
  /// @returns photoz_pdf_off_grid when less than half of the PDF lies on the grid, else 0
  [[nodiscard]] std::int32_t write_grid(double z, std::span<const double> residual, std::span<const double> weight, double sigma,
                                        std::size_t row, const EstimateColumns& out);
  /// In either form.
  /// @param mean    of the mixture; used on a grid only
  /// @param centre  of its Gaussians, at most as many as the columns are wide, at least one
  [[nodiscard]] std::int32_t write(double mean, std::span<const double> centre, std::span<const double> weight, double sigma,
                                   std::size_t row, const EstimateColumns& out);
  /// Of Gaussians with a width each.
  [[nodiscard]] std::int32_t write(const Mixture& mixture, std::size_t row, const EstimateColumns& out);

 private:
  std::optional<GaussianPdf> grid_;
  std::vector<double> residual_;
};

/// What the kernels of all algorithms have in common: the columns that are read and given, and what a failure leaves.
class PhotozKernel : public Kernel {
 public:
  [[nodiscard]] std::vector<std::string> needs() const override;
  [[nodiscard]] Schema gives() const final { return schema_; }
  void mark_failed(Table& out) const final;

 protected:
  /// @param schema  of what is given, but for PDFs
  PhotozKernel(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf, Schema schema, std::size_t gaussians = 0);

  [[nodiscard]] const PdfOptions& pdf() const noexcept { return pdf_; }
  [[nodiscard]] Photometry photometry_of(const Table& in) const;
  /// photoz_extrapolated for a redshift outside the training set's, else 0.
  [[nodiscard]] std::int32_t range_flags(double z) const noexcept;

 private:
  PdfOptions pdf_;
  BandOptions bands_;
  BandColumns columns_;
  double z_min_, z_max_;
  Schema schema_;
};

}  // namespace skyfold
