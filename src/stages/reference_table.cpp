#include "reference_table.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "skyfold/core/error.hpp"
#include "skyfold/io/row_file.hpp"
#include "skyfold/products/run_folder.hpp"

namespace skyfold {

Schema reference_schema(bool with_id) {
  Schema schema = {{"target", Type::i8, 1, "", "meta.record", "row of the target in the table of pointings, from 0"},
                   {"star", Type::i8, 1, "", "meta.record", "row of the star in its catalogue, from 0"}};
  if (with_id) schema.push_back({"id", Type::i8, 1, "", "meta.id", "id of the star"});
  for (const ColumnInfo& column :
       {ColumnInfo{"ra", Type::f8, 1, "deg", "pos.eq.ra;meta.main", "right ascension of the star (ICRS)"},
        ColumnInfo{"dec", Type::f8, 1, "deg", "pos.eq.dec;meta.main", "declination of the star (ICRS)"},
        ColumnInfo{"rating", Type::f8, 1, "", "stat.value", "rating of the star"},
        ColumnInfo{"x", Type::f8, 1, "arcmin", "pos.cartesian.x", "place in the field, from its centre, towards East"},
        ColumnInfo{"y", Type::f8, 1, "arcmin", "pos.cartesian.y",
                   "place in the field, from its centre, towards North"}})
    schema.push_back(column);
  return schema;
}

Table reference_rows(const std::vector<LocusReference>& references, std::int64_t first_row, const StarBlock& stars,
                     bool with_id) {
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

std::string ReferenceParts::file(std::int64_t first_row) const { return fmt::format("{}/{}", folder_, first_row); }

void ReferenceParts::keep(std::int64_t first_row, const Table& rows) const {
  std::string text;
  for (std::size_t c = 0; c < rows.columns(); ++c)
    text.append(reinterpret_cast<const char*>(rows[c].bytes().data()), rows[c].bytes().size());
  write_durably(file(first_row), text);
}

Table ReferenceParts::read(std::int64_t first_row) const {
  std::ifstream stream(file(first_row), std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream) throw IoError(file(first_row) + ": cannot be read");
  Table rows(schema_, text.size() / bytes_per_row(schema_));
  const char* from = text.data();
  for (std::size_t c = 0; c < rows.columns(); ++c) {
    const std::span<std::byte> to = rows[c].bytes();
    std::copy_n(reinterpret_cast<const std::byte*>(from), to.size(), to.begin());
    from += to.size();
  }
  return rows;
}

std::int64_t ReferenceParts::put_together(const Ranks& ranks, const std::vector<std::int64_t>& first_rows,
                                          const std::string& path, const std::string& creator) const {
  const PhaseScope scope(ranks.clock(), Phase::consolidate);
  const auto counts = ranks.run_units(first_rows.size(), [&](std::size_t i) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(file(first_rows[i]), error);
    if (error) throw IoError(fmt::format("{}: {}", file(first_rows[i]), error.message()));
    return std::to_string(bytes / bytes_per_row(schema_));
  });
  std::vector<std::int64_t> places = {0};
  for (const std::string& count : counts) places.push_back(places.back() + std::stoll(count));
  ranks.on_first_only([&] { create_columns(path, {{"/object", schema_, places.back()}}, {{"creator", creator}}); });
  if (places.back() == 0) return 0;
  std::optional<RowWriter> writer;
  ranks.together([&] { writer.emplace(path); });
  (void)ranks.run_units(first_rows.size(), [&](std::size_t i) {
    if (places[i + 1] > places[i]) writer->write(places[i], read(first_rows[i]));
    return std::string();
  });
  ranks.together([&] { writer->sync(); });
  return places.back();
}

}  // namespace skyfold
