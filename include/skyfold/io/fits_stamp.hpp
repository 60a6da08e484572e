#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/sky/frame.hpp"

namespace skyfold {

/// A small image of the sky in the gnomonic projection (TAN: Calabretta & Greisen 2002, A&A 395, 1077, 5.1.3), north up and east left.
struct FitsStamp {
  std::string name;  ///< of the source: EXTNAME
  std::int64_t row = 0;
  Frame frame = Frame::equatorial;
  double lon = 0.0, lat = 0.0;  ///< of the middle, degrees
  double cell_deg = 0.0;        ///< side of a cell
  std::int64_t side = 0;        ///< cells, odd
  std::string unit, map;        ///< of the values; the file they come from
  long nside = 0;
  std::vector<float> values;  ///< row by row from the bottom, the east end first; NaN for none
};

/// The bytes of a primary HDU without data.
[[nodiscard]] std::string empty_primary(const std::string& creator);
/// The bytes of the stamp as an image extension.
[[nodiscard]] std::string stamp_extension(const FitsStamp& stamp);
/// The direction in a cell's middle, columns and rows from 0, in the frame of the stamp.
[[nodiscard]] Vector3 stamp_direction(const FitsStamp& stamp, const TangentBasis& basis, std::int64_t column, std::int64_t row) noexcept;

}  // namespace skyfold
