// Blobs in segment files: a segment is a header and then records, each a header of its own and a blob. Segments are only ever appended to,
// by the process that made them; a record that a death has torn is the last of its segment. After the log of LevelDB, with ranges of rows.
#include "skyfold/dataset/parts.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <type_traits>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/farm/farm.hpp"

namespace skyfold {
namespace {

constexpr std::string_view segment_start = "segment.";
constexpr std::size_t name_digits = 16;
constexpr char segment_magic[16] = "skyfold parts\n";
constexpr std::uint32_t segment_version = 1, record_magic = 0x54524150;  // "PART"
constexpr std::uint32_t failed_flag = 1;
constexpr const char* advice = "run the same command again, which computes what is missing";

struct SegmentHeader {
  char magic[16] = {};
  std::uint32_t version = segment_version;
  char kind[36] = {};
  std::uint64_t checksum = 0;  ///< of all before it
};
static_assert(sizeof(SegmentHeader) == 64 && std::is_trivially_copyable_v<SegmentHeader>);

struct RecordHeader {
  std::uint32_t magic = record_magic, flags = 0;
  std::int64_t begin = 0, end = 0, bytes = 0;
  std::uint64_t blob_checksum = 0;
  std::uint64_t checksum = 0;  ///< of all before it, seeded by its place in the file
};
static_assert(sizeof(RecordHeader) == 48 && std::is_trivially_copyable_v<RecordHeader>);

template <class Header>
std::span<std::byte> bytes_of(Header& header) {
  return std::as_writable_bytes(std::span(&header, 1));
}
/// Of all but its last member, the checksum.
template <class Header>
std::uint64_t checksum_of(const Header& header, std::int64_t offset) {
  // The place goes in, so that an old record that a file system brings back elsewhere is not taken for one of this place.
  return hash_bytes(std::as_bytes(std::span(&header, 1)).first(sizeof header - sizeof header.checksum), static_cast<std::uint64_t>(offset));
}

SegmentHeader header_for(const std::string& kind) {
  SegmentHeader header;
  std::memcpy(header.magic, segment_magic, sizeof header.magic);
  // Longer kinds would be cut off; those of this program are a word and a hash.
  std::memcpy(header.kind, kind.data(), std::min(kind.size(), sizeof header.kind));
  header.checksum = checksum_of(header, 0);
  return header;
}

/// Those of `order`, which is by first row, whose rows may be in another one, too.
template <class Blob>
// Groups of rows that hang together: each blob that begins before the end of all those before it belongs to the group.
std::vector<std::size_t> overlapping(const std::vector<Blob>& blobs, const std::vector<std::size_t>& order) {
  std::vector<std::size_t> found;
  for (std::size_t first = 0, next = 0; first < order.size(); first = next) {
    std::int64_t end = blobs[order[first]].rows.end;
    for (next = first + 1; next < order.size() && blobs[order[next]].rows.begin < end; ++next)
      end = std::max(end, blobs[order[next]].rows.end);
    if (next - first > 1)
      found.insert(found.end(), order.begin() + static_cast<std::ptrdiff_t>(first), order.begin() + static_cast<std::ptrdiff_t>(next));
  }
  return found;
}

}  // namespace

bool is_parts_file(std::string_view file_name) noexcept {
  return is_temporary(file_name) || (file_name.starts_with(segment_start) && file_name.size() == segment_start.size() + name_digits &&
                                     is_hex64(file_name.substr(segment_start.size())));
}

/// The file that this process appends to. It is closed at each sync: a file that is open when it is removed stays, under another name, on
/// network file systems.
class Parts::Segment {
 public:
  Segment(const std::string& folder, const std::string& kind) {
    const std::string prepared = make_temporary(folder);
    // The random digits of a temporary name, which no other process has.
    const std::string digits = prepared.substr(prepared.rfind('-') + 1, name_digits);
    path_ = fmt::format("{}/{}{}", folder, segment_start, digits);
    SegmentHeader header = header_for(kind);
    File file = File::for_update(prepared);
    file.write(0, bytes_of(header));
    file.sync();
    file.close();
    fault_point("segment prepared");
    // Only a whole header gets the name of a segment, so that a death here leaves a temporary file and no segment that looks damaged.
    rename_file(prepared, path_);
    sync_path(folder);
    end_ = sizeof header;
  }

  void append(RecordHeader header, std::string_view blob) {
    if (!file_) file_.emplace(File::for_update(path_));
    header.checksum = checksum_of(header, end_);
    // The header last: a torn record is at the end of the file, with nothing whole behind it.
    file_->write(end_ + std::ssize(bytes_of(header)), blob);
    file_->write(end_, bytes_of(header));
    end_ += std::ssize(bytes_of(header)) + std::ssize(blob);
  }

  void sync() {
    if (!file_) return;
    file_->sync_data();
    file_->close();
    file_.reset();
  }

 private:
  std::string path_;
  std::optional<File> file_;
  std::int64_t end_ = 0;
};

Parts::Parts(std::string folder, std::string kind) : folder_(std::move(folder)), kind_(std::move(kind)) {}
Parts::~Parts() = default;

void Parts::append(RowRange rows, std::string_view blob, bool is_failed) {
  // Made with the first blob: a process that keeps nothing leaves no file. Segments of earlier attempts are never appended to, as their
  // ends may be torn.
  if (!own_) own_ = std::make_unique<Segment>(folder_, kind_);
  RecordHeader header;
  header.flags = is_failed ? failed_flag : 0;
  header.begin = rows.begin;
  header.end = rows.end;
  header.bytes = std::ssize(blob);
  header.blob_checksum = hash_text(blob);
  own_->append(header, blob);
}

void Parts::keep(RowRange rows, std::string_view blob, JobResult& result) {
  append(rows, blob, false);
  result.bytes_written += std::ssize(blob);
  result.checksum = hash_text(blob, result.checksum);
}

// Kept without bytes, so that rows that failed can be told from rows that were lost.
void Parts::keep_failed(RowRange rows) {
  append(rows, "", true);
  sync();
}

void Parts::sync() {
  if (own_) own_->sync();
}

void Parts::scan() {
  is_scanned_ = true;
  files_.clear();
  blobs_.clear();
  problem_.clear();
  for (const std::string& name : names_in(folder_))
    // Files of all attempts and ranks: a later attempt may have cut the rows otherwise.
    if (is_parts_file(name) && !is_temporary(name)) scan_file(folder_ + "/" + name);
  std::ranges::stable_sort(blobs_, {}, [](const Blob& blob) { return blob.rows.begin; });
}

/// Whole records from the beginning on. What is behind a damaged header cannot be found: its rows are missing.
void Parts::scan_file(const std::string& path) {
  const File file = File::for_reading(path);
  const std::int64_t size = file.size();
  const auto note = [&](const std::string& what) {
    if (problem_.empty()) problem_ = fmt::format("{}: {}", path, what);
  };
  SegmentHeader segment;
  const std::size_t got = file.read_some(0, bytes_of(segment));
  // Of another kind or version: nothing in it can be trusted.
  const SegmentHeader expected = header_for(kind_);
  if (got < sizeof segment || std::memcmp(&segment, &expected, sizeof segment) != 0)
    return note(fmt::format("does not hold parts '{}'", kind_));
  // Blobs refer to files by number, so a segment that is refused must not have got one.
  files_.push_back(path);
  for (std::int64_t offset = sizeof segment; offset < size;) {
    RecordHeader header;
    const bool is_there = file.read_some(offset, bytes_of(header)) == sizeof header;
    if (!is_there || header.magic != record_magic || header.checksum != checksum_of(header, offset))
      return note(fmt::format("is torn or damaged at byte {}", offset));
    offset += std::ssize(bytes_of(header));
    if (header.bytes < 0 || header.bytes > size - offset) return note(fmt::format("ends within a part, at byte {}", size));
    blobs_.push_back(
        {files_.size() - 1, offset, header.bytes, {header.begin, header.end}, header.blob_checksum, (header.flags & failed_flag) != 0});
    offset += header.bytes;
  }
}

/// The bytes of a blob, if they are those that were kept.
std::optional<std::string> Parts::intact(const Blob& blob) const {
  std::string bytes(static_cast<std::size_t>(blob.bytes), '\0');
  const File file = File::for_reading(files_[blob.file]);
  const std::size_t got = file.read_some(blob.offset, std::as_writable_bytes(std::span(bytes)));
  return got == bytes.size() && hash_text(bytes) == blob.checksum ? std::optional(std::move(bytes)) : std::nullopt;
}

std::optional<std::uint64_t> Parts::stored_checksum(RowRange rows, std::uint64_t chained) {
  const auto piece = find(rows);
  return piece ? std::optional(hash_text(read(*piece), chained)) : std::nullopt;
}

std::optional<Parts::Piece> Parts::find(RowRange rows) {
  if (!is_scanned_) scan();
  auto blob = std::ranges::lower_bound(blobs_, rows.begin, {}, [](const Blob& b) { return b.rows.begin; });
  for (; blob != blobs_.end() && blob->rows.begin == rows.begin; ++blob)
    // Several attempts may have kept the same rows; any whole one will do, as results depend on the rows alone.
    if (!blob->is_failed && blob->rows == rows && intact(*blob)) return Piece{static_cast<std::size_t>(blob - blobs_.begin()), rows, rows};
  return std::nullopt;
}

/// Blobs of these rows, by first row. Where there is a choice, those that are damaged are none.
std::vector<std::size_t> Parts::usable(RowRange all) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < blobs_.size(); ++i)
    if (!blobs_[i].is_failed && common(blobs_[i].rows, all).size() > 0) order.push_back(i);
  for (const std::size_t i : overlapping(blobs_, order)) {
    if (intact(blobs_[i])) continue;
    if (problem_.empty()) problem_ = fmt::format("{}: is damaged at byte {}", files_[blobs_[i].file], blobs_[i].offset);
    std::erase(order, i);
  }
  return order;
}

std::vector<Parts::Piece> Parts::pieces(RowRange all) {
  scan();
  const std::vector<std::size_t> order = usable(all);
  std::vector<RowRange> failed;
  for (const Blob& blob : blobs_)
    if (blob.is_failed) failed.push_back(blob.rows);
  std::vector<Piece> pieces;
  // One sweep over the rows: `next` is the first blob that begins behind the row, `farthest` the one before it that reaches farthest.
  std::size_t next = 0, farthest = blobs_.size();
  for (std::int64_t row = all.begin; row < all.end;) {
    // Of overlapping parts the farthest-reaching one is taken, row by row.
    for (; next < order.size() && blobs_[order[next]].rows.begin <= row; ++next)
      if (farthest == blobs_.size() || blobs_[order[next]].rows.end > blobs_[farthest].rows.end) farthest = order[next];
    if (farthest < blobs_.size() && blobs_[farthest].rows.end > row) {
      const RowRange held = blobs_[farthest].rows;
      pieces.push_back({farthest, held, {row, std::min(held.end, all.end)}});
      row = held.end;
      continue;
    }
    const auto hole = std::ranges::find_if(failed, [row](RowRange range) { return range.begin <= row && row < range.end; });
    if (hole == failed.end()) miss(row);
    // A failed range may have been computed in part by another attempt, with other cuts: what there is of it is taken.
    row = std::min(hole->end, next == order.size() ? hole->end : blobs_[order[next]].rows.begin);
  }
  return pieces;
}

void Parts::miss(std::int64_t row) const {
  if (problem_.empty()) throw IoError(fmt::format("{}: nothing is kept of row {} ({})", folder_, row, advice));
  throw IoError(fmt::format("{}, and nothing else is kept of row {} ({})", problem_, row, advice));
}

std::string Parts::read(const Piece& piece) const {
  const Blob& blob = blobs_.at(piece.blob);
  if (auto bytes = intact(blob)) return *std::move(bytes);
  throw IoError(fmt::format("{}: is not as it was made, at byte {} ({})", files_[blob.file], blob.offset, advice));
}

}  // namespace skyfold
