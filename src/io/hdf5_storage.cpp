// A file driver of our own for the HDF5 library (HDF5 Virtual File Layer), like its sec2 driver but for errors: see the header.
#include "hdf5_storage.hpp"

#include <H5FDpublic.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <tuple>

namespace skyfold {

/// What the library reads and writes through.
struct Hdf5Storage {
  const File* file = nullptr;  ///< null once the work on it has ended
  std::optional<File> own;     ///< of one that is read
  haddr_t allocated = 0, end = 0;
  dev_t device = 0;
  ino_t inode = 0;
  std::string error;  ///< the first one

  template <class Action>
  bool attempt(const Action& action) noexcept {
    // After the first error nothing is tried any more: the file is lost, and a later write that succeeds would hide why.
    if (!file || !error.empty()) return false;
    try {
      action(*file);
      return true;
    } catch (const std::exception& failure) {
      error = failure.what();
      return false;
    }
  }
};

namespace {

/// The library's view of an open file. It may outlive our work on it, should the library not let it go.
struct LibraryFile {
  H5FD_t header;  ///< the library's, at the beginning
  std::shared_ptr<Hdf5Storage> storage;
};

Hdf5Storage& storage_of(const H5FD_t* file) { return *reinterpret_cast<const LibraryFile*>(file)->storage; }

/// A link to another file would come here, too: there is no other.
H5FD_t* open_storage(const char* name, unsigned, hid_t access, haddr_t) {
  const void* given = H5Pget_driver_info(access);
  // The library hands its drivers a plain pointer; ours points at a shared one, so that the storage lives as long as either side.
  if (!given || !(**static_cast<const std::shared_ptr<Hdf5Storage>* const*>(given))->file) return nullptr;
  // Another name means that the library follows a link out of the file.
  if ((**static_cast<const std::shared_ptr<Hdf5Storage>* const*>(given))->file->path() != name) return nullptr;
  auto file = std::make_unique<LibraryFile>();
  std::memset(&file->header, 0, sizeof file->header);
  file->storage = **static_cast<const std::shared_ptr<Hdf5Storage>* const*>(given);
  return &file.release()->header;
}

herr_t close_storage(H5FD_t* file) {
  const std::unique_ptr<LibraryFile> owner(reinterpret_cast<LibraryFile*>(file));
  return 0;
}

int compare(const H5FD_t* a, const H5FD_t* b) {
  // The library asks whether two names are one file, and would share what it keeps in memory between them.
  const auto key = [](const Hdf5Storage& storage) { return std::tuple(storage.device, storage.inode, storage.file); };
  const auto left = key(storage_of(a)), right = key(storage_of(b));
  return left < right ? -1 : right < left ? 1 : 0;
}

/// As the sec2 driver, so that the files have the same bytes.
herr_t query(const H5FD_t*, unsigned long* flags) {
  if (flags) *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_AGGREGATE_SMALLDATA;
  return 0;
}

haddr_t allocated(const H5FD_t* file, H5FD_mem_t) { return storage_of(file).allocated; }
haddr_t end(const H5FD_t* file, H5FD_mem_t) { return storage_of(file).end; }
herr_t allocate(H5FD_t* file, H5FD_mem_t, haddr_t bytes) {
  storage_of(file).allocated = bytes;
  return 0;
}

herr_t read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t offset, size_t size, void* buffer) {
  const std::span bytes(static_cast<std::byte*>(buffer), size);
  const bool done = storage_of(file).attempt([&](const File& on_disk) {
    const std::size_t got = on_disk.read_some(static_cast<std::int64_t>(offset), bytes);
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(got), bytes.end(), std::byte{0});  // allocated, not yet written
  });
  return done ? 0 : -1;
}

herr_t write(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t offset, size_t size, const void* buffer) {
  Hdf5Storage& storage = storage_of(file);
  (void)storage.attempt([&](const File& on_disk) {
    on_disk.write(static_cast<std::int64_t>(offset), std::span(static_cast<const std::byte*>(buffer), size));
  });
  // As if it had been written: the library would not survive a failed write, and closes the file in good order now.
  storage.end = std::max<haddr_t>(storage.end, offset + size);
  return 0;
}

herr_t truncate(H5FD_t* file, hid_t, hbool_t) {
  Hdf5Storage& storage = storage_of(file);
  // Space that was allocated and never written still belongs to the file: datasets without fill values lie there.
  if (storage.allocated == storage.end) return 0;
  (void)storage.attempt([&](const File& on_disk) { on_disk.resize(static_cast<std::int64_t>(storage.allocated)); });
  storage.end = storage.allocated;
  return 0;
}

hid_t register_driver() {
  static H5FD_class_t driver = {};
#if H5_VERSION_GE(1, 13, 2)
  driver.version = H5FD_CLASS_VERSION;
  driver.value = static_cast<H5FD_class_value_t>(512);  // of a driver that is not registered with the HDF Group
#endif
  driver.name = "skyfold";
  driver.maxaddr = std::numeric_limits<std::int64_t>::max();
  // As sec2: a file stays open for the library while an object of it is.
  driver.fc_degree = H5F_CLOSE_WEAK;
  driver.fapl_size = sizeof(std::shared_ptr<Hdf5Storage>*);
  driver.open = open_storage;
  driver.close = close_storage;
  driver.cmp = compare;
  driver.query = query;
  driver.get_eoa = allocated;
  driver.set_eoa = allocate;
  driver.get_eof = end;
  driver.read = read;
  driver.write = write;
  driver.truncate = truncate;
  constexpr H5FD_mem_t kinds[] = H5FD_FLMAP_DICHOTOMY;
  std::copy(std::begin(kinds), std::end(kinds), std::begin(driver.fl_map));
  return H5FDregister(&driver);
}

/// Properties of access by way of `storage`, which must outlive the call that they are made for.
Hdf5Properties access_through(std::shared_ptr<Hdf5Storage>* storage) {
  static const hid_t driver = register_driver();
  const std::string what = "HDF5 file driver";
  Hdf5Properties access(H5Pcreate(H5P_FILE_ACCESS), what);
  check_hdf5(H5Pset_driver(access, driver, &storage), what);
  return access;
}

std::shared_ptr<Hdf5Storage> storage_on(const File& file) {
  silence_hdf5();
  auto storage = std::make_shared<Hdf5Storage>();
  struct stat status = {};
  if (fstat(file.descriptor(), &status) != 0) throw IoError(file.path() + ": cannot tell its state");
  storage->file = &file;
  storage->device = status.st_dev;
  storage->inode = status.st_ino;
  storage->end = static_cast<haddr_t>(status.st_size);
  return storage;
}

std::shared_ptr<Hdf5Storage> storage_of_path(const std::string& path) {
  File file = File::for_reading(path);
  std::shared_ptr<Hdf5Storage> storage = storage_on(file);
  storage->own = std::move(file);
  storage->file = &*storage->own;
  return storage;
}

hid_t open_through(std::shared_ptr<Hdf5Storage>& storage, unsigned mode) {
  const std::string& path = storage->file->path();
  const Hdf5Properties access = access_through(&storage);
  if (mode != H5F_ACC_TRUNC) return H5Fopen(path.c_str(), mode, access);
  storage->end = 0;
  const Hdf5Properties creation(H5Pcreate(H5P_FILE_CREATE), "HDF5 file properties");
  check_hdf5(H5Pset_obj_track_times(creation, false), "HDF5 file properties");
  return H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, access);
}

/// Opens for reading. What the library says of a file that could not be read is beside the point.
Hdf5File open_to_read(std::shared_ptr<Hdf5Storage>& storage, const std::string& what) {
  const hid_t file = open_through(storage, H5F_ACC_RDONLY);
  if (file < 0 && !storage->error.empty()) throw IoError(storage->error);
  return {file, what};
}

/// Opens, fills and closes. What the library says of a file whose storage has failed is beside the point.
void write_through(std::shared_ptr<Hdf5Storage>& storage, bool is_new, const std::function<void(hid_t)>& fill) {
  const std::string& path = storage->file->path();
  const int failed_before = failed_hdf5_closes();
  Hdf5File opened(open_through(storage, is_new ? H5F_ACC_TRUNC : H5F_ACC_RDWR),
                  path + ": cannot open as an HDF5 file (damaged, or another format)");
  fill(opened);
  check_hdf5(H5Fflush(opened, H5F_SCOPE_LOCAL), path + ": cannot write the file");
  opened.close(path + ": cannot close the file");
  if (failed_hdf5_closes() != failed_before) throw IoError(path + ": cannot write the file (a part of it could not be closed)");
}

}  // namespace

Hdf5Input::Hdf5Input(const std::string& path, const std::string& what)
    : storage_(storage_of_path(path)), file_(open_to_read(storage_, what)) {}

void Hdf5Input::check() const {
  if (!storage_->error.empty()) throw IoError(storage_->error);
}

void write_hdf5(const File& file, bool is_new, const std::function<void(hid_t)>& fill) {
  std::shared_ptr<Hdf5Storage> storage = storage_on(file);
  try {
    write_through(storage, is_new, fill);
  } catch (...) {
    // The library may keep a handle that it could not close: whatever it still does reaches no file.
    storage->file = nullptr;
    if (!storage->error.empty()) throw IoError(storage->error);
    throw;
  }
  storage->file = nullptr;
  if (!storage->error.empty()) throw IoError(storage->error);
}

}  // namespace skyfold
