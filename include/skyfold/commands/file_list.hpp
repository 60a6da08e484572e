#pragma once

#include <string>
#include <vector>

namespace skyfold {

/// Reads the paths of a binary list of files (PRM of the published locus programs). Throws IoError, or DataError for a file that is none.
[[nodiscard]] std::vector<std::string> read_file_list(const std::string& path);
/// Reads a CSV list of fields of SDSS (run, rerun, camcol, field): their object lists (tsObj files) below `root`, as SDSS lays them out,
/// there or not. Throws DataError for a file that is none.
[[nodiscard]] std::vector<std::string> read_field_list(const std::string& path, const std::string& root);
/// Throws IoError that names the files which are missing: the first of them, how many there are, and some.
void require_field_files(const std::vector<std::string>& files);

}  // namespace skyfold
