#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/io/hats_pixel.hpp"

namespace skyfold {

/// What a HATS catalogue says of itself (IVOA note "HATS", version 1.0).
struct HatsCatalogue {
  std::string folder;
  std::vector<HatsPixel> pixels;   ///< in the order of the sky
  std::vector<std::string> files;  ///< paths of the leaves, in that order
  std::int64_t rows = -1;          ///< hats_nrows; -1 when it is not told
  std::string ra, dec;             ///< names of the columns of positions; "" when they are not told
};

/// True for a folder with the properties of a HATS catalogue or collection.
[[nodiscard]] bool is_hats(const std::string& folder);
/// Reads the properties of a catalogue, or of the main catalogue of a collection, and finds its leaves. Throws DataError for leaves
/// that are missing, overlap or are not listed, IoError for files that are missing.
[[nodiscard]] HatsCatalogue hats_catalogue(const std::string& folder);

}  // namespace skyfold
