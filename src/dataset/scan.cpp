// Reads the rows that a condition and a region choose: of a catalogue by its index and the statistics of its zones, of other tables
// block by block.
#include "skyfold/dataset/scan.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>

#include "skyfold/catalogue/halo.hpp"
#include "skyfold/catalogue/sky_search.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

/// The range of a column in each zone; empty where the file does not tell it as this program would.
std::vector<ColumnRange> zone_ranges(const Catalogue& catalogue, const ColumnInfo& column, std::size_t zones) {
  std::vector<ColumnRange> ranges;
  if (column.type == Type::text) return ranges;
  const Table table = catalogue.zone_statistics(column.name);
  const Column *low = table.find("min"), *high = table.find("max"), *missing = table.find("missing");
  const Type type = column.type == Type::i8 ? Type::i8 : Type::f8;  // older catalogues have rounded ranges of 64-bit integers
  // An index that is absent or of another form only costs time: all zones are read then. One that contradicts itself is damage.
  if (table.rows() != zones || !low || !high || !missing || low->info().type != type || high->info().type != type) return ranges;
  for (std::size_t zone = 0; zone < zones; ++zone) {
    const std::int64_t begin = static_cast<std::int64_t>(zone) * zone_rows, rows = std::min(zone_rows, catalogue.rows() - begin);
    // Elements, not rows: a column of several values counts each of them.
    const std::int64_t absent = missing->integer(zone), values = rows * static_cast<std::int64_t>(column.width);
    ColumnRange range{.is_whole = column.type != Type::f4 && column.type != Type::f8};
    range.may_be_missing = absent != 0;
    range.may_have_values = absent < values;
    if (range.may_have_values) {
      range.min = low->number(zone);
      range.max = high->number(zone);
      range.whole_min = low->integer(zone);
      range.whole_max = high->integer(zone);
      range.is_known = type == Type::i8 ? range.whole_min <= range.whole_max : range.min <= range.max;
      if (!range.is_known || absent < 0)
        throw DataError(fmt::format("{}: the range of column {} in zone {} is none (damaged)", catalogue.path(), column.name, zone));
    }
    ranges.push_back(range);
  }
  return ranges;
}

/// Columns of positions of a table that has no HEALPix index.
std::pair<ColumnInfo, ColumnInfo> positions_of(const Dataset& dataset) {
  const TableRoles roles =
      find_roles(dataset.schema(), {.path = dataset.path(), .lon = RoleAsked{"", "", false}, .lat = RoleAsked{"", "", false}});
  if (!roles.position) throw UsageError(dataset.path() + ": no coordinates are known (a region of the sky needs them)");
  return {dataset.number_column(roles.position->lon, ""), dataset.number_column(roles.position->lat, "")};
}

void add_once(Schema& schema, const ColumnInfo& column) {
  if (!find_column(schema, column.name)) schema.push_back(column);
}

ScanCounts scan_catalogue(const Catalogue& catalogue, const ScanRequest& request, const Schema& wanted,
                          const std::function<void(const Table&, std::span<const std::int64_t>)>& use) {
  // Zone by zone, as the statistics and the checksums are: a zone of which no row is wanted is not touched.
  CatalogueScan chosen(catalogue, request.condition, request.region);
  Table rows(wanted);
  for (std::int64_t begin = 0; begin < catalogue.rows(); begin += zone_rows) {
    const std::vector<std::int64_t> numbers = chosen.rows({begin, std::min(begin + zone_rows, catalogue.rows())});
    if (numbers.empty()) continue;
    chosen.read(numbers, rows);
    use(rows, numbers);
  }
  return chosen.counts();
}

/// Of a table that is no catalogue: all of it is read.
ScanCounts scan_blocks(const Dataset& dataset, const ScanRequest& request, const Schema& wanted,
                       const std::function<void(const Table&, std::span<const std::int64_t>)>& use) {
  Schema columns = wanted;
  std::pair<ColumnInfo, ColumnInfo> position = {ColumnInfo{}, ColumnInfo{}};
  if (request.region) {
    position = positions_of(dataset);
    for (const ColumnInfo& column : {position.first, position.second}) add_once(columns, column);
  }
  if (request.condition)
    for (const std::string& name : request.condition->columns()) add_once(columns, dataset.column(name, ""));
  ScanCounts counts;
  dataset.each_block(columns, zone_rows, [&](const Table& block, std::int64_t first_row) {
    std::vector<std::uint8_t> holds(block.rows(), 1);
    // The condition goes first, as it is cheaper than a position on the sphere.
    if (request.condition) request.condition->evaluate(block, holds);
    std::vector<std::size_t> rows;
    std::vector<std::int64_t> numbers;
    for (std::size_t i = 0; i < holds.size(); ++i) {
      if (!holds[i]) continue;
      if (request.region) {
        const Position at{block.at(position.first.name).number(i), block.at(position.second.name).number(i)};
        if (!is_valid(at))
          // Only rows that the condition holds for: it can keep those without a position away.
          throw DataError(fmt::format("{}, row {}: {} = {}, {} = {} (no position in degrees)", dataset.path(),
                                      first_row + static_cast<std::int64_t>(i) + 1, position.first.name, shortest(at.ra),
                                      position.second.name, shortest(at.dec)));
        if (!contains(*request.region, healpix29(at))) continue;
      }
      rows.push_back(i);
      numbers.push_back(first_row + static_cast<std::int64_t>(i));
    }
    ++counts.blocks;
    // Without an index every block is read, so both counts are the same.
    ++counts.blocks_read;
    counts.bytes_read += static_cast<std::int64_t>(block.rows() * bytes_per_row(columns));
    if (rows.empty()) return;
    // Columns that were read for the condition or the region alone are left out here.
    Table chosen(wanted, rows.size());
    gather_rows(block, rows, chosen);
    use(chosen, numbers);
  });
  return counts;
}

}  // namespace

CatalogueScan::CatalogueScan(const Catalogue& catalogue, std::optional<Condition> condition, std::vector<RowRange> among)
    : CatalogueScan(catalogue, std::move(condition)) {
  in_region_ = std::move(among);
}

CatalogueScan::CatalogueScan(const Catalogue& catalogue, std::optional<Condition> condition, const std::optional<Region>& region)
    : catalogue_(catalogue), condition_(std::move(condition)) {
  counts_.blocks = (catalogue.rows() + zone_rows - 1) / zone_rows;
  if (condition_)
    for (const std::string& name : condition_->columns()) {
      needs_.push_back(catalogue.schema()[*find_column(catalogue.schema(), name)]);
      ranges_.push_back(zone_ranges(catalogue, needs_.back(), static_cast<std::size_t>(counts_.blocks)));
    }
  if (!region) return;
  if (!find_column(catalogue.schema(), healpix_column))
    throw UsageError(catalogue.path() + ": has no positions (a region of the sky needs them)");
  if (catalogue.layout().ordering == Ordering::healpix)
    // In the order of the sky a region is a few ranges of rows; in any other order the key of each row is looked at.
    in_region_ = HaloFinder(catalogue).rows_in(*region, 0);
  else
    region_ = region;
}

PossibleTruth CatalogueScan::possible_in(std::int64_t zone) const {
  std::vector<ColumnRange> ranges;
  // A column without ranges may have any value, so it rules no zone out.
  for (const auto& of_column : ranges_) ranges.push_back(of_column.empty() ? ColumnRange{} : of_column[static_cast<std::size_t>(zone)]);
  return condition_->possible(ranges);
}

/// The parts of a range that lie in the region, as far as the index tells, cut at the zones.
std::vector<RowRange> CatalogueScan::parts_of(RowRange within) const {
  std::vector<RowRange> parts;
  const auto add = [&](RowRange range) {
    range = {std::max(range.begin, within.begin), std::min(range.end, within.end)};
    while (range.begin < range.end) {
      const std::int64_t end = std::min(range.end, (range.begin / zone_rows + 1) * zone_rows);
      parts.push_back({range.begin, end});
      range.begin = end;
    }
  };
  if (!in_region_) {
    add(within);
    return parts;
  }
  // The ranges are sorted and apart: the first that ends behind the beginning is the first that can have rows.
  auto first = std::ranges::upper_bound(*in_region_, within.begin, {}, &RowRange::end);
  for (; first != in_region_->end() && first->begin < within.end; ++first) add(*first);
  return parts;
}

std::vector<std::int64_t> CatalogueScan::rows(RowRange within) {
  std::vector<std::int64_t> rows;
  for (const RowRange& part : parts_of(within)) add_rows(part, rows);
  if (region_) keep_region(rows);
  return rows;
}

/// @param part  of one zone
void CatalogueScan::add_rows(RowRange part, std::vector<std::int64_t>& rows) {
  const PossibleTruth truth = condition_ ? possible_in(part.begin / zone_rows) : PossibleTruth{true, false};
  if (!truth.may_hold) return;
  std::vector<std::uint8_t> holds(static_cast<std::size_t>(part.size()), 1);
  // Where the statistics say that all rows hold, not even the columns of the condition are read.
  if (truth.may_fail) condition_->evaluate(read_block(needs_, part), holds);
  for (std::size_t i = 0; i < holds.size(); ++i)
    if (holds[i]) rows.push_back(part.begin + static_cast<std::int64_t>(i));
}

/// For catalogues that are in another order than that of the sky.
void CatalogueScan::keep_region(std::vector<std::int64_t>& rows) {
  const Schema key = {catalogue_.schema()[*find_column(catalogue_.schema(), healpix_column)]};
  std::vector<std::int64_t> kept;
  for (auto first = rows.begin(); first != rows.end();) {
    // Rows of one zone at a time: keys are read by range, and a range from the first to the last row could be the whole catalogue.
    const auto last = std::upper_bound(first, rows.end(), (*first / zone_rows + 1) * zone_rows - 1);
    Table keys(key);
    read(std::span(first, last), keys);
    for (auto row = first; row != last; ++row)
      if (contains(*region_, keys[0].values<std::int64_t>()[static_cast<std::size_t>(row - first)])) kept.push_back(*row);
    first = last;
  }
  rows.swap(kept);
}

void CatalogueScan::read(std::span<const std::int64_t> rows, Table& out) {
  // The span from first to last row is read and then thinned out: one read of neighbours is cheaper than many of single rows.
  const RowRange range{rows.front(), rows.back() + 1};
  const Table block = read_block(out.schema(), range);
  std::vector<std::size_t> places;
  for (const std::int64_t row : rows) places.push_back(static_cast<std::size_t>(row - range.begin));
  out.resize(places.size());
  gather_rows(block, places, out);
}

Table CatalogueScan::read_block(const Schema& columns, RowRange rows) {
  Table block(columns);
  catalogue_.reader().read(rows, block);
  counts_.bytes_read += rows.size() * static_cast<std::int64_t>(bytes_per_row(columns));
  const std::int64_t zone = rows.begin / zone_rows;
  // Condition, key and columns are read one after the other from one zone; it counts once.
  counts_.blocks_read += zone != std::exchange(last_zone_, zone);
  return block;
}

std::vector<RowRange> rows_in_areas(const Catalogue& catalogue, std::span<const SkyArea> areas) {
  std::vector<RowRange> rows;
  if (catalogue.rows() > 0) rows.push_back({0, catalogue.rows()});
  if (areas.empty()) return rows;
  SkySearch search(catalogue);
  for (const SkyArea& area : areas) rows = common_rows(rows, search.rows(area));
  return rows;
}

ScanCounts scan(const Dataset& dataset, const ScanRequest& request,
                const std::function<void(const Table&, std::span<const std::int64_t>)>& use) {
  Schema wanted;
  for (const std::string& name : request.columns) add_once(wanted, dataset.column(name, ""));
  if (dataset.catalogue()) return scan_catalogue(*dataset.catalogue(), request, wanted, use);
  return scan_blocks(dataset, request, wanted, use);
}

}  // namespace skyfold
