// Rows of all inputs as one sequence: blocks, places for messages, and the 64-bit keys by which rows are ordered.
#include "rows.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <set>
#include <sstream>

#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/coordinates.hpp"
#include "skyfold/io/fits_original.hpp"
#include "skyfold/io/row_numbers.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

constexpr int tile_shift = 44;  // a tile's number above the 44 leading bits of the HEALPix key

/// Increasing integers for increasing doubles; NaN last.
std::int64_t ordered_bits(double value) {
  if (std::isnan(value)) return std::numeric_limits<std::int64_t>::max();
  const auto bits = std::bit_cast<std::int64_t>(value == 0.0 ? 0.0 : value);  // -0 and 0 are the same value
  return bits >= 0 ? bits : bits ^ std::numeric_limits<std::int64_t>::max();  // larger magnitudes of negatives come first
}

/// Keys of a column of whole numbers: the numbers themselves. Keys are 64 bits wide too, and two of them mean something
/// else; so the largest and the smallest number take the key of their neighbours, which cannot be ordered then.
///
/// @param refuse  is called with the place of a number that cannot be ordered
template <class Refuse>
void whole_keys(const Column& column, std::span<std::int64_t> key, const Refuse& refuse) {
  constexpr std::int64_t smallest = std::numeric_limits<std::int64_t>::min(), largest = std::numeric_limits<std::int64_t>::max();
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (key[i] == dropped_key) continue;
    const std::int64_t value = column.integer(i);
    if (column.info().null == value)
      key[i] = largest;
    else if (value == smallest + 1 || value == largest - 1) {
      key[i] = dropped_key;
      refuse(i, value);
    } else
      key[i] = std::clamp(value, smallest + 1, largest - 1);
  }
}

void number_rows(Inputs& inputs) {
  std::int64_t first = 0;
  for (auto& source : inputs.sources) {
    const std::int64_t rows = source->rows();
    source = with_row_numbers(std::move(source), first);
    first += rows;
  }
}

/// The form that all inputs have, or the order of their columns.
std::string common_form(const Inputs& inputs, const std::vector<std::string>& paths, const ImportOptions& o) {
  constexpr std::size_t most = 60'000;  // of an attribute in HDF5
  std::string form = original_form(paths.front(), o.source);
  for (const std::string& path : paths)
    if (!form.empty() && original_form(path, o.source) != form) {
      log_info(fmt::format("{} has FITS columns of another form than {}: their order alone is kept", path, paths.front()));
      form.clear();
    }
  if (form.empty()) form = form_of_names(inputs.sources.front()->schema());
  if (form.size() <= most) return form;
  log_info(fmt::format("the form of the columns of {} is too long to keep ({} bytes, at most {})", paths.front(), form.size(), most));
  return "";
}

/// Names in a text column of one block, each with a zero byte behind it: no text has one, but quoted cells may have line feeds.
std::string unique_names(const Column& column, std::size_t rows) {
  std::set<std::string, std::less<>> names;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::string_view name = column.text(i);
    if (!names.contains(name)) names.emplace(name);
  }
  std::string text;
  for (const std::string& name : names) text.append(name).push_back('\0');
  return text;
}

std::vector<std::string> all_tiles(const Ranks& ranks, const Inputs& inputs) {
  const std::string& role = inputs.schema.roles.tile;
  const ColumnInfo& column = inputs.schema.input[*find_column(inputs.schema.input, role)];
  const auto texts = ranks.run_units(inputs.blocks.size(), [&](std::size_t i) {
    const InputBlock& block = inputs.blocks[i];
    Table table({column});
    std::vector<BadCell> ignored;
    inputs.sources[block.source]->read(block.piece, table, ignored);
    return unique_names(table[0], table.rows());
  });
  std::set<std::string> names;
  for (const std::string& text : texts)
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = text.find('\0', begin);
      names.insert(text.substr(begin, end - begin));
      begin = end + 1;
    }
  // The key of a row has the number of its tile above its HEALPix index, and 63 bits in all.
  if (std::ssize(names) >= (std::int64_t{1} << (62 - tile_shift)))
    throw DataError(fmt::format("column {}: {} different tiles (at most {})", role, names.size(), (1 << (62 - tile_shift)) - 1));
  return {names.begin(), names.end()};
}

std::string quoted_cell(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + "\"";
}

}  // namespace

std::pair<std::size_t, std::int64_t> Inputs::source_row(std::int64_t row) const {
  const auto after = std::upper_bound(blocks.begin(), blocks.end(), row,
                                      [](std::int64_t value, const InputBlock& block) { return value < block.rows.begin; });
  // Blocks are in the order of rows and begin at 0, so there always is one before.
  const InputBlock& block = *std::prev(after);
  return {block.source, block.piece.first_row + row - block.rows.begin + 1};
}

std::string Inputs::place_of(std::int64_t row) const {
  const auto [source, number] = source_row(row);
  return fmt::format("{}, row {}", sources[source]->path(), number);
}

std::string Inputs::cells_of(std::int64_t row) const {
  const auto [source, number] = source_row(row);
  return fmt::format("{},{}", quoted_cell(sources[source]->path()), number);
}

std::vector<Partition> Inputs::partitions(const Ranks& ranks) const {
  std::vector<Partition> partitions;
  if (!ranks.is_first()) return partitions;
  for (const InputBlock& block : blocks)
    partitions.push_back({std::ssize(partitions), place_of(block.rows.begin), block.rows, static_cast<double>(block.rows.size())});
  return partitions;
}

std::vector<std::string> input_paths(const ImportOptions& o) {
  return o.profile.is_set() ? field_files(o.input, o.profile.root) : input_files(o.input);
}

Inputs open_inputs(const Ranks& ranks, ImportOptions& o, std::int64_t block_bytes) {
  Inputs inputs;
  std::vector<std::string> paths;
  ranks.together([&] { paths = input_paths(o); });
  const ScanRunner runner = [&](std::size_t count, const std::function<std::string(std::size_t)>& unit) {
    return ranks.run_units(count, unit);
  };
  if (o.profile.is_set())
    inputs.sources = open_field_files(paths, o.profile);
  else
    for (const std::string& path : paths) inputs.sources.push_back(open_source(path, o.source, runner));
  // One input may be empty, such as a field without objects; all of them cannot be meant.
  if (std::all_of(inputs.sources.begin(), inputs.sources.end(), [](const auto& source) { return source->rows() == 0; }))
    throw DataError(fmt::format("{}: no rows", paths.front()));
  if (o.keep_order) number_rows(inputs);
  inputs.schema = unite_schemas(inputs.sources, o, runner);
  if (o.keep_order) inputs.form = ranks.on_first([&] { return common_form(inputs, paths, o); });
  if (inputs.schema.has_positions) {
    const auto source_of = [&](const std::string& role) { return inputs.schema.input[*find_column(inputs.schema.input, role)].source; };
    const std::string ra = source_of(inputs.schema.roles.ra), dec = source_of(inputs.schema.roles.dec);
    // After the schemas are united: which columns are the coordinates is known only then.
    for (auto& source : inputs.sources) {
      const Source* const before = source.get();
      source = in_degrees(std::move(source), ra, dec, o.source);
      if (source.get() == before || inputs.form.empty() || &source != &inputs.sources.front()) continue;
      for (const std::string& column : {ra, dec}) inputs.form = with_converted_column(inputs.form, column);
    }
  }
  const std::int64_t row_bytes = std::max<std::int64_t>(8, static_cast<std::int64_t>(bytes_per_row(inputs.schema.input)));
  // Not too few rows, whatever their width: each block is a job.
  const std::int64_t block_rows = std::clamp<std::int64_t>(block_bytes / row_bytes, 1024, 262'144);
  for (std::size_t i = 0; i < inputs.sources.size(); ++i) {
    for (const Piece& piece : inputs.sources[i]->pieces(block_rows))
      // Blocks depend on the inputs alone and not on the ranks, so an attempt on other ranks finds those that were done.
      inputs.blocks.push_back({i, piece, {inputs.rows + piece.first_row, inputs.rows + piece.first_row + piece.rows}});
    inputs.rows += inputs.sources[i]->rows();
  }
  if (o.ordering == "tile") inputs.tiles = all_tiles(ranks, inputs);
  return inputs;
}

std::string reject_line(const Inputs& inputs, const Reject& reject) {
  return fmt::format("{:020}{},{},{}\n", reject.row, inputs.cells_of(reject.row), quoted_cell(reject.column), quoted_cell(reject.problem));
}

std::int64_t write_rejects(const std::string& folder, const std::string& path) {
  std::vector<std::string> lines;
  for (const std::string& name : names_in(folder)) {
    if (is_temporary(name)) continue;  // a death left it half-written
    std::istringstream text(read_file(folder + "/" + name));
    for (std::string line; std::getline(text, line);) lines.push_back(line);
  }
  if (lines.empty()) return 0;
  // By row number, which each line begins with in twenty digits.
  std::sort(lines.begin(), lines.end());
  const auto same_row = [](const std::string& a, const std::string& b) { return a.compare(0, 20, b, 0, 20) == 0; };
  lines.erase(std::unique(lines.begin(), lines.end(), same_row), lines.end());  // blocks that overlap, of two attempts
  std::string text = "file,row,column,problem\n";
  for (const std::string& line : lines) text += line.substr(20) + "\n";
  write_durably(path, text);
  return std::ssize(lines);
}

KeyMaker::KeyMaker(const Inputs& inputs, const ImportOptions& o)
    : inputs_(inputs), ordering_(ordering_named(o.ordering)), attribute_(o.ordering_column) {
  const auto column = find_column(inputs.schema.input, attribute_);
  is_whole_ = column && inputs.schema.input[*column].type != Type::f4 && inputs.schema.input[*column].type != Type::f8;
  if (!trim(o.where).empty()) where_.emplace(o.where, inputs.schema.input, inputs.sources.front()->path() + " (--where)");
}

Schema KeyMaker::needs() const {
  const ImportSchema& schema = inputs_.schema;
  Schema needed;
  const auto need = [&](const std::string& name) {
    const auto index = find_column(schema.input, name);
    if (index && !find_column(needed, name)) needed.push_back(schema.input[*index]);
  };
  need(schema.roles.ra);
  need(schema.roles.dec);
  // Ids are no part of the key, but they are hashed in the same pass, which looks for repeated ones.
  if (!schema.generates_id) need(schema.roles.id);
  if (ordering_ == Ordering::tile) need(schema.roles.tile);
  if (ordering_ == Ordering::attribute) need(attribute_);
  if (where_)
    for (const std::string& name : where_->columns()) need(name);
  return needed;
}

std::vector<std::uint8_t> KeyMaker::left_out(const Table& table) const {
  std::vector<std::uint8_t> rows;
  if (!where_) return rows;
  rows.resize(table.rows());
  where_->evaluate(table, rows);
  for (std::uint8_t& row : rows) row = row == 0;
  return rows;
}

bool KeyMaker::is_in_condition(const std::string& column) const {
  if (!where_) return false;
  // Cells are told by the names of the file, which the catalogue may have changed.
  return std::ranges::any_of(where_->columns(), [&](const std::string& name) {
    return name == column || inputs_.schema.input[*find_column(inputs_.schema.input, name)].source == column;
  });
}

void KeyMaker::make(const Table& table, std::span<const std::uint8_t> left_out, std::int64_t first_row, std::span<std::int64_t> key,
                    std::vector<Reject>& rejects) const {
  const Roles& roles = inputs_.schema.roles;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = left_out.empty() || !left_out[i] ? 0 : dropped_key;
  if (inputs_.schema.has_positions) {
    const auto ra = table.at(roles.ra).values<double>(), dec = table.at(roles.dec).values<double>();
    for (std::size_t i = 0; i < key.size(); ++i) {
      if (key[i] == dropped_key) continue;
      const bool ra_is_valid = is_valid({ra[i], 0.0});
      if (ra_is_valid && is_valid({0.0, dec[i]})) {
        key[i] = healpix29({ra[i], dec[i]});
        continue;
      }
      key[i] = dropped_key;
      const double value = ra_is_valid ? dec[i] : ra[i];
      rejects.push_back({first_row + static_cast<std::int64_t>(i), ra_is_valid ? roles.dec : roles.ra,
                         std::isnan(value) ? "no coordinate"
                                           : fmt::format("{} is outside {}", shortest(value), ra_is_valid ? "-90 to 90" : "-360 to 360")});
    }
  }
  if (ordering_ == Ordering::attribute && is_whole_) {
    // Not by way of doubles, which hold 53 of the 64 bits.
    return whole_keys(table.at(attribute_), key, [&](std::size_t i, std::int64_t value) {
      rejects.push_back({first_row + static_cast<std::int64_t>(i), attribute_,
                         fmt::format("{} cannot be ordered (it has no key beside that of {})", value, value > 0 ? value + 1 : value - 1)});
    });
  }
  for (std::size_t i = 0; i < key.size() && ordering_ != Ordering::healpix; ++i) {
    if (key[i] == dropped_key) continue;
    // Equal keys: the stable sort then keeps the inputs' order.
    if (ordering_ == Ordering::none) key[i] = 0;
    if (ordering_ == Ordering::attribute) key[i] = ordered_bits(table.at(attribute_).number(i));
    if (ordering_ == Ordering::tile) {
      const auto tile = std::lower_bound(inputs_.tiles.begin(), inputs_.tiles.end(), table.at(roles.tile).text(i));
      // Within a tile in the order of the sky.
      key[i] = ((tile - inputs_.tiles.begin()) << tile_shift) | (key[i] >> (62 - tile_shift));
    }
  }
}

std::uint64_t hash_of_id(const Column& ids, std::size_t row, bool is_text) {
  return is_text ? hash_text(ids.text(row)) : mix64(static_cast<std::uint64_t>(ids.integer(row)));
}

void hash_ids(const Column& ids, std::span<std::uint64_t> hashes) {
  const bool is_text = ids.info().type == Type::text;
  for (std::size_t i = 0; i < hashes.size(); ++i) hashes[i] = hash_of_id(ids, i, is_text);
}

}  // namespace skyfold
