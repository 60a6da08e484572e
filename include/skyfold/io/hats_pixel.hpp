#pragma once

#include <cstdint>
#include <string>

namespace skyfold {

/// A pixel of a HATS catalogue that has rows, nested scheme.
struct HatsPixel {
  int order = 0;
  std::int64_t pixel = 0;
  bool operator==(const HatsPixel&) const = default;
};

/// Where a pixel's rows are, in the catalogue's folder: "dataset/Norder=5/Dir=0/Npix=123".
[[nodiscard]] std::string hats_place(const HatsPixel& pixel);

}  // namespace skyfold
