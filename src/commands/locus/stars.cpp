// Stars around the targets of a part, from the rows of a catalogue in HEALPix order.
#include "stars.hpp"

#include <algorithm>

#include "skyfold/core/text.hpp"
#include "skyfold/io/row_file.hpp"

namespace skyfold {

double farthest_motion_deg(const Ranks& ranks, const Catalogue& catalogue, const LocusKernel& kernel, const LocusColumns& stars) {
  if (stars.pm_ra.empty()) return 0.0;
  Table motions;
  for (const std::string& name : {stars.pm_ra, stars.pm_dec, stars.epoch})
    if (!name.empty()) motions.add(catalogue.schema()[*find_column(catalogue.schema(), name)]);
  const std::int64_t rows = catalogue.rows();
  double farthest = 0.0;
  for (const std::string& text : ranks.run_units(static_cast<std::size_t>((rows + zone_rows - 1) / zone_rows), [&](std::size_t zone) {
         const std::int64_t begin = static_cast<std::int64_t>(zone) * zone_rows;
         catalogue.reader().read({begin, std::min(begin + zone_rows, rows)}, motions);
         return shortest(kernel.farthest_motion_deg(motions));
       }))
    farthest = std::max(farthest, *parse_double(text));
  return farthest;
}

HaloStars::HaloStars(const Catalogue& catalogue, const LocusKernel& kernel, bool with_id, double motion_deg)
    : catalogue_(catalogue), kernel_(kernel), motion_deg_(motion_deg), finder_(catalogue) {
  const Schema& schema = catalogue.schema();
  for (const std::string& name : kernel.star_needs()) empty_.add(schema[*find_column(schema, name)]);
  const auto id = find_column(schema, catalogue.layout().roles.id);
  if (!with_id || !id || (schema[*id].type != Type::i8 && schema[*id].type != Type::i4)) return;
  id_ = schema[*id].name;
  if (!empty_.find(id_)) empty_.add(schema[*id]);
}

void HaloStars::read(std::size_t, const Table& targets, StarBlock& out) {
  out = {};
  double radius_deg = 0.0;
  for (const LocusTarget& target : kernel_.targets_of(targets))
    // The largest radius serves all: fields are wider in RA towards the poles.
    if (is_valid(target.position)) radius_deg = std::max(radius_deg, locus_halo_deg(kernel_.rules(), target.position));
  // The region lies about where the catalogue has the targets: these may have moved, and stars may come from as far.
  const Region region = dilated(targets.at(healpix_column).values<std::int64_t>(), radius_deg + 2.0 * motion_deg_);
  Table rows = empty_;
  for (const RowRange range : finder_.rows_in(region)) {
    catalogue_.reader().read(range, rows);
    out.bytes += range.size() * static_cast<std::int64_t>(bytes_per_row(rows.schema()));
    // Stars that cannot be used are left out of the field, so ids are taken by row and not by place.
    const std::size_t before = out.stars.size();
    kernel_.add_stars(rows, range.begin, out.stars);
    for (std::size_t i = before; i < out.stars.size() && has_id(); ++i)
      out.id.push_back(rows.at(id_).integer(static_cast<std::size_t>(out.stars.row[i] - range.begin)));
  }
}

}  // namespace skyfold
