#include "skyfold/io/journal.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>

#include "skyfold/core/error.hpp"
#include "skyfold/core/hash.hpp"

namespace skyfold {
namespace {

std::uint64_t checksum_of(const JournalRecord& record) {
  return hash_bytes(std::as_bytes(std::span(&record, 1)).first(offsetof(JournalRecord, checksum)));
}

[[noreturn]] void fail(const std::string& path) { throw IoError(fmt::format("{}: {}", path, std::strerror(errno))); }

}  // namespace

Journal::Journal(const std::string& path) : path_(path), descriptor_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) fail(path_);
  JournalRecord record;
  while (pread(descriptor_, &record, sizeof record, static_cast<off_t>(next_ * sizeof record)) == sizeof record &&
         record.sequence == next_ && record.checksum == checksum_of(record)) {
    found_.push_back(record);
    ++next_;
  }
  if (ftruncate(descriptor_, static_cast<off_t>(next_ * sizeof record)) != 0) fail(path_);
}

Journal::~Journal() {
  if (descriptor_ >= 0) close(descriptor_);
}

void Journal::append(JournalRecord record) {
  record.sequence = next_;
  record.unix_time_s = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  gethostname(record.host, sizeof record.host - 1);
  record.checksum = checksum_of(record);
  errno = ENOSPC;  // a write that is cut short does not say why
  if (pwrite(descriptor_, &record, sizeof record, static_cast<off_t>(next_ * sizeof record)) != sizeof record) fail(path_);
  ++next_;
}

void Journal::sync() {
  if (fdatasync(descriptor_) != 0) fail(path_);
}

}  // namespace skyfold
