// Photoz as work of the farm: columns of a block in, estimates and PDFs out.
#include "work.hpp"

#include <algorithm>

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

}  // namespace

PhotozWork::PhotozWork(const ChosenRows& objects, const Kernel& kernel, const Corrections& corrections,
                       const std::vector<std::string>& copied, const RowProduct& product, const PdfProduct& pdf, int threads)
    : objects_(objects),
      kernel_(kernel),
      corrections_(corrections),
      threads_(threads),
      empty_{table_of(objects.catalogue().schema(), columns_read(kernel, corrections)),
             {},
             table_of(objects.catalogue().schema(), copied),
             Table(kernel.gives())},
      product_(product) {
  if (!pdf.path.empty()) pdf_.emplace(pdf.path, pdf.objects);
}

PhotozWork::Buffers& PhotozWork::buffers(int slot) {
  Buffers& mine = slots_[slot];
  // Copied once for each slot: a table of columns without rows says what is to be read.
  if (mine.in.columns() == 0) mine = empty_;
  return mine;
}

void PhotozWork::read(const Job&, RowRange block, int slot, JobResult& result) {
  Buffers& mine = buffers(slot);
  // What the kernel needs and what goes into the product as it is; a column that is both is read twice, as corrections change the first.
  for (Table* table : {&mine.in, &mine.copied}) {
    objects_.read(block, *table);
    result.bytes_read += block.size() * static_cast<std::int64_t>(bytes_per_row(table->schema()));
  }
  mine.found = corrections_.look_up(mine.in);  // here, where an error of the data is one of the run
}

void PhotozWork::compute(const Job&, RowRange block, int slot) {
  Buffers& mine = slots_[slot];
  mine.out.resize(static_cast<std::size_t>(block.size()));
  corrections_.apply(mine.in, mine.found, threads_);
  kernel_.run(mine.in, mine.out, threads_);
}

void PhotozWork::write(const Job&, RowRange block, int slot, JobResult& result) {
  write_rows(block, slots_[slot], result);
  result.rows += block.size();
}

void PhotozWork::write_rows(RowRange block, const Buffers& rows, JobResult& result) {
  const Table* tables[] = {&rows.copied, &rows.out};
  product_.write(block.begin, tables, result);
  if (pdf_) pdf_->write(block, rows.copied, rows.out, result);
}

void PhotozWork::sync() {
  product_.sync();
  if (pdf_) pdf_->sync();
}

std::optional<std::uint64_t> PhotozWork::stored_checksum(RowRange block, std::uint64_t chained) {
  const std::optional<std::uint64_t> of_rows = product_.stored_checksum(block, chained);
  // In the order in which write_rows() chained them.
  return pdf_ && of_rows ? pdf_->stored_checksum(block, *of_rows) : of_rows;
}

void PhotozWork::mark_failed(RowRange block) {
  Buffers mine = empty_;  // not a slot's: a kernel may hang on that
  // A row of an object that failed has its id and place all the same.
  objects_.read(block, mine.copied);
  mine.out.resize(static_cast<std::size_t>(block.size()));
  kernel_.mark_failed(mine.out);
  JobResult ignored;
  write_rows(block, mine, ignored);
}

}  // namespace skyfold
