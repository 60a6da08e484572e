#include "skyfold/io/row_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

constexpr std::size_t largest_transfer = std::size_t{1} << 30;  // MPI counts and Linux reads end at 2 GiB

std::size_t index_of(const ColumnPlaces& places, const ColumnInfo& wanted, const std::string& path) {
  const auto index = find_column(places.group.schema, wanted.name);
  if (!index) throw DataError(fmt::format("{}: no column {}", path, wanted.name));
  const ColumnInfo& found = places.group.schema[*index];
  if (found.type != wanted.type || found.width != wanted.width)
    throw DataError(fmt::format("{}: column {} is {} {}, not {} {}", path, wanted.name, found.width, name_of(found.type),
                                wanted.width, name_of(wanted.type)));
  return *index;
}

/// First byte of a row. Rows beyond the column would be those of the next one: refused.
std::int64_t byte_of(const ColumnPlaces& places, std::size_t column, std::int64_t row, std::size_t bytes) {
  const auto width = static_cast<std::int64_t>(places.group.schema[column].bytes_per_row());
  if (row < 0 || row * width + static_cast<std::int64_t>(bytes) > places.group.rows * width)
    throw std::logic_error(fmt::format("rows from {} of column {} lie outside its {} rows", row, places.group.schema[column].name,
                                       places.group.rows));
  return places.offsets[column] + row * static_cast<std::int64_t>(places.group.schema[column].bytes_per_row());
}

void check_mpi(int status, const std::string& what) {
  if (status == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(status, text, &length);
  throw IoError(fmt::format("{} ({})", what, std::string(text, static_cast<std::size_t>(length))));
}

}  // namespace

RowReader::RowReader(const std::string& path, const std::string& group)
    : path_(path), places_(open_columns(path, group)), descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0) throw IoError(fmt::format("{}: {}", path, std::strerror(errno)));
}

RowReader::~RowReader() {
  if (descriptor_ >= 0) close(descriptor_);
}

RowReader::RowReader(RowReader&& other) noexcept
    : path_(std::move(other.path_)), places_(std::move(other.places_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

RowReader& RowReader::operator=(RowReader&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(places_, other.places_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

void RowReader::read(RowRange rows, Table& table) const {
  table.resize(static_cast<std::size_t>(rows.size()));
  for (std::size_t i = 0; i < table.columns(); ++i)
    read(index_of(places_, table[i].info(), path_), rows, table[i].bytes());
}

void RowReader::read(std::size_t column, RowRange rows, std::span<std::byte> destination) const {
  std::int64_t offset = byte_of(places_, column, rows.begin, destination.size());
  while (!destination.empty()) {
    const ssize_t got = pread(descriptor_, destination.data(), std::min(destination.size(), largest_transfer), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw IoError(fmt::format("{}: {}", path_, std::strerror(errno)));
    if (got == 0) throw IoError(fmt::format("{}: ends inside column {} (truncated)", path_, schema()[column].name));
    destination = destination.subspan(static_cast<std::size_t>(got));
    offset += got;
  }
}

struct SharedFile::Handle {
  MPI_File file = MPI_FILE_NULL;
  ~Handle() {
    if (file != MPI_FILE_NULL) MPI_File_close(&file);
  }
};

SharedFile::SharedFile(const std::string& path) : path_(path), handle_(std::make_unique<Handle>()) {
  check_mpi(MPI_File_open(MPI_COMM_SELF, path.c_str(), MPI_MODE_RDWR, MPI_INFO_NULL, &handle_->file),
            path + ": cannot open for writing");
}

SharedFile::~SharedFile() = default;

void SharedFile::write(std::int64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.size(), largest_transfer);
    MPI_Status status;
    check_mpi(MPI_File_write_at(handle_->file, offset, bytes.data(), static_cast<int>(size), MPI_BYTE, &status),
              path_ + ": cannot write");
    int written = 0;
    MPI_Get_count(&status, MPI_BYTE, &written);
    if (written != static_cast<int>(size))
      throw IoError(fmt::format("{}: {} of {} bytes written (disk full?)", path_, written, size));
    bytes = bytes.subspan(size);
    offset += static_cast<std::int64_t>(size);
  }
}

void SharedFile::read(std::int64_t offset, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.size(), largest_transfer);
    MPI_Status status;
    check_mpi(MPI_File_read_at(handle_->file, offset, bytes.data(), static_cast<int>(size), MPI_BYTE, &status),
              path_ + ": cannot read");
    int got = 0;
    MPI_Get_count(&status, MPI_BYTE, &got);
    if (got != static_cast<int>(size)) throw IoError(fmt::format("{}: ends early (truncated)", path_));
    bytes = bytes.subspan(size);
    offset += static_cast<std::int64_t>(size);
  }
}

void SharedFile::sync() { check_mpi(MPI_File_sync(handle_->file), path_ + ": cannot write to the disk"); }

RowWriter::RowWriter(const std::string& path, const std::string& group)
    : places_(open_columns(path, group)), file_(path) {}

std::int64_t RowWriter::write(std::int64_t first_row, const Table& table) {
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < table.columns(); ++i) {
    write(index_of(places_, table[i].info(), "product"), first_row, table[i].bytes());
    bytes += std::ssize(table[i].bytes());
  }
  return bytes;
}

void RowWriter::write(std::size_t column, std::int64_t first_row, std::span<const std::byte> bytes) {
  file_.write(byte_of(places_, column, first_row, bytes.size()), bytes);
}

void RowWriter::read(std::size_t column, RowRange rows, std::span<std::byte> destination) {
  file_.read(byte_of(places_, column, rows.begin, destination.size()), destination);
}

}  // namespace skyfold
