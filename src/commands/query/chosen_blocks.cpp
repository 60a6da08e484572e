// The rows that were asked for, a zone of a catalogue or a piece of another table at a time: place first, which the index tells, then the
// condition, then ids and chance, and the partner's columns last.
#include "chosen_blocks.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <numeric>

#include "skyfold/catalogue/id_search.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/id_list.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/kernels/archive_ids/archive_ids.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

void add_once(Schema& schema, const ColumnInfo& column) {
  if (!find_column(schema, column.name)) schema.push_back(column);
}

/// Ids that are wanted.
class WantedIds {
 public:
  /// @param id  the column of the table that they are looked up in
  WantedIds(const std::string& path, const ColumnInfo& id) {
    IdList list = read_id_list(path, id);
    texts_ = std::move(list.texts);
    std::ranges::sort(texts_);
    if (id.type != Type::text) numbers_.emplace(std::move(list.whole));
  }
  [[nodiscard]] bool contains(const Column& ids, std::size_t row) const {
    return numbers_ ? numbers_->contains(ids.integer(row)) : std::ranges::binary_search(texts_, ids.text(row), std::less<>());
  }
  /// None where they are texts.
  [[nodiscard]] const std::optional<WantedNumbers>& numbers() const { return numbers_; }

 private:
  std::optional<WantedNumbers> numbers_;
  std::vector<std::string> texts_;
};

}  // namespace

struct ChosenBlocks::Impl {
  Impl(const Dataset& t, RowsAsked a, const std::vector<std::string>& columns) : table(t), asked(std::move(a)) {
    if (asked.partner)
      for (const ColumnInfo& column : asked.partner->schema()) add_once(partner_schema, column);
    compile();
    if (!asked.ids.empty() || asked.share) take_id();
    if (!asked.ids.empty()) wanted_ids.emplace(asked.ids, table.column(id, "--ids"));
    std::vector<std::string> names = columns;
    if (later) names.insert(names.end(), later->columns().begin(), later->columns().end());
    for (const std::string& name : names)
      if (const auto its = find_column(partner_schema, name))
        add_once(wanted_partner, partner_schema[*its]);
      else
        add_once(wanted, table.column(name, "--columns"));
    if (asked.partner)
      for (const std::string& name : asked.partner->needs()) add_once(wanted, table.column(name, ""));
    schema = wanted;
    schema.insert(schema.end(), wanted_partner.begin(), wanted_partner.end());
    open();
  }

  /// A condition on columns of the table alone is asked before anything else is read.
  void compile() {
    if (trim(asked.where).empty()) return;
    Schema all = table.schema();
    for (const ColumnInfo& column : partner_schema) add_once(all, column);
    const Condition both(asked.where, all, "--where");
    const bool is_own =
        std::ranges::all_of(both.columns(), [&](const std::string& name) { return find_column(table.schema(), name).has_value(); });
    if (is_own)
      own.emplace(asked.where, table.schema(), "--where");
    else
      later = both;
  }

  void take_id() {
    const char* option = asked.ids.empty() ? "--sample" : "--ids";
    id = id_column(table);
    if (id.empty()) throw UsageError(fmt::format("{}: {} has no column of ids", option, table.path()));
    const Type type = table.column(id, option).type;
    if (type == Type::f4 || type == Type::f8)
      throw DataError(fmt::format("{}: {} has ids {} that are real numbers (whole ones or texts are needed)", option, table.path(), id));
  }

  void open() {
    if (const Catalogue* catalogue = table.catalogue()) {
      among = rows_in_areas(*catalogue, asked.areas);
      scan.emplace(*catalogue, own, among);
      blocks = (catalogue->rows() + zone_rows - 1) / zone_rows;
      if (wanted_ids && wanted_ids->numbers()) zones_with_ids = wanted_ids->numbers()->zones_of(*catalogue, id);
      return;
    }
    pieces = table.source().pieces(zone_rows);
    blocks = std::ssize(pieces);
    read_schema = wanted;
    if (own)
      for (const std::string& name : own->columns()) add_once(read_schema, table.column(name, ""));
    if (!id.empty()) add_once(read_schema, table.column(id, ""));
    if (asked.areas.empty()) return;
    const TableRoles roles =
        find_roles(table.schema(), {.path = table.path(), .lon = RoleAsked{"", "", true}, .lat = RoleAsked{"", "", true}});
    position = *roles.position;
    for (const std::string& name : {position.lon, position.lat}) {
      const ColumnInfo column = table.number_column(name, "");
      std::erase_if(read_schema, [&](const ColumnInfo& info) { return info.name == name && info.type != column.type; });
      add_once(read_schema, column);
    }
    for (const SkyArea& area : asked.areas) lookups.emplace_back(area);
  }

  [[nodiscard]] bool is_wanted(const Column& ids, std::size_t row) const {
    return (!wanted_ids || wanted_ids->contains(ids, row)) && (!asked.share || static_cast<double>(random_id_of(ids, row)) < *asked.share);
  }

  /// Rows of a catalogue that are wanted by themselves.
  std::vector<std::int64_t> rows_of(std::int64_t block) {
    if (zones_with_ids && !std::ranges::binary_search(*zones_with_ids, block)) return {};
    std::vector<std::int64_t> numbers = scan->rows({block * zone_rows, std::min((block + 1) * zone_rows, table.rows())});
    if (id.empty() || numbers.empty()) return numbers;
    Table ids({table.catalogue()->schema()[*find_column(table.catalogue()->schema(), id)]});
    scan->read(numbers, ids);
    std::vector<std::int64_t> kept;
    for (std::size_t i = 0; i < numbers.size(); ++i)
      if (is_wanted(ids[0], i)) kept.push_back(numbers[i]);
    return kept;
  }

  /// The same of a piece of another table, with its columns.
  std::vector<std::int64_t> read_piece_of(std::int64_t block, Table& rows) {
    const Piece& piece = pieces[static_cast<std::size_t>(block)];
    Table all(read_schema);
    read_piece(table.source(), piece, all);
    std::vector<std::uint8_t> holds(all.rows(), 1);
    if (own) own->evaluate(all, holds);
    std::vector<std::size_t> places;
    std::vector<std::int64_t> numbers;
    for (std::size_t i = 0; i < all.rows(); ++i) {
      if (!holds[i] || (!id.empty() && !is_wanted(all.at(id), i)) || !is_in_areas(all, i, piece.first_row)) continue;
      places.push_back(i);
      numbers.push_back(piece.first_row + static_cast<std::int64_t>(i));
    }
    rows = Table(wanted, places.size());
    gather_rows(all, places, rows);
    return numbers;
  }

  [[nodiscard]] bool is_in_areas(const Table& rows, std::size_t i, std::int64_t first_row) const {
    if (lookups.empty()) return true;
    const Position at{rows.at(position.lon).number(i), rows.at(position.lat).number(i)};
    if (!is_valid(at))
      throw DataError(fmt::format("{}, row {}: {} = {}, {} = {} (no position in degrees)", table.path(),
                                  first_row + static_cast<std::int64_t>(i) + 1, position.lon, shortest(at.ra), position.lat,
                                  shortest(at.dec)));
    const std::int64_t key = healpix29(at);
    return std::ranges::all_of(lookups, [&](const AreaLookup& lookup) {
      const AreaLookup::Place place = lookup.place_of(key);
      return place == AreaLookup::Place::inside || (place == AreaLookup::Place::border && lookup.holds(key, at));
    });
  }

  void read(std::int64_t block, Table& rows) {
    Table own_rows(wanted);
    std::vector<std::int64_t> numbers;
    if (scan) {
      numbers = rows_of(block);
      if (!numbers.empty() && !wanted.empty()) scan->read(numbers, own_rows);
      if (wanted.empty()) own_rows.resize(numbers.size());
    } else {
      numbers = read_piece_of(block, own_rows);
    }
    if (!asked.partner) {
      rows = std::move(own_rows);
      return;
    }
    join(numbers, own_rows, rows);
  }

  void join(std::span<const std::int64_t> numbers, const Table& own_rows, Table& rows) {
    Table beside(wanted_partner);
    std::vector<std::uint8_t> found;
    asked.partner->read(numbers, own_rows, beside, found);
    Table all = own_rows;
    for (std::size_t c = 0; c < beside.columns(); ++c) add_column(all, beside[c]);
    without_partner += static_cast<std::int64_t>(std::ranges::count(found, 0));
    std::vector<std::uint8_t> holds(all.rows(), 1);
    if (later) later->evaluate(all, holds);
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < found.size(); ++i)
      if (found[i] && holds[i]) places.push_back(i);
    rows = gather(all, places);
  }

  std::int64_t count(std::int64_t block) {
    if (asked.partner || !scan) {
      Table rows;
      read(block, rows);
      return static_cast<std::int64_t>(rows.rows());
    }
    if (own || !id.empty()) return std::ssize(rows_of(block));
    // By place alone the ranges tell.
    std::int64_t rows = 0;
    const RowRange zone{block * zone_rows, (block + 1) * zone_rows};
    for (auto range = std::ranges::upper_bound(among, zone.begin, {}, &RowRange::end); range != among.end() && range->begin < zone.end;
         ++range)
      rows += common(*range, zone).size();
    return rows;
  }

  const Dataset& table;
  RowsAsked asked;
  Schema partner_schema, wanted, wanted_partner, schema, read_schema;
  std::optional<Condition> own, later;  ///< the condition: on the table alone, or on both tables
  std::string id;                       ///< column that ids or chance need
  std::optional<WantedIds> wanted_ids;
  std::optional<std::vector<std::int64_t>> zones_with_ids;  ///< zones that may have some, where the ranges tell
  std::vector<RowRange> among;
  std::optional<CatalogueScan> scan;  ///< of a catalogue
  std::vector<Piece> pieces;          ///< of another table
  KnownPosition position;
  std::vector<AreaLookup> lookups;
  std::int64_t blocks = 0, without_partner = 0;
};

ChosenBlocks::ChosenBlocks(const Dataset& table, RowsAsked asked, const std::vector<std::string>& columns)
    : impl_(std::make_unique<Impl>(table, std::move(asked), columns)) {}
ChosenBlocks::~ChosenBlocks() = default;
const Schema& ChosenBlocks::schema() const noexcept { return impl_->schema; }
std::int64_t ChosenBlocks::blocks() const noexcept { return impl_->blocks; }
void ChosenBlocks::read(std::int64_t block, Table& rows) { impl_->read(block, rows); }
std::int64_t ChosenBlocks::count(std::int64_t block) { return impl_->count(block); }
std::int64_t ChosenBlocks::without_partner() const noexcept { return impl_->without_partner; }

}  // namespace skyfold
