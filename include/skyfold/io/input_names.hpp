#pragma once

#include <string>
#include <vector>

namespace skyfold {

/// Names of files in a list that was split at commas: where a file is called as several words with the commas between them, they
/// are one name.
/// @param folder  that relative names are in
[[nodiscard]] std::vector<std::string> whole_names(const std::vector<std::string>& words, const std::string& folder = "");

}  // namespace skyfold
