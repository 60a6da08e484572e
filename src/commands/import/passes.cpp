// The three passes of import as work of the farm: keys of all rows, rows to their buckets, buckets sorted into the catalogue.
#include "passes.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "crowding.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/sort.hpp"
#include "skyfold/kernels/archive_ids/archive_ids.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/table/algebra.hpp"
#include "skyfold/table/column_index.hpp"

namespace skyfold {
namespace {

/// Text inputs can have unreadable cells anywhere, so that all their columns are checked before any row is placed.
Schema scanned_columns(const Inputs& inputs, const KeyMaker& maker, const OverlapScan* overlaps) {
  const bool has_text = std::any_of(inputs.blocks.begin(), inputs.blocks.end(), [](const InputBlock& b) { return b.piece.end > 0; });
  // FITS and HDF5 have bad cells in rare conversions alone: two passes over all columns would cost more than they find.
  if (has_text) return inputs.schema.input;
  Schema columns = maker.needs();
  if (overlaps != nullptr)
    for (const ColumnInfo& column : overlaps->needs())
      if (!find_column(columns, column.name)) columns.push_back(column);
  return columns;
}

const InputBlock& block_of(const Inputs& inputs, const Job& job) { return inputs.blocks[static_cast<std::size_t>(job.first_partition)]; }

void count_bytes(const Table& table, JobResult& result) {
  result.bytes_read += static_cast<std::int64_t>(table.rows() * bytes_per_row(table.schema()));
}

}  // namespace

std::size_t Placement::bucket_of(std::int64_t key, std::int64_t row) const {
  // Key and row together are unique: every row has one bucket, however many keys are equal.
  return static_cast<std::size_t>(std::upper_bound(splitters.begin(), splitters.end(), std::pair(key, row)) - splitters.begin());
}

// --- first pass ------------------------------------------------------------------------------------

ScanPass::ScanPass(const Inputs& inputs, const ImportOptions& o, const std::string& keys_path, const std::string& ids_path,
                   const std::string& rejects_folder, std::unique_ptr<OverlapScan> overlaps)
    : inputs_(inputs),
      options_(o),
      overlaps_(std::move(overlaps)),
      key_maker_(inputs, o),
      columns_(scanned_columns(inputs, key_maker_, overlaps_.get())),
      keys_(keys_path),
      ids_(ids_path),
      rejects_folder_(rejects_folder) {}

void ScanPass::read(const Job& job, RowRange block, int index, JobResult& result) {
  Buffers& slot = slots_[index];
  if (slot.table.columns() == 0) slot.table = Table(columns_);
  const InputBlock& input = block_of(inputs_, job);
  std::vector<BadCell> bad;
  inputs_.sources[input.source]->read(input.piece, slot.table, bad);
  slot.rejects.clear();
  for (const BadCell& cell : bad) slot.rejects.push_back({block.begin + cell.row - input.piece.first_row, cell.column, cell.problem});
  count_bytes(slot.table, result);
}

void ScanPass::compute(const Job& job, RowRange block, int index) {
  Buffers& slot = slots_[index];
  if (overlaps_) overlaps_->fill(slot.table, block_of(inputs_, job).source, slot.overlaps);
  const auto rows = static_cast<std::size_t>(block.size());
  slot.keys.resize(rows);
  slot.ids.resize(rows);
  std::vector<Reject> unplaced;
  const std::vector<std::uint8_t> left_out = key_maker_.left_out(slot.table);
  key_maker_.make(slot.table, left_out, block.begin, slot.keys, unplaced);
  // What is wrong with a row that is left out is nobody's business, unless nobody knows whether it is: its cell of the condition is bad.
  if (!left_out.empty())
    std::erase_if(slot.rejects, [&](const Reject& reject) {
      return !reject.column.empty() && left_out[static_cast<std::size_t>(reject.row - block.begin)] &&
             !key_maker_.is_in_condition(reject.column);
    });
  // Rejected rows keep their places in the scratch files, with a key that says so.
  for (const Reject& reject : slot.rejects) slot.keys[static_cast<std::size_t>(reject.row - block.begin)] = dropped_key;
  slot.rejects.insert(slot.rejects.end(), unplaced.begin(), unplaced.end());
  const auto by_row = [](const Reject& a, const Reject& b) { return a.row < b.row; };
  std::stable_sort(slot.rejects.begin(), slot.rejects.end(), by_row);
  // One entry a row: a bad cell first, since a coordinate that cannot be read is missing too.
  slot.rejects.erase(std::unique(slot.rejects.begin(), slot.rejects.end(), [](const Reject& a, const Reject& b) { return a.row == b.row; }),
                     slot.rejects.end());
  if (!inputs_.schema.generates_id) {
    const std::span<std::int64_t> ids(slot.ids);
    // Hashes and not ids: texts have any length, and eight bytes each fit the scratch file.
    hash_ids(slot.table.at(inputs_.schema.roles.id), {reinterpret_cast<std::uint64_t*>(ids.data()), ids.size()});
  }
}

void ScanPass::write(const Job&, RowRange block, int index, JobResult& result) {
  Buffers& slot = slots_[index];
  // Here, not in compute: an error of writing ends the run, one of computing would only fail the job.
  if (!slot.rejects.empty() && options_.on_bad_row == "error") {
    const Reject& first = slot.rejects.front();
    throw DataError(fmt::format("{}{}: {} (import with --on-bad-row=drop leaves such rows out)", inputs_.place_of(first.row),
                                first.column.empty() ? "" : ", column " + first.column, first.problem));
  }
  std::string lines;
  for (const Reject& reject : slot.rejects) lines += reject_line(inputs_, reject);
  // One file for each block, named by its first row: a block that is done again replaces its own.
  if (!lines.empty()) write_durably(fmt::format("{}/{}", rejects_folder_, block.begin), lines);
  keys_.write(block.begin, slot.keys);
  if (!inputs_.schema.generates_id) ids_.write(block.begin, slot.ids);
  if (overlaps_) overlaps_->write(block.begin, slot.overlaps);
  result.rows += block.size();
}

void ScanPass::sync() {
  keys_.sync();
  ids_.sync();
  if (overlaps_) overlaps_->sync();
}

// --- second pass -----------------------------------------------------------------------------------

PlacePass::PlacePass(const Inputs& inputs, const Placement& placement, bool keys_are_healpix, const std::string& path,
                     const std::string& keys_path, const std::string& placed_keys_path, const std::string& repeated_path)
    : inputs_(inputs), placement_(placement), keys_are_healpix_(keys_are_healpix), keys_(keys_path), catalogue_(path) {
  if (!placed_keys_path.empty()) placed_keys_.emplace(placed_keys_path);
  if (!repeated_path.empty()) repeated_.emplace(repeated_path);
  const ColumnIndex index(catalogue_.schema()), read(inputs.schema.input);
  for (const ColumnInfo& column : catalogue_schema(inputs_.schema)) {
    // Columns of the file stand in the order of their names, those of the inputs in their own.
    places_.push_back(index.find(column.name).value());
    sources_.push_back(read.find(column.name));
  }
}

void PlacePass::read(const Job& job, RowRange block, int index, JobResult& result) {
  Buffers& slot = slots_[index];
  if (slot.in.columns() == 0) {
    slot.in = Table(inputs_.schema.input);
    slot.out = Table(catalogue_schema(inputs_.schema));
  }
  const InputBlock& input = block_of(inputs_, job);
  std::vector<BadCell> bad;
  inputs_.sources[input.source]->read(input.piece, slot.in, bad);
  slot.keys.resize(static_cast<std::size_t>(block.size()));
  keys_.read(block.begin, slot.keys);
  slot.repeated.resize(slot.keys.size());
  if (repeated_) repeated_->read(block.begin, slot.repeated);
  for (const BadCell& cell : bad)  // bad cells of text were found by the first pass; what is new here is binary
    if (slot.keys[static_cast<std::size_t>(cell.row - input.piece.first_row)] != dropped_key)
      throw DataError(
          fmt::format("{}, column {}: {}", inputs_.place_of(block.begin + cell.row - input.piece.first_row), cell.column, cell.problem));
  count_bytes(slot.in, result);
}

void PlacePass::compute(const Job&, RowRange block, int index) {
  Buffers& slot = slots_[index];
  const std::size_t rows = slot.keys.size(), buckets = placement_.starts.size() - 1;
  std::vector<std::size_t> bucket(rows), next(buckets + 1, 0);
  for (std::size_t i = 0; i < rows; ++i) {
    if (slot.keys[i] == dropped_key) continue;
    bucket[i] = placement_.bucket_of(slot.keys[i], block.begin + static_cast<std::int64_t>(i));
    // One place further: the running sum then gives where each bucket begins.
    ++next[bucket[i] + 1];
  }
  // Before the sums: write() needs the numbers themselves.
  slot.counts.assign(next.begin() + 1, next.end());
  // A counting sort by bucket, which keeps the order within each.
  std::partial_sum(next.begin(), next.end(), next.begin());
  slot.order.resize(next.back());
  for (std::size_t i = 0; i < rows; ++i)
    if (slot.keys[i] != dropped_key) slot.order[next[bucket[i]]++] = i;

  slot.out.resize(slot.order.size());
  for (std::size_t c = 0; c < slot.out.columns(); ++c) {
    Column& out = slot.out[c];
    if (const auto from = sources_[c]) {
      const Column* const in = &slot.in[*from];
      gather_rows(*in, slot.order, out);
    } else if (out.info().name == healpix_column && keys_are_healpix_) {
      for (std::size_t i = 0; i < slot.order.size(); ++i) out.values<std::int64_t>()[i] = slot.keys[slot.order[i]];
    } else if (out.info().name == healpix_column) {
      const Roles& roles = inputs_.schema.roles;
      const auto ra = slot.in.at(roles.ra).values<double>(), dec = slot.in.at(roles.dec).values<double>();
      for (std::size_t i = 0; i < slot.order.size(); ++i)
        out.values<std::int64_t>()[i] = healpix29({ra[slot.order[i]], dec[slot.order[i]]});
    } else if (out.info().name == repeated_column && repeated_) {
      for (std::size_t i = 0; i < slot.order.size(); ++i)
        out.values<std::uint8_t>()[i] = static_cast<std::uint8_t>(slot.repeated[slot.order[i]]);
    } else if (out.info().name == crowded_column) {  // known when all rows are in order
      std::ranges::fill(out.values<std::uint8_t>(), std::uint8_t{0});
    } else if (inputs_.schema.has_archive_ids && is_archive_id(out.info().name)) {  // below, from the others
    } else {                                                                        // the generated id
      for (std::size_t i = 0; i < slot.order.size(); ++i)
        out.values<std::int64_t>()[i] = block.begin + static_cast<std::int64_t>(slot.order[i]);
    }
  }
  if (const Roles& roles = inputs_.schema.roles; inputs_.schema.has_archive_ids)
    fill_archive_ids(slot.out.at(roles.ra), slot.out.at(roles.dec), slot.out.at(healpix_column), slot.out.at(roles.id), slot.out);
  std::vector<std::int64_t> placed(slot.order.size());
  for (std::size_t i = 0; i < placed.size(); ++i) placed[i] = slot.keys[slot.order[i]];
  // Now in the order of the buckets, like the rows.
  slot.keys = std::move(placed);
}

void PlacePass::write(const Job& job, RowRange block, int index, JobResult& result) {
  Buffers& slot = slots_[index];
  // Each block has its own place in each bucket, so blocks may be written in any order, and twice.
  const auto& starts = placement_.block_starts[static_cast<std::size_t>(job.first_partition)];
  std::size_t from = 0;
  for (std::size_t b = 0; b < slot.counts.size(); from += slot.counts[b], ++b) {
    if (slot.counts[b] == 0) continue;
    // A bucket's rows of this block are neighbours in the file, so each column of them is one write.
    for (std::size_t c = 0; c < slot.out.columns(); ++c) {
      const std::size_t width = slot.out[c].info().bytes_per_row();
      const std::size_t column = places_[c];
      catalogue_.write(column, starts[b], slot.out[c].bytes().subspan(from * width, slot.counts[b] * width));
    }
    if (placed_keys_) placed_keys_->write(starts[b], std::span(slot.keys).subspan(from, slot.counts[b]));
  }
  result.rows += block.size();
  result.bytes_written += static_cast<std::int64_t>(slot.order.size() * bytes_per_row(slot.out.schema()));
}

void PlacePass::sync() {
  catalogue_.sync();
  if (placed_keys_) placed_keys_->sync();
}

// --- third pass ------------------------------------------------------------------------------------

SortPass::SortPass(const std::string& placed_path, const std::string& placed_keys_path, const std::string& catalogue_path)
    : placed_keys_(placed_keys_path), placed_(placed_path, "/object", ZoneCheck::off), catalogue_(catalogue_path) {}

void SortPass::read(const Job&, RowRange block, int index, JobResult& result) {
  Buffers& slot = slots_[index];
  if (slot.rows.columns() == 0) slot.rows = slot.sorted = Table(placed_.schema());
  slot.keys.resize(static_cast<std::size_t>(block.size()));
  placed_keys_.read(block.begin, slot.keys);
  placed_.read(block, slot.rows);
  count_bytes(slot.rows, result);
}

void SortPass::compute(const Job&, RowRange, int index) {
  Buffers& slot = slots_[index];
  const std::vector<std::size_t> order = stable_order(slot.keys);  // stable: equal keys keep the inputs' order
  slot.sorted.resize(slot.rows.rows());
  for (std::size_t c = 0; c < slot.rows.columns(); ++c) gather_rows(slot.rows[c], order, slot.sorted[c]);
}

void SortPass::write(const Job&, RowRange block, int index, JobResult& result) {
  result.bytes_written += catalogue_.write(block.begin, slots_[index].sorted);
  for (const ColumnInfo& column : catalogue_.schema())
    // The flags come later: with them, the checksum would be that of other bytes.
    if (column.name != crowded_column) result.checksum = hash_bytes(slots_[index].sorted.at(column.name).bytes(), result.checksum);
  result.rows += block.size();
}

std::optional<std::uint64_t> SortPass::stored_checksum(RowRange block, std::uint64_t chained) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < catalogue_.schema().size(); ++i) {
    if (catalogue_.schema()[i].name == crowded_column) continue;  // filled in later
    bytes.resize(static_cast<std::size_t>(block.size()) * catalogue_.schema()[i].bytes_per_row());
    catalogue_.read(i, block, bytes);
    chained = hash_bytes(bytes, chained);
  }
  return chained;
}

}  // namespace skyfold
