#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace skyfold {

/// An input file open for positional reads, which several threads may make at once.
class InputFile {
 public:
  /// Throws IoError when `path` is missing, not a regular file, unreadable or empty.
  explicit InputFile(std::string path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }   ///< bytes, when it was opened
  /// Takes the file to end there: what follows is of no interest.
  void end_at(std::int64_t size) noexcept { size_ = size; }

  /// Fills `out` with the bytes at `offset`. Throws IoError when the file ends before.
  void read_at(std::int64_t offset, std::span<char> out) const;
  /// Up to `bytes` bytes at `offset`, fewer at the end of the file.
  [[nodiscard]] std::string text_at(std::int64_t offset, std::int64_t bytes) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

/// HDF5's signature may follow a user block of 512, 1024, 2048 ... bytes.
[[nodiscard]] bool is_hdf5(const InputFile& file);

/// Throws DataError unless the file begins like HDF5, in which all files of skyfold are, and says what it is instead. Throws IoError
/// for a file that cannot be read.
void require_hdf5(const std::string& path);

}  // namespace skyfold
