// Rows of an export to FITS, written where they belong.
#include "placed_work.hpp"

#include <utility>

#include "skyfold/core/error.hpp"
#include "skyfold/core/hash.hpp"

namespace skyfold {

PlacedWork::PlacedWork(ReadRows read_rows, const std::string& path, const FitsLayout& layout)
    : read_rows_(std::move(read_rows)), schema_(layout.schema), writer_(path, layout) {}

void PlacedWork::read(const Job&, RowRange block, int slot, JobResult& result) {
  Table& rows = slots_[slot];
  if (rows.columns() == 0) rows = Table(schema_);
  read_rows_(block, rows);
  result.bytes_read += block.size() * static_cast<std::int64_t>(bytes_per_row(schema_));
}

void PlacedWork::write(const Job&, RowRange block, int slot, JobResult& result) {
  const Table* tables[] = {&slots_[slot]};
  result.fits_sum = add_fits_sums(static_cast<std::uint32_t>(result.fits_sum), writer_.write(block.begin, tables));
  result.checksum = hash_bytes(writer_.written(), result.checksum);
  result.rows += block.size();
  result.bytes_written += std::ssize(writer_.written());
}

void PlacedWork::mark_failed(RowRange) { throw Error(ExitCode::bug, "rows of an export cannot be left out"); }

std::optional<std::uint64_t> PlacedWork::stored_checksum(RowRange block, std::uint64_t chained) {
  return hash_bytes(writer_.stored(block), chained);
}

}  // namespace skyfold
