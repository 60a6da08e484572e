#pragma once

#include <string>

#include "hdf5_handle.hpp"

/// HDF5 lets a file show what lies in others: links to other files, values in files of any kind, datasets put together from other
/// files. Who sends a file could have us read any file of ours, so what is read must lie in the file itself.
namespace skyfold {

/// Follows the path `name` from the root or from a group, through soft links too. Throws DataError that names the step which leads
/// out of the file or nowhere.
void check_own_path(const std::string& path, hid_t group, const std::string& name);

/// Throws DataError unless the values of a dataset are in its file.
void check_own_values(const std::string& path, hid_t dataset, const std::string& name);

/// Opens a dataset after both checks. Throws DataError, or IoError with `what` where it cannot be opened.
[[nodiscard]] Hdf5Dataset open_own_dataset(const std::string& path, hid_t group, const std::string& name, const std::string& what);

/// Links to other files are not followed in this process, whatever a file says.
bool refuse_external_links();

}  // namespace skyfold
