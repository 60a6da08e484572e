// PDFs of a product of photoz, read row by row from the file beside it, in the layouts interp and mixmod of qp. Only the objects of
// the sample are read, which are few among the rows of a survey.
#include "pdfs.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/registry/process.hpp"

namespace skyfold {
namespace {

constexpr const char* data_group = "/data";
constexpr const char* meta_group = "/meta";
constexpr const char* ancil_group = "/ancil";

bool is_mixture(const RowReader& reader) { return find_column(reader.schema(), "means").has_value(); }

/// The columns of the layout; DataError when they are not there.
Table empty_row(const RowReader& reader) {
  Table row;
  const std::vector<std::string> names =
      is_mixture(reader) ? std::vector<std::string>{"weights", "means", "stds"} : std::vector<std::string>{"yvals"};
  std::size_t width = 0;
  for (const std::string& name : names) {
    const auto column = find_column(reader.schema(), name);
    if (!column)
      throw DataError(
          fmt::format("{}: no column {}{} (PDFs in qp's layout interp or mixmod are read)", reader.path(), data_group, "/" + name));
    const ColumnInfo& info = reader.schema()[*column];
    if ((info.type != Type::f4 && info.type != Type::f8) || (width != 0 && info.width != width))
      throw DataError(
          fmt::format("{}: column {}/{} is not of floating-point numbers as wide as the others", reader.path(), data_group, name));
    width = info.width;
    row.add(info);
  }
  return row;
}

std::vector<double> grid_of(const RowReader& reader, const PdfOptions& grid) {
  if (is_mixture(reader)) return pdf_grid(grid);
  const Table meta = read_columns(reader.path(), meta_group);
  const Column* xvals = meta.find("xvals");
  if (!xvals || meta.rows() != 1) throw DataError(fmt::format("{}: no {}/xvals (the grid of the PDFs)", reader.path(), meta_group));
  std::vector<double> points;
  for (std::size_t k = 0; k < xvals->info().width; ++k) points.push_back(xvals->number(0, k));
  return points;
}

/// The product's rows that have a PDF, where that is told; they must be rows of it, in its order.
std::optional<std::vector<std::int64_t>> chosen_rows(const std::string& path, std::int64_t pdfs, std::int64_t rows) {
  if (class_of(path) != product_class::photoz_pdf || !has_columns(path, ancil_group)) return std::nullopt;  // others have ancil, too
  const RowReader ancil(path, ancil_group);
  const auto row = find_column(ancil.schema(), "row");
  if (!row) return std::nullopt;
  if (ancil.schema()[*row].type != Type::i8 || ancil.schema()[*row].width != 1 || ancil.rows() != pdfs)
    throw DataError(fmt::format("{}: {}/row is not a whole number for each of {} PDFs", path, ancil_group, pdfs));
  Table table({ancil.schema()[*row]});  // alone: the group has a dozen more columns
  ancil.read({0, pdfs}, table);
  const auto values = table[0].values<std::int64_t>();
  std::int64_t last = -1;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] <= last || values[i] >= rows)
      throw DataError(fmt::format("{}, row {}: {}/row = {} after {}, of a product of {} rows (not of this product?)", path, i + 1,
                                  ancil_group, values[i], last, rows));
    last = values[i];
  }
  return std::vector<std::int64_t>(values.begin(), values.end());
}

void numbers_of(const Column& column, std::vector<double>& values) {
  values.resize(column.info().width);
  for (std::size_t k = 0; k < values.size(); ++k) values[k] = column.number(0, k);
}

}  // namespace

PdfFile::PdfFile(const std::string& path, const PdfOptions& grid, std::int64_t rows)
    : reader_(path, data_group),
      is_mixture_(is_mixture(reader_)),
      row_(empty_row(reader_)),
      density_(grid_of(reader_, grid)),
      values_(density_.grid().size()) {
  chosen_ = chosen_rows(path, reader_.rows(), rows);
  // Rows are joined by number, so another product's PDFs would be taken for these.
  if (!chosen_ && reader_.rows() != rows)
    throw DataError(fmt::format("{}: {} PDFs for {} rows (not of this product?)", path, reader_.rows(), rows));
  // The grid may be the file's own or that of the options; both must have the points that the rows have.
  if (!is_mixture_ && row_[0].info().width != values_.size())
    throw DataError(fmt::format("{}: PDFs of {} points on a grid of {}", path, row_[0].info().width, values_.size()));
}

std::optional<validation::PdfMeasures> PdfFile::measure(std::int64_t row, double z_spec, double z_phot, double odds_width) {
  if (chosen_) {
    const auto at = std::ranges::lower_bound(*chosen_, row);
    if (at == chosen_->end() || *at != row) return std::nullopt;
    row = at - chosen_->begin();
  }
  // Row by row: only the rows of the sample are wanted, which are few and scattered in a catalogue.
  reader_.read({row, row + 1}, row_);
  if (is_mixture_) {
    numbers_of(row_[0], weights_);
    numbers_of(row_[1], means_);
    numbers_of(row_[2], sigmas_);
    validation::evaluate_mixture(weights_, means_, sigmas_, density_.grid(), values_);
  } else {
    // As floats, which photoz writes: PDFs of a table give the same measures as those of a model.
    for (std::size_t k = 0; k < values_.size(); ++k) values_[k] = static_cast<float>(row_[0].number(0, k));
  }
  return density_.measure(values_, z_spec, z_phot, odds_width, cumulative_);
}

}  // namespace skyfold
