// The files of one job. Nothing here trusts the program that made them: links, devices and pipes are refused, and nothing is read through
// one.
#include "job_files.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/workflow/agent.hpp"

namespace skyfold::workflow {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t tail_bytes = 2000, message_bytes = 500;
constexpr std::int64_t largest_events_file = 1 << 28;

/// What the system calls return, where it is an error.
[[noreturn]] void fail(const std::string& path, const char* what) {
  throw IoError(fmt::format("{}: {}: {}", one_line(path), what, std::strerror(errno)));
}

/// A regular file, opened without following a link; -1 when there is none.
int open_regular(const std::string& path, const char* what) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) return -1;
  struct stat status = {};
  const bool is_regular = descriptor >= 0 && fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  if (is_regular) return descriptor;
  const int error = errno;
  if (descriptor >= 0) close(descriptor);
  if (descriptor >= 0 || error == ELOOP || error == ENXIO) throw DataError(fmt::format("{}: {}", one_line(path), what));
  errno = error;
  fail(path, "cannot be opened");
}

OutputFile hashed(int descriptor, const std::string& path, std::string relative) {
  OutputFile output{std::move(relative), "", 0};
  RunningHash hash;
  std::vector<std::byte> block(std::size_t{1} << 18);
  for (ssize_t got = 0; (got = read(descriptor, block.data(), block.size())) != 0;) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path, "cannot be read");
    hash.add({block.data(), static_cast<std::size_t>(got)});
    output.bytes += got;
  }
  output.hash = hex64(hash.value());
  return output;
}

void add_output(const std::string& path, std::string relative, std::vector<OutputFile>& outputs) {
  const int descriptor = open_regular(path, "is neither a file nor a folder (links, pipes and devices are no products)");
  if (descriptor < 0) throw DataError(fmt::format("{}: has gone while it was looked at", one_line(path)));
  try {
    outputs.push_back(hashed(descriptor, path, std::move(relative)));
  } catch (...) {
    close(descriptor);
    throw;
  }
  close(descriptor);
}

void add_outputs(const std::string& folder, const std::string& prefix, std::vector<OutputFile>& outputs) {
  for (const std::string& name : names_in(folder)) {
    if (name.find_first_of("\n\r") != std::string::npos)
      throw DataError(fmt::format("{}/{}: a product's name must not have a line break", one_line(folder), one_line(name)));
    const std::string path = folder + "/" + name;
    struct stat status = {};
    if (lstat(path.c_str(), &status) != 0) fail(path, "cannot be looked at");
    if (S_ISDIR(status.st_mode))
      add_outputs(path, prefix + name + "/", outputs);
    else
      add_output(path, prefix + name, outputs);
  }
}

/// The last line with anything but blanks.
std::string_view last_line_of(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) return {};
  const std::size_t line_break = text.find_last_of('\n', end);
  const std::size_t begin = line_break == std::string_view::npos ? 0 : line_break + 1;
  return trim(text.substr(begin, end - begin + 1));
}

}  // namespace

std::string masked(std::string_view text, const std::vector<std::string>& secrets) {
  std::string shown;
  while (!text.empty()) {
    const auto secret = std::find_if(secrets.begin(), secrets.end(), [text](const std::string& s) { return text.starts_with(s); });
    if (secret == secrets.end())
      shown += text.front();
    else
      shown += "***";
    text.remove_prefix(secret == secrets.end() ? 1 : secret->size());
  }
  return shown;
}

std::vector<std::string> values_of_variables(const std::vector<std::string>& names) {
  std::vector<std::string> values;
  for (const std::string& name : names)
    if (const char* value = std::getenv(name.c_str()); value && *value) values.emplace_back(value);
  // A secret that is a part of another would leave the rest of it.
  std::sort(values.begin(), values.end(), [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  return values;
}

JobLog::JobLog(std::string path, int attempt, std::int64_t limit_bytes, std::vector<std::string> secrets)
    : secrets_(std::move(secrets)), path_(std::move(path)), attempt_(attempt), limit_(limit_bytes), room_(limit_bytes) {}

JobLog::~JobLog() {
  if (descriptor_ >= 0) close(descriptor_);
}

void JobLog::open_file() {
  constexpr int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  descriptor_ = open(path_.c_str(), flags, 0666);
  if (descriptor_ < 0 && errno == ENOENT) {
    std::error_code error;  // the second attempt to open tells
    fs::create_directories(folder_of(path_), error);
    descriptor_ = open(path_.c_str(), flags, 0666);
  }
  struct stat status = {};
  if (descriptor_ < 0)
    trouble_ = fmt::format("its log {} cannot be opened: {}", one_line(path_), std::strerror(errno));
  else if (fstat(descriptor_, &status) == 0 && status.st_size > 0)
    write(fmt::format("skyfold: attempt {}\n", attempt_));
}

void JobLog::write(std::string_view text) {
  if (descriptor_ < 0 && trouble_.empty()) open_file();
  while (!text.empty() && trouble_.empty()) {
    const ssize_t done = ::write(descriptor_, text.data(), text.size());
    if (done >= 0)
      text.remove_prefix(static_cast<std::size_t>(done));
    else if (errno != EINTR)
      trouble_ = fmt::format("its log {} cannot be written: {}", one_line(path_), std::strerror(errno));
  }
}

void JobLog::add(std::string_view output) {
  if (secrets_.empty()) return add_shown(output);
  held_ = masked(held_.append(output), secrets_);
  const std::size_t shown = held_.size() - begun_secret();
  add_shown(std::string_view(held_).substr(0, shown));
  held_.erase(0, shown);
}

void JobLog::end_output() { add_shown(std::exchange(held_, {})); }

/// Bytes at the end of what is held that a secret begins with.
std::size_t JobLog::begun_secret() const {
  std::size_t longest = 0;
  for (const std::string& secret : secrets_)
    for (std::size_t length = std::min(secret.size() - 1, held_.size()); length > longest; --length)
      if (std::string_view(held_).ends_with(std::string_view(secret).substr(0, length))) longest = length;
  return longest;
}

void JobLog::add_shown(std::string_view output) {
  if (output.empty()) return;
  if (output.size() >= tail_bytes)
    tail_ = output.substr(output.size() - tail_bytes);
  else if ((tail_ += output).size() > 4 * tail_bytes)
    tail_.erase(0, tail_.size() - tail_bytes);
  if (is_full_) return;
  const std::string_view fitting = output.substr(0, static_cast<std::size_t>(std::max<std::int64_t>(room_, 0)));
  if (!fitting.empty()) {
    write(fitting);
    at_line_start_ = fitting.back() == '\n';
  }
  room_ -= static_cast<std::int64_t>(fitting.size());
  if (fitting.size() == output.size()) return;
  is_full_ = true;
  remark(fmt::format("what comes beyond {} bytes (log.max) is left out", grouped(limit_)));
}

void JobLog::remark(std::string_view line) {
  write(fmt::format("{}skyfold: {}\n", at_line_start_ ? "" : "\n", line));
  at_line_start_ = true;
}

std::string JobLog::last_line() const {
  const std::string_view line = last_line_of(tail_);
  return one_line(line.substr(0, message_bytes)) + (line.size() > message_bytes ? "..." : "");
}

void make_scratch(const std::string& folder) {
  if (mkdir(folder.c_str(), 0777) == 0) return;
  std::error_code error;
  if (errno == EEXIST) fs::remove_all(folder, error);
  fs::create_directories(folder, error);
  if (error) throw IoError(fmt::format("{}: cannot be made: {}", one_line(folder), error.message()));
}

std::vector<OutputFile> outputs_in(const std::string& folder) {
  if (rmdir(folder.c_str()) == 0) return {};  // nothing is in it, as is the rule for programs that write elsewhere
  struct stat status = {};
  if (lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))  // nor is anything taken through a link
    throw DataError(fmt::format("{}: the program has removed or replaced the folder of its products ({{out}})", one_line(folder)));
  std::vector<OutputFile> outputs;
  add_outputs(folder, "", outputs);
  std::sort(outputs.begin(), outputs.end(), [](const OutputFile& a, const OutputFile& b) { return a.path < b.path; });
  if (outputs.empty()) {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  return outputs;
}

std::string events_path(const std::string& scratch) { return scratch + ".events"; }

std::vector<EventRecord> events_in(const std::string& path) {
  const int descriptor = open_regular(path, "the file of its events is no regular file");
  if (descriptor < 0) return {};
  struct stat status = {};
  const bool is_too_large = fstat(descriptor, &status) == 0 && status.st_size > largest_events_file;
  close(descriptor);
  if (is_too_large)
    throw DataError(fmt::format("{}: events of {} bytes (at most {})", path, grouped(status.st_size), grouped(largest_events_file)));
  std::vector<EventRecord> events = parse_events(read_small_file(path));
  unlink(path.c_str());
  return events;
}

}  // namespace skyfold::workflow
