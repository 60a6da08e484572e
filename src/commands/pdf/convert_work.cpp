// The pass of pdf convert as work of the farm: PDFs of a block are read, turned into the new form, and written to the same rows.
#include "convert_work.hpp"

#include <algorithm>
#include <stdexcept>

#include "skyfold/core/hash.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/row_hash.hpp"
#include "skyfold/kernels/photoz/pdf_layout.hpp"
#include "skyfold/plan/row_blocks.hpp"

namespace skyfold {

void PdfCountsCodec::put(PartWriter& to, const PdfConversionCounts& counts) {
  to.list(std::vector<std::int64_t>{counts.objects, counts.without_pdf, counts.off_grid});
}
PdfConversionCounts PdfCountsCodec::get(PartReader& from) {
  const std::vector<std::int64_t> counts = from.list<std::int64_t>();
  return {counts.at(0), counts.at(1), counts.at(2)};
}
PdfConversionCounts PdfCountsCodec::cut(PdfConversionCounts, RowRange, RowRange) { throw std::logic_error("a block of PDFs was cut"); }

std::vector<Partition> pdf_units(std::int64_t rows, std::size_t bytes_per_pdf) {
  constexpr std::size_t step = 4'096, most_bytes = std::size_t{32} << 20;
  const auto unit =
      static_cast<std::int64_t>(std::clamp<std::size_t>(most_bytes / std::max<std::size_t>(1, bytes_per_pdf) / step, 1, 2) * step);
  return row_blocks(rows, unit, "PDFs");
}

PdfConvertWork::PdfConvertWork(StoredPdfs& pdfs, const PdfConversion& conversion, const std::string& output, PartsOf<PdfCountsCodec> parts,
                               int threads)
    : pdfs_(pdfs), conversion_(conversion), data_(output, pdf_data_group), parts_(std::move(parts)), threads_(threads) {
  for (const ColumnInfo& dataset : data_.schema()) columns_.push_back(pdf_column_of(dataset.name));
  if (!has_columns(pdfs.path(), pdf_ancil_group)) return;
  ancil_from_.emplace(pdfs.path(), pdf_ancil_group);
  ancil_.emplace(output, pdf_ancil_group);
}

void PdfConvertWork::read(const Job&, RowRange block, int slot, JobResult& result) {
  Buffers& mine = slots_[slot];
  if (mine.in.columns() == 0) mine.in = Table(pdfs_.columns()), mine.out = Table(conversion_.gives());
  pdfs_.read(block, mine.in);
  result.bytes_read += block.size() * static_cast<std::int64_t>(bytes_per_row(pdfs_.columns()));
  if (!ancil_from_) return;
  if (mine.ancil.columns() == 0) mine.ancil = Table(ancil_->schema());
  ancil_from_->read(block, mine.ancil);
  result.bytes_read += block.size() * static_cast<std::int64_t>(bytes_per_row(ancil_->schema()));
}

void PdfConvertWork::compute(const Job&, RowRange block, int slot) {
  Buffers& mine = slots_[slot];
  mine.out.resize(static_cast<std::size_t>(block.size()));
  mine.counts = conversion_.run(mine.in, mine.out, threads_);
}

void PdfConvertWork::write(const Job&, RowRange block, int slot, JobResult& result) {
  const Buffers& mine = slots_[slot];
  const auto put = [&](RowWriter& file, std::size_t number, const Column& values) {
    file.write(number, block.begin, values.bytes());
    result.checksum = hash_bytes(values.bytes(), result.checksum);
    result.bytes_written += std::ssize(values.bytes());
  };
  for (std::size_t i = 0; i < columns_.size(); ++i) put(data_, i, mine.out.at(columns_[i]));
  for (std::size_t i = 0; ancil_ && i < ancil_->schema().size(); ++i) put(*ancil_, i, mine.ancil.at(ancil_->schema()[i].name));
  parts_.keep(block, mine.counts, result);
  result.rows += block.size();
}

void PdfConvertWork::sync() {
  data_.sync();
  if (ancil_) ancil_->sync();
  parts_.parts().sync();
}

std::optional<std::uint64_t> PdfConvertWork::stored_checksum(RowRange block, std::uint64_t chained) {
  chained = hash_of_rows(data_, block, chained);
  if (ancil_) chained = hash_of_rows(*ancil_, block, chained);
  return parts_.parts().stored_checksum(block, chained);
}

}  // namespace skyfold
