// From measurements to their objects: by hashes of ids, in a directory that takes two reads of memory for each, or by position, with an
// index of zones.
#include "object_join.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "rows.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/sky/match.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t chunk_rows = 1 << 17;
constexpr std::int64_t id_bytes = 24, position_bytes = 64;  // of an object in memory, its directory or index included
constexpr double largest_radius = 3600.0;

struct HashedObject {
  std::uint64_t hash;
  std::int64_t row;
};

/// Calls `use` for all objects whose id's hash is in one of so many equal ranges.
template <class Use>
void for_each_hash(const Catalogue& catalogue, std::int64_t share, std::int64_t shares, const Use& use) {
  const Schema& schema = catalogue.schema();
  Table ids({schema[*find_column(schema, catalogue.layout().roles.id)]});
  std::vector<std::uint64_t> hashes;
  for (std::int64_t begin = 0; begin < catalogue.rows(); begin += chunk_rows) {
    catalogue.reader().read({begin, std::min(begin + chunk_rows, catalogue.rows())}, ids);
    hashes.resize(ids.rows());
    hash_ids(ids[0], hashes);
    for (std::size_t i = 0; i < hashes.size(); ++i)
      if (static_cast<std::int64_t>((static_cast<unsigned __int128>(hashes[i]) * static_cast<std::uint64_t>(shares)) >> 64) == share)
        use(hashes[i], begin + static_cast<std::int64_t>(i));
  }
}

/// Objects by the leading bits of their ids' hashes.
class IdShare final : public ObjectShare {
 public:
  IdShare(const Catalogue& catalogue, std::string column, std::int64_t share, std::int64_t shares)
      : column_(std::move(column)), share_(static_cast<std::uint64_t>(share)), shares_(static_cast<std::uint64_t>(shares)) {
    std::uint64_t count = 0;
    for_each_hash(catalogue, share, shares, [&](std::uint64_t, std::int64_t) { ++count; });
    // Two objects a place: a directory of a fifth of the objects' size.
    shift_ = 64 - static_cast<int>(std::bit_width(std::max<std::uint64_t>(count / 2, 1)));
    first_.assign((std::uint64_t{1} << (64 - shift_)) + 1, 0);
    for_each_hash(catalogue, share, shares, [&](std::uint64_t hash, std::int64_t) { ++first_[place_of(hash) + 1]; });
    for (std::size_t i = 1; i < first_.size(); ++i) first_[i] += first_[i - 1];
    objects_.resize(count);
    std::vector<std::uint32_t> next(first_.begin(), first_.end() - 1);
    for_each_hash(catalogue, share, shares, [&](std::uint64_t hash, std::int64_t row) { objects_[next[place_of(hash)]++] = {hash, row}; });
    refuse_repeated(catalogue);
  }

  void find(const Table& rows, std::size_t begin, std::size_t end, std::span<std::int64_t> object, std::span<double>) const override {
    constexpr std::size_t batch = 64;
    const Column& ids = rows.at(column_);
    const bool is_text = ids.info().type == Type::text;
    std::uint64_t hash[batch];
    for (std::size_t from = begin; from < end; from += batch) {
      const std::size_t n = std::min(batch, end - from);
      for (std::size_t i = 0; i < n; ++i) {
        hash[i] = hash_of_id(ids, from + i, is_text);
        // Both reads are far from the last ones: all of a batch are under way together.
        __builtin_prefetch(&first_[place_of(hash[i])]);
      }
      for (std::size_t i = 0; i < n; ++i) __builtin_prefetch(objects_.data() + first_[place_of(hash[i])]);
      for (std::size_t i = 0; i < n; ++i) {
        if (share_of(hash[i]) != share_) continue;
        const std::size_t place = place_of(hash[i]);
        for (std::uint32_t k = first_[place]; k < first_[place + 1]; ++k)
          if (objects_[k].hash == hash[i]) object[from + i] = objects_[k].row;
      }
    }
  }

 private:
  [[nodiscard]] std::uint64_t share_of(std::uint64_t hash) const noexcept {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(hash) * shares_) >> 64);
  }
  /// By what is left of the hash when the share is taken off, which is as evenly spread.
  [[nodiscard]] std::size_t place_of(std::uint64_t hash) const noexcept { return static_cast<std::size_t>((hash * shares_) >> shift_); }

  void refuse_repeated(const Catalogue& catalogue) const {
    for (std::size_t place = 0; place + 1 < first_.size(); ++place)
      for (std::uint32_t k = first_[place]; k < first_[place + 1]; ++k)
        for (std::uint32_t other = first_[place]; other < k; ++other)
          if (objects_[k].hash == objects_[other].hash)
            throw DataError(fmt::format("{}, column {}: rows {} and {} have the same id (whose measurements could not be told apart)",
                                        catalogue.path(), catalogue.layout().roles.id, objects_[other].row + 1, objects_[k].row + 1));
  }

  std::string column_;
  std::uint64_t share_, shares_;
  int shift_ = 0;
  std::vector<std::uint32_t> first_;  ///< by place; one more at the end
  std::vector<HashedObject> objects_;
};

/// Objects of a range of rows, found by position.
class PositionShare final : public ObjectShare {
 public:
  PositionShare(const Catalogue& catalogue, const std::vector<std::string>& columns, double radius_arcsec, RowRange rows)
      : ra_column_(columns.at(0)), dec_column_(columns.at(1)), first_row_(rows.begin), index_(made(catalogue, radius_arcsec, rows)) {}

  void find(const Table& rows, std::size_t begin, std::size_t end, std::span<std::int64_t> object,
            std::span<double> separation) const override {
    const auto ra = rows.at(ra_column_).values<double>(), dec = rows.at(dec_column_).values<double>();
    std::vector<SkyIndex::Found> found;
    for (const std::uint32_t at : by_declination(ra, dec, begin, end)) {
      const std::size_t i = begin + at;
      found.clear();
      index_.find(ra[i], dec[i], found);
      for (const SkyIndex::Found& f : found) {
        const std::int64_t row = first_row_ + f.object;
        // Of objects as near as each other the first: the answer does not depend on the order in which they are found.
        const bool is_first =
            object[i] < 0 || f.separation_arcsec < separation[i] || (f.separation_arcsec == separation[i] && row < object[i]);
        if (!is_first) continue;
        object[i] = row;
        separation[i] = f.separation_arcsec;
      }
    }
  }

 private:
  /// Rows with a position, from `begin`, in the order of the index, so that what is looked at for one is in the cache for the next.
  static std::vector<std::uint32_t> by_declination(std::span<const double> ra, std::span<const double> dec, std::size_t begin,
                                                   std::size_t end) {
    std::vector<std::pair<float, std::uint32_t>> places;
    places.reserve(end - begin);
    for (std::size_t i = begin; i < end; ++i)
      if (is_valid({ra[i], dec[i]})) places.emplace_back(static_cast<float>(dec[i]), static_cast<std::uint32_t>(i - begin));
    std::ranges::sort(places);
    std::vector<std::uint32_t> rows(places.size());
    std::ranges::transform(places, rows.begin(), [](const auto& place) { return place.second; });
    return rows;
  }
  static SkyIndex made(const Catalogue& catalogue, double radius_arcsec, RowRange rows) {
    const Roles& roles = catalogue.layout().roles;
    Table positions({{roles.ra, Type::f8}, {roles.dec, Type::f8}});
    catalogue.reader().read(rows, positions);
    return {positions[0].values<double>(), positions[1].values<double>(), radius_arcsec};
  }

  std::string ra_column_, dec_column_;
  std::int64_t first_row_;
  SkyIndex index_;
};

}  // namespace

JoinRule join_rule(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string by = text.substr(0, colon), value = colon == std::string::npos ? "" : std::string(trim(text.substr(colon + 1)));
  if (by == "id" && !value.empty()) return {JoinRule::By::id, value, 0.0};
  const auto radius = by == "position" ? parse_double(value) : std::nullopt;
  if (!radius) throw UsageError(fmt::format("--join = {} (must be id:COLUMN or position:ARCSEC)", text));
  if (!(*radius > 0.0 && *radius <= largest_radius))
    throw UsageError(fmt::format("--join = {} (the radius must be above 0 and at most {} arcsec)", text, largest_radius));
  return {JoinRule::By::position, "", *radius};
}

std::int64_t object_shares(const Catalogue& catalogue, const JoinRule& rule, std::int64_t memory_bytes) {
  const std::int64_t bytes = catalogue.rows() * (rule.is_by_id() ? id_bytes : position_bytes);
  // Numbers of objects within a share have 32 bits.
  const std::int64_t most_rows = std::numeric_limits<std::int32_t>::max();
  return std::max({std::int64_t{1}, (bytes + memory_bytes - 1) / memory_bytes, catalogue.rows() / most_rows + 1});
}

std::unique_ptr<ObjectShare> read_object_share(const Catalogue& catalogue, const JoinRule& rule, const std::vector<std::string>& columns,
                                               std::int64_t share, std::int64_t shares) {
  if (rule.is_by_id()) return std::make_unique<IdShare>(catalogue, columns.at(0), share, shares);
  const std::int64_t rows = catalogue.rows();
  return std::make_unique<PositionShare>(
      catalogue, columns, rule.radius_arcsec,
      RowRange{rows / shares * share + std::min(share, rows % shares), rows / shares * (share + 1) + std::min(share + 1, rows % shares)});
}

}  // namespace skyfold
