#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace skyfold {

/// A name of an input: a file, and what of it is meant. CFITSIO's users write `a.fits[2][mag<20]`: the table of HDU 2, its rows
/// with mag below 20. A file that has such a name is that file.
struct InputName {
  std::string file;
  std::vector<std::string> brackets;  ///< texts in the brackets behind it, in order; none for a whole file
};
[[nodiscard]] InputName input_name(const std::string& name);
/// The file that a name of an input is about.
[[nodiscard]] std::string input_file(const std::string& name);

/// A folder as an input: all files in it and below, by name, size and time.
struct FolderState {
  std::int64_t bytes = 0, time_ns = 0;  ///< of all together, and of the newest
  std::string listing;                  ///< a line for each file
};
[[nodiscard]] FolderState folder_state(const std::string& folder);

/// Paths of the Parquet files in a folder and in those below it (.parquet, .parq, .pq), in the order of their names; those that begin with
/// a dot or an underscore are not rows, by custom. Throws IoError when a folder cannot be listed.
[[nodiscard]] std::vector<std::string> parquet_files_below(const std::string& folder);

/// Names of files in a list that was split at commas: where a file is called as several words with the commas between them, they
/// are one name.
/// @param folder  that relative names are in
[[nodiscard]] std::vector<std::string> whole_names(const std::vector<std::string>& words, const std::string& folder = "");

}  // namespace skyfold
