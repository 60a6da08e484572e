#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/core/file.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// What a record of the journal tells.
enum class Event : std::uint32_t {
  started = 1,  ///< a job was handed to a rank
  done = 2,     ///< its rows are on the disk
  failed = 3,   ///< its kernel threw or took too long
  lost = 4,     ///< its rank died, or fell silent
  session = 5,  ///< a process group began to work: rank = ranks, partition_count = processors, read_s = since its start
  task = 6,     ///< a pass over rows begins: rows = all of them, label = name, message = unit, partition_count
  step = 7,     ///< something done once, label = name
  revoked = 9,  ///< rows that were done differ from their checksum: to be done again
  retry = 10,   ///< what failed so far may be tried again
  ended = 8,    ///< the session ended in good order: attempt = exit code, rank = threads, bytes_written = peak memory
};

/// One record, as it stands in the file: 384 bytes, little-endian. See docs/journal.md for the bytes.
struct JournalRecord {
  std::uint64_t sequence = 0;  ///< 0, 1, 2, ...
  double unix_time_s = 0.0;
  RowRange rows;
  std::int64_t first_partition = 0, partition_count = 0;
  Event event = Event::started;
  std::int32_t task = 0, attempt = 1, rank = 0;
  std::int64_t rows_written = 0, bytes_read = 0, bytes_written = 0;
  std::uint64_t rows_checksum = 0, fits_sum = 0;
  double read_s = 0.0, compute_s = 0.0, write_s = 0.0;
  std::int64_t block_rows = 0;  ///< rows per block, over which rows_checksum is chained
  char host[32] = {};           ///< of the rank
  char label[64] = {};          ///< of the first partition
  char message[144] = {};
  std::uint64_t checksum = 0;  ///< XXH3 of all bytes before it
};
static_assert(sizeof(JournalRecord) == 384);

/// The valid records of a journal, also of one that is being written: those before the first whose checksum or number is
/// wrong, as a killed process leaves it. None for a file that does not exist. Throws IoError when it cannot be read.
[[nodiscard]] std::vector<JournalRecord> read_journal(const std::string& path);

/// Append-only journal of what happened to each row range. One writer: rank 0.
class Journal {
 public:
  /// Opens or creates; a torn tail is cut off. Throws IoError.
  explicit Journal(const std::string& path);

  /// Records found at opening.
  [[nodiscard]] const std::vector<JournalRecord>& found() const noexcept { return found_; }
  /// Appends a record; sequence, time and checksum are filled in. It survives this process; a crash of the machine only
  /// after `sync`, which it calls itself every half second.
  void append(JournalRecord record);
  void sync();

 private:
  File file_;
  std::vector<JournalRecord> found_;
  std::uint64_t next_ = 0;
  double synced_s_ = 0.0;
};

/// Copies text into a field of a record, cut to its size.
template <std::size_t Size>
void set_field(char (&field)[Size], const std::string& text) {
  const std::size_t size = text.copy(field, Size - 1);
  field[size] = '\0';
}

}  // namespace skyfold
