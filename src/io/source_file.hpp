#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "skyfold/core/file.hpp"

namespace skyfold {

/// Throws IoError when `path` is missing, a directory or empty, UsageError when it is a pipe or a device: inputs are read by position.
void require_file(const std::string& path);

/// What tells a file from another one under the same name.
struct FileStamp {
  std::uint64_t device = 0, inode = 0;
  std::int64_t size = 0, time_ns = 0;
  bool operator==(const FileStamp&) const = default;
};
/// Throws IoError for a missing file.
[[nodiscard]] FileStamp stamp_of(const std::string& path);

/// An input file for positional reads, which several threads may make at once. It is open while it is read: of all input files the
/// last ones that were read stay open, so that any number of them can be inputs.
class InputFile {
 public:
  /// Throws IoError when `path` is missing, unreadable or empty, UsageError when it is not a regular file.
  explicit InputFile(std::string path);
  /// A file without a name, in place of the one that messages call `path`: a copy that is made to be read. It stays open.
  InputFile(File copy, std::string path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }  ///< bytes, when it was opened
  /// The open file, for a library that reads it by itself.
  [[nodiscard]] std::shared_ptr<const File> open() const;
  /// Takes the file to end there: what follows is of no interest.
  void end_at(std::int64_t size) noexcept { size_ = size; }

  /// Fills `out` with the bytes at `offset`. Throws IoError when the file ends before, or is another one by now.
  void read_at(std::int64_t offset, std::span<char> out) const;
  /// Up to `bytes` bytes at `offset`, fewer at the end of the file.
  [[nodiscard]] std::string text_at(std::int64_t offset, std::int64_t bytes) const;

 private:
  std::string path_;
  FileStamp stamp_;
  std::int64_t size_ = 0;
  std::shared_ptr<const File> copy_;
};

/// HDF5's signature may follow a user block of 512, 1024, 2048 ... bytes.
[[nodiscard]] bool is_hdf5(const InputFile& file);

/// Throws DataError unless the file begins like HDF5, in which all files of skyfold are, and says what it is instead. Throws IoError
/// for a file that cannot be read.
void require_hdf5(const std::string& path);

}  // namespace skyfold
