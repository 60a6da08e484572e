#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// State of a row range in the journal.
enum class RangeState : std::uint32_t { started = 1, done = 2, failed = 3 };

/// One record, as it stands in the file: 256 bytes, little-endian. See docs/journal.md for the bytes.
struct JournalRecord {
  std::uint64_t sequence = 0;              ///< 0, 1, 2, ...
  double unix_time_s = 0.0;
  RowRange rows;
  std::int64_t first_partition = 0, partition_count = 0;
  RangeState state = RangeState::started;
  std::int32_t attempt = 1, rank = 0, reserved = 0;
  std::int64_t rows_written = 0;
  std::uint64_t rows_checksum = 0, fits_sum = 0;
  double read_s = 0.0, compute_s = 0.0, write_s = 0.0;
  char host[32] = {};
  char message[104] = {};
  std::uint64_t checksum = 0;              ///< XXH3 of all bytes before it
};
static_assert(sizeof(JournalRecord) == 256);

/// Append-only journal of what happened to each row range. One writer: rank 0.
class Journal {
 public:
  /// Opens or creates. A torn tail, as a killed process leaves it, is cut off at the first record whose checksum
  /// fails. Throws IoError.
  explicit Journal(const std::string& path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Records found at opening.
  [[nodiscard]] const std::vector<JournalRecord>& found() const noexcept { return found_; }
  /// Appends a record; sequence, time, host and checksum are filled in. On the disk after `sync`.
  void append(JournalRecord record);
  void sync();

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t next_ = 0;
  std::vector<JournalRecord> found_;
};

}  // namespace skyfold
