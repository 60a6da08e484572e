#pragma once

#include <string>

#include "skyfold/farm/ranks.hpp"
#include "skyfold/products/process.hpp"

namespace skyfold {

/// Counts what a photo-z product holds and tells the process: objects, flags, histograms of z_phot and of the error;
/// collective.
///
/// @param path  of the finished HDF5 product, where it is now
void describe_photoz_product(const Ranks& ranks, const std::string& path, Process& process);

}  // namespace skyfold
