// Photoz as work of the farm: columns of a block in, estimates and PDFs out.
#include "work.hpp"

#include <algorithm>
#include <iterator>

#include "skyfold/core/hash.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {
namespace {

Table table_of(const Schema& schema, const std::vector<std::string>& names) {
  Table table;
  for (const std::string& name : names) table.add(schema[*find_column(schema, name)]);
  return table;
}

std::vector<std::string> columns_read(const Kernel& kernel, const Corrections& corrections) {
  std::vector<std::string> names = kernel.needs();
  for (const std::string& name : corrections.needs())
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  return names;
}

/// Columns of kernels and the datasets that the qp library expects, which stand in a file in the order of their names.
constexpr std::pair<const char*, const char*> pdf_names[] = {
    {pdf_column, "yvals"}, {pdf_means_column, "means"}, {pdf_stds_column, "stds"}, {pdf_weights_column, "weights"}};

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

PhotozWork::PhotozWork(const Catalogue& catalogue, const Kernel& kernel, const Corrections& corrections,
                       const std::vector<std::string>& copied, const RowProduct& product, const std::string& pdf_path, int threads)
    : catalogue_(catalogue),
      kernel_(kernel),
      corrections_(corrections),
      threads_(threads),
      empty_{
          table_of(catalogue.schema(), columns_read(kernel, corrections)), {}, table_of(catalogue.schema(), copied), Table(kernel.gives())},
      product_(product) {
  if (pdf_path.empty()) return;
  pdf_.emplace(pdf_path, "/data");
  for (const ColumnInfo& dataset : pdf_->schema())
    for (const auto& [column, name] : pdf_names)
      if (dataset.name == name) pdf_columns_.emplace_back(column);
}

PhotozWork::Buffers& PhotozWork::buffers(int slot) {
  Buffers& mine = slots_[slot];
  if (mine.in.columns() == 0) mine = empty_;
  return mine;
}

void PhotozWork::read(const Job&, RowRange block, int slot, JobResult& result) {
  Buffers& mine = buffers(slot);
  for (Table* table : {&mine.in, &mine.copied}) {
    catalogue_.reader().read(block, *table);
    result.bytes_read += block.size() * static_cast<std::int64_t>(bytes_per_row(table->schema()));
  }
  mine.tiles = corrections_.tiles_of(mine.in);  // here, where an error of the data is one of the run
}

void PhotozWork::compute(const Job&, RowRange block, int slot) {
  Buffers& mine = slots_[slot];
  mine.out.resize(static_cast<std::size_t>(block.size()));
  corrections_.apply(mine.in, mine.tiles, threads_);
  kernel_.run(mine.in, mine.out, threads_);
}

void PhotozWork::write(const Job&, RowRange block, int slot, JobResult& result) {
  write_rows(block.begin, slots_[slot], result);
  result.rows += block.size();
}

void PhotozWork::write_rows(std::int64_t first_row, const Buffers& rows, JobResult& result) {
  const Table* tables[] = {&rows.copied, &rows.out};
  product_.write(first_row, tables, result);
  if (!pdf_) return;
  for (std::size_t i = 0; i < pdf_columns_.size(); ++i) {
    const auto bytes = rows.out.at(pdf_columns_[i]).bytes();
    pdf_->write(i, first_row, bytes);
    // PDFs are part of the rows' checksum: a resumed run checks both files.
    result.checksum = hash_bytes(bytes, result.checksum);
    result.bytes_written += std::ssize(bytes);
  }
}

void PhotozWork::sync() {
  product_.sync();
  if (pdf_) pdf_->sync();
}

std::optional<std::uint64_t> PhotozWork::stored_checksum(RowRange block, std::uint64_t chained) {
  const std::optional<std::uint64_t> of_rows = product_.stored_checksum(block, chained);
  if (!pdf_ || !of_rows) return of_rows;
  chained = *of_rows;
  for (std::size_t i = 0; i < pdf_columns_.size(); ++i) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(block.size()) * pdf_->schema()[i].bytes_per_row());
    pdf_->read(i, block, bytes);
    chained = hash_bytes(bytes, chained);
  }
  return chained;
}

void PhotozWork::mark_failed(RowRange block) {
  Buffers mine = empty_;  // not a slot's: a kernel may hang on that
  catalogue_.reader().read(block, mine.copied);
  mine.out.resize(static_cast<std::size_t>(block.size()));
  kernel_.mark_failed(mine.out);
  JobResult ignored;
  write_rows(block.begin, mine, ignored);
}

}  // namespace skyfold
