#pragma once

#include <hdf5.h>

#include <atomic>
#include <string>
#include <utility>

#include "skyfold/core/error.hpp"

namespace skyfold {

/// How many identifiers could not be closed by the handles that owned them. Closing writes what the library holds back, so
/// whoever writes a file compares this before and after: a handle that goes out of scope cannot throw.
inline std::atomic<int>& failed_hdf5_closes() {
  static std::atomic<int> count = 0;
  return count;
}

/// Owns an HDF5 identifier; the function that closes it is part of the type.
template <herr_t (*Close)(hid_t)>
class Hdf5Handle {
 public:
  /// Takes over `id`; a negative one is an error of the library: throws IoError with `what`.
  Hdf5Handle(hid_t id, const std::string& what) : id_(id) {
    if (id < 0) throw IoError(what);
  }
  ~Hdf5Handle() {
    if (id_ >= 0 && Close(id_) < 0) ++failed_hdf5_closes();
  }
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  /// Closes now; throws IoError with `what` when that fails.
  void close(const std::string& what) {
    if (Close(std::exchange(id_, -1)) < 0) throw IoError(what);
  }
  operator hid_t() const noexcept { return id_; }  // NOLINT: the point is to pass it to the C API

 private:
  hid_t id_;
};

using Hdf5File = Hdf5Handle<H5Fclose>;
using Hdf5Group = Hdf5Handle<H5Gclose>;
using Hdf5Object = Hdf5Handle<H5Oclose>;
using Hdf5Dataset = Hdf5Handle<H5Dclose>;
using Hdf5Type = Hdf5Handle<H5Tclose>;
using Hdf5Space = Hdf5Handle<H5Sclose>;
using Hdf5Properties = Hdf5Handle<H5Pclose>;
using Hdf5Attribute = Hdf5Handle<H5Aclose>;

/// Turns the library's own error printing off; our exceptions speak.
inline void silence_hdf5() { H5Eset_auto(H5E_DEFAULT, nullptr, nullptr); }

/// Throws IoError when a call failed.
inline void check_hdf5(herr_t status, const std::string& what) {
  if (status < 0) throw IoError(what);
}

}  // namespace skyfold
