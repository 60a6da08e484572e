#include "source_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "skyfold/core/error.hpp"

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
  if (start.starts_with("PAR1")) return "an Apache Parquet file";
  if (start.starts_with("\x1f\x8b")) return "a gzip-compressed file";
  const bool is_text = std::none_of(start.begin(), start.end(), [](unsigned char c) { return c < 0x20 && c != '\t' && c != '\n' && c != '\r'; });
  return is_text ? "a text file" : "a file of another format, or damaged";
}

}  // namespace

InputFile::InputFile(std::string path) : path_(std::move(path)) {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) throw IoError(fmt::format("{}: {}", path_, reason(errno)));
  if (S_ISDIR(status.st_mode)) throw IoError(fmt::format("{}: is a directory (a file with a table is needed)", path_));
  if (!S_ISREG(status.st_mode)) throw IoError(fmt::format("{}: is not a regular file (it is read by position)", path_));
  if (status.st_size == 0) throw IoError(fmt::format("{}: is empty", path_));
  do descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  while (descriptor_ < 0 && errno == EINTR);
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

bool is_hdf5(const InputFile& file) {
  if (file.text_at(0, 8) == hdf5_signature) return true;
  for (std::int64_t at = 512; at < file.size() && at <= (1 << 20); at *= 2)
    if (file.text_at(at, 8) == hdf5_signature) return true;
  return false;
}

void require_hdf5(const std::string& path) {
  const InputFile file(path);
  if (is_hdf5(file)) return;
  throw DataError(fmt::format("{}: is {}, not an HDF5 file of skyfold (tables become catalogues by skyfold import --input {} --output CAT.h5)", path,
                              description_of(file), path));
}

std::string InputFile::text_at(std::int64_t offset, std::int64_t bytes) const {
  std::string text(static_cast<std::size_t>(std::clamp<std::int64_t>(size_ - offset, 0, bytes)), '\0');
  read_at(offset, text);
  return text;
}

}  // namespace skyfold
