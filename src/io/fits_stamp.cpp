// Stamps of the sky as FITS image extensions with the keywords of their projection (Calabretta & Greisen 2002, A&A 395, 1077).
#include "skyfold/io/fits_stamp.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

#include "fits_cards.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr double degree = std::numbers::pi / 180.0;

/// CTYPE of the two axes.
std::pair<std::string, std::string> axis_types(Frame frame) {
  switch (frame) {
    case Frame::galactic:
      return {"GLON-TAN", "GLAT-TAN"};
    case Frame::ecliptic:
      return {"ELON-TAN", "ELAT-TAN"};
    default:
      return {"RA---TAN", "DEC--TAN"};
  }
}

void add_projection(FitsCards& cards, const FitsStamp& stamp) {
  const auto [lon, lat] = axis_types(stamp.frame);
  const double middle = 0.5 * static_cast<double>(stamp.side + 1);
  cards.text("CTYPE1", lon, "gnomonic projection");
  cards.text("CTYPE2", lat, "gnomonic projection");
  cards.text("CUNIT1", "deg", "");
  cards.text("CUNIT2", "deg", "");
  cards.exact("CRPIX1", middle, "the source, counted from 1");
  cards.exact("CRPIX2", middle, "the source, counted from 1");
  cards.exact("CRVAL1", stamp.lon, "[deg] longitude of the source");
  cards.exact("CRVAL2", stamp.lat, "[deg] latitude of the source");
  cards.exact("CDELT1", -stamp.cell_deg, "[deg] east is left");
  cards.exact("CDELT2", stamp.cell_deg, "[deg] north is up");
  if (stamp.frame != Frame::galactic) cards.text("RADESYS", stamp.frame == Frame::equatorial ? "ICRS" : "FK5", "");
  if (stamp.frame == Frame::ecliptic) cards.exact("EQUINOX", 2000.0, "");
}

}  // namespace

std::string empty_primary(const std::string& creator) {
  FitsCards cards;
  cards.truth("SIMPLE", true, "conforms to the FITS standard");
  cards.number("BITPIX", 8, "array data type");
  cards.number("NAXIS", 0, "no data");
  cards.truth("EXTEND", true, "there are extensions");
  cards.text("CREATOR", creator, "what made the file");
  return std::move(cards).finished();
}

std::string stamp_extension(const FitsStamp& stamp) {
  FitsCards cards;
  cards.text("XTENSION", "IMAGE", "image extension");
  cards.number("BITPIX", -32, "array data type");
  cards.number("NAXIS", 2, "number of array dimensions");
  cards.number("NAXIS1", stamp.side, "cells");
  cards.number("NAXIS2", stamp.side, "cells");
  cards.number("PCOUNT", 0, "no parameters");
  cards.number("GCOUNT", 1, "one group");
  cards.text("EXTNAME", stamp.name, "name of the source");
  cards.number("ROW", stamp.row, "of the source in its table, from 0");
  if (!stamp.unit.empty()) cards.text("BUNIT", fits_unit(stamp.unit), "unit of the values");
  add_projection(cards, stamp);
  cards.text("MAP", stamp.map, "where the values are from");
  cards.number("NSIDE", stamp.nside, "of that map: a cell has the value of its pixel");
  std::string bytes = std::move(cards).finished();
  const std::size_t begin = bytes.size(), size = stamp.values.size() * sizeof(float);
  bytes.resize(begin + (size + FitsCards::block_bytes - 1) / FitsCards::block_bytes * FitsCards::block_bytes, '\0');
  for (std::size_t i = 0; i < stamp.values.size(); ++i) {
    const std::uint32_t bits = __builtin_bswap32(std::bit_cast<std::uint32_t>(stamp.values[i]));
    std::memcpy(bytes.data() + begin + i * sizeof bits, &bits, sizeof bits);
  }
  return bytes;
}

Vector3 stamp_direction(const FitsStamp& stamp, const TangentBasis& basis, std::int64_t column, std::int64_t row) noexcept {
  const auto middle = static_cast<double>(stamp.side - 1) * 0.5;
  const double east = (middle - static_cast<double>(column)) * stamp.cell_deg * degree,
               north = (static_cast<double>(row) - middle) * stamp.cell_deg * degree;
  // On the plane that touches the sphere at the source; its length brings it back to the sphere.
  const double scale = 1.0 / std::sqrt(1.0 + east * east + north * north);
  const auto component = [&](double Vector3::*k) { return scale * (basis.centre.*k + east * basis.east.*k + north * basis.north.*k); };
  return {component(&Vector3::x), component(&Vector3::y), component(&Vector3::z)};
}

}  // namespace skyfold
