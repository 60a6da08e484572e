// The synthetic survey, cell by cell: true objects, their tile's conditions, and what is observed of them. Any range of rows can be
// made alone, since a cell is a function of seed and pixel.
#include "skyfold/kernels/mock/survey.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "cells.hpp"
#include "skyfold/kernels/mock/deviates.hpp"

namespace skyfold {
namespace {

constexpr std::size_t tile_name_width = 12;
constexpr std::int64_t ids_per_cell = 1'000'000;  // id = pixel and number in the cell, readable in decimal

const MockOptions& checked(const MockOptions& options) {
  check(options);
  return options;
}

/// Order-29 keys of a cell's objects, sorted: positions follow the density field, uniform within its pixels.
std::vector<std::int64_t> draw_keys(const MockOptions& o, const MockFootprint& footprint, const MockCell& cell) {
  const auto cumulative = footprint.cumulative_density(cell);
  const std::int64_t first_pixel = cell.pixel << (2 * (field_order - cell_order));
  auto random = mock_random(o.seed, cell.pixel, MockStream::position);
  // The last cell may be filled in part only; then its objects keep to the beginning of it.
  const auto draw = [&] { return draw_key(cumulative, cell.filled, first_pixel, field_order, random); };
  std::vector<std::int64_t> keys(static_cast<std::size_t>(cell.rows.size()));
  for (auto& key : keys) {
    key = draw();
    // Ends: a pixel is drawn only if its centre was observed, so a good part of it was.
    while (cell.at_edge && !footprint.holds(pixel_centre(key, max_healpix_order))) key = draw();
  }
  std::ranges::sort(keys);
  return keys;
}

/// The few tiles that a cell touches, made when first met.
class TilesOfCell {
 public:
  struct Entry {
    std::int64_t index;
    std::string name;
    TileConditions conditions;
  };
  TilesOfCell(const MockOptions& o, const Tiling& tiling) : options_(o), tiling_(tiling) {}

  const Entry& at(Position position) {
    const std::int64_t index = tiling_.index_of(position);
    for (const auto& entry : entries_)
      // A cell touches four tiles at most, mostly one: a list is quicker than a map.
      if (entry.index == index) return entry;
    entries_.push_back({index, tiling_.tile(index).name, tile_conditions(options_, index)});
    return entries_.back();
  }

 private:
  const MockOptions& options_;
  const Tiling& tiling_;
  std::vector<Entry> entries_;
};

/// Columns of a table that a survey writes to, from one row on.
struct Columns {
  Columns(Table& out, std::size_t row)
      : id(out[mock_column::id].values<std::int64_t>().data() + row),
        ra(out[mock_column::ra].values<double>().data() + row),
        dec(out[mock_column::dec].values<double>().data() + row),
        tile(out[mock_column::tile].values<char>().data() + row * tile_name_width),
        z_spec(out[mock_column::z_spec].values<float>().data() + row),
        is_star(out[mock_column::is_star].values<std::uint8_t>().data() + row),
        healpix(out[mock_column::healpix].values<std::int64_t>().data() + row) {
    for (std::size_t b = 0; b < mock_band_count; ++b) {
      mag[b] = out[mock_column::mag + b].values<float>().data() + row;
      mag_err[b] = out[mock_column::mag_err + b].values<float>().data() + row;
    }
  }
  std::int64_t* id;
  double *ra, *dec;
  char* tile;
  std::array<float*, mock_band_count> mag, mag_err;
  float* z_spec;
  std::uint8_t* is_star;
  std::int64_t* healpix;
};

void observe(const TrueObject& object, const TileConditions& conditions, ObjectRandom& random, const Columns& out, std::size_t k) noexcept {
  for (std::size_t b = 0; b < mock_band_count; ++b) {
    const double deviate = normal_deviate(random);  // drawn even when unused: a band's numbers have their place
    const ObservedMagnitude m = conditions.observed[b] ? measure(object.mag[b], conditions.depth[b], deviate) : no_exposure;
    out.mag[b][k] = static_cast<float>(m.mag);
    out.mag_err[b][k] = static_cast<float>(m.mag_err);
  }
}

ColumnInfo column(std::string name, Type type, std::string unit, std::string ucd, std::string description) {
  return {.name = std::move(name),
          .type = type,
          .width = 1,
          .unit = std::move(unit),
          .ucd = std::move(ucd),
          .description = std::move(description),
          .source = ""};
}

}  // namespace

MockSurvey::MockSurvey(const MockOptions& options) : options_(checked(options)), population_(options), footprint_(options, tiling_) {}

Schema MockSurvey::schema() {
  Schema schema = {
      column("id", Type::i8, "", "meta.id;meta.main", "a million times the order-8 pixel, plus the number there"),
      column("ra", Type::f8, "deg", "pos.eq.ra;meta.main", "right ascension (ICRS)"),
      column("dec", Type::f8, "deg", "pos.eq.dec;meta.main", "declination (ICRS)"),
      column("tile", Type::text, "", "meta.id;obs.field", "tile that the object lies in, named after its centre"),
  };
  schema.back().width = tile_name_width;
  for (const auto& band : mock_bands)
    schema.push_back(column(std::string("mag_") + band.name, Type::f4, "mag", std::string("phot.mag;") + band.ucd,
                            std::string("observed AB magnitude in ") + band.name + "; 99: S/N < 1; -99: not observed"));
  for (const auto& band : mock_bands)
    schema.push_back(column(std::string("mag_err_") + band.name, Type::f4, "mag", std::string("stat.error;phot.mag;") + band.ucd,
                            std::string("error of mag_") + band.name + "; 99: S/N < 1; -99: not observed"));
  schema.push_back(column("z_spec", Type::f4, "", "src.redshift", "true redshift; 0 for stars"));
  schema.push_back(column("is_star", Type::u1, "", "src.class.starGalaxy", "1 for stars, 0 for galaxies"));
  schema.push_back(column("_healpix_29", Type::i8, "", "pos.healpix", "HEALPix pixel, nested, order 29"));
  return schema;
}

/// Makes objects `part` of a cell, counted from its first, at rows `row`... of `out`.
void MockSurvey::generate_part(const MockCell& cell, RowRange part, Table& out, std::size_t row) const {
  assert(cell.rows.size() < ids_per_cell);
  // All of the cell, since keys are sorted: which is the tenth is not known before.
  const auto keys = draw_keys(options_, footprint_, cell);
  const Columns to(out, row);
  TilesOfCell tiles(options_, tiling_);
  for (std::int64_t number = part.begin; number < part.end; ++number) {
    const auto k = static_cast<std::size_t>(number - part.begin);
    const Position position = pixel_centre(keys[static_cast<std::size_t>(number)], max_healpix_order);
    const auto& tile = tiles.at(position);
    const std::int64_t id = cell.pixel * ids_per_cell + number;
    // By id: an object is the same in whatever part of the cell it is made.
    auto random = mock_random(options_.seed, id, MockStream::object);
    const TrueObject object = population_.draw(random, tile.conditions.depth[mock_i_band]);
    observe(object, tile.conditions, random, to, k);
    to.id[k] = id;
    to.ra[k] = position.ra;
    to.dec[k] = position.dec;
    std::memcpy(to.tile + k * tile_name_width, tile.name.data(), tile_name_width);
    to.z_spec[k] = static_cast<float>(object.redshift);
    to.is_star[k] = object.is_star;
    to.healpix[k] = keys[static_cast<std::size_t>(number)];
  }
}

void MockSurvey::generate(std::size_t cell, Table& out) const {
  out.resize(static_cast<std::size_t>(cells()[cell].rows.size()));
  generate_part(cells()[cell], {0, cells()[cell].rows.size()}, out, 0);
}

void MockSurvey::generate(RowRange rows, Table& out, int threads) const {
  out.resize(static_cast<std::size_t>(rows.size()));
  for_each_part(cells(), rows, threads, [&](const MockCell& cell, RowRange part, std::size_t row) { generate_part(cell, part, out, row); });
}

}  // namespace skyfold
