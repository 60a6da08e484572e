// Searches of the sky in a catalogue: pixels become ranges of rows by the statistics of zones and the keys in them, and the rows on the
// border of a shape are looked at one by one. What was read stays in a window of zones, so that shapes in the order of the sky read each
// zone once.
#include "skyfold/catalogue/sky_search.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/sky/match.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t few_rows = 32;        // of a pixel that is not cut further: to judge a row costs less than to bound a pixel
constexpr std::size_t zones_in_memory = 16;  // 1.5 MB each with positions: what shapes in the order of the sky go to and fro between

std::size_t column_of(const Catalogue& catalogue, const std::string& name) {
  const auto found = find_column(catalogue.schema(), name);
  if (name.empty() || !found) throw UsageError(catalogue.path() + ": has no positions (a region of the sky needs them)");
  return *found;
}

/// Keys and positions of one zone, as far as they were asked for.
struct SkyZone {
  AlignedVector<std::int64_t> key;
  AlignedVector<double> ra, dec;
};

/// The first of some increasing keys that is not below `key`; without a branch that the processor would have to guess.
const std::int64_t* first_not_below(const std::int64_t* from, const std::int64_t* to, std::int64_t key) noexcept {
  auto n = static_cast<std::size_t>(to - from);
  while (n > 0) {
    const std::size_t half = (n + 1) / 2;
    from += from[half - 1] < key ? half : 0;
    n -= half;
  }
  return from;
}

/// Zones of a catalogue, read when they are needed; those that were not used for longest go.
class SkyZones {
 public:
  explicit SkyZones(const Catalogue& catalogue)
      : catalogue_(catalogue),
        key_(column_of(catalogue, healpix_column)),
        ra_(column_of(catalogue, catalogue.layout().roles.ra)),
        dec_(column_of(catalogue, catalogue.layout().roles.dec)),
        zones_(static_cast<std::size_t>((catalogue.rows() + zone_rows - 1) / zone_rows)) {}

  [[nodiscard]] RowRange rows(std::int64_t zone) const { return {zone * zone_rows, std::min((zone + 1) * zone_rows, catalogue_.rows())}; }
  const AlignedVector<std::int64_t>& keys(std::int64_t zone) {
    SkyZone& held = hold(zone);
    if (held.key.empty()) {
      held.key.resize(static_cast<std::size_t>(rows(zone).size()));
      catalogue_.reader().read(key_, rows(zone), std::as_writable_bytes(std::span(held.key)));
    }
    return held.key;
  }
  const SkyZone& positions(std::int64_t zone) {
    (void)keys(zone);
    SkyZone& held = hold(zone);
    if (held.ra.empty()) {
      read_numbers(ra_, rows(zone), held.ra);
      read_numbers(dec_, rows(zone), held.dec);
    }
    return held;
  }

 private:
  SkyZone& hold(std::int64_t zone) {
    std::unique_ptr<SkyZone>& held = zones_[static_cast<std::size_t>(zone)];
    if (held) {
      if (in_memory_.back() != zone) {
        std::erase(in_memory_, zone);
        in_memory_.push_back(zone);
      }
      return *held;
    }
    if (in_memory_.size() == zones_in_memory) {
      // With its memory, which the system would have to clear anew.
      held = std::move(zones_[static_cast<std::size_t>(in_memory_.front())]);
      in_memory_.erase(in_memory_.begin());
      for (AlignedVector<double>* values : {&held->ra, &held->dec}) values->clear();
      held->key.clear();
    } else {
      held = std::make_unique<SkyZone>();
    }
    in_memory_.push_back(zone);
    return *held;
  }
  void read_numbers(std::size_t column, RowRange rows, AlignedVector<double>& values) const {
    values.resize(static_cast<std::size_t>(rows.size()));
    if (catalogue_.schema()[column].type == Type::f8)
      return catalogue_.reader().read(column, rows, std::as_writable_bytes(std::span(values)));
    Table table({catalogue_.schema()[column]});
    catalogue_.reader().read(rows, table);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = table[0].number(i);
  }

  const Catalogue& catalogue_;
  std::size_t key_, ra_, dec_;
  std::vector<std::unique_ptr<SkyZone>> zones_;
  std::vector<std::int64_t> in_memory_;  ///< the one used last at the end
};

/// Smallest key of each zone of a catalogue in the order of the sky.
std::vector<std::int64_t> first_keys(const Catalogue& catalogue, SkyZones& zones) {
  std::vector<std::int64_t> first;
  const auto count = static_cast<std::size_t>((catalogue.rows() + zone_rows - 1) / zone_rows);
  const Table statistics = catalogue.zone_statistics(healpix_column);
  const Column* low = statistics.find("min");
  // Older catalogues have rounded statistics of 64-bit numbers.
  const bool is_exact = low && statistics.rows() == count && low->info().type == Type::i8;
  for (std::size_t zone = 0; zone < count; ++zone)
    first.push_back(is_exact ? low->integer(zone) : zones.keys(static_cast<std::int64_t>(zone)).front());
  if (!std::ranges::is_sorted(first)) throw DataError(catalogue.path() + ": the ranges of its keys are damaged");
  return first;
}

void add_range(std::vector<RowRange>& ranges, std::int64_t begin, std::int64_t end) {
  if (!ranges.empty() && ranges.back().end == begin)
    ranges.back().end = end;
  else
    ranges.push_back({begin, end});
}

}  // namespace

struct SkySearch::Impl {
  explicit Impl(const Catalogue& c) : catalogue(c), zones(c) {
    if (c.layout().ordering != Ordering::healpix) return;
    first = first_keys(c, zones);
    lookup = [this](KeyRange keys, const AreaRows& within) {
      const std::int64_t begin = row_of(keys.begin, within.begin, within.end);
      return AreaRows{begin, row_of(keys.end, begin, within.end), -1};
    };
  }

  /// First row of [begin, end) whose key is >= `key`; `end` when there is none.
  std::int64_t row_of(std::int64_t key, std::int64_t begin, std::int64_t end) {
    if (begin >= end) return begin;
    // The last zone that begins before the key, within those of the rows: its keys or the next zone's beginning have the place.
    const auto low = first.begin() + begin / zone_rows, high = first.begin() + (end - 1) / zone_rows + 1;
    const auto after = std::lower_bound(low, high, key);
    if (after == low) return begin;
    const std::int64_t zone = (after - first.begin()) - 1;
    const std::int64_t* const keys = zones.keys(zone).data();
    const RowRange rows = zones.rows(zone);
    const std::int64_t *const from = keys + std::max<std::int64_t>(0, begin - rows.begin), *const to = keys + (std::min(end, rows.end) -
                                                                                                               rows.begin);
    // Pixels are asked for one after the other, so that most begin where the one before ended.
    if (*from >= key) return rows.begin + (from - keys);
    if (to[-1] < key) return rows.begin + (to - keys);
    return rows.begin + (first_not_below(from, to, key) - keys);
  }

  /// Those of some rows that a shape holds.
  void judge(const SkyArea& area, const AreaRows& rows, std::vector<RowRange>& ranges) {
    for (std::int64_t row = rows.begin; row < rows.end;) {
      const std::int64_t zone = row / zone_rows, end = std::min(rows.end, (zone + 1) * zone_rows);
      const SkyZone& held = zones.positions(zone);
      const auto at = static_cast<std::size_t>(row - zone * zone_rows), count = static_cast<std::size_t>(end - row);
      inside.resize(count);
      area.holds(rows.shape, std::span(held.key).subspan(at, count), std::span(held.ra).subspan(at, count),
                 std::span(held.dec).subspan(at, count), inside);
      for (std::size_t i = 0; i < count; ++i)
        if (inside[i]) add_range(ranges, row + static_cast<std::int64_t>(i), row + static_cast<std::int64_t>(i) + 1);
      row = end;
    }
  }

  void search(const SkyArea& area, std::int32_t shape, std::vector<RowRange>& ranges) {
    found.clear();
    area.search(shape, {0, catalogue.rows(), -1}, lookup, few_rows, found);
    for (const AreaRows& rows : found)
      if (rows.shape < 0)
        add_range(ranges, rows.begin, rows.end);
      else
        judge(area, rows, ranges);
  }

  /// All keys and positions, of a catalogue in another order.
  std::vector<RowRange> look_through(const SkyArea& area) {
    const AreaLookup shapes(area);
    std::vector<RowRange> ranges;
    for (std::int64_t zone = 0; zone * zone_rows < catalogue.rows(); ++zone) {
      const RowRange rows = zones.rows(zone);
      const AlignedVector<std::int64_t>& keys = zones.keys(zone);
      for (std::size_t i = 0; i < keys.size(); ++i) {
        const AreaLookup::Place place = shapes.place_of(keys[i]);
        if (place == AreaLookup::Place::outside) continue;
        const std::int64_t row = rows.begin + static_cast<std::int64_t>(i);
        const auto position = [&] {
          const SkyZone& held = zones.positions(zone);
          return Position{held.ra[i], held.dec[i]};
        };
        if (place == AreaLookup::Place::inside || shapes.holds(keys[i], position())) add_range(ranges, row, row + 1);
      }
    }
    return ranges;
  }

  const Catalogue& catalogue;
  SkyZones zones;
  std::vector<std::int64_t> first;
  RowsOfKeys lookup;
  std::vector<AreaRows> found;
  std::vector<RowRange> near;
  std::vector<std::uint8_t> inside;
};

SkySearch::SkySearch(const Catalogue& catalogue) : impl_(std::make_unique<Impl>(catalogue)) {}
SkySearch::~SkySearch() = default;

void SkySearch::near(Position position, double radius_deg, std::vector<Near>& found) {
  SkyArea area;
  area.add_cone(position, radius_deg);
  impl_->near.clear();
  impl_->search(area, 0, impl_->near);
  found.clear();
  if (impl_->near.empty()) return;
  const Vector3 centre = direction_of(position.ra, position.dec);
  for (const RowRange& range : impl_->near)
    for (std::int64_t row = range.begin; row < range.end; ++row) {
      const SkyZone& zone = impl_->zones.positions(row / zone_rows);
      const auto at = static_cast<std::size_t>(row % zone_rows);
      found.push_back({row, separation_arcsec(centre, direction_of(zone.ra[at], zone.dec[at]))});
    }
  // Neighbouring pixels come in their order, but those of one shape may meet at the borders of the base pixels.
  std::ranges::sort(found, {}, &Near::row);
}

std::vector<RowRange> SkySearch::rows(const SkyArea& area) {
  if (!impl_->lookup) return impl_->look_through(area);
  std::vector<RowRange> ranges;
  for (const std::int32_t shape : area.in_sky_order()) impl_->search(area, shape, ranges);
  return united_rows(std::move(ranges));
}

std::vector<RowRange> united_rows(std::vector<RowRange> ranges) {
  std::ranges::sort(ranges, {}, &RowRange::begin);
  std::vector<RowRange> all;
  for (const RowRange& range : ranges)
    if (!all.empty() && range.begin <= all.back().end)
      all.back().end = std::max(all.back().end, range.end);
    else if (range.begin < range.end)
      all.push_back(range);
  return all;
}

std::vector<RowRange> common_rows(const std::vector<RowRange>& a, const std::vector<RowRange>& b) {
  std::vector<RowRange> both;
  for (std::size_t i = 0, k = 0; i < a.size() && k < b.size();) {
    if (const RowRange range = common(a[i], b[k]); range.begin < range.end) both.push_back(range);
    a[i].end < b[k].end ? ++i : ++k;
  }
  return both;
}

}  // namespace skyfold
