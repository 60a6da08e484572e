// Reference stars of pointings: what a search gives, as rows; and all of them as one table.
#include "reference_table.hpp"

#include <algorithm>
#include <optional>

#include "skyfold/catalogue/zone_hashes.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/row_file.hpp"

namespace skyfold {

Schema reference_schema(bool with_id) {
  Schema schema = {{"target", Type::i8, 1, "", "meta.record", "row of the target in the table of pointings, from 0"},
                   {"number", Type::i4, 1, "", "meta.number", "number of the star in its pointing, from 1, by falling rating"},
                   {"star", Type::i8, 1, "", "meta.record", "row of the star in its catalogue, from 0"}};
  if (with_id) schema.push_back({"id", Type::i8, 1, "", "meta.id", "id of the star"});
  for (const ColumnInfo& column :
       {ColumnInfo{"ra", Type::f8, 1, "deg", "pos.eq.ra;meta.main", "right ascension of the star (ICRS)"},
        ColumnInfo{"dec", Type::f8, 1, "deg", "pos.eq.dec;meta.main", "declination of the star (ICRS)"},
        ColumnInfo{"mag", Type::f8, 1, "mag", "phot.mag", "magnitude of the star in the band of the observation"},
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
    const bool continues = i > 0 && references[i - 1].target == r.target;
    table.at("number").values<std::int32_t>()[i] = continues ? table.at("number").values<std::int32_t>()[i - 1] + 1 : 1;
    const auto star = static_cast<std::size_t>(std::ranges::lower_bound(rows, r.star_row) - rows.begin());
    integers("target")[i] = first_row + r.target;
    integers("star")[i] = r.star_row;
    if (with_id) integers("id")[i] = stars.id[star];
    numbers("ra")[i] = stars.stars.ra[star];
    numbers("dec")[i] = stars.stars.dec[star];
    numbers("mag")[i] = stars.stars.photometry[star].mag;
    numbers("rating")[i] = r.rating;
    numbers("x")[i] = r.x_arcmin;
    numbers("y")[i] = r.y_arcmin;
  }
  return table;
}

ReferenceParts reference_parts(std::shared_ptr<Parts> parts, bool with_id) {
  return ReferenceParts(std::move(parts), {reference_schema(with_id), "target"});
}

void put_together(const Ranks& ranks, const ReferenceParts& parts, std::int64_t rows, const std::string& path, const std::string& creator) {
  const PhaseScope scope(ranks.clock(), Phase::consolidate);
  std::vector<Parts::Piece> all;
  ranks.together([&] { all = parts.parts().pieces({0, rows}); });
  // Parts are read twice, first for their numbers of rows: all of them at once need not fit into memory.
  const auto counts = ranks.run_units(all.size(), [&](std::size_t i) { return std::to_string(parts.read(all[i]).rows()); });
  std::vector<std::int64_t> places = {0};
  // Where each part begins is the sum of those before, so all ranks can write at once.
  for (const std::string& count : counts) places.push_back(places.back() + std::stoll(count));
  ranks.on_first_only([&] { create_columns(path, {{"/object", parts.codec().schema, places.back()}}, {{"creator", creator}}); });
  // No pointing has a reference star: the table has no rows, and there is nothing to sum up.
  if (places.back() == 0) return;
  std::optional<RowWriter> writer;
  ranks.together([&] { writer.emplace(path); });
  (void)ranks.run_units(all.size(), [&](std::size_t i) {
    if (places[i + 1] > places[i]) writer->write(places[i], parts.read(all[i]));
    return std::string();
  });
  ranks.together([&] { writer->sync(); });
  add_zone_hashes(ranks, path, "/object", false);
}

}  // namespace skyfold
