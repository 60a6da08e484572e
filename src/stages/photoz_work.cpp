#include "photoz_work.hpp"

#include "skyfold/core/hash.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {
namespace {

Table table_of(const Schema& schema, const std::vector<std::string>& names) {
  Table table;
  for (const std::string& name : names) table.add(schema[*find_column(schema, name)]);
  return table;
}

}  // namespace

PhotozWork::PhotozWork(const Catalogue& catalogue, const Kernel& kernel, const std::vector<std::string>& copied,
                       const PhotozProducts& products, int threads)
    : catalogue_(catalogue), kernel_(kernel), threads_(threads), rows_(products.rows) {
  for (Slot& slot : slots_) {
    slot.in = table_of(catalogue.schema(), kernel.needs());
    slot.copied = table_of(catalogue.schema(), copied);
    slot.out = Table(kernel.gives());
  }
  if (!products.fits.empty()) fits_.emplace(products.fits, products.fits_layout);
  if (!products.pdf.empty()) pdf_.emplace(products.pdf, "/data");
}

void PhotozWork::read(const Job&, RowRange block, int slot, JobResult& result) {
  Slot& mine = slots_[static_cast<std::size_t>(slot)];
  for (Table* table : {&mine.in, &mine.copied}) {
    catalogue_.reader().read(block, *table);
    result.bytes_read += block.size() * static_cast<std::int64_t>(bytes_per_row(table->schema()));
  }
}

void PhotozWork::compute(const Job&, RowRange block, int slot) {
  Slot& mine = slots_[static_cast<std::size_t>(slot)];
  mine.out.resize(static_cast<std::size_t>(block.size()));
  kernel_.run(mine.in, mine.out, threads_);
}

void PhotozWork::write(const Job&, RowRange block, int slot, JobResult& result) {
  write_rows(block.begin, slots_[static_cast<std::size_t>(slot)], result);
  result.rows += block.size();
}

void PhotozWork::write_rows(std::int64_t first_row, const Slot& slot, JobResult& result) {
  result.bytes_written += rows_.write(first_row, slot.copied);
  for (std::size_t i = 0; i < slot.out.columns(); ++i) {
    const Column& column = slot.out[i];
    result.checksum = hash_bytes(column.bytes(), result.checksum);
    result.bytes_written += std::ssize(column.bytes());
    if (column.info().name == pdf_column) pdf_->write(0, first_row, column.bytes());
    else rows_.write(*find_column(rows_.schema(), column.info().name), first_row, column.bytes());
  }
  if (!fits_) return;
  const Table* tables[] = {&slot.copied, &slot.out};
  result.fits_sum = add_fits_sums(static_cast<std::uint32_t>(result.fits_sum), fits_->write(first_row, tables));
  result.bytes_written += static_cast<std::int64_t>(slot.out.rows() * bytes_per_row(rows_.schema()));
}

void PhotozWork::job_written(const Job&) {
  rows_.sync();
  if (fits_) fits_->sync();
  if (pdf_) pdf_->sync();
}

void PhotozWork::mark_failed(RowRange block) {
  Slot& mine = slots_[0];
  catalogue_.reader().read(block, mine.copied);
  mine.out.resize(static_cast<std::size_t>(block.size()));
  kernel_.mark_failed(mine.out);
  JobResult ignored;
  write_rows(block.begin, mine, ignored);
}

}  // namespace skyfold
