#include "reference_table.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <optional>

#include "skyfold/catalogue/zone_hashes.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/row_file.hpp"
#include "skyfold/run/folder.hpp"
#include "targets.hpp"

namespace skyfold {
namespace {

constexpr std::string_view failed_start = "failed.";  // begins the names of files that tell of rows that failed

}  // namespace

Schema reference_schema(bool with_id) {
  Schema schema = {{"target", Type::i8, 1, "", "meta.record", "row of the target in the table of pointings, from 0"},
                   {"star", Type::i8, 1, "", "meta.record", "row of the star in its catalogue, from 0"}};
  if (with_id) schema.push_back({"id", Type::i8, 1, "", "meta.id", "id of the star"});
  for (const ColumnInfo& column :
       {ColumnInfo{"ra", Type::f8, 1, "deg", "pos.eq.ra;meta.main", "right ascension of the star (ICRS)"},
        ColumnInfo{"dec", Type::f8, 1, "deg", "pos.eq.dec;meta.main", "declination of the star (ICRS)"},
        ColumnInfo{"rating", Type::f8, 1, "", "stat.value", "rating of the star"},
        ColumnInfo{"x", Type::f8, 1, "arcmin", "pos.cartesian.x", "place in the field, from its centre, towards East"},
        ColumnInfo{"y", Type::f8, 1, "arcmin", "pos.cartesian.y", "place in the field, from its centre, towards North"}})
    schema.push_back(column);
  return schema;
}

Table reference_rows(const std::vector<LocusReference>& references, std::int64_t first_row, const StarBlock& stars, bool with_id) {
  Table table(reference_schema(with_id), references.size());
  const auto integers = [&](const char* name) { return table.at(name).values<std::int64_t>(); };
  const auto numbers = [&](const char* name) { return table.at(name).values<double>(); };
  const std::vector<std::int64_t>& rows = stars.stars.row;  // increasing
  for (std::size_t i = 0; i < references.size(); ++i) {
    const LocusReference& r = references[i];
    const auto star = static_cast<std::size_t>(std::ranges::lower_bound(rows, r.star_row) - rows.begin());
    integers("target")[i] = first_row + r.target;
    integers("star")[i] = r.star_row;
    if (with_id) integers("id")[i] = stars.id[star];
    numbers("ra")[i] = stars.stars.ra[star];
    numbers("dec")[i] = stars.stars.dec[star];
    numbers("rating")[i] = r.rating;
    numbers("x")[i] = r.x_arcmin;
    numbers("y")[i] = r.y_arcmin;
  }
  return table;
}

std::string ReferenceParts::path_of(std::int64_t first_row) const { return fmt::format("{}/{}", folder_, first_row); }

/// A file holds the end of its rows, then its columns one after the other, and a checksum.
void ReferenceParts::keep(RowRange rows, const Table& references) const {
  std::string text(reinterpret_cast<const char*>(&rows.end), sizeof rows.end);
  for (std::size_t c = 0; c < references.columns(); ++c)
    text.append(reinterpret_cast<const char*>(references[c].bytes().data()), references[c].bytes().size());
  const std::uint64_t checksum = hash_text(text);
  text.append(reinterpret_cast<const char*>(&checksum), sizeof checksum);
  write_durably(path_of(rows.begin), text);
}

void ReferenceParts::keep_failed(RowRange rows) const {
  write_durably(fmt::format("{}/{}{}", folder_, failed_start, rows.begin),
                std::string(reinterpret_cast<const char*>(&rows.end), sizeof rows.end));
}

/// Files that together hold all rows, once each, but those that failed.
std::vector<ReferenceParts::Piece> ReferenceParts::pieces(std::int64_t rows) const {
  std::vector<RowRange> files, failed;
  for (std::string name : names_in(folder_)) {
    const std::string path = folder_ + "/" + name;
    const bool is_failed = name.starts_with(failed_start);
    if (is_failed) name.erase(0, failed_start.size());
    const auto first_row = parse_integer(name);
    if (!first_row) continue;  // one that was not finished
    RowRange range{*first_row, 0};
    File::for_reading(path).read(0, std::as_writable_bytes(std::span(&range.end, 1)));
    (is_failed ? failed : files).push_back(range);
  }
  std::ranges::sort(files, {}, &RowRange::begin);
  std::vector<Piece> pieces;
  std::int64_t row = 0;
  RowRange farthest;
  for (auto file = files.begin(); row < rows;) {
    for (; file != files.end() && file->begin <= row; ++file)
      if (file->end > farthest.end) farthest = *file;
    if (farthest.end <= row) {
      const auto hole = std::ranges::find_if(failed, [row](RowRange range) { return range.begin <= row && row < range.end; });
      if (hole == failed.end()) throw IoError(fmt::format("{}: nothing about row {}", folder_, row));
      row = std::min(hole->end, file == files.end() ? hole->end : file->begin);
      continue;
    }
    pieces.push_back({farthest.begin, {row, std::min(farthest.end, rows)}});
    row = farthest.end;
  }
  return pieces;
}

Table ReferenceParts::read(const Piece& piece) const {
  const std::string text = read_file(path_of(piece.file));
  std::uint64_t checksum = 0;
  constexpr std::size_t frame = sizeof(std::int64_t) + sizeof checksum;
  if (text.size() >= frame) std::memcpy(&checksum, text.data() + text.size() - sizeof checksum, sizeof checksum);
  if (text.size() < frame || hash_text(std::string_view(text).substr(0, text.size() - sizeof checksum)) != checksum)
    throw IoError(path_of(piece.file) + ": is not as it was made (changed or damaged since: start over with --fresh)");
  Table all(schema_, (text.size() - frame) / bytes_per_row(schema_));
  const char* from = text.data() + sizeof(std::int64_t);
  for (std::size_t c = 0; c < all.columns(); ++c) {
    const std::span<std::byte> to = all[c].bytes();
    std::copy_n(reinterpret_cast<const std::byte*>(from), to.size(), to.begin());
    from += to.size();
  }
  const auto target = all.at("target").values<std::int64_t>();
  const auto place = [&](std::int64_t row) { return std::ranges::lower_bound(target, row) - target.begin(); };
  std::vector<std::size_t> wanted(static_cast<std::size_t>(place(piece.rows.end) - place(piece.rows.begin)));
  std::iota(wanted.begin(), wanted.end(), static_cast<std::size_t>(place(piece.rows.begin)));
  Table rows(schema_);
  gather_known(all, wanted, rows);
  return rows;
}

void ReferenceParts::put_together(const Ranks& ranks, std::int64_t rows, const std::string& path, const std::string& creator) const {
  const PhaseScope scope(ranks.clock(), Phase::consolidate);
  std::vector<Piece> all;
  ranks.together([&] { all = pieces(rows); });
  const auto counts = ranks.run_units(all.size(), [&](std::size_t i) { return std::to_string(read(all[i]).rows()); });
  std::vector<std::int64_t> places = {0};
  for (const std::string& count : counts) places.push_back(places.back() + std::stoll(count));
  ranks.on_first_only([&] { create_columns(path, {{"/object", schema_, places.back()}}, {{"creator", creator}}); });
  if (places.back() == 0) return;
  std::optional<RowWriter> writer;
  ranks.together([&] { writer.emplace(path); });
  (void)ranks.run_units(all.size(), [&](std::size_t i) {
    if (places[i + 1] > places[i]) writer->write(places[i], read(all[i]));
    return std::string();
  });
  ranks.together([&] { writer->sync(); });
  add_zone_hashes(ranks, path, "/object", false);
}

}  // namespace skyfold
