#pragma once

#include <memory>
#include <string>

#include "skyfold/io/source.hpp"

namespace skyfold {

/// A folder as one input: a HATS catalogue or collection, with its rows in the order of the sky, or Parquet files, in the order of their
/// names.
[[nodiscard]] std::unique_ptr<Source> open_folder_source(const std::string& path, const ScanRunner& run);

}  // namespace skyfold
