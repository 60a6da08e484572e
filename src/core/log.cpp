// What is said to people, on standard error: lines, warnings and the progress of long steps. Rank 0 speaks alone; the last
// lines are kept for the product log.
#include "skyfold/core/log.hpp"

#include <fmt/core.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <mutex>

#include "skyfold/core/escape.hpp"
#include "skyfold/core/quiet.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

// In a terminal the bar is painted over; in the log of a batch job every print is one more line.
constexpr double terminal_interval_s = 0.2, batch_interval_s = 30.0;

bool& is_silent() {
  static bool silent = false;
  return silent;
}

bool& is_quiet_thread() {
  thread_local bool quiet = false;
  return quiet;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = spdlog::stderr_logger_mt("skyfold");
    // No time and level before each line: these are sentences for people.
    made->set_pattern("%v");
    made->flush_on(spdlog::level::info);
    return made;
  }();
  return *instance;
}

constexpr std::size_t most_lines = 10'000;

struct Said {
  std::mutex mutex;
  std::deque<std::string> lines;
};
Said& said() {
  static Said lines;
  return lines;
}

std::string duration(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02} min", whole / 60, whole % 60);
  return fmt::format("{}:{:02} h", whole / 3600, whole / 60 % 60);
}

}  // namespace

double now_s() noexcept { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

QuietThread::QuietThread() noexcept : before_(is_quiet_thread()) { is_quiet_thread() = true; }
QuietThread::~QuietThread() { is_quiet_thread() = before_; }

void log_info(const std::string& message) {
  if (is_silent() || is_quiet_thread()) return;
  logger().info(printable(message));
  const std::lock_guard lock(said().mutex);
  said().lines.push_back(message);
  // A command that warns of every row must not fill the memory.
  if (said().lines.size() > most_lines) said().lines.pop_front();
}

void log_warning(const std::string& message) { log_info("warning: " + message); }

std::vector<std::string> logged_lines() {
  const std::lock_guard lock(said().mutex);
  return {said().lines.begin(), said().lines.end()};
}

void silence_log() { is_silent() = true; }

Progress::Progress(std::string title, std::int64_t total, std::string unit, std::int64_t found)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      done_(found),
      found_(found),
      start_s_(now_s()),
      terminal_(isatty(STDERR_FILENO)) {
  // Nothing for steps that are done at once.
  next_print_s_ = start_s_ + (terminal_ ? terminal_interval_s : batch_interval_s);
}

Progress::~Progress() { finish(); }

void Progress::update(std::int64_t done) {
  done_ = done;
  const double now = now_s();
  if (is_silent() || now < next_print_s_) return;
  next_print_s_ = now + (terminal_ ? terminal_interval_s : batch_interval_s);
  print(now - start_s_);
}

void Progress::finish() {
  if (finished_ || is_silent()) return;
  finished_ = true;
  if (!terminal_) return;
  write_to_stderr("\r\033[K");  // the summary replaces the bar
  std::fflush(stderr);
}

void Progress::print(double elapsed_s) const {
  const double share = total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 1.0;
  // Rows found done by an earlier attempt cost nothing now: with them the time left would be far too short.
  const double rate = elapsed_s > 0.0 ? static_cast<double>(done_ - found_) / elapsed_s : 0.0;
  const std::string left = rate > 0.0 ? duration(static_cast<double>(total_ - done_) / rate) : "?";
  const std::string text = fmt::format("{} {} of {} {} ({:.0f} %), {}/s, {} left", title_, grouped(done_), grouped(total_), unit_,
                                       100.0 * share, grouped(static_cast<long long>(rate)), left);
  if (!terminal_) {
    logger().info(text);
    return;
  }
  constexpr int width = 20;
  const int full = std::clamp(static_cast<int>(share * width), 0, width);
  write_to_stderr(fmt::format("\r\033[K[{}{}] {}", std::string(full, '#'), std::string(width - full, '.'), text));
}

void write_to_stderr(const std::string& text) noexcept {
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
  (void)std::fflush(stderr);
}

}  // namespace skyfold
