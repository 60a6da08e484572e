#pragma once

#include <memory>

#include "skyfold/io/source.hpp"

namespace skyfold {

/// The input without the masks that astropy keeps beside its columns (`mag` and `mag.mask`, true where there is no value): cells
/// that are masked are missing. An input without masks stays as it is.
/// @param u1_is_boolean  columns of type u1 hold 0 and 1 alone, so that another value can stand for missing
[[nodiscard]] std::unique_ptr<Source> with_masks(std::unique_ptr<Source> source, bool u1_is_boolean);

}  // namespace skyfold
