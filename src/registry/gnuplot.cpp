// Draws with gnuplot, which is started without a shell: commands and pictures go through files in memory, so that no name of a
// user's is ever part of a command.
#include "skyfold/registry/gnuplot.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/text.hpp"

extern char** environ;

namespace skyfold {
namespace {

/// A file without a name that lives in memory: nothing is left behind, and no name of a user's reaches gnuplot.
class MemoryFile {
 public:
  explicit MemoryFile(const std::string& text = {}) : descriptor_(memfd_create("skyfold plot", MFD_CLOEXEC)) {
    std::size_t written = 0;
    while (descriptor_ >= 0 && written < text.size()) {
      const ssize_t done = ::write(descriptor_, text.data() + written, text.size() - written);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) break;
      written += static_cast<std::size_t>(done);
    }
    if (descriptor_ >= 0 && written == text.size() && lseek(descriptor_, 0, SEEK_SET) == 0) return;
    const int error = errno;
    if (descriptor_ >= 0) close(descriptor_);
    throw IoError(fmt::format("no memory for a plot ({})", std::strerror(error)));
  }
  ~MemoryFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  MemoryFile(MemoryFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  MemoryFile& operator=(MemoryFile&&) = delete;

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] std::string text() const {
    std::string all;
    char buffer[65'536];
    for (ssize_t got = 0; (got = pread(descriptor_, buffer, sizeof buffer, static_cast<off_t>(all.size()))) != 0;) {
      if (got > 0)
        all.append(buffer, static_cast<std::size_t>(got));
      else if (errno != EINTR)
        break;
    }
    return all;
  }

 private:
  int descriptor_;
};

class SpawnActions {
 public:
  SpawnActions() { posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;

  /// The child has `file` as the descriptor `number`; as its own number it is merely kept open.
  void give(const MemoryFile& file, int number) { posix_spawn_file_actions_adddup2(&actions_, file.descriptor(), number); }
  void silence(int number) { posix_spawn_file_actions_addopen(&actions_, number, "/dev/null", O_WRONLY, 0); }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

/// gnuplot's status of exit.
int run_gnuplot(const MemoryFile& script, const MemoryFile& errors, const std::vector<MemoryFile>& pictures) {
  SpawnActions actions;
  // dup2 onto its own number clears close-on-exec (posix_spawn, POSIX.1-2017), so that the child finds it in /proc/self/fd.
  for (const MemoryFile& picture : pictures) actions.give(picture, picture.descriptor());
  actions.give(script, STDIN_FILENO);
  actions.give(errors, STDERR_FILENO);
  actions.silence(STDOUT_FILENO);
  // posix_spawn wants words that it might change.
  char name[] = "gnuplot", plain[] = "-d";  // without ~/.gnuplot and the system's settings
  char* const words[] = {name, plain, nullptr};
  pid_t child = 0;
  if (const int error = posix_spawnp(&child, name, actions.get(), nullptr, words, environ); error != 0)
    throw IoError(fmt::format("gnuplot cannot be started ({})", std::strerror(error)));
  // The script is a file, not a pipe: gnuplot reads at its own pace, and nobody has to feed it while its errors are read.
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) throw IoError(fmt::format("gnuplot cannot be waited for ({})", std::strerror(errno)));
  return status;
}

/// The last line that gnuplot said, which names the error.
std::string last_line(const std::string& said) {
  std::string last = "it said nothing";
  for (const std::string& line : split(said, '\n'))
    if (!line.empty()) last = line;
  return last;
}

/// A kind of picture: the words that choose gnuplot's terminal, up to the size, and what a whole picture ends with.
struct PictureKind {
  const char* terminal;
  int scale;
  std::string_view end;
  const char* settings;
};
constexpr PictureKind svg_kind = {"svg", 1, "</svg>", "noenhanced font 'sans,{}' background 'white'"};
constexpr PictureKind png_kind = {"pngcairo", 2, "IEND",
                                  "noenhanced font 'sans,{}' fontscale 1.75 linewidth 2 pointscale 2 background 'white'"};

std::vector<std::string> draw(const std::vector<GnuplotScript>& scripts, const PictureKind& kind) {
  if (scripts.empty()) return {};
  std::vector<MemoryFile> pictures(scripts.size());
  std::string all;
  for (std::size_t i = 0; i < scripts.size(); ++i) {
    const GnuplotScript& script = scripts[i];
    // What one plot sets must not reach the next: all are drawn by one gnuplot.
    all += fmt::format("reset\nset terminal {} size {},{} {}\nset output '/proc/self/fd/{}'\n", kind.terminal, kind.scale * script.width,
                       kind.scale * script.height, fmt::format(fmt::runtime(kind.settings), script.font_size), pictures[i].descriptor());
    all += script.commands + "\nunset output\n";
  }
  const MemoryFile errors;
  const int status = run_gnuplot(MemoryFile(all), errors, pictures);
  std::vector<std::string> drawn;
  for (const MemoryFile& picture : pictures) drawn.push_back(picture.text());
  for (const std::string& picture : drawn)
    // gnuplot ends with status 0 after some errors, with half a picture.
    if (status != 0 || picture.find(kind.end) == std::string::npos)
      throw IoError(fmt::format("gnuplot could not draw a plot ({}; exit status {})", last_line(errors.text()),
                                WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)));
  return drawn;
}

void draw_file(const GnuplotScript& script, const PictureKind& kind, const std::string& path) {
  std::string picture;
  try {
    picture = draw({script}, kind).front();
  } catch (const IoError& error) {
    throw IoError(fmt::format("{}: {}", path, error.what()));
  }
  write_durably(path, picture);
}

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
  for (const char c : one_line(text)) {
    // In gnuplot's single quotes nothing is special but the quote itself: it becomes a typographic one.
    if (c == '\'')
      result += "\u2019";
    else if (c == '>' && result.ends_with("]]"))
      result += " >";  // gnuplot leaves it as it is, which no SVG may hold
    else
      result += c;
  }
  return result + "'";
}

std::vector<std::string> draw_svg(const std::vector<GnuplotScript>& scripts) { return draw(scripts, svg_kind); }
void draw_svg(const GnuplotScript& script, const std::string& path) { draw_file(script, svg_kind, path); }
void draw_png(const GnuplotScript& script, const std::string& path) { draw_file(script, png_kind, path); }

}  // namespace skyfold
