// Stars around the targets of a part, from the rows of a catalogue in HEALPix order.
#include "stars.hpp"

#include <algorithm>

namespace skyfold {

HaloStars::HaloStars(const Catalogue& catalogue, const LocusKernel& kernel, bool with_id)
    : catalogue_(catalogue), kernel_(kernel), finder_(catalogue) {
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
  const Region region = dilated(targets.at(healpix_column).values<std::int64_t>(), radius_deg);
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
