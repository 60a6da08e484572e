#pragma once

#include <string>
#include <vector>

#include "skyfold/kernels/preview/preview.hpp"

namespace skyfold {

/// A picture that was made of an image extension.
struct Preview {
  int extension = 0;
  std::string name;         ///< of its file: "w20260501_00104_st_1.jpg"
  std::string hash;         ///< XXH3 (64 bit) of its bytes
  bool is_oriented = true;  ///< north is up and east left; else its axes are those of the pixels
  std::string bytes;
};

/// Makes JPEG pictures of all image extensions of a FITS file, to be stored as STEM_EXTENSION.jpg; they depend on image and options alone.
/// Throws DataError for a file that cannot be read or has no images.
[[nodiscard]] std::vector<Preview> previews_of(const std::string& image, const std::string& stem, const PreviewOptions& o);

}  // namespace skyfold
