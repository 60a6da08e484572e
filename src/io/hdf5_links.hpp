#pragma once

#include <string>

#include "hdf5_handle.hpp"
#include "skyfold/core/error.hpp"

/// HDF5 lets a file show what lies in others: links to other files, values in files of any kind, datasets put together from other
/// files. Who sends a file could have us read any file of ours, so what is read must lie in the file itself.
namespace skyfold {

/// Data that would come from another file (exit 3).
class ForeignBytesError final : public Error {
 public:
  /// @param what  path of the file and what in it leads elsewhere
  explicit ForeignBytesError(const std::string& what)
      : Error(ExitCode::data, what + " (all data must be in the file itself: copy them there)") {}
};

/// Follows the path `name` from the root or from a group, through soft links too. Throws ForeignBytesError that names the step which
/// leads out of the file, DataError for one that leads nowhere.
void check_own_path(const std::string& path, hid_t group, const std::string& name);

/// Throws ForeignBytesError unless the values of a dataset are in its file.
void check_own_values(const std::string& path, hid_t dataset, const std::string& name);

/// Opens a dataset after both checks. Throws as they do, or IoError with `what` where it cannot be opened.
[[nodiscard]] Hdf5Dataset open_own_dataset(const std::string& path, hid_t group, const std::string& name, const std::string& what);

/// Links to other files are not followed in this process, whatever a file says.
bool refuse_external_links();

}  // namespace skyfold
