#include "source_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

std::string reason(int error) {
  if (error == ENOENT) return "no such file";
  return std::generic_category().message(error);
}

}  // namespace

InputFile::InputFile(std::string path) : path_(std::move(path)) {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) throw IoError(fmt::format("{}: {}", path_, reason(errno)));
  if (S_ISDIR(status.st_mode)) throw IoError(fmt::format("{}: is a directory (a file with a table is needed)", path_));
  if (!S_ISREG(status.st_mode)) throw IoError(fmt::format("{}: is not a regular file (it is read by position)", path_));
  if (status.st_size == 0) throw IoError(fmt::format("{}: is empty", path_));
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) throw IoError(fmt::format("{}: cannot be opened ({})", path_, reason(errno)));
  size_ = status.st_size;
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read_at(std::int64_t offset, std::span<char> out) const {
  while (!out.empty()) {
    const ssize_t got = ::pread(descriptor_, out.data(), out.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw IoError(fmt::format("{}: reading at byte {} failed ({})", path_, offset, reason(errno)));
    if (got == 0) throw IoError(fmt::format("{}: ends at byte {} (more was announced: truncated?)", path_, offset));
    offset += got;
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

std::string InputFile::text_at(std::int64_t offset, std::int64_t bytes) const {
  std::string text(static_cast<std::size_t>(std::clamp<std::int64_t>(size_ - offset, 0, bytes)), '\0');
  read_at(offset, text);
  return text;
}

}  // namespace skyfold
