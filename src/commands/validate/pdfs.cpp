// PDFs of a product of photoz, read row by row from the file beside it. Only the objects of the sample are read, which are few among the
// rows of a survey.
#include "pdfs.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/registry/process.hpp"

namespace skyfold {
namespace {

constexpr const char* ancil_group = "/ancil";

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

}  // namespace

PdfFile::PdfFile(const std::string& path, std::int64_t rows) : stored_(path), row_(stored_.columns()), pdf_(stored_.make_pdf()) {
  chosen_ = chosen_rows(path, stored_.rows(), rows);
  // Rows are joined by number, so another product's PDFs would be taken for these.
  if (!chosen_ && stored_.rows() != rows)
    throw DataError(fmt::format("{}: {} PDFs for {} rows (not of this product?)", path, stored_.rows(), rows));
}

std::optional<validation::PdfMeasures> PdfFile::measure(std::int64_t row, double z_spec, double z_phot, double odds_width) {
  if (chosen_) {
    const auto at = std::ranges::lower_bound(*chosen_, row);
    if (at == chosen_->end() || *at != row) return std::nullopt;
    row = at - chosen_->begin();
  }
  // Row by row: only the rows of the sample are wanted, which are few and scattered in a catalogue.
  stored_.read({row, row + 1}, row_);
  if (!pdf_->set(row_, 0)) return std::nullopt;
  return validation::measure(*pdf_, z_spec, z_phot, odds_width);
}

}  // namespace skyfold
