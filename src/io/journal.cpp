// The journal of a run: fixed-size records with checksums, appended and never changed. What a kill leaves of the last record is
// cut off at the next start (docs/journal.md).
#include "skyfold/io/journal.hpp"

#include <cstddef>
#include <filesystem>
#include <system_error>

#include "skyfold/core/error.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/system.hpp"

namespace skyfold {
namespace {

constexpr double sync_interval_s = 0.5;  // what a crash of the machine can cost

std::uint64_t checksum_of(const JournalRecord& record) {
  return hash_bytes(std::as_bytes(std::span(&record, 1)).first(offsetof(JournalRecord, checksum)));
}

/// Whether the numbers of a record can be those of a run: others, under a checksum that fits, are none of ours.
bool is_possible(const JournalRecord& record) {
  constexpr std::int32_t most_tasks = 1024;
  return record.task >= 0 && record.task < most_tasks && record.rows.begin >= 0 && record.rows.end >= record.rows.begin &&
         record.first_partition >= 0 && record.partition_count >= 0 && record.block_rows >= 0;
}

/// A text that fills its field has no end of its own.
template <std::size_t Size>
void end_text(char (&field)[Size]) {
  field[Size - 1] = '\0';
}

std::vector<JournalRecord> valid_records(const File& file) {
  std::vector<JournalRecord> records;
  std::vector<JournalRecord> chunk(1024);
  while (true) {
    const auto offset = static_cast<std::int64_t>(records.size() * sizeof(JournalRecord));
    // A rest that is no whole record is what a kill has left, and is not looked at.
    const std::size_t count = file.read_some(offset, std::as_writable_bytes(std::span(chunk))) / sizeof(JournalRecord);
    for (std::size_t i = 0; i < count; ++i) {
      // Nothing behind a bad record is believed: jobs that it may have reported are done again.
      if (chunk[i].sequence != records.size() || chunk[i].checksum != checksum_of(chunk[i])) return records;
      if (!is_possible(chunk[i])) return records;
      records.push_back(chunk[i]);
      end_text(records.back().host);
      end_text(records.back().label);
      end_text(records.back().message);
    }
    if (count < chunk.size()) return records;
  }
}

}  // namespace

std::vector<JournalRecord> read_journal(const std::string& path) {
  std::error_code error;
  const auto there = std::filesystem::status(path, error);
  if (there.type() == std::filesystem::file_type::not_found) return {};
  if (!error && !std::filesystem::is_regular_file(there)) throw IoError(path + ": is not a file, and not the journal of a run");
  return valid_records(File::for_reading(path));
}

Journal::Journal(const std::string& path) : file_(File::created_or_found(path)), found_(valid_records(file_)), next_(found_.size()) {
  // A torn record must not stand between those of two attempts.
  file_.resize(static_cast<std::int64_t>(next_ * sizeof(JournalRecord)));
}

void Journal::append(JournalRecord record) {
  // With its number: a record that a file system has put in another's place is not taken for it.
  record.sequence = next_;
  record.unix_time_s = unix_time_s();
  // Last, over all other fields.
  record.checksum = checksum_of(record);
  file_.write(static_cast<std::int64_t>(next_ * sizeof record), std::as_bytes(std::span(&record, 1)));
  ++next_;
  if (now_s() - synced_s_ > sync_interval_s) sync();
}

void Journal::sync() {
  file_.sync_data();
  synced_s_ = now_s();
}

}  // namespace skyfold
