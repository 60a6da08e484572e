// The pass of sky-map as work of the farm. A block is added up in pieces of fixed size, which threads share; sums of pieces are joined in
// the order of the rows, so they are the same for any number of threads and ranks.
#include "work.hpp"

#include <algorithm>
#include <stdexcept>

#include "skyfold/core/parallel.hpp"
#include "skyfold/plan/row_blocks.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

/// Rows of a job, and of a piece of it.
constexpr std::int64_t unit_rows = 8 * zone_rows;
constexpr std::size_t piece_rows = static_cast<std::size_t>(zone_rows);

bool is_plain_f8(const MapValue& value, const Table& rows) {
  return !value.error && !value.number.plain_column().empty() && rows.at(value.number.plain_column()).info().type == Type::f8;
}

/// Its memory stays.
void clear(sky_map::PixelSums& sums) {
  sums.pixels.clear();
  sums.rows.clear();
  sums.numbers.clear();
  for (auto& counts : sums.kept_counts) counts.clear();
  for (auto& kept : sums.kept) kept.clear();
}

/// Of a piece of rows those that are chosen.
template <class T>
std::vector<T> picked(std::span<const T> all, std::span<const std::int64_t> places, std::size_t first) {
  std::vector<T> some;
  some.reserve(places.size());
  for (const std::int64_t place : places) some.push_back(all[static_cast<std::size_t>(place) - first]);
  return some;
}

}  // namespace

void PixelSumsCodec::put(PartWriter& to, const Value& sums) const {
  to.list(sums.pixels);
  to.list(sums.rows);
  to.list(sums.numbers);
  for (std::size_t k = 0; k < medians; ++k) {
    to.list(sums.kept_counts[k]);
    to.list(sums.kept[k]);
  }
}

sky_map::PixelSums PixelSumsCodec::get(PartReader& from) const {
  Value sums;
  sums.pixels = from.list<std::int64_t>();
  sums.rows = from.list<std::int64_t>();
  sums.numbers = from.list<double>();
  for (std::size_t k = 0; k < medians; ++k) {
    sums.kept_counts.push_back(from.list<std::int64_t>());
    sums.kept.push_back(from.list<double>());
  }
  return sums;
}

sky_map::PixelSums PixelSumsCodec::cut(Value, RowRange, RowRange) { throw std::logic_error("a block of sums was cut"); }

std::vector<Partition> map_units(std::int64_t rows) { return row_blocks(rows, unit_rows); }

SkyMapWork::SkyMapWork(Inputs inputs, PartsOf<PixelSumsCodec> parts, int threads)
    : inputs_(std::move(inputs)), columns_(inputs_.statistics.needs()), parts_(std::move(parts)), threads_(threads) {
  if (!find_column(columns_, healpix_column)) {
    const Schema& schema = inputs_.catalogue.schema();
    columns_.push_back(schema[*find_column(schema, healpix_column)]);
  }
}

void SkyMapWork::read(const Job&, RowRange block, int slot, JobResult& result) {
  Buffers& mine = slots_[slot];
  if (mine.rows.columns() == 0) mine.rows = Table(columns_);
  RowRange wanted = block;
  mine.has_all = true;
  if (inputs_.chosen) {
    mine.chosen = inputs_.chosen->rows(block);
    mine.has_all = std::ssize(mine.chosen) == block.size();
    // Blocks of which no row is chosen are not read.
    wanted = mine.chosen.empty() ? RowRange{block.begin, block.begin} : RowRange{mine.chosen.front(), mine.chosen.back() + 1};
    for (std::int64_t& row : mine.chosen) row -= wanted.begin;
  }
  inputs_.catalogue.reader().read(wanted, mine.rows);
  result.bytes_read += wanted.size() * static_cast<std::int64_t>(bytes_per_row(columns_));
}

sky_map::PixelSums SkyMapWork::add_up(const Buffers& mine, std::size_t begin, std::size_t end) const {
  const int shift = 2 * (max_healpix_order - inputs_.order);
  std::span<const std::int64_t> places;
  if (!mine.has_all) {
    const auto first = std::ranges::lower_bound(mine.chosen, static_cast<std::int64_t>(begin));
    places = {first, std::ranges::lower_bound(mine.chosen, static_cast<std::int64_t>(end))};
    if (places.empty())
      return sky_map::add_up(inputs_.statistics.layout(), {}, std::vector<std::span<const double>>(inputs_.statistics.values().size()));
  }
  const auto keys = mine.rows.at(healpix_column).values<std::int64_t>().subspan(begin, end - begin);
  std::vector<std::int64_t> pixels = mine.has_all ? std::vector(keys.begin(), keys.end()) : picked(keys, places, begin);
  for (std::int64_t& pixel : pixels) pixel >>= shift;
  std::vector<std::vector<double>> calculated(inputs_.statistics.values().size());
  std::vector<std::span<const double>> values;
  for (std::size_t v = 0; v < calculated.size(); ++v) {
    const MapValue& value = inputs_.statistics.values()[v];
    std::span<const double> all;
    if (is_plain_f8(value, mine.rows)) {
      all = mine.rows.at(value.number.plain_column()).values<double>().subspan(begin, end - begin);
    } else {
      calculated[v].resize(end - begin);
      fill_values(value, mine.rows, begin, calculated[v]);
      all = calculated[v];
    }
    if (!mine.has_all) {
      calculated[v] = picked(all, places, begin);
      all = calculated[v];
    }
    values.push_back(all);
  }
  return sky_map::add_up(inputs_.statistics.layout(), pixels, values);
}

void SkyMapWork::compute(const Job&, RowRange, int slot) {
  Buffers& mine = slots_[slot];
  const std::size_t rows = mine.rows.rows();
  std::vector<sky_map::PixelSums> pieces((rows + piece_rows - 1) / piece_rows);
  parallel_for(rows, piece_rows, threads_,
               [&](std::size_t begin, std::size_t end, int) { pieces[begin / piece_rows] = add_up(mine, begin, end); });
  const sky_map::SumsLayout& layout = inputs_.statistics.layout();
  if (inputs_.catalogue.layout().ordering != Ordering::healpix) {
    mine.sums = joined(layout, pieces);
    return;
  }
  clear(mine.sums);
  // Also without any piece: the lists of medians have their number.
  append(layout, mine.sums, {});
  for (const sky_map::PixelSums& piece : pieces) append(layout, mine.sums, piece);
  // In the order of the sky pixels within the block are complete; the first and the last may go on in its neighbours.
  if (mine.sums.size() > 2) settle_medians(layout, mine.sums, 1, mine.sums.size() - 1);
}

void SkyMapWork::write(const Job&, RowRange block, int slot, JobResult& result) {
  parts_.keep(block, slots_[slot].sums, result);
  result.rows += block.size();
}

}  // namespace skyfold
