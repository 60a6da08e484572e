// Files of PDFs, read block by block into the columns that kernels give, so that all who use PDFs know no layout.
#include "skyfold/dataset/stored_pdfs.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/kernels/photoz/pdf_layout.hpp"

namespace skyfold {
namespace {

constexpr const char *data_group = "/data", *meta_group = "/meta", *sparse_dataset = "sparse_indices";

/// A coefficient in the upper and a column in the lower 16 bits. The first coefficient of a PDF, which stands for 1, may have more in qp's
/// files.
std::int32_t narrow_code(std::int64_t code) {
  const std::int64_t coefficient = std::clamp<std::int64_t>(code >> 16, -32768, 32767);
  return static_cast<std::int32_t>(coefficient * 65536 + (code & 0xffff));
}

const std::string& with_pdfs(const std::string& path) {
  if (!has_columns(path, data_group))
    throw DataError(fmt::format("{}: no group {} (not a file of PDFs, as photoz or qp writes)", path, data_group));
  return path;
}

}  // namespace

StoredPdfs::StoredPdfs(const std::string& path) : reader_(with_pdfs(path), data_group) {
  if (has_columns(path, meta_group)) meta_ = read_columns(path, meta_group);
  for (const ColumnInfo& dataset : reader_.schema()) {
    ColumnInfo column = dataset;
    column.name = pdf_column_of(dataset.name);
    if (column.name.empty()) continue;  // others may keep more beside
    const bool is_sparse = dataset.name == sparse_dataset;
    if (is_sparse ? dataset.type != Type::i4 && dataset.type != Type::i8
                  : dataset.type != Type::f4 && dataset.type != Type::f8 && dataset.type != Type::u1)
      throw DataError(
          fmt::format("{}: {}/{} is not of {} numbers", path, data_group, dataset.name, is_sparse ? "whole" : "floating-point"));
    if (column.type == Type::f8) column.type = Type::f4;
    if (column.type == Type::i8) column.type = Type::i4;
    columns_.push_back(column);
    stored_.add(dataset);
  }
  try {
    (void)make_pdf();
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}", path, error.what()));
  }
}

void StoredPdfs::read(RowRange rows, Table& table) {
  reader_.read(rows, stored_);
  table.resize(stored_.rows());
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    Column& to = table.at(columns_[c].name);
    if (stored_[c].info().type == Type::i8) {
      std::ranges::transform(std::as_const(stored_[c]).values<std::int64_t>(), to.values<std::int32_t>().begin(), narrow_code);
      continue;
    }
    if (stored_[c].info().type != Type::f8) {
      std::ranges::copy(stored_[c].bytes(), to.bytes().begin());
      continue;
    }
    // As photoz writes them: PDFs of a table have the same measures as those of a model.
    std::ranges::transform(std::as_const(stored_[c]).values<double>(), to.values<float>().begin(),
                           [](double value) { return static_cast<float>(value); });
  }
}

std::unique_ptr<RedshiftPdf> StoredPdfs::make_pdf() const { return make_redshift_pdf(columns_, meta_); }

}  // namespace skyfold
