// Input files, opened again when they are needed, so that any number can be inputs; each time it is checked that the file is still
// the one that was opened first.
#include "source_file.hpp"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <memory>
#include <mutex>
#include <string_view>
#include <system_error>

#include "gzip.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/io/foreign.hpp"

namespace skyfold {
namespace {

std::string reason(int error) {
  if (error == ENOENT) return "no such file";
  return std::generic_category().message(error);
}

constexpr std::string_view hdf5_signature = "\x89HDF\r\n\x1a\n";

/// What a file is that is not HDF5, for messages.
std::string description_of(const InputFile& file) {
  const std::string start = file.text_at(0, 512);
  if (start.starts_with("SIMPLE  =")) return "a FITS file";
  if (is_gzip(file)) return "a FITS file, compressed by gzip";  // others are refused before
  const bool is_text =
      std::none_of(start.begin(), start.end(), [](unsigned char c) { return c < 0x20 && c != '\t' && c != '\n' && c != '\r'; });
  return is_text ? "a text file" : "a file of another format, or damaged";
}

struct stat status_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw IoError(fmt::format("{}: {}", path, reason(errno)));
  return status;
}

FileStamp stamp_of(const struct stat& status) {
  return {status.st_dev, status.st_ino, status.st_size, std::int64_t{1'000'000'000} * status.st_mtim.tv_sec + status.st_mtim.tv_nsec};
}

void require_file(const std::string& path, const struct stat& status) {
  if (S_ISDIR(status.st_mode)) throw IoError(fmt::format("{}: is a directory (a file with a table is needed)", path));
  refuse_special_input(path);
  if (status.st_size == 0) throw IoError(fmt::format("{}: is empty", path));
}

/// An open file, as it was when it was opened.
struct StampedFile {
  StampedFile(const std::string& path, const FileStamp* expected) : file(File::for_reading(path)) {
    struct stat status {};
    // By device, inode, size and time: a file that was replaced while it was closed would give rows of two files.
    const bool is_same = ::fstat(file.descriptor(), &status) == 0 && (!expected || stamp_of(status) == *expected);
    if (!is_same) throw IoError(fmt::format("{}: the file has changed since it was opened", path));
    stamp = stamp_of(status);
  }

  File file;
  FileStamp stamp;
};

/// The files that were read last, open.
class OpenFiles {
 public:
  using Open = std::shared_ptr<const StampedFile>;

  /// @param stamp  of the file when it was first opened
  Open of(const InputFile& file, const FileStamp& stamp) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(files_.begin(), files_.end(), [&](const auto& entry) { return entry.first == &file; });
    if (found != files_.end()) {
      // The file that was used last is the last to be closed.
      files_.splice(files_.begin(), files_, found);
      return files_.front().second;
    }
    add(file, std::make_shared<const StampedFile>(file.path(), &stamp));
    return files_.front().second;
  }
  void add_new(const InputFile& file, Open open) {
    const std::lock_guard lock(mutex_);
    add(file, std::move(open));
  }
  // Found by address: the next InputFile may get the same one.
  void forget(const InputFile& file) {
    const std::lock_guard lock(mutex_);
    files_.remove_if([&](const auto& entry) { return entry.first == &file; });
  }

 private:
  static constexpr std::size_t most = 32;  // open at a time

  void add(const InputFile& file, Open open) {
    files_.emplace_front(&file, std::move(open));
    if (files_.size() > most) files_.pop_back();
  }

  std::mutex mutex_;
  std::list<std::pair<const InputFile*, Open>> files_;
};

OpenFiles& open_files() {
  static OpenFiles files;
  return files;
}

}  // namespace

void require_file(const std::string& path) { require_file(path, status_of(path)); }
FileStamp stamp_of(const std::string& path) { return stamp_of(status_of(path)); }

InputFile::InputFile(std::string path) : path_(std::move(path)) {
  require_file(path_);
  auto open = std::make_shared<const StampedFile>(path_, nullptr);
  stamp_ = open->stamp;
  size_ = stamp_.size;
  open_files().add_new(*this, std::move(open));
}

InputFile::InputFile(File copy, std::string path)
    : path_(std::move(path)), size_(copy.size()), copy_(std::make_shared<const File>(std::move(copy))) {}

InputFile::~InputFile() {
  if (!copy_) open_files().forget(*this);
}

std::shared_ptr<const File> InputFile::open() const {
  if (copy_) return copy_;
  // The caller shares in the open file: while it reads, others may push it off the list.
  const auto stamped = open_files().of(*this, stamp_);
  return {stamped, &stamped->file};
}

void InputFile::read_at(std::int64_t offset, std::span<char> out) const {
  const std::size_t got = open()->read_some(offset, std::as_writable_bytes(out));
  if (got < out.size())
    throw IoError(fmt::format("{}: ends at byte {} (more was announced: truncated?)", path_, offset + static_cast<std::int64_t>(got)));
}

bool is_hdf5(const InputFile& file) {
  if (file.text_at(0, 8) == hdf5_signature) return true;
  // HDF5 allows a user block before its signature, at powers of two.
  for (std::int64_t at = 512; at < file.size() && at <= (1 << 20); at *= 2)
    if (file.text_at(at, 8) == hdf5_signature) return true;
  return false;
}

void require_hdf5(const std::string& path) {
  const InputFile file(path);
  if (is_hdf5(file)) return;
  refuse_foreign(path);
  throw DataError(
      fmt::format("{}: is {}, not an HDF5 file of skyfold (tables become catalogues by skyfold import --input {} --output CAT.h5)", path,
                  description_of(file), path));
}

std::string InputFile::text_at(std::int64_t offset, std::int64_t bytes) const {
  std::string text(static_cast<std::size_t>(std::clamp<std::int64_t>(size_ - offset, 0, bytes)), '\0');
  read_at(offset, text);
  return text;
}

}  // namespace skyfold
