#pragma once

#include <string>
#include <vector>

namespace skyfold {

/// Reads the paths of a binary list of files (PRM of the published locus programs). Throws IoError, or DataError for a file that is none.
[[nodiscard]] std::vector<std::string> read_file_list(const std::string& path);

}  // namespace skyfold
