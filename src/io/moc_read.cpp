// Coverage maps as other programs write them: UNIQ numbers or ranges, in FITS. What contradicts itself is refused.
#include <fmt/core.h>

#include <bit>
#include <cmath>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/foreign.hpp"
#include "skyfold/io/moc.hpp"
#include "skyfold/io/source.hpp"
#include "source_fits_table.hpp"

namespace skyfold {
namespace {

/// The pixel of a UNIQ number, as keys; nothing for a number that is none.
KeyRange keys_of_cell(std::int64_t uniq) {
  if (uniq < 4) return {};
  const int order = (63 - std::countl_zero(static_cast<std::uint64_t>(uniq))) / 2 - 1;
  const std::int64_t pixel = uniq - (std::int64_t{4} << (2 * order));
  if (order > max_healpix_order || pixel >= pixel_count(order)) return {};
  return {first_key(pixel, order), first_key(pixel + 1, order)};
}

std::vector<std::int64_t> whole_numbers(const std::string& path) {
  SourceOptions options;
  options.format = "fits";
  const auto source = open_source(path, options);
  if (source->schema().empty()) throw DataError(path + ": a coverage map without a column");
  ColumnInfo column = source->schema().front();
  if ((column.type != Type::i8 && column.type != Type::i4) || column.width != 1)
    throw DataError(fmt::format("{}: column {} is not one of whole numbers (no coverage map)", path, column.name));
  column.source = column.name;
  column.type = Type::i8;
  std::vector<std::int64_t> values;
  Table block({column});
  for (const Piece& piece : source->pieces(1 << 18)) {
    std::vector<BadCell> bad;
    source->read(piece, block, bad);
    if (!bad.empty()) throw DataError(fmt::format("{}, row {}: {}", path, bad.front().row + 1, bad.front().problem));
    const auto read = block[0].values<std::int64_t>();
    values.insert(values.end(), read.begin(), read.end());
  }
  return values;
}

}  // namespace

Region read_moc(const std::string& path) {
  refuse_foreign(path);
  const FitsHeader header = open_fits_table(path, "").header;
  const auto keyword = [&](const char* key) { return upper(trim(header.text(key).value_or(""))); };
  const std::string ordering = keyword("ORDERING"), system = keyword("COORDSYS"), kind = keyword("MOCDIM");
  if (ordering != "NUNIQ" && ordering != "RANGE")
    throw DataError(fmt::format("{}: no coverage map (ORDERING is '{}', not NUNIQ or RANGE)", path, ordering));
  if (!kind.empty() && kind != "SPACE") throw DataError(fmt::format("{}: a coverage map of {} (one of SPACE is needed)", path, kind));
  if (!system.empty() && system != "C" && system != "ICRS")
    throw DataError(fmt::format("{}: a coverage map in the coordinates '{}' (must be C, ICRS)", path, system));
  const std::vector<std::int64_t> values = whole_numbers(path);
  std::vector<KeyRange> ranges;
  const bool is_uniq = ordering == "NUNIQ";
  if (!is_uniq && values.size() % 2 != 0) throw DataError(fmt::format("{}: {} ends of ranges (an odd number)", path, values.size()));
  for (std::size_t i = 0; i < values.size(); i += is_uniq ? 1 : 2) {
    const KeyRange keys = is_uniq ? keys_of_cell(values[i]) : KeyRange{values[i], values[i + 1]};
    if (keys.begin < 0 || keys.begin >= keys.end || keys.end > pixel_count(max_healpix_order))
      throw DataError(fmt::format("{}, row {}: {} (no {} of a coverage map)", path, i + 1, values[i], is_uniq ? "cell" : "range"));
    ranges.push_back(keys);
  }
  return united(std::move(ranges));
}

}  // namespace skyfold
