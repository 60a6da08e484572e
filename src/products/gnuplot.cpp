#include "skyfold/products/gnuplot.hpp"

#include <fmt/core.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

/// A gnuplot that ends early must not end this process, which writes to it.
class IgnoredPipeSignal {
 public:
  IgnoredPipeSignal() { before_ = std::signal(SIGPIPE, SIG_IGN); }
  ~IgnoredPipeSignal() { std::signal(SIGPIPE, before_); }
  IgnoredPipeSignal(const IgnoredPipeSignal&) = delete;
  IgnoredPipeSignal& operator=(const IgnoredPipeSignal&) = delete;

 private:
  void (*before_)(int);
};

struct ClosePipe {
  void operator()(std::FILE* pipe) const noexcept { pclose(pipe); }
};

}  // namespace

bool has_gnuplot() {
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split(path ? path : "", ':')) {
    std::error_code error;
    if (std::filesystem::exists(folder + "/gnuplot", error)) return true;
  }
  return false;
}

void require_gnuplot() {
  if (has_gnuplot()) return;
  throw IoError("gnuplot is not installed (--plot draws with it; Debian: gnuplot-nox)");
}

std::string gnuplot_text(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("''") : std::string(1, c == '\n' ? ' ' : c);
  return result + "'";
}

void run_gnuplot(const std::string& script, const std::string& path) {
  const IgnoredPipeSignal ignored;
  std::unique_ptr<std::FILE, ClosePipe> pipe(popen("gnuplot 2>&1 >/dev/null", "w"));
  if (!pipe) throw IoError("gnuplot cannot be started");
  const bool is_written = std::fwrite(script.data(), 1, script.size(), pipe.get()) == script.size();
  const int status = pclose(pipe.release());
  std::error_code error;
  if (!is_written || status != 0 || std::filesystem::file_size(path, error) == 0 || error)
    throw IoError(fmt::format("{}: gnuplot could not draw it (exit status {})", path, status));
}

}  // namespace skyfold
