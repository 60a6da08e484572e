// The file of PDFs that the qp library reads: a row per object of the product, or per chosen object with what tells which it is.
#include "pdf_file.hpp"

#include <algorithm>
#include <utility>

#include "skyfold/catalogue/zone_hashes.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/dataset/product_class.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/row_hash.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

constexpr const char *data_group = "/data", *ancil_group = "/ancil";
constexpr const char *row_name = "row", *id_name = "object_id", *redshift_name = "redshift", *type_name = "distribution_type";

/// In the order of their names, too.
Schema ancillary_schema(const Schema& given, const PdfObjects* objects, const PdfCopies& copies) {
  Schema schema;
  for (const ColumnInfo& column : ancillary_columns())
    if (find_column(given, ancillary_name(column.name))) schema.push_back(column);
  // Part of what RAIL expects beside PDFs, which is kept as a whole or not at all; and a group needs a column.
  if (!schema.empty() || copies.id.name.empty())
    schema.push_back({type_name, Type::i8, 1, "", "meta.code", "kind of the PDF by RAIL's numbers; 0: of no certain kind"});
  const auto add_copy = [&](ColumnInfo column, const char* name) {
    if (column.name.empty()) return;
    column.name = name;
    schema.push_back(column);
  };
  add_copy(copies.id, id_name);
  add_copy(copies.redshift, redshift_name);
  if (objects) schema.push_back({row_name, Type::i8, 1, "", "meta.record", "row of the object in the product, from 0"});
  std::ranges::sort(schema, {}, &ColumnInfo::name);
  return schema;
}

}  // namespace

std::vector<std::string> pdf_groups() { return {data_group, ancil_group}; }

PdfObjects chosen_for_pdf(const ChosenRows& product, const ChosenRows& with_pdf) {
  return {[&product, &with_pdf](RowRange block) {
    const std::vector<std::int64_t> all = product.rows_of(block);
    PdfRows chosen{with_pdf.among({all.front(), all.back() + 1}), {}};
    auto at = all.begin();
    for (const std::int64_t row : with_pdf.rows_of(chosen.rows)) {
      // Both lists increase, so each search begins where the last one ended.
      at = std::lower_bound(at, all.end(), row);
      chosen.places.push_back(static_cast<std::size_t>(at - all.begin()));
    }
    return chosen;
  }};
}

void create_pdf_file(const std::string& path, const PdfOptions& pdf, const Schema& given, std::int64_t rows, const PdfObjects* objects,
                     const PdfCopies& copies) {
  create_columns(path, {{data_group, pdf_datasets(given), rows}, {ancil_group, ancillary_schema(given, objects, copies), rows}},
                 {{"estimator", copies.estimator}, {"product_class", product_class::photoz_pdf}});
  add_columns(path, {{"/meta", pdf_meta(pdf)}});
}

void finish_pdf_file(const Ranks& ranks, const std::string& path) {
  // Saved as it is before the first change: what is put back after a death has the hashes of no group.
  bool is_unchanged = true;
  for (const std::string& group : pdf_groups()) add_zone_hashes(ranks, path, group, std::exchange(is_unchanged, false));
}

PdfFileWriter::PdfFileWriter(const std::string& path, const PdfObjects* objects, const PdfCopies& copies)
    : objects_(objects), copies_(copies), data_(path, data_group), ancil_(path, ancil_group) {
  for (const ColumnInfo& dataset : data_.schema()) columns_.push_back(pdf_column_of(dataset.name));
}

PdfRows PdfFileWriter::chosen_of(RowRange block) const { return objects_ ? objects_->among(block) : PdfRows{block, {}}; }

Column PdfFileWriter::ancillary(const ColumnInfo& column, RowRange block, const Table& copied, const Table& out) const {
  if (column.name == id_name) return copied.at(copies_.id.name);
  if (column.name == redshift_name) return copied.at(copies_.redshift.name);
  if (column.name != row_name && column.name != type_name) return out.at(ancillary_name(column.name));
  Table table({column}, static_cast<std::size_t>(block.size()));
  const auto values = table[0].values<std::int64_t>();
  // Estimates by learning are neither likelihoods nor posteriors.
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = column.name == row_name ? block.begin + static_cast<std::int64_t>(i) : 0;
  return std::move(table[0]);
}

void PdfFileWriter::write(RowRange block, const Table& copied, const Table& out, JobResult& result) {
  const PdfRows chosen = chosen_of(block);
  const auto put = [&](RowWriter& file, std::size_t number, const Column& all) {
    Table some;
    if (objects_) {
      some = Table({all.info()}, chosen.places.size());
      gather_rows(all, chosen.places, some[0]);
    }
    const std::span<const std::byte> bytes = objects_ ? std::as_const(some)[0].bytes() : all.bytes();
    file.write(number, chosen.rows.begin, bytes);
    // PDFs are part of the rows' checksum: a resumed run checks both files.
    result.checksum = hash_bytes(bytes, result.checksum);
    result.bytes_written += std::ssize(bytes);
  };
  for (std::size_t i = 0; i < columns_.size(); ++i) put(data_, i, out.at(columns_[i]));
  for (std::size_t i = 0; i < ancil_.schema().size(); ++i) put(ancil_, i, ancillary(ancil_.schema()[i], block, copied, out));
}

std::uint64_t PdfFileWriter::stored_checksum(RowRange block, std::uint64_t chained) {
  const RowRange rows = chosen_of(block).rows;
  return hash_of_rows(ancil_, rows, hash_of_rows(data_, rows, chained));
}

void PdfFileWriter::sync() {
  data_.sync();
  ancil_.sync();
}

}  // namespace skyfold
