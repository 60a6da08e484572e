#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The files by which owner and guests speak: who writes one never reads it, and nothing in it is written twice but a heartbeat.
namespace skyfold::workflow {

/// A text as a line with its checksum, as records and orders have it.
[[nodiscard]] std::string sealed(std::string_view text);
/// The text of such a line; nothing when the checksum is wrong.
[[nodiscard]] std::optional<std::string_view> text_under_seal(std::string_view line);

// What is said beside orders and records.
inline constexpr std::string_view close_text = "close";  ///< by the owner: there is nothing more to do
inline constexpr std::string_view leave_text = "leave";  ///< by a guest: it was asked to stop

/// Appends whole lines to a file that is there. Other machines see them when it returns: the file is closed. @returns false when it is gone
/// or cannot be written
[[nodiscard]] bool append_lines(const std::string& path, std::string_view lines);

/// Reads a file of sealed lines on while it grows.
class LineReader {
 public:
  explicit LineReader(std::string path) : path_(std::move(path)) {}
  /// Lines that have come, with their seals; one that is not whole yet is left. Network file systems may show zeros in the place of what
  /// comes later: a line with a wrong checksum is read again, and after a minute throws IoError.
  [[nodiscard]] std::vector<std::string> read();
  /// Whether the file was there when it was read.
  [[nodiscard]] bool is_there() const noexcept { return is_there_; }

 private:
  std::string path_;
  std::int64_t offset_ = 0;
  double bad_since_s_ = 0.0;
  bool is_there_ = true;
};

/// Whether the content of a file changes, by the clock of this process.
class Pulse {
 public:
  explicit Pulse(std::string path) : path_(std::move(path)) {}
  /// Looks; @returns seconds since it was seen to change
  double standstill_s();
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  std::string path_, text_;
  double changed_s_ = -1.0;
};

/// How long to wait before the next look: short after something has come, longer and longer when nothing does.
class Patience {
 public:
  void see(bool has_come) noexcept;
  [[nodiscard]] double interval_s() const noexcept { return interval_s_; }

 private:
  double interval_s_ = 0.001;
};

/// Wakes up when a file changes on this machine: a help, no more, for file systems do not tell what other machines do.
class Watch {
 public:
  Watch();
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  void add(const std::string& path);
  void empty();
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_ = -1;
};

/// Which owner is there, as HOME/agents/current says.
struct Session {
  std::string name;  ///< of its folder in HOME/agents; "" when there was never one
  bool is_closed = false;
};
[[nodiscard]] Session session_at(const std::string& home);
void write_session(const std::string& home, const Session& session);
/// A name that no process had or will have.
[[nodiscard]] std::string unique_name();

/// The first word of a guest's hello file, and what is behind it.
struct Hello {
  std::string host, boot;
  int slots = 1;
};
[[nodiscard]] std::string text_of(const Hello& hello);
[[nodiscard]] Hello hello_in(const std::string& text);
/// Of this machine.
[[nodiscard]] Hello own_hello(int slots);

}  // namespace skyfold::workflow
