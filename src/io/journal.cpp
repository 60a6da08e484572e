#include "skyfold/io/journal.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "skyfold/core/error.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/system.hpp"

namespace skyfold {
namespace {

constexpr double sync_interval_s = 0.5;   // what a crash of the machine can cost

std::uint64_t checksum_of(const JournalRecord& record) {
  return hash_bytes(std::as_bytes(std::span(&record, 1)).first(offsetof(JournalRecord, checksum)));
}

[[noreturn]] void fail(const std::string& path) { throw IoError(fmt::format("{}: {}", path, std::strerror(errno))); }

std::vector<JournalRecord> valid_records(int descriptor) {
  std::vector<JournalRecord> records;
  std::vector<JournalRecord> chunk(1024);
  while (true) {
    const auto offset = static_cast<off_t>(records.size() * sizeof(JournalRecord));
    const ssize_t got = pread(descriptor, chunk.data(), chunk.size() * sizeof(JournalRecord), offset);
    const std::size_t count = got > 0 ? static_cast<std::size_t>(got) / sizeof(JournalRecord) : 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (chunk[i].sequence != records.size() || chunk[i].checksum != checksum_of(chunk[i])) return records;
      records.push_back(chunk[i]);
    }
    if (count < chunk.size()) return records;
  }
}

}  // namespace

std::vector<JournalRecord> read_journal(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);  // a pipe there would wait for ever
  if (descriptor < 0 && errno == ENOENT) return {};
  if (descriptor < 0) fail(path);
  struct stat status = {};
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    throw IoError(path + ": is not a file, and not the journal of a run");
  }
  std::vector<JournalRecord> records = valid_records(descriptor);
  close(descriptor);
  return records;
}

Journal::Journal(const std::string& path) : path_(path), descriptor_(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) fail(path_);
  found_ = valid_records(descriptor_);
  next_ = found_.size();
  if (ftruncate(descriptor_, static_cast<off_t>(next_ * sizeof(JournalRecord))) != 0) fail(path_);
}

Journal::~Journal() {
  if (descriptor_ >= 0) close(descriptor_);
}

void Journal::append(JournalRecord record) {
  record.sequence = next_;
  record.unix_time_s = unix_time_s();
  record.checksum = checksum_of(record);
  errno = ENOSPC;  // a write that is cut short does not say why
  if (pwrite(descriptor_, &record, sizeof record, static_cast<off_t>(next_ * sizeof record)) != sizeof record) fail(path_);
  ++next_;
  if (now_s() - synced_s_ > sync_interval_s) sync();
}

void Journal::sync() {
  if (fdatasync(descriptor_) != 0) fail(path_);
  synced_s_ = now_s();
}

}  // namespace skyfold
