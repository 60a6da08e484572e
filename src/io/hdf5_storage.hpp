#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "hdf5_handle.hpp"
#include "skyfold/core/file.hpp"

namespace skyfold {

/// An HDF5 file open for reading. Much of the library takes a read that fails for something that is not there: the first
/// failure is kept, and whoever has read calls `check`.
class Hdf5Input {
 public:
  /// Throws IoError; with `what` when the file is no HDF5 file.
  Hdf5Input(const std::string& path, const std::string& what);
  operator hid_t() const noexcept { return file_; }  // NOLINT: the point is to pass it to the C API
  /// Throws IoError when a read has failed.
  void check() const;

 private:
  std::shared_ptr<struct Hdf5Storage> storage_;
  Hdf5File file_;
};

/// What `action` makes of a file that is open for reading; a read that failed is thrown in place of what came of it.
template <class Action>
auto read_hdf5(const std::string& path, const std::string& what, const Action& action) {
  const Hdf5Input file(path, what);
  try {
    auto result = action(static_cast<hid_t>(file));
    file.check();
    return result;
  } catch (...) {
    file.check();
    throw;
  }
}

/// Lets `fill` write an HDF5 file, which then is closed in the library. Throws IoError for the first read, write or close
/// that failed, whether the library told of it or not.
///
/// The library never hears of a failed write: its ways out leave files that cannot be closed and crash later. So the first
/// error is kept, what is written after it is dropped, and the error is thrown at the end, with the system's reason.
///
/// @param file    open for reading and writing; stays open, and is neither synced nor closed
/// @param is_new  makes an empty HDF5 file of it, without time stamps
void write_hdf5(const File& file, bool is_new, const std::function<void(hid_t)>& fill);

}  // namespace skyfold
