// Blocks of rows in files of a scratch folder, until all are counted and their places known.
#include "row_spool.hpp"

#include <algorithm>
#include <cstring>

#include "skyfold/core/files.hpp"

namespace skyfold {

RowSpool::RowSpool(const std::string& folder, Schema schema, const Ranks* ranks)
    : schema_(std::move(schema)),
      ranks_(ranks),
      rank_(ranks ? ranks->rank() : 0),
      path_(make_temporary(folder)),
      file_(File::for_update(path_)) {}

void RowSpool::add(const Table& rows, std::int64_t unit) {
  blocks_.push_back({unit, static_cast<std::int64_t>(rows.rows()), end_, 0, static_cast<std::int64_t>(rows.rows()), rank_});
  for (const ColumnInfo& column : schema_) {
    const std::span<const std::byte> bytes = rows.at(column.name).bytes();
    file_.write(end_, bytes);
    end_ += std::ssize(bytes);
  }
}

std::vector<RowSpool::Block> RowSpool::close(std::int64_t limit) {
  std::vector<Block> all = blocks_;
  std::vector<std::string> paths = {path_};
  if (ranks_) {
    paths = ranks_->gather(path_);
    all.clear();
    for (const std::string& bytes : ranks_->gather({reinterpret_cast<const char*>(blocks_.data()), blocks_.size() * sizeof(Block)})) {
      const std::size_t count = bytes.size() / sizeof(Block);
      if (count == 0) continue;
      all.resize(all.size() + count);
      std::memcpy(all.data() + all.size() - count, bytes.data(), bytes.size());
    }
  }
  for (const std::string& path : paths) files_.push_back(File::for_reading(path));
  // Blocks of one unit come from one process, in their order.
  std::ranges::stable_sort(all, {}, &Block::unit);
  std::int64_t row = 0;
  std::vector<Block> kept;
  for (Block block : all) {
    if (limit >= 0) block.rows = std::min(block.rows, limit - row);
    if (block.rows <= 0 && limit >= 0) break;
    block.first_row = row;
    row += block.rows;
    kept.push_back(block);
  }
  return kept;
}

void RowSpool::read(const Block& block, Table& out) const {
  out.resize(static_cast<std::size_t>(block.rows));
  std::int64_t at = block.offset;
  for (const ColumnInfo& column : schema_) {
    if (find_column(out.schema(), column.name)) files_[static_cast<std::size_t>(block.file)].read(at, out.at(column.name).bytes());
    at += block.written_rows * static_cast<std::int64_t>(column.bytes_per_row());
  }
}

}  // namespace skyfold
