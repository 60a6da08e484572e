// Checksums of the zones of each column, made by all ranks when the rows are complete, so that readers notice damage.
#include "skyfold/catalogue/zone_hashes.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "skyfold/core/signals.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/row_file.hpp"
#include "skyfold/io/zone_hashes.hpp"

namespace skyfold {
namespace {

/// Zones of one column that are read together.
struct HashedPiece {
  std::size_t column = 0;
  RowRange rows;
};

std::vector<HashedPiece> pieces_of(const RowReader& reader) {
  constexpr std::int64_t zones = 16;  // at most 16 MiB
  std::vector<HashedPiece> pieces;
  for (std::size_t c = 0; c < reader.schema().size(); ++c) {
    const std::int64_t step = zones * rows_of_hashed_zone(reader.schema()[c]);
    for (std::int64_t begin = 0; begin < reader.rows(); begin += step)
      pieces.push_back({c, {begin, std::min(begin + step, reader.rows())}});
  }
  return pieces;
}

}  // namespace

void add_zone_hashes(const Ranks& ranks, const std::string& path, const std::string& group, bool is_undoable) {
  const PhaseScope scope(ranks.clock(), Phase::consolidate);
  std::optional<RowReader> reader;
  ranks.together([&] { reader.emplace(path, group, ZoneCheck::off); });
  const std::vector<HashedPiece> pieces = pieces_of(*reader);
  std::vector<std::byte> bytes;
  const auto texts = ranks.run_units(pieces.size(), [&](std::size_t i) {
    const ColumnInfo& column = reader->schema()[pieces[i].column];
    bytes.resize(static_cast<std::size_t>(pieces[i].rows.size()) * column.bytes_per_row());
    reader->read(pieces[i].column, pieces[i].rows, bytes);
    return zone_hashes_of(column, bytes);
  });
  ranks.on_first_only([&] {
    std::map<std::string, std::string> hashes;
    for (std::size_t i = 0; i < pieces.size(); ++i) hashes[reader->schema()[pieces[i].column].name] += texts[i];
    // As in finalise_catalogue: adding to an HDF5 file moves its structure.
    if (is_undoable) save_structure(path);
    write_zone_hashes(path, group, hashes);
    fault_point("hashes added");
  });
}

}  // namespace skyfold
