// HEALPix maps in FITS, as the many programs write them: where the map is in the file, and what its keywords say or leave out.
// Everything is checked against the file's size before it is believed.
#include "skyfold/io/healpix_map.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "fits_copy.hpp"
#include "healpix_map_state.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/foreign.hpp"
#include "skyfold/io/input_names.hpp"

namespace skyfold {
namespace {

constexpr long largest_nside = 16'384;  // 12.9 GB per column in single precision

std::string upper_text(const FitsHeader& header, const std::string& key) { return upper(trim(header.text(key).value_or(""))); }

bool is_table(const FitsHeader& header) { return upper_text(header, "XTENSION") == "BINTABLE"; }

bool has_healpix_keywords(const FitsHeader& header) {
  return upper_text(header, "PIXTYPE") == "HEALPIX" || (header.text("NSIDE") && header.text("ORDERING"));
}

[[noreturn]] void throw_no_map(const std::string& path, const std::string& hdu, bool has_table) {
  if (!hdu.empty()) throw DataError(fmt::format("{}: has no table extension '{}' (map.hdu)", path, hdu));
  if (has_table) throw DataError(fmt::format("{}: not a HEALPix map (no table has PIXTYPE = HEALPIX; name one with map.hdu)", path));
  throw DataError(fmt::format("{}: not a HEALPix map (it has no binary table)", path));
}

/// A table of a file, and its HDU.
struct FoundMap {
  FitsHeader header;
  std::int64_t hdu = 0;
};

/// The map's table: by number, by name, or the first with HEALPix keywords.
FoundMap find_map(const InputFile& file, const std::string& hdu) {
  const std::string start = file.text_at(0, 6);
  if (start != "SIMPLE") throw DataError(fmt::format("{}: not a HEALPix map (not a FITS file)", file.path()));
  // A number is the place of an HDU; no map has a number for its name.
  const std::optional<long long> number = parse_integer(hdu);
  bool has_table = false;
  std::int64_t n = 0;
  for (std::int64_t at = 0; at < file.size(); ++n) {
    FitsHeader header(file, at);
    // EXTNAME is compared without case, as other programs do.
    const bool is_named = number ? *number == n : upper_text(header, "EXTNAME") == upper(trim(hdu));
    if (is_table(header) && (hdu.empty() ? has_healpix_keywords(header) : is_named)) return {header, n};
    has_table = has_table || is_table(header);
    at = header.end();
    if (file.text_at(at, 1).find_first_not_of(std::string_view(" \0", 2)) == std::string::npos) break;
  }
  throw_no_map(file.path(), hdu, has_table);
}

/// The map's table, plain.
FitsTable open_map(const std::shared_ptr<const InputFile>& file, const std::string& hdu) {
  const FoundMap map = find_map(*file, hdu);
  if (!map.header.is_true("ZTABLE")) return {file, map.header};
  const std::shared_ptr<const InputFile> plain = uncompressed_table(*file, map.hdu);
  return {plain, find_map(*plain, "1").header};
}

void add_column(HealpixMapFile::State& map, FitsColumn column) {
  // Floats stay floats: a map of NSide 8192 is 3 GB in single precision. Truth values fit in them, too.
  const bool is_f4 = column.info.type == Type::f4 || column.form == FitsForm::logical;
  map.columns.push_back({column.info.name, column.info.unit, is_f4 ? Type::f4 : Type::f8});
  map.stored.push_back(std::move(column));
}

/// Columns of numbers, all with as many values per row as the first of them.
void set_columns(HealpixMapFile::State& map, const FitsHeader& header) {
  std::vector<LeftOut> left_out;
  std::vector<FitsColumn> all = fits_columns(map.file.path(), header, map.row_bytes, left_out);
  // Partial maps list their pixels in the first column; the others are values.
  if (map.is_explicit && !all.empty()) {
    if (all.front().form != FitsForm::i2 && all.front().form != FitsForm::i4 && all.front().form != FitsForm::i8)
      throw DataError(fmt::format("{}: column {} does not hold pixel numbers (INDXSCHM = EXPLICIT needs them in the first column)",
                                  map.file.path(), all.front().info.name));
    map.pixel_column = all.front();
    map.per_row = static_cast<std::int64_t>(map.pixel_column.info.width);
    all.erase(all.begin());
  }
  // Truth values, of masks, come last: the first column is taken where nothing is said.
  std::stable_partition(all.begin(), all.end(), [](const FitsColumn& column) { return column.form != FitsForm::logical; });
  for (FitsColumn& column : all) {
    // Some maps have texts and flags beside their values.
    const bool is_flag =
        column.form == FitsForm::logical && map.per_row != 0 && static_cast<std::int64_t>(column.info.width) != map.per_row;
    if (column.form == FitsForm::text || column.form == FitsForm::bit || is_flag) continue;
    if (map.per_row == 0) map.per_row = static_cast<std::int64_t>(column.info.width);
    if (static_cast<std::int64_t>(column.info.width) != map.per_row)
      throw DataError(fmt::format("{}: column {} has {} values per row, but {} are pixels of a row (not a HEALPix map?)", map.file.path(),
                                  column.info.name, column.info.width, map.per_row));
    add_column(map, std::move(column));
  }
  if (map.columns.empty()) throw DataError(fmt::format("{}: has no column of numbers (not a HEALPix map?)", map.file.path()));
}

/// NSide by keyword, or, where it is missing, by the number of pixels.
long nside_of(const HealpixMapFile::State& map, const FitsHeader& header) {
  const std::int64_t pixels = map.rows * map.per_row;
  // Only a full map tells its NSide by its size; a partial one could be of any.
  const long guess = std::lround(std::sqrt(static_cast<double>(pixels) / 12.0));
  if (!header.text("NSIDE")) {
    if (!map.is_explicit && guess > 0 && 12 * static_cast<std::int64_t>(guess) * guess == pixels) return guess;
    throw DataError(fmt::format("{}: FITS keyword NSIDE is missing", map.file.path()));
  }
  const std::int64_t nside = *header.integer("NSIDE");
  if (nside < 1 || nside > largest_nside)
    throw DataError(fmt::format("{}: FITS keyword NSIDE = {} (must be in 1 to {})", map.file.path(), nside, largest_nside));
  return static_cast<long>(nside);
}

bool is_nested_by(const std::string& path, const FitsHeader& header, const std::string& given) {
  const std::string ordering = given.empty() ? upper_text(header, "ORDERING") : upper(given);
  if (ordering == "RING") return false;
  if (ordering == "NESTED" || ordering == "NEST") return true;
  if (ordering.empty()) throw DataError(fmt::format("{}: FITS keyword ORDERING is missing (give --map.ordering)", path));
  throw DataError(fmt::format("{}: FITS keyword ORDERING = '{}' (must be RING or NESTED)", path, ordering));
}

std::optional<Frame> frame_by(const std::string& path, const FitsHeader& header, const std::string& given) {
  const std::string name = given.empty() ? std::string(trim(header.text("COORDSYS").value_or(""))) : given;
  if (name.empty()) return std::nullopt;
  try {
    return frame_named(name);
  } catch (const UsageError&) {
    if (!given.empty()) throw;
    throw DataError(fmt::format("{}: FITS keyword COORDSYS = '{}' (must be G, C or E; give --map.frame)", path, name));
  }
}

/// That the file holds what its header announces, and that this is a map.
void check_size(const HealpixMapFile::State& map) {
  const std::string& path = map.file.path();
  const std::int64_t there = std::max<std::int64_t>(0, map.file.size() - map.data_begin);
  if (map.row_bytes == 0) throw DataError(fmt::format("{}: rows have no bytes (NAXIS1 = 0)", path));
  // Divided, not multiplied: the announced number of rows may overflow anything.
  if (map.rows > there / map.row_bytes)
    throw DataError(
        fmt::format("{}: announces {} rows but holds {} (truncated?)", path, grouped(map.rows), grouped(there / map.row_bytes)));
}

void check_pixels(HealpixMapFile::State& map, const FitsHeader& header) {
  const std::string& path = map.file.path();
  const std::int64_t all = 12 * static_cast<std::int64_t>(map.nside) * map.nside, stored = map.rows * map.per_row;
  if (map.is_nested && (map.nside & (map.nside - 1)) != 0)
    throw DataError(fmt::format("{}: NSIDE = {} with ORDERING = NESTED (must be a power of two)", path, map.nside));
  if (map.is_explicit) {
    map.slots = stored;
    return;
  }
  map.first_pixel = header.integer("FIRSTPIX").value_or(0);
  // A first pixel that is none is told below; the sum must not overflow.
  const std::int64_t last = header.integer("LASTPIX").value_or(std::min(map.first_pixel, all) + stored - 1);
  // A map that has all pixels needs no keyword to say which.
  if (stored == all) map.first_pixel = 0;  // some writers count from 1
  // Before differences are taken: keywords hold any 64 bits.
  const bool is_outside = map.first_pixel < 0 || last < map.first_pixel || map.first_pixel >= all || last >= all;
  map.slots = stored == all ? all : is_outside ? 0 : last - map.first_pixel + 1;
  const bool is_cut = upper_text(header, "OBJECT") == "FULLSKY" && map.slots != all;
  // The last row may be filled up with pixels that the map does not have, but not by a whole row of them.
  if (is_cut || map.first_pixel < 0 || map.slots < 1 || map.slots > stored || map.first_pixel + map.slots > all ||
      stored - map.slots >= map.per_row)
    throw DataError(fmt::format("{}: holds {} pixels, but NSIDE = {} has {} (not a HEALPix map, or damaged)", path, grouped(stored),
                                map.nside, grouped(all)));
}

}  // namespace

HealpixMapFile::State::State(const FitsTable& table, const HealpixKeywords& keywords)
    : opened(table.file), file(*opened), header(table.header) {
  const std::string& path = file.path();
  row_bytes = header.count("NAXIS1");
  rows = header.count("NAXIS2");
  data_begin = header.data_begin();
  check_size(*this);
  // Older partial maps have no INDXSCHM, but OBJECT = PARTIAL and pixel numbers in the first column.
  is_explicit = upper_text(header, "INDXSCHM") == "EXPLICIT" ||
                (header.text("OBJECT") && upper_text(header, "OBJECT") == "PARTIAL" && !header.text("INDXSCHM"));
  set_columns(*this, header);
  nside = nside_of(*this, header);
  is_nested = is_nested_by(path, header, keywords.ordering);
  frame = frame_by(path, header, keywords.frame);
  is_iau = upper_text(header, "POLCCONV") == "IAU";
  bad_data = header.number("BAD_DATA");
  check_pixels(*this, header);
}

HealpixMapFile::State::State(HealsparseContent content, const HealpixKeywords& keywords)
    : opened(content.table.file), file(*opened), header(content.table.header), sparse(std::move(content)) {
  if (!keywords.hdu.empty()) throw UsageError(fmt::format("{}: a map of healsparse, which is one map (leave out map.hdu)", file.path()));
  if (upper(keywords.ordering) == "RING")
    throw UsageError(fmt::format("{}: a map of healsparse, which is NESTED (map.ordering)", file.path()));
  row_bytes = sparse->row_bytes;
  per_row = sparse->per_row;
  // Without the first block, to which the coarse pixels point that have no data.
  const std::int64_t skipped = sparse->fine / per_row;
  rows = sparse->rows / skipped * skipped - skipped;
  data_begin = header.data_begin() + skipped * row_bytes;
  nside = sparse->nside;
  is_nested = is_explicit = true;
  frame = frame_by(file.path(), header, keywords.frame);
  bad_data = sparse->sentinel;
  slots = rows * per_row;
  for (const FitsColumn& column : sparse->columns) add_column(*this, column);
  if (columns.empty()) throw DataError(fmt::format("{}: has no column of numbers", file.path()));
}

HealpixMapFile::HealpixMapFile(const std::string& path, const HealpixKeywords& keywords) {
  if (!input_name(path).brackets.empty()) {
    state_ = std::make_shared<const State>(open_fits_table(path, keywords.hdu), keywords);
    return;
  }
  refuse_foreign(path);
  const std::shared_ptr<const InputFile> file = open_fits(path, path);
  if (auto sparse = read_healsparse(file))
    state_ = std::make_shared<const State>(std::move(*sparse), keywords);
  else
    state_ = std::make_shared<const State>(open_map(file, keywords.hdu), keywords);
}

const std::string& HealpixMapFile::path() const noexcept { return state_->file.path(); }
long HealpixMapFile::nside() const noexcept { return state_->nside; }
bool HealpixMapFile::is_nested() const noexcept { return state_->is_nested; }
std::optional<Frame> HealpixMapFile::frame() const noexcept { return state_->frame; }
bool HealpixMapFile::is_iau() const noexcept { return state_->is_iau; }
const std::vector<HealpixColumn>& HealpixMapFile::columns() const noexcept { return state_->columns; }
bool HealpixMapFile::is_explicit() const noexcept { return state_->is_explicit; }
bool HealpixMapFile::is_full() const noexcept {
  return !state_->is_explicit && state_->slots == 12 * static_cast<std::int64_t>(state_->nside) * state_->nside;
}
std::int64_t HealpixMapFile::slots() const noexcept { return state_->slots; }
std::int64_t HealpixMapFile::first_pixel() const noexcept { return state_->first_pixel; }
std::int64_t HealpixMapFile::pixels_per_row() const noexcept { return state_->per_row; }
std::int64_t HealpixMapFile::row_bytes() const noexcept { return state_->row_bytes; }
std::optional<std::string> HealpixMapFile::keyword(const std::string& name) const { return state_->header.text(name); }

bool HealpixMapFile::is_sparse() const noexcept { return state_->sparse.has_value(); }

std::vector<HealpixMapFile::Piece> HealpixMapFile::pieces(RowRange pixels) const {
  std::vector<Piece> found;
  const auto add = [&](std::int64_t first_pixel, std::int64_t count, std::int64_t first_slot) {
    // What both have in common.
    const std::int64_t begin = std::max(pixels.begin, first_pixel), end = std::min(pixels.end, first_pixel + count);
    if (begin < end) found.push_back({{begin, end}, {begin - first_pixel + first_slot, end - first_pixel + first_slot}});
  };
  if (!is_sparse()) {
    add(state_->first_pixel, state_->slots, 0);
    return found;
  }
  const std::int64_t fine = state_->sparse->fine;
  for (std::int64_t coarse = pixels.begin / fine; coarse * fine < pixels.end; ++coarse)
    if (const std::int64_t block = state_->sparse->block_of[static_cast<std::size_t>(coarse)]; block >= 0)
      add(coarse * fine, fine, block * fine);
  return found;
}

HealpixMapFile::Data HealpixMapFile::data() const {
  const std::int64_t begin = state_->header.data_begin();
  // Up to the end of the data unit, padding included: DATASUM is over whole blocks.
  return {&state_->file, begin, std::min(state_->header.end(), state_->file.size()) - begin};
}

std::size_t HealpixMapFile::column(const std::string& name) const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < columns().size(); ++i) {
    if (lower(columns()[i].name) == lower(name)) return i;
    names.push_back(columns()[i].name);
  }
  const std::string nearest = nearest_name(name, names);
  throw UsageError(fmt::format("{}: no column '{}' ({})", path(), name,
                               nearest.empty() ? "columns: " + join(names, ", ") : "did you mean '" + nearest + "'?"));
}

std::optional<std::size_t> HealpixMapFile::known_column(std::span<const std::string> names) const {
  for (const std::string& name : names)
    for (std::size_t i = 0; i < columns().size(); ++i)
      if (lower(columns()[i].name) == name) return i;
  return std::nullopt;
}

}  // namespace skyfold
