// System calls on files, each checked. Interrupted calls are made again, short ones go on (POSIX.1-2017, read and write),
// except close: on Linux the descriptor is gone even when it was interrupted.
#include "skyfold/core/file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

constexpr std::size_t largest_transfer = std::size_t{1} << 30;  // Linux ends calls at 2 GiB

/// The result of a call, made again as long as a signal interrupts it.
template <class Call>
auto uninterrupted(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

}  // namespace

File::File(std::string path, int flags)
    : path_(std::move(path)), descriptor_(uninterrupted([&] { return ::open(path_.c_str(), flags | O_CLOEXEC, 0666); })) {
  // The usual mistake, a wrong name, has the shortest message.
  if (descriptor_ < 0 && errno == ENOENT && (flags & O_CREAT) == 0) throw IoError(path_ + ": no such file");
  if (descriptor_ < 0) fail((flags & O_CREAT) != 0 ? "cannot create the file" : "cannot open");
}

void File::fail(const char* what) const { throw IoError(fmt::format("{}: {} ({})", path_, what, std::strerror(errno))); }

File File::for_reading(const std::string& path) { return {path, O_RDONLY}; }
File File::for_update(const std::string& path) { return {path, O_RDWR}; }
File File::created_or_found(const std::string& path) { return {path, O_RDWR | O_CREAT | O_NOFOLLOW}; }

File File::created(const std::string& path) {
  // Removed, not truncated: another process may still read the old file, and another link to it keeps its content.
  remove_file(path);
  return {path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW};
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

File::File(File&& other) noexcept : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

File& File::operator=(File&& other) noexcept {
  // Swapped, so that the other one closes what was open here.
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

std::int64_t File::size() const {
  struct stat status = {};
  // Asked of the descriptor: the name may belong to another file by now.
  if (fstat(descriptor_, &status) != 0) fail("cannot tell its size");
  return status.st_size;
}

std::size_t File::read_some(std::int64_t offset, std::span<std::byte> bytes) const {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const std::size_t size = std::min(bytes.size() - done, largest_transfer);
    // With an offset of its own: threads share the descriptor, and a position that all move would be a race.
    const ssize_t got = uninterrupted([&] { return ::pread(descriptor_, bytes.data() + done, size, offset + static_cast<off_t>(done)); });
    if (got < 0) fail("cannot read");
    // The end of the file; who needs all bytes calls read(), which says what is missing.
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void File::read(std::int64_t offset, std::span<std::byte> bytes) const {
  const std::size_t got = read_some(offset, bytes);
  if (got < bytes.size())
    throw IoError(
        fmt::format("{}: ends at byte {} of {} (truncated)", path_, offset + static_cast<std::int64_t>(got), offset + std::ssize(bytes)));
}

void File::write(std::int64_t offset, std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.size(), largest_transfer);
    const ssize_t done = uninterrupted([&] { return ::pwrite(descriptor_, bytes.data(), size, offset); });
    if (done == 0) errno = ENOSPC;  // no progress and no reason
    if (done <= 0) fail("cannot write");
    bytes = bytes.subspan(static_cast<std::size_t>(done));
    offset += done;
  }
}

void File::write(std::int64_t offset, std::string_view text) const { write(offset, std::as_bytes(std::span(text))); }

void File::resize(std::int64_t bytes) const {
  if (uninterrupted([&] { return ::ftruncate(descriptor_, bytes); }) != 0) fail("cannot change its size");
}

void File::reserve(std::int64_t offset, std::int64_t bytes) const {
  if (bytes <= 0) return;
  const int failed = uninterrupted([&] {
    // It returns the error and leaves errno alone. Space is taken here, before hours of computing, not at the last write.
    errno = ::posix_fallocate(descriptor_, offset, bytes);
    return errno == 0 ? 0 : -1;
  });
  if (failed != 0) fail(fmt::format("cannot reserve {} bytes", bytes).c_str());
}

void File::sync() const {
  if (uninterrupted([&] { return ::fsync(descriptor_); }) != 0) fail("cannot write to the disk");
}

void File::sync_data() const {
  if (uninterrupted([&] { return ::fdatasync(descriptor_); }) != 0) fail("cannot write to the disk");
}

void File::close() {
  const int descriptor = std::exchange(descriptor_, -1);
  // Network file systems may tell of a full disk only here. The descriptor is given up first: it is gone whatever close says.
  if (descriptor >= 0 && ::close(descriptor) != 0 && errno != EINTR) fail("cannot write to the disk");
}

void FileAppender::add(std::string_view text) {
  file_.write(end_, text);
  end_ += std::ssize(text);
}

void FileAppender::finish() {
  // Before the file is closed and gets its name: a name that a crash leaves with an empty file is worse than no file.
  file_.sync();
  file_.close();
}

std::string read_file(const std::string& path) {
  const File file = File::for_reading(path);
  std::string text(static_cast<std::size_t>(std::max<std::int64_t>(file.size(), 4096)), '\0');  // files in /proc tell no size
  std::size_t done = 0;
  while (true) {
    done += file.read_some(static_cast<std::int64_t>(done), std::as_writable_bytes(std::span(text)).subspan(done));
    if (done < text.size()) break;
    text.resize(text.size() + 65'536);
  }
  text.resize(done);
  return text;
}

bool remove_file(const std::string& path) {
  if (uninterrupted([&] { return ::unlink(path.c_str()); }) == 0) return true;
  if (errno == ENOENT) return false;
  throw IoError(fmt::format("{}: cannot remove it ({})", path, std::strerror(errno)));
}

void rename_file(const std::string& from, const std::string& to) {
  if (uninterrupted([&] { return ::rename(from.c_str(), to.c_str()); }) != 0)
    throw IoError(fmt::format("{}: cannot get its name from {} ({})", to, from, std::strerror(errno)));
}

void open_standard_streams() noexcept {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})  // a file that is opened takes the lowest number
    if (fcntl(stream, F_GETFD) < 0) (void)!::open("/dev/null", stream == STDIN_FILENO ? O_RDONLY : O_WRONLY);
}

}  // namespace skyfold
