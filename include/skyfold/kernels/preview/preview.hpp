#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace skyfold {

class OptionSet;

/// How an image becomes a picture; section `preview` of the configuration.
struct PreviewOptions {
  long size = 1024;       ///< longest side of a picture
  double low = 1.0;       ///< percentile that is black
  double high = 99.5;     ///< percentile that is white
  double contrast = 8.0;  ///< how much faint things are brought up; 0: linear
  long quality = 85;      ///< of JPEG
};
void describe(OptionSet& option, PreviewOptions& o);

/// How axes of pixels become those of a picture with north up and east left.
struct Orientation {
  bool swaps = false;                     ///< x and y change places, before they are turned round
  bool turns_x = false, turns_y = false;  ///< the picture's axes run against those of the pixels
  bool operator==(const Orientation&) const = default;
};
/// The one of the eight orientations along the axes that has north up and east left.
/// @param cd  steps of RA (east) and Dec per pixel: CD1_1, CD1_2, CD2_1, CD2_2
/// @returns   nothing when the axes of the sky are more than 30 degrees from those of the pixels, or the matrix is none
[[nodiscard]] std::optional<Orientation> orientation_of(const std::array<double, 4>& cd) noexcept;

/// A picture in shades of grey, row by row from the top.
struct GreyPicture {
  std::int64_t width = 0, height = 0;
  std::vector<std::uint8_t> pixels;
};

/// Makes a picture of an image: blocks of pixels are averaged until it is small enough, then percentiles of it become black and white, with
/// asinh(contrast x) / asinh(contrast) between (Lupton et al. 2004, PASP 116, 133), then it is turned.
///
/// @param pixels  row by row from the bottom, shape [height][width]; NaN where there is no value, which is black
[[nodiscard]] GreyPicture picture_of(std::span<const float> pixels, std::int64_t width, const Orientation& orientation,
                                     const PreviewOptions& o);

}  // namespace skyfold
