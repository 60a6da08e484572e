#pragma once

#include <string>
#include <utility>

#include "skyfold/core/options.hpp"
#include "skyfold/registry/registry.hpp"

namespace skyfold {

/// Which registry a command about products is for.
struct ProjectOption {
  std::string folder;  ///< "": the nearest one above the product, or above the working folder
};
void describe(OptionSet& option, ProjectOption& o);

/// Throws IoError when there is no registry.
/// @param product  path or "#12" or ""
[[nodiscard]] Registry open_registry(const ProjectOption& o, const std::string& product);

/// File hash and content hash of a file as it is now.
[[nodiscard]] std::pair<std::string, std::string> hashes_of(const std::string& path, int threads);

/// Throws IoError when the file is missing, DataError when it is not as it was made.
void check_unchanged(const ProductRecord& product, int threads);

}  // namespace skyfold
