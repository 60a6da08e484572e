// Margins of the leaves of a HATS catalogue: the surroundings of a pixel's border become ranges of rows, of which those that are near
// enough stay.
#include "margin.hpp"

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/sky/border.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

const ColumnInfo& column_of(const Catalogue& catalogue, const std::string& name) {
  const auto found = find_column(catalogue.schema(), name);
  if (!found) throw Error(ExitCode::bug, "a catalogue in the order of the sky without its positions");
  return catalogue.schema()[*found];
}

}  // namespace

MarginRows::MarginRows(const ChosenRows& rows, std::vector<Leaf> leaves, double radius_arcsec,
                       std::function<void(RowRange rows, Table& out)> read)
    : rows_(rows), leaves_(std::move(leaves)), radius_deg_(radius_arcsec / 3600.0), finder_(rows.catalogue()), read_all_(std::move(read)) {
  const Catalogue& catalogue = rows.catalogue();
  for (const std::string& name : {std::string(healpix_column), catalogue.layout().roles.ra, catalogue.layout().roles.dec})
    places_.push_back(column_of(catalogue, name));
}

void MarginRows::read(RowRange rows, Table& out) const {
  const auto leaf = std::ranges::find(leaves_, rows, &Leaf::rows);
  if (leaf == leaves_.end()) throw Error(ExitCode::bug, "a margin of what is no leaf");
  out.resize(0);
  const PixelBorder border(leaf->pixel.pixel, leaf->pixel.order, radius_deg_);
  for (const RowRange& found : finder_.rows_in(border.surroundings()))
    // Wide ranges block by block: what is near is a small part of them.
    for (std::int64_t begin = found.begin; begin < found.end; begin += zone_rows)
      add_near(*leaf, border, rows_.among({begin, std::min(begin + zone_rows, found.end)}), out);
}

void MarginRows::add_near(const Leaf& leaf, const PixelBorder& border, RowRange candidates, Table& out) const {
  if (candidates.size() == 0) return;
  Table places(places_);
  rows_.read(candidates, places);
  std::vector<std::size_t> near;
  for (std::size_t i = 0; i < places.rows(); ++i) {
    const bool is_own = pixel_of(places[0].integer(i), leaf.pixel.order) == leaf.pixel.pixel;
    if (!is_own && border.is_near({places[1].number(i), places[2].number(i)})) near.push_back(i);
  }
  if (near.empty()) return;
  // All columns only from the first to the last that stays.
  const auto first = static_cast<std::int64_t>(near.front()), last = static_cast<std::int64_t>(near.back());
  Table all(out.schema());
  read_all_({candidates.begin + first, candidates.begin + last + 1}, all);
  for (std::size_t& row : near) row -= static_cast<std::size_t>(first);
  append(out, gather(all, near));
}

}  // namespace skyfold
