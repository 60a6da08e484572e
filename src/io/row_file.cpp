// Rows of columnar files by position, with pread and pwrite: no library state, so any thread and any rank may read and write at
// the same time.
#include "skyfold/io/row_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <stdexcept>

#include "column_chunks.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/io/row_hash.hpp"
#include "skyfold/table/column_index.hpp"
#include "zone_checks.hpp"

namespace skyfold {
namespace {

/// The column of a file that a table's column `i` is, found at once where the table has the file's columns in their order.
std::size_t index_of(const ColumnPlaces& places, const ColumnIndex& all, const Table& table, std::size_t i, const std::string& path) {
  const ColumnInfo& wanted = table[i].info();
  const Schema& schema = places.group.schema;
  // Blocks of the same few columns are read millions of times: a search by name for each would be seen.
  const bool is_same = i < schema.size() && schema[i].name == wanted.name;
  const auto index = is_same ? std::optional(i) : all.size() > 0 ? all.find(wanted.name) : find_column(schema, wanted.name);
  if (!index) throw DataError(fmt::format("{}: no column {}", path, wanted.name));
  const ColumnInfo& found = places.group.schema[*index];
  if (found.type != wanted.type || found.width != wanted.width)
    throw DataError(fmt::format("{}: column {} is {} {}, not {} {}", path, wanted.name, found.width, name_of(found.type), wanted.width,
                                name_of(wanted.type)));
  return *index;
}

/// An index where it is worth to make one.
ColumnIndex index_for(const ColumnPlaces& places, const Table& table) {
  constexpr std::size_t few = 16;
  return table.columns() > few ? ColumnIndex(places.group.schema) : ColumnIndex();
}

/// First byte of a row. Rows beyond the column would be those of the next one: refused.
std::int64_t byte_of(const ColumnPlaces& places, std::size_t column, std::int64_t row, std::size_t bytes) {
  const auto width = static_cast<std::int64_t>(places.group.schema[column].bytes_per_row());
  if (row < 0 || row * width + static_cast<std::int64_t>(bytes) > places.group.rows * width)
    throw std::logic_error(
        fmt::format("rows from {} of column {} lie outside its {} rows", row, places.group.schema[column].name, places.group.rows));
  return places.offsets[column] + row * static_cast<std::int64_t>(places.group.schema[column].bytes_per_row());
}

/// Network file systems keep pages of their own for each node: where two nodes write parts of one page, a lock makes each
/// see what the other wrote.
bool needs_locks(const File& file) {
  struct statfs system = {};
  return fstatfs(file.descriptor(), &system) == 0 && (system.f_type == NFS_SUPER_MAGIC || system.f_type == SMB_SUPER_MAGIC);
}

/// Holds the whole file while it lives; where locks cannot be had, nothing is held.
class PageLock {
 public:
  PageLock(const File& file, bool is_needed, short kind) : descriptor_(is_needed ? file.descriptor() : -1) { set(kind); }
  ~PageLock() { set(F_UNLCK); }
  PageLock(const PageLock&) = delete;
  PageLock& operator=(const PageLock&) = delete;

 private:
  void set(short kind) const noexcept {
    struct flock region = {};
    region.l_type = kind;
    region.l_whence = SEEK_SET;
    // Of the open file, not of the process: threads of one rank must wait for each other, too.
    if (descriptor_ >= 0) (void)fcntl(descriptor_, F_OFD_SETLKW, &region);
  }
  int descriptor_;
};

}  // namespace

RowReader::RowReader(const std::string& path, const std::string& group, ZoneCheck check)
    : places_(open_columns(path, group)),
      file_(File::for_reading(path)),
      checks_(check == ZoneCheck::on ? ZoneChecks::of(path, places_) : nullptr),
      compressed_(std::make_unique<ChunkReader>(places_)) {}

RowReader::~RowReader() = default;
RowReader::RowReader(RowReader&&) noexcept = default;
RowReader& RowReader::operator=(RowReader&&) noexcept = default;

void RowReader::read(RowRange rows, Table& table) const {
  table.resize(static_cast<std::size_t>(rows.size()));
  const ColumnIndex index = index_for(places_, table);
  for (std::size_t i = 0; i < table.columns(); ++i) read(index_of(places_, index, table, i, path()), rows, table[i].bytes());
}

void RowReader::read(std::size_t column, RowRange rows, std::span<std::byte> destination) const {
  const std::int64_t offset = byte_of(places_, column, rows.begin, destination.size());
  if (places_.is_compressed(column)) return compressed_->read(file_, places_, column, offset, destination);  // chunks have checksums
  // The size was right when the file was opened: it was cut since.
  if (file_.read_some(offset, destination) < destination.size())
    throw IoError(fmt::format("{}: ends inside column {} (truncated)", path(), schema()[column].name));
  // The bytes that were read are those that are hashed: nothing is read twice where whole zones are wanted.
  if (checks_) checks_->check(file_, column, rows.begin, destination);
}

SharedFile::SharedFile(const std::string& path) : file_(File::for_update(path)), needs_locks_(needs_locks(file_)) {}

void SharedFile::write(std::int64_t offset, std::span<const std::byte> bytes) {
  const PageLock lock(file_, needs_locks_, F_WRLCK);
  file_.write(offset, bytes);
}

void SharedFile::read(std::int64_t offset, std::span<std::byte> bytes) {
  const PageLock lock(file_, needs_locks_, F_RDLCK);
  file_.read(offset, bytes);
}

std::size_t SharedFile::read_some(std::int64_t offset, std::span<std::byte> bytes) {
  const PageLock lock(file_, needs_locks_, F_RDLCK);
  return file_.read_some(offset, bytes);
}

void SharedFile::sync() { file_.sync(); }

RowWriter::RowWriter(const std::string& path, const std::string& group) : places_(open_columns(path, group)), file_(path) {
  for (std::size_t i = 0; i < places_.chunks.size(); ++i)
    if (places_.is_compressed(i)) throw std::logic_error(path + ": rows of compressed columns cannot be written");
}

std::int64_t RowWriter::write(std::int64_t first_row, const Table& table) {
  std::int64_t bytes = 0;
  const ColumnIndex index = index_for(places_, table);
  for (std::size_t i = 0; i < table.columns(); ++i) {
    write(index_of(places_, index, table, i, "product"), first_row, table[i].bytes());
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

std::uint64_t hash_of_rows(RowWriter& file, RowRange rows, std::uint64_t chained) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < file.schema().size(); ++i) {
    bytes.resize(static_cast<std::size_t>(rows.size()) * file.schema()[i].bytes_per_row());
    file.read(i, rows, bytes);
    chained = hash_bytes(bytes, chained);
  }
  return chained;
}

}  // namespace skyfold
