// Targets in parts of the sky: those of a table, sorted, or the selected rows of a catalogue.
#include "targets.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "skyfold/core/sort.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

/// Targets of a part lie in one pixel of this order (1.8 deg), so that the stars about them fit in memory.
constexpr int part_order = 5;

const ColumnInfo row_info = {target_row_column, Type::i8, 1, "", "meta.record", "row of the target in its table, from 0"};
const ColumnInfo key_info = {healpix_column, Type::i8, 1, "", "pos.healpix", "nested HEALPix index at order 29"};

/// Cuts parts at most `rows` long.
std::vector<Partition> cut(const std::vector<Partition>& parts, std::int64_t rows) {
  std::vector<Partition> result;
  for (const Partition& part : parts)
    for (std::int64_t begin = part.rows.begin; begin < part.rows.end; begin += rows) {
      // The cost is the number of targets: how many stars are around them is not known before they are read.
      const RowRange range{begin, std::min(begin + rows, part.rows.end)};
      result.push_back({std::ssize(result), part.label, range, static_cast<double>(range.size())});
    }
  return result;
}

void fill_rows(const std::vector<std::int64_t>& rows, Table& out) {
  std::ranges::copy(rows, out.at(target_row_column).values<std::int64_t>().begin());
}

}  // namespace

void gather_known(const Table& from, const std::vector<std::size_t>& rows, Table& to) {
  to.resize(rows.size());
  for (std::size_t c = 0; c < to.columns(); ++c)
    // Columns that `from` lacks are filled in by the caller.
    if (const Column* const column = from.find(to[c].info().name)) gather_rows(*column, rows, to[c]);
}

CatalogueTargets::CatalogueTargets(const Ranks& ranks, const Catalogue& catalogue, const std::vector<std::string>& needs,
                                   const Selection& selection, const PartitionOptions& partition, std::int64_t block_rows)
    : catalogue_(catalogue), passed_{target_row_column} {
  std::vector<std::string> names = needs;
  // What names a target in the product, whether the kernel needs it or not.
  for (const std::string& name : {catalogue.layout().roles.id, std::string(healpix_column)})
    if (!name.empty()) {
      names.push_back(name);
      passed_.push_back(name);
    }
  for (const std::string& name : names)
    if (!find_column(schema_, name)) schema_.push_back(catalogue.schema()[*find_column(catalogue.schema(), name)]);
  schema_.push_back(row_info);
  parts_ = cut(build_partitions(catalogue.ordered_rows(), partition), block_rows);
  for (const Partition& part : parts_) sources_.push_back(part.rows);
  if (selection.selects_all()) return;
  ranks.together([&] { scan_ = std::make_unique<CatalogueScan>(catalogue, selection.condition()); });
  count_selected(ranks);
}

/// Numbers the selected rows, part by part.
void CatalogueTargets::count_selected(const Ranks& ranks) {
  // Counted before the run: a product has its rows laid out before the first one is written.
  const auto counts = ranks.run_units(parts_.size(), [&](std::size_t part) { return std::to_string(selected_of(sources_[part]).size()); });
  std::vector<Partition> kept;
  std::vector<RowRange> kept_sources;
  std::int64_t row = 0;
  for (std::size_t part = 0; part < parts_.size(); ++part) {
    const std::int64_t count = std::stoll(counts[part]);
    if (count == 0) continue;
    kept.push_back({std::ssize(kept), parts_[part].label, {row, row + count}, static_cast<double>(count)});
    kept_sources.push_back(sources_[part]);
    // Numbers in the product; `sources_` has those in the catalogue.
    row += count;
  }
  parts_.swap(kept);
  sources_.swap(kept_sources);
}

std::vector<std::size_t> CatalogueTargets::selected_of(RowRange rows) const {
  std::vector<std::size_t> chosen;
  for (const std::int64_t row : scan_->rows(rows)) chosen.push_back(static_cast<std::size_t>(row - rows.begin));
  return chosen;
}

void CatalogueTargets::read(std::size_t part, Table& out) const {
  const RowRange source = sources_[part];
  Schema stored = schema_;
  stored.pop_back();  // the row number is not in the catalogue
  Table all(stored);
  catalogue_.reader().read(source, all);
  std::vector<std::size_t> chosen(static_cast<std::size_t>(source.size()));
  if (!scan_)
    std::iota(chosen.begin(), chosen.end(), std::size_t{0});
  else
    chosen = selected_of(source);
  gather_known(all, chosen, out);
  std::vector<std::int64_t> rows;
  // The row in the catalogue, by which the user finds the target again.
  for (const std::size_t i : chosen) rows.push_back(source.begin + static_cast<std::int64_t>(i));
  fill_rows(rows, out);
}

ListedTargets::ListedTargets(const Table& table, const std::vector<std::size_t>& rows, const std::string& ra, const std::string& dec,
                             const std::string& id, const std::string& path, std::int64_t block_rows)
    : id_(id), table_(table.schema()), passed_{target_row_column} {
  std::vector<std::int64_t> keys;
  for (const std::size_t i : rows) {
    const Position position{table.at(ra).number(i), table.at(dec).number(i)};
    if (!is_valid(position))
      throw DataError(fmt::format("{}, row {}: {} = {}, {} = {} (a target needs a position in degrees)", path, i + 1, ra,
                                  shortest(position.ra), dec, shortest(position.dec)));
    keys.push_back(healpix29(position));
  }
  std::vector<std::size_t> sorted;
  // Neighbours on the sky share the stars around them.
  for (const std::size_t k : stable_order(keys)) sorted.push_back(rows[k]);
  std::ranges::sort(keys);
  gather_known(table, sorted, table_);
  const auto row = table_.add(row_info).values<std::int64_t>(), key = table_.add(key_info).values<std::int64_t>();
  std::ranges::copy(sorted, row.begin());
  std::ranges::copy(keys, key.begin());
  if (!id.empty()) passed_.push_back(id);
  passed_.emplace_back(healpix_column);
  schema_ = table_.schema();
  std::vector<Partition> pixels;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::int64_t pixel = pixel_of(keys[i], part_order);
    // Keys are sorted, so the targets of a pixel follow each other.
    if (i == 0 || pixel != pixel_of(keys[i - 1], part_order))
      pixels.push_back({std::ssize(pixels), fmt::format("order {} pixel {}", part_order, pixel), {static_cast<std::int64_t>(i), 0}, 0.0});
    pixels.back().rows.end = static_cast<std::int64_t>(i) + 1;
  }
  parts_ = cut(pixels, block_rows);
}

void ListedTargets::read(std::size_t part, Table& out) const {
  std::vector<std::size_t> rows(static_cast<std::size_t>(parts_[part].rows.size()));
  std::iota(rows.begin(), rows.end(), static_cast<std::size_t>(parts_[part].rows.begin));
  gather_known(table_, rows, out);
}

}  // namespace skyfold
