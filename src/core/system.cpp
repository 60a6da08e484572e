// What the machine tells: its name, the user, memory and time.
#include "skyfold/core/system.hpp"

#include <pwd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>

namespace skyfold {

std::string host_name() {
  char host[256] = {};
  // POSIX leaves open whether a name that is cut ends in a zero: the last byte is kept free for one.
  gethostname(host, sizeof host - 1);
  return host;
}

std::string user_name() {
  // Containers often run under a number without an entry.
  const passwd* entry = getpwuid(getuid());
  return entry ? entry->pw_name : std::to_string(getuid());
}

int processor_count() noexcept { return static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN))); }

std::int64_t peak_memory_bytes() noexcept {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return 1024 * static_cast<std::int64_t>(usage.ru_maxrss);  // Linux counts in KiB
}

double unix_time_s() noexcept { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

std::string utc_text(double unix_time_s) {
  const auto seconds = static_cast<std::time_t>(unix_time_s);
  std::tm parts = {};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

std::string iso_text(double unix_time_s) {
  std::string text = utc_text(unix_time_s);
  text[10] = 'T';
  return text + "Z";
}

}  // namespace skyfold
