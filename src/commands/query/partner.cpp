// Tables that belong together: row by row where they have the same rows, which their ids or positions prove, else by ids.
#include "partner.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "skyfold/core/error.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t block_rows = 65'536, join_rows = 512;

std::uint64_t hash_of_id(const Column& ids, std::size_t row) {
  return ids.info().type == Type::text ? hash_text(ids.text(row)) : static_cast<std::uint64_t>(ids.integer(row));
}

}  // namespace

std::string id_column(const Dataset& table) {
  if (table.catalogue()) return table.catalogue()->layout().roles.id;
  return find_roles(table.schema(), {.path = table.path(), .id = RoleAsked{"", "", false}}).id;
}

struct Partner::Impl {
  /// An id, and the row that has it.
  struct Place {
    std::uint64_t id;
    std::int64_t row;
  };

  Impl(const Dataset& first, const std::string& path, const SourceOptions& source)
      : other(path, source), key(id_column(first)), other_key(id_column(other)) {
    for (const ColumnInfo& column : other.schema())
      (find_column(first.schema(), column.name) ? repeated : own_names).push_back(column.name);
    for (const std::string& name : own_names) own.push_back(other.column(name, ""));
    has_same_rows = is_same_rows(first);
    if (!has_same_rows) index_ids(first);
    if (!key.empty()) needs = {key};
  }

  /// Whether the tables are the same objects in the same order: as many rows, and the ids, or the keys of the sky, of the first rows are
  /// equal. The others are compared when they are read.
  bool is_same_rows(const Dataset& first) {
    if (first.rows() != other.rows()) return false;
    if (key.empty() || other_key.empty()) {
      key = other_key = healpix_column;
      if (!find_column(first.schema(), key) || !find_column(other.schema(), key))
        throw DataError(
            fmt::format("{}: cannot be joined with {} (both need ids, or places on the sky, to prove that rows belong together)",
                        other.path(), first.path()));
    }
    if (first.rows() == 0) return true;
    const Table a = head(first, key), b = head(other, other_key);
    for (std::size_t i = 0; i < std::min(a.rows(), b.rows()); ++i)
      if (key_of(a[0], i) != key_of(b[0], i)) return false;
    return true;
  }
  static Table head(const Dataset& table, const std::string& name) {
    Table rows({table.column(name, "")});
    const std::vector<Piece> pieces = table.source().pieces(block_rows);
    if (!pieces.empty()) read_piece(table.source(), pieces.front(), rows);
    return rows;
  }

  void index_ids(const Dataset& first) {
    if (key.empty() || other_key.empty() || key == healpix_column)
      throw DataError(fmt::format("{}: has {} rows, {} has {}, and not both have ids (by which rows could be joined)", other.path(),
                                  grouped(other.rows()), first.path(), grouped(first.rows())));
    const Type a = first.column(key, "").type, b = other.column(other_key, "").type;
    if ((a == Type::text) != (b == Type::text))
      throw DataError(fmt::format("{}: ids {} are {}, those of {} are {} (cannot be compared)", other.path(), other_key,
                                  b == Type::text ? "texts" : "numbers", first.path(), a == Type::text ? "texts" : "numbers"));
    places.reserve(static_cast<std::size_t>(other.rows()));
    other.each_block({other.column(other_key, "")}, block_rows, [&](const Table& rows, std::int64_t first_row) {
      for (std::size_t i = 0; i < rows.rows(); ++i) places.push_back({hash_of_id(rows[0], i), first_row + static_cast<std::int64_t>(i)});
    });
    std::ranges::sort(places, [](const Place& x, const Place& y) { return x.id != y.id ? x.id < y.id : x.row < y.row; });
    const auto twice = std::ranges::adjacent_find(places, {}, &Place::id);
    if (twice != places.end())
      throw DataError(
          fmt::format("{}: rows {} and {} have one id (which belongs to the object?)", other.path(), twice->row + 1, (twice + 1)->row + 1));
  }

  [[nodiscard]] std::int64_t row_of(const Column& ids, std::size_t i) const {
    const std::uint64_t id = hash_of_id(ids, i);
    const auto found = std::ranges::lower_bound(places, id, {}, &Place::id);
    return found != places.end() && found->id == id ? found->row : -1;
  }

  /// Reads rows of the other table, increasing: those near each other at once.
  void read_rows(std::span<const std::int64_t> rows, Table& out) const {
    const Schema schema = out.schema();
    out.resize(rows.size());
    if (!other.catalogue()) return read_plain(rows, out);
    Table run(schema);
    std::vector<std::size_t> wanted;
    for (std::size_t first = 0; first < rows.size();) {
      std::size_t last = first;
      while (last + 1 < rows.size() && rows[last + 1] - rows[last] <= join_rows && rows[last + 1] - rows[first] < block_rows) ++last;
      other.catalogue()->reader().read({rows[first], rows[last] + 1}, run);
      wanted.clear();
      for (std::size_t i = first; i <= last; ++i) wanted.push_back(static_cast<std::size_t>(rows[i] - rows[first]));
      gather_rows(run, wanted, out, first);
      first = last + 1;
    }
  }
  /// Of a table that is no catalogue: piece by piece; the last one is kept.
  void read_plain(std::span<const std::int64_t> rows, Table& out) const {
    if (pieces.empty()) pieces = other.source().pieces(block_rows);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto after = std::ranges::upper_bound(pieces, rows[i], {}, &Piece::first_row);
      const auto piece = static_cast<std::size_t>(after - pieces.begin()) - 1;
      if (piece != held_piece) {
        held_piece = SIZE_MAX;
        held = Table(out.schema());
        read_piece(other.source(), pieces[piece], held);
        held_piece = piece;
      }
      const std::size_t at[] = {static_cast<std::size_t>(rows[i] - pieces[piece].first_row)};
      gather_rows(held, at, out, i);
    }
  }

  void read(std::span<const std::int64_t> numbers, const Table& rows, Table& out, std::vector<std::uint8_t>& found) const {
    const Column& ids = rows.at(key);
    found.assign(numbers.size(), 1);
    std::vector<std::pair<std::int64_t, std::size_t>> places_of;  // row of the other table, place here
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const std::int64_t row = has_same_rows ? numbers[i] : row_of(ids, i);
      if (row >= 0)
        places_of.emplace_back(row, i);
      else
        found[i] = 0;
    }
    std::ranges::sort(places_of);
    std::vector<std::int64_t> wanted;
    for (const auto& place : places_of) wanted.push_back(place.first);
    Schema schema = out.schema();
    // With the ids, which prove that the rows belong together; texts are found by hash.
    if (!find_column(schema, other_key)) schema.push_back(other.column(other_key, ""));
    Table read_here(schema);
    if (!wanted.empty()) read_rows(wanted, read_here);
    out.resize(numbers.size());
    for (std::size_t c = 0; c < out.columns(); ++c) std::ranges::fill(out[c].bytes(), std::byte{0});
    const Column& its_ids = read_here.at(other_key);
    for (std::size_t k = 0; k < wanted.size(); ++k) {
      const auto [row, i] = places_of[k];
      if (key_of(its_ids, k) != key_of(ids, i))
        throw DataError(fmt::format("{}, row {}: {} = {}, where the other table's row {} has {} (not the same rows)", other.path(), row + 1,
                                    other_key, key_of(its_ids, k), numbers[i] + 1, key_of(ids, i)));
      for (std::size_t c = 0; c < out.columns(); ++c) copy_rows(read_here.at(out[c].info().name), k, k + 1, out[c], i);
    }
  }

  Dataset other;
  std::string key, other_key;
  std::vector<std::string> own_names, repeated, needs;
  Schema own;
  bool has_same_rows = false;
  std::vector<Place> places;  ///< by id
  mutable std::vector<Piece> pieces;
  mutable std::size_t held_piece = SIZE_MAX;
  mutable Table held;
};

Partner::Partner(const Dataset& table, const std::string& path, const SourceOptions& source)
    : impl_(std::make_unique<Impl>(table, path, source)) {}
Partner::~Partner() = default;
const Schema& Partner::schema() const noexcept { return impl_->own; }
const std::vector<std::string>& Partner::left_out() const noexcept { return impl_->repeated; }
const std::vector<std::string>& Partner::needs() const noexcept { return impl_->needs; }
std::string Partner::description() const {
  return impl_->has_same_rows ? "the same rows" : fmt::format("by ids, {} and {}", impl_->key, impl_->other_key);
}
void Partner::read(std::span<const std::int64_t> numbers, const Table& rows, Table& out, std::vector<std::uint8_t>& found) const {
  impl_->read(numbers, rows, out, found);
}

}  // namespace skyfold
