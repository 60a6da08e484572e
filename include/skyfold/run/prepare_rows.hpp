#pragma once

#include <functional>
#include <string>

#include "skyfold/dataset/rows.hpp"
#include "skyfold/run/run.hpp"

namespace skyfold {

/// Lays out a product in a run, once; collective. Where the run takes up a published product, its rows are taken over.
/// @param final_path  of the HDF5 file
/// @param more        lays out more files of the same run
void prepare_product(Run& run, const Ranks& ranks, const RowProduct& product, const std::string& final_path,
                     const std::string& extension_name, const EachText& texts, const std::function<void()>& more = {});

}  // namespace skyfold
