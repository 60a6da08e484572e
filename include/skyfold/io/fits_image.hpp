#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace skyfold {

/// An image of two axes in a FITS file.
struct FitsImage {
  int extension = 0;  ///< 0: in the primary HDU
  std::int64_t width = 0;
  std::vector<float> pixels;  ///< row by row from the bottom; NaN where there is no value
  /// Steps of RA and Dec per pixel in degrees, from CDi_j, PCi_j and CDELTi, or CROTA2; none where the axes are not those of the sky.
  std::optional<std::array<double, 4>> cd;
};

/// What was made of an image.
struct MadeOfImage {
  int extension = 0;
  std::string made;
};

/// Makes something of each image of a FITS file, Rice-compressed ones too: in a child process, which has one image in memory at a time, so
/// that a damaged file that crashes CFITSIO harms nobody. Throws DataError, with the extension, for what cannot be read.
[[nodiscard]] std::vector<MadeOfImage> make_of_images(const std::string& path, const std::function<std::string(const FitsImage&)>& make);

}  // namespace skyfold
