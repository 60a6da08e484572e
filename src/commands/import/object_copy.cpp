// The objects of a catalogue as rows of another file that is being made: all ranks copy blocks.
#include "object_copy.hpp"

#include "skyfold/core/hash.hpp"
#include "skyfold/io/row_hash.hpp"

namespace skyfold {

ObjectCopy::ObjectCopy(const Catalogue& objects, const std::string& output_path) : objects_(objects), writer_(output_path) {}

void ObjectCopy::read(const Job&, RowRange block, int index, JobResult& result) {
  Table& rows = slots_[index];
  if (rows.columns() == 0) rows = Table(objects_.schema());
  objects_.reader().read(block, rows);
  result.bytes_read += block.size() * static_cast<std::int64_t>(bytes_per_row(rows.schema()));
}

void ObjectCopy::write(const Job&, RowRange block, int index, JobResult& result) {
  result.bytes_written += writer_.write(block.begin, slots_[index]);
  for (const ColumnInfo& column : writer_.schema()) result.checksum = hash_bytes(slots_[index].at(column.name).bytes(), result.checksum);
  result.rows += block.size();
}

std::optional<std::uint64_t> ObjectCopy::stored_checksum(RowRange block, std::uint64_t chained) {
  return hash_of_rows(writer_, block, chained);
}

}  // namespace skyfold
