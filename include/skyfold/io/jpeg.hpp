#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace skyfold {

/// A JPEG file of a picture in shades of grey. The bytes depend on the arguments alone.
/// @param pixels  row by row from the top, shape [pixels.size() / width][width]; at most 65,500 on a side
[[nodiscard]] std::string jpeg_of(std::span<const std::uint8_t> pixels, std::int64_t width, int quality);

}  // namespace skyfold
