// What every photo-z algorithm gives: the shared columns, PDFs in the form that is asked for, and rows of which nothing is known.
#include "estimates.hpp"

#include <algorithm>
#include <limits>

#include "skyfold/kernels/photoz/flags.hpp"
#include "skyfold/kernels/photoz/pdf_layout.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t no_id = -1;

template <class T>
std::span<T> values_or_none(Table& out, const char* name) {
  return out.find(name) ? out.at(name).values<T>() : std::span<T>();
}

}  // namespace

void set_missing_cell(Column& column, std::size_t row) {
  const std::size_t width = column.info().width, first = row * width;
  const std::int64_t null = column.info().null.value_or(0);
  const auto fill = [&](auto values, auto value) { std::ranges::fill(values.subspan(first, width), value); };
  switch (column.info().type) {
    case Type::f4:
      return fill(column.values<float>(), std::numeric_limits<float>::quiet_NaN());
    case Type::f8:
      return fill(column.values<double>(), std::numeric_limits<double>::quiet_NaN());
    case Type::i4:
      return fill(column.values<std::int32_t>(), static_cast<std::int32_t>(null));
    case Type::i8:
      return fill(column.values<std::int64_t>(), null);
    case Type::u1:
      return fill(column.values<std::uint8_t>(), static_cast<std::uint8_t>(null));
    case Type::text:
      return fill(column.values<char>(), '\0');
  }
}

namespace photoz_column {

ColumnInfo z_phot() { return {"z_phot", Type::f8, 1, "", "src.redshift.phot", "photometric redshift", ""}; }
ColumnInfo z_err(const char* description) { return {"z_err", Type::f4, 1, "", "stat.error;src.redshift.phot", description, ""}; }
ColumnInfo z_nn() { return {"z_nn", Type::f8, 1, "", "src.redshift", "spectroscopic redshift of the nearest training object", ""}; }
ColumnInfo d1() { return {"d1", Type::f4, 1, "", "arith.diff", "distance of the nearest training object in the metric", ""}; }
ColumnInfo nn_id() { return {"nn_id", Type::i8, 1, "", "meta.id", "identifier of the nearest training object", "", no_id}; }
ColumnInfo n_neighbours() { return {"n_neighbours", Type::i4, 1, "", "meta.number", "neighbours that z_phot rests on", ""}; }
ColumnInfo n_bands(const char* description) { return {"n_bands", Type::i4, 1, "", "meta.number;instr.bandpass", description, ""}; }
ColumnInfo flags() { return {"flags", Type::i4, 1, "", "meta.code", "bits that qualify the row; 0: nothing remarkable", ""}; }

}  // namespace photoz_column

EstimateColumns::EstimateColumns(Table& out)
    : z_phot(out.at("z_phot").values<double>()),
      z_err(out.at("z_err").values<float>()),
      z_nn(values_or_none<double>(out, "z_nn")),
      d1(values_or_none<float>(out, "d1")),
      nn_id(values_or_none<std::int64_t>(out, "nn_id")),
      n_neighbours(values_or_none<std::int32_t>(out, "n_neighbours")),
      n_bands(out.at("n_bands").values<std::int32_t>()),
      flags(out.at("flags").values<std::int32_t>()),
      pdf(values_or_none<float>(out, pdf_column)),
      pdf_means(values_or_none<float>(out, pdf_means_column)),
      pdf_stds(values_or_none<float>(out, pdf_stds_column)),
      pdf_weights(values_or_none<float>(out, pdf_weights_column)),
      out_(&out) {}

void EstimateColumns::set_missing(std::size_t row, std::int32_t bands, std::int32_t why) const {
  // All columns, also those of the algorithm alone: nothing of the object before may be left in the buffer.
  for (std::size_t c = 0; c < out_->columns(); ++c) set_missing_cell((*out_)[c], row);
  n_bands[row] = bands;
  flags[row] = why;
}

// A mixture needs no grid, and "none" no writer.
PdfWriter::PdfWriter(const PdfOptions& o) {
  if (o.kind == "interp") grid_.emplace(o);
}

std::int32_t PdfWriter::write_grid(double z, std::span<const double> residual, std::span<const double> weight, double sigma,
                                   std::size_t row, const EstimateColumns& out) {
  // Algorithms call this for every object; without a grid there is nothing to write.
  if (!grid_) return 0;
  return grid_->fill(z, residual, weight, sigma, &out.pdf[row * grid_->bins()]) < 0.5 ? photoz_pdf_off_grid : 0;
}

std::int32_t PdfWriter::write(double mean, std::span<const double> centre, std::span<const double> weight, double sigma, std::size_t row,
                              const EstimateColumns& out) {
  if (grid_) {
    residual_.assign(centre.begin(), centre.end());
    // Relative to the mean: single precision then keeps the digits that matter.
    for (double& value : residual_) value -= mean;
    return write_grid(mean, residual_, weight, sigma, row, out);
  }
  // From the table, which may hold fewer Gaussians than the mixture could have.
  const std::size_t width = out.pdf_means.size() / out.z_phot.size();
  for (std::size_t i = 0; i < width; ++i) {  // a mixture of fewer Gaussians is filled up with some of no weight
    const std::size_t at = row * width + i;
    out.pdf_means[at] = static_cast<float>(centre[std::min(i, centre.size() - 1)]);
    out.pdf_stds[at] = static_cast<float>(sigma);
    out.pdf_weights[at] = i < centre.size() ? static_cast<float>(weight[i]) : 0.0f;
  }
  return 0;
}

std::int32_t PdfWriter::write(const Mixture& mixture, std::size_t row, const EstimateColumns& out) {
  if (grid_) {
    float* pdf = &out.pdf[row * grid_->bins()];
    return grid_->fill(mixture.z(), mixture.widths(), mixture.weight(), pdf) < 0.5 ? photoz_pdf_off_grid : 0;
  }
  const std::size_t width = out.pdf_means.size() / std::max<std::size_t>(out.z_phot.size(), 1);
  for (std::size_t i = 0; i < width; ++i) {
    const std::size_t at = row * width + i, from = std::min(i, mixture.size() - 1);
    out.pdf_means[at] = static_cast<float>(mixture.z()[from]);
    out.pdf_stds[at] = static_cast<float>(mixture.widths()[from]);
    out.pdf_weights[at] = i < mixture.size() ? static_cast<float>(mixture.weight()[i]) : 0.0f;
  }
  return 0;
}

PhotozKernel::PhotozKernel(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf, Schema schema,
                           std::size_t gaussians)
    : pdf_(pdf), bands_(model.bands), columns_(columns), z_min_(model.z_min), z_max_(model.z_max), schema_(std::move(schema)) {
  if (pdf.kind == "mixmod" && gaussians == 0) return;  // not a form of this algorithm
  for (ColumnInfo& column : pdf_columns(pdf, gaussians)) schema_.push_back(std::move(column));
}

std::vector<std::string> PhotozKernel::needs() const {
  std::vector<std::string> names = columns_.magnitude;
  names.insert(names.end(), columns_.error.begin(), columns_.error.end());
  return names;
}

void PhotozKernel::mark_failed(Table& out) const {
  const EstimateColumns columns(out);
  for (std::size_t row = 0; row < out.rows(); ++row) columns.set_missing(row, 0, photoz_failed);
}

Photometry PhotozKernel::photometry_of(const Table& in) const {
  Photometry photometry;
  gather_photometry(in, columns_, bands_, bands_.limits, photometry);
  return photometry;
}

// The training set has no neighbours beyond: what is estimated there is guessed.
std::int32_t PhotozKernel::range_flags(double z) const noexcept { return z < z_min_ || z > z_max_ ? photoz_extrapolated : 0; }

}  // namespace skyfold
