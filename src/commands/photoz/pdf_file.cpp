// The file of PDFs that the qp library reads: a row per object of the product, or per chosen object with what tells which it is.
#include "pdf_file.hpp"

#include <algorithm>
#include <iterator>

#include "skyfold/core/hash.hpp"
#include "skyfold/dataset/product_class.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

constexpr const char *data_group = "/data", *ancil_group = "/ancil";
constexpr const char *row_name = "row", *id_name = "object_id";

/// Columns of kernels and the datasets that the qp library expects, which stand in a file in the order of their names.
constexpr std::pair<const char*, const char*> pdf_names[] = {
    {pdf_column, "yvals"}, {pdf_means_column, "means"}, {pdf_stds_column, "stds"}, {pdf_weights_column, "weights"}};

/// In the order of their names, too.
Schema ancillary_schema(const PdfObjects& objects) {
  Schema schema;
  if (!objects.id.name.empty()) {
    schema.push_back(objects.id);
    schema.back().name = id_name;
  }
  schema.push_back({row_name, Type::i8, 1, "", "meta.record", "row of the object in the product, from 0"});
  return schema;
}

std::uint64_t chained_rows(RowWriter& file, RowRange rows, std::uint64_t chained) {
  for (std::size_t i = 0; i < file.schema().size(); ++i) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(rows.size()) * file.schema()[i].bytes_per_row());
    file.read(i, rows, bytes);
    chained = hash_bytes(bytes, chained);
  }
  return chained;
}

}  // namespace

Schema pdf_datasets(const Schema& given) {
  Schema datasets;
  for (const auto& [column, dataset] : pdf_names)
    if (const auto index = find_column(given, column)) {
      datasets.push_back(given[*index]);
      datasets.back().name = dataset;
      datasets.back().ucd.clear();
      datasets.back().description = dataset == std::string("yvals") ? "p(z) at meta/xvals, unit integral" : given[*index].description;
    }
  return datasets;
}

bool is_pdf_column(const std::string& name) {
  return std::any_of(std::begin(pdf_names), std::end(pdf_names), [&](const auto& names) { return name == names.first; });
}

std::vector<std::string> pdf_groups(bool has_all_objects) {
  return has_all_objects ? std::vector<std::string>{data_group} : std::vector<std::string>{data_group, ancil_group};
}

void create_pdf_file(const std::string& path, const PdfOptions& pdf, const Schema& given, std::int64_t rows, const PdfObjects* objects) {
  std::vector<ColumnGroup> groups = {{data_group, pdf_datasets(given), rows}};
  if (objects) groups.push_back({ancil_group, ancillary_schema(*objects), rows});
  create_columns(path, groups, {{"product_class", product_class::photoz_pdf}});
  // What qp reads first: the kind of parametrisation, and the grid where it has one.
  Table meta({{"pdf_name", Type::text, pdf.kind.size()}, {"pdf_version", Type::i8}}, 1);
  std::copy(pdf.kind.begin(), pdf.kind.end(), meta[0].values<char>().begin());
  meta[1].values<std::int64_t>()[0] = 0;
  if (pdf.kind == "interp") {
    const std::vector<double> grid = pdf_grid(pdf);
    const auto xvals = meta.add({"xvals", Type::f8, grid.size()}).values<double>();
    std::copy(grid.begin(), grid.end(), xvals.begin());
  }
  add_columns(path, {{"/meta", meta}});
}

PdfFileWriter::PdfFileWriter(const std::string& path, const PdfObjects* objects) : objects_(objects), data_(path, data_group) {
  for (const ColumnInfo& dataset : data_.schema())
    for (const auto& [column, name] : pdf_names)
      if (dataset.name == name) columns_.emplace_back(column);
  // Of all objects row k of the file is row k of the product, and no ids are needed.
  if (objects_) ancil_.emplace(path, ancil_group);
}

PdfFileWriter::Chosen PdfFileWriter::chosen_of(RowRange block) const {
  if (!objects_) return {block, {}};
  const std::vector<std::int64_t> all = objects_->product.rows_of(block);
  const RowRange rows = objects_->with_pdf.among({all.front(), all.back() + 1});
  Chosen chosen{rows, {}};
  auto at = all.begin();
  for (const std::int64_t row : objects_->with_pdf.rows_of(rows)) {
    // Both lists increase, so each search begins where the last one ended.
    at = std::lower_bound(at, all.end(), row);
    chosen.places.push_back(static_cast<std::size_t>(at - all.begin()));
  }
  return chosen;
}

Table PdfFileWriter::ancillary(RowRange block, const Chosen& chosen, const Table& copied) const {
  Table table(ancil_->schema(), chosen.places.size());
  if (!objects_->id.name.empty()) gather_rows(copied.at(objects_->id.name), chosen.places, table.at(id_name));
  const auto rows = table.at(row_name).values<std::int64_t>();
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = block.begin + static_cast<std::int64_t>(chosen.places[i]);
  return table;
}

void PdfFileWriter::write(RowRange block, const Table& copied, const Table& out, JobResult& result) {
  const Chosen chosen = chosen_of(block);
  const auto put = [&](RowWriter& file, std::size_t column, std::span<const std::byte> bytes) {
    file.write(column, chosen.rows.begin, bytes);
    // PDFs are part of the rows' checksum: a resumed run checks both files.
    result.checksum = hash_bytes(bytes, result.checksum);
    result.bytes_written += std::ssize(bytes);
  };
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const Column& all = out.at(columns_[i]);
    if (!objects_) {
      put(data_, i, all.bytes());
      continue;
    }
    Table some({all.info()}, chosen.places.size());
    gather_rows(all, chosen.places, some[0]);
    put(data_, i, some[0].bytes());
  }
  if (!ancil_) return;
  const Table ancil = ancillary(block, chosen, copied);
  for (std::size_t i = 0; i < ancil.columns(); ++i) put(*ancil_, i, ancil[i].bytes());
}

std::uint64_t PdfFileWriter::stored_checksum(RowRange block, std::uint64_t chained) {
  const RowRange rows = chosen_of(block).rows;
  chained = chained_rows(data_, rows, chained);
  return ancil_ ? chained_rows(*ancil_, rows, chained) : chained;
}

void PdfFileWriter::sync() {
  data_.sync();
  if (ancil_) ancil_->sync();
}

}  // namespace skyfold
