#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace skyfold {

/// An open file, every call of which is checked: calls that are interrupted or cut short go on, all else throws IoError
/// that names the file and the system's reason. Reads and writes say where, so threads may share it.
class File {
 public:
  [[nodiscard]] static File for_reading(const std::string& path);
  /// For reading and writing; the file must exist.
  [[nodiscard]] static File for_update(const std::string& path);
  /// A new, empty file. What has the name before is removed first, a link too: nothing is written through one.
  [[nodiscard]] static File created(const std::string& path);
  /// For reading and writing; made where there is none.
  [[nodiscard]] static File created_or_found(const std::string& path);

  /// Closes without a check, which is right after an error alone: a file that was written is closed with `close`.
  ~File();
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] std::int64_t size() const;

  /// Reads until `bytes` is full or the file ends; returns how many bytes it got.
  [[nodiscard]] std::size_t read_some(std::int64_t offset, std::span<std::byte> bytes) const;
  /// Fills `bytes`; throws when the file ends before.
  void read(std::int64_t offset, std::span<std::byte> bytes) const;
  void write(std::int64_t offset, std::span<const std::byte> bytes) const;
  void write(std::int64_t offset, std::string_view text) const;

  void resize(std::int64_t bytes) const;
  /// Takes the space on the disk, so that a full disk shows now.
  void reserve(std::int64_t offset, std::int64_t bytes) const;
  /// Returns when all that was written is on the disk.
  void sync() const;
  /// The same without the times of the file.
  void sync_data() const;
  void close();

 private:
  File(std::string path, int flags);
  [[noreturn]] void fail(const char* what) const;

  std::string path_;
  int descriptor_ = -1;
};

/// Writes a file from its beginning to its end.
class FileAppender {
 public:
  explicit FileAppender(const std::string& path) : file_(File::created(path)) {}
  void add(std::string_view text);
  /// Syncs and closes.
  void finish();

 private:
  File file_;
  std::int64_t end_ = 0;
};

/// All of a file. Throws IoError, also where the disk fails in the middle, which a stream takes for the end.
[[nodiscard]] std::string read_file(const std::string& path);

/// Removes a file; returns false when there is none. Throws IoError.
bool remove_file(const std::string& path);
/// Gives a file another name, in place of what has it. Throws IoError.
void rename_file(const std::string& from, const std::string& to);

/// Opens /dev/null as standard input, output and error where they are closed: else the next file that is opened would
/// take their number, and messages would be written into it. To be called before anything is opened.
void open_standard_streams() noexcept;

}  // namespace skyfold
