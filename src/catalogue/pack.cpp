// The compressed copy of a finished file: ranks compress chunks, rank 0 stores them in order, and all of it is compared with the rows
// that it was made of before it takes their place (docs/decisions/0016-compression-is-a-second-file.md).
#include "skyfold/catalogue/pack.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/io/packed_file.hpp"
#include "skyfold/io/row_file.hpp"

namespace skyfold {
namespace {

constexpr std::size_t chunks_at_once = 32;  // of at most 1 MiB: what each rank holds

/// The values of chunks, from one file.
class ChunkValues {
 public:
  ChunkValues(const std::string& path, const std::vector<PackedChunk>& chunks) {
    for (const PackedChunk& chunk : chunks)
      if (!readers_.contains(chunk.group)) readers_.emplace(chunk.group, RowReader(path, chunk.group, ZoneCheck::off));
  }
  [[nodiscard]] std::vector<std::byte> read(const PackedChunk& chunk) const {
    const RowReader& reader = readers_.at(chunk.group);
    std::vector<std::byte> values(static_cast<std::size_t>(chunk.rows.size()) * chunk.column.bytes_per_row());
    reader.read(*find_column(reader.schema(), chunk.column.name), chunk.rows, values);
    return values;
  }
  [[nodiscard]] std::int64_t rows(const std::string& group) const { return readers_.at(group).rows(); }

 private:
  std::map<std::string, RowReader> readers_;  ///< by group
};

/// What is published must be what was computed, whatever zlib, HDF5 and the disk did.
void compare(const Ranks& ranks, const ChunkValues& plain, const std::string& packed, const std::vector<PackedChunk>& chunks) {
  std::optional<ChunkValues> stored;
  ranks.together([&] { stored.emplace(packed, chunks); });
  (void)ranks.run_units(chunks.size(), [&](std::size_t i) {
    if (plain.read(chunks[i]) != stored->read(chunks[i]))
      throw IoError(fmt::format("{}: rows {} to {} of {}/{} are not what was compressed", packed, chunks[i].rows.begin + 1,
                                chunks[i].rows.end, chunks[i].group, chunks[i].column.name));
    return std::string();
  });
}

}  // namespace

void pack_product(const Ranks& ranks, const std::string& path, const std::string& packed, Compression compression) {
  const PhaseScope scope(ranks.clock(), Phase::consolidate);
  std::vector<PackedChunk> chunks;
  std::optional<ChunkValues> plain;
  ranks.together([&] {
    chunks = chunks_to_pack(path);
    plain.emplace(path, chunks);
  });
  ranks.on_first_only([&] { create_packed(path, packed, compression); });
  // In rounds: the compressed chunks travel to rank 0 as texts, and so many must fit into its memory beside its own.
  for (std::size_t begin = 0; begin < chunks.size(); begin += chunks_at_once) {
    const std::span some = std::span(chunks).subspan(begin, std::min(chunks_at_once, chunks.size() - begin));
    const std::vector<std::string> stored = ranks.run_units(
        some.size(), [&](std::size_t i) { return stored_form(some[i], plain->rows(some[i].group), plain->read(some[i]), compression); });
    ranks.on_first_only([&] {
      write_chunks(packed, some, stored);
      fault_point("packing");
    });
  }
  ranks.on_first_only([&] { sync_path(packed); });
  compare(ranks, *plain, packed, chunks);
  ranks.on_first_only([] { fault_point("packed"); });
}

}  // namespace skyfold
