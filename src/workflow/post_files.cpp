// The files between owner and guests. A file is opened, appended to and closed for each message, and opened anew for each look: that is
// what network file systems promise to show (close-to-open consistency, nfs(5)), and on a local disk it costs a few microseconds.
#include "post_files.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>

#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::workflow {
namespace {

constexpr double shortest_s = 0.001, longest_s = 0.5, growth = 1.3;
constexpr double damage_patience_s = 60.0;

std::string boot_id() { return std::string(trim(read_small_file("/proc/sys/kernel/random/boot_id"))); }

std::string session_path(const std::string& home) { return home + "/agents/current"; }

/// What a file has from an offset on; nothing when it is not there.
std::optional<std::string> text_from(const std::string& path, std::int64_t offset) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return std::nullopt;
  std::string text;
  std::array<char, 65536> block;
  for (ssize_t got = 0; (got = pread(descriptor, block.data(), block.size(), offset + static_cast<off_t>(text.size()))) != 0;) {
    if (got > 0)
      text.append(block.data(), static_cast<std::size_t>(got));
    else if (errno != EINTR)
      break;
  }
  close(descriptor);
  return text;
}

}  // namespace

bool append_lines(const std::string& path, std::string_view lines) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return false;
  while (!lines.empty()) {
    const ssize_t done = write(descriptor, lines.data(), lines.size());
    if (done < 0 && errno != EINTR) break;
    lines.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(done, 0)));
  }
  return close(descriptor) == 0 && lines.empty();
}

std::vector<std::string> LineReader::read() {
  const std::optional<std::string> text = text_from(path_, offset_);
  is_there_ = text.has_value();
  std::vector<std::string> lines;
  for (std::size_t begin = 0, end = 0; text && (end = text->find('\n', begin)) != std::string::npos; begin = end + 1) {
    std::string line = text->substr(begin, end + 1 - begin);
    if (!text_under_seal(line)) {
      if (bad_since_s_ == 0.0) bad_since_s_ = now_s();
      if (now_s() - bad_since_s_ > damage_patience_s)
        throw IoError(fmt::format("{}: damaged at byte {}: its checksum is wrong", path_, offset_));
      return lines;
    }
    bad_since_s_ = 0.0;
    offset_ += static_cast<std::int64_t>(line.size());
    lines.push_back(std::move(line));
  }
  return lines;
}

double Pulse::standstill_s() {
  std::string text = read_small_file(path_);
  const double now = now_s();
  if (changed_s_ < 0.0 || text != text_) changed_s_ = now;
  text_ = std::move(text);
  return now - changed_s_;
}

void Patience::see(bool has_come) noexcept { interval_s_ = has_come ? shortest_s : std::min(longest_s, growth * interval_s_); }

Watch::Watch() : descriptor_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

Watch::~Watch() {
  if (descriptor_ >= 0) close(descriptor_);
}

void Watch::add(const std::string& path) {
  if (descriptor_ >= 0) (void)inotify_add_watch(descriptor_, path.c_str(), IN_MODIFY | IN_MOVED_TO | IN_DELETE_SELF);
}

void Watch::empty() {
  std::array<char, 4096> block;
  while (descriptor_ >= 0 && read(descriptor_, block.data(), block.size()) > 0) {
  }
}

Session session_at(const std::string& home) {
  const std::vector<std::string> words = split(trim(read_small_file(session_path(home))), ' ');
  if (words.size() != 2) return {};
  return {words[1], words[0] == "closed"};
}

void write_session(const std::string& home, const Session& session) {
  write_durably(session_path(home), fmt::format("{} {}\n", session.is_closed ? "closed" : "open", session.name));
}

std::string unique_name() {
  static std::atomic<int> count = 0;
  const auto ticks = std::chrono::system_clock::now().time_since_epoch().count();
  const std::string what = fmt::format("{} {} {} {}", boot_id(), getpid(), ticks, count++);
  return fmt::format("{}-{}-{}", host_name(), getpid(), hex64(hash_text(what)).substr(0, 8));
}

std::string text_of(const Hello& hello) { return sealed(fmt::format("{} {} {}", hello.slots, hello.boot, hello.host)); }

Hello hello_in(const std::string& text) {
  const auto content = text_under_seal(text);
  const std::vector<std::string> words = content ? split(*content, ' ') : std::vector<std::string>();
  if (words.size() != 3) return {};
  return {words[2], words[1], static_cast<int>(parse_integer(words[0]).value_or(1))};
}

Hello own_hello(int slots) { return {host_name(), boot_id(), slots}; }

}  // namespace skyfold::workflow
