#pragma once

#include <string>
#include <vector>

#include "skyfold/kernels/preview/preview.hpp"

namespace skyfold {

/// A picture that was made of an image extension.
struct Preview {
  int extension = 0;
  std::string name;         ///< of its file: "w20260501_00104_st_1.jpg"
  bool is_oriented = true;  ///< north is up and east left; else its axes are those of the pixels
  std::int64_t bytes = 0;
};

/// Makes JPEG files of all image extensions of a FITS file, into a folder that is there: STEM_EXTENSION.jpg. Each gets its name when it is
/// whole; the bytes depend on image and options alone. Throws DataError for a file that cannot be read or has no images.
[[nodiscard]] std::vector<Preview> make_previews(const std::string& image, const std::string& stem, const std::string& folder,
                                                 const PreviewOptions& o);

}  // namespace skyfold
