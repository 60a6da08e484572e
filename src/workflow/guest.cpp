// The guest's side: joins a session under a name of its own, takes orders from one file, writes outcomes to another, and looks whether
// its owner lives. Whatever happens to either side, no program of an ended session is left, and no outcome of one counts.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <thread>

#include "post_files.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/run/lock.hpp"
#include "skyfold/workflow/post.hpp"

namespace skyfold::workflow {
namespace {

namespace fs = std::filesystem;

constexpr double beat_s = 1.0, owner_look_s = 0.5;
constexpr double no_owner_patience_s = 10.0, wait_s = 0.1;
constexpr double grace_s = 5.0;  // of programs when their owner is gone

/// Whether the process that holds the pipeline's lock is still the one that it was.
class Owner {
 public:
  explicit Owner(std::string home) : home_(std::move(home)), lock_(home_ + "/lock") {
    (void)lock_.standstill_s();
    name_ = name_now();
  }

  bool is_gone() {
    const double standstill_s = lock_.standstill_s();
    if (name_.empty() || name_now() != name_) return true;
    if (split(name_, ' ')[0] == host_name()) return lock_holder(home_).empty();  // the system knows at once
    return standstill_s > lock_patience_s();
  }

 private:
  /// All of the lock's text but the counter that moves.
  [[nodiscard]] std::string name_now() const {
    const std::string_view text = trim(lock_.text());
    return std::string(text.substr(0, text.rfind(' ') == std::string_view::npos ? 0 : text.rfind(' ')));
  }

  std::string home_;
  Pulse lock_;
  std::string name_;
};

enum class Ending { closed, owner_gone, given_up };

/// One stay in one session.
class Stay {
 public:
  Stay(Agent& agent, std::string home, const std::string& session)
      : agent_(agent), home_(std::move(home)), session_(session), owner_(home_), place_(fmt::format("{}/agents/{}", home_, session)) {
    const std::string name = unique_name();
    prepare(place_ + "/." + name);
    std::error_code error;
    fs::rename(place_ + "/." + name, place_ + "/" + name, error);  // seen by the owner with all that is in it
    if (error) throw IoError(fmt::format("{}: {}", place_, error.message()));
    place_ += "/" + name;
    orders_.emplace(place_ + "/orders");
    watch_.add(place_ + "/orders");
    agent_.wake_on(watch_.descriptor());
  }
  ~Stay() {
    agent_.wake_on(-1);
    if (lock_ >= 0) close(lock_);
  }
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;

  Ending work() {
    std::optional<Ending> ending;
    while (!ending) {
      const std::vector<Outcome> outcomes = agent_.wait(patience_.interval_s());
      watch_.empty();
      if (stop_signal() != 0) leave();
      ending = report(outcomes);
      if (!ending) ending = take_orders();
      patience_.see(has_news_ || !outcomes.empty());
      beat();
      if (!ending && is_time(owner_at_s_, owner_look_s) && owner_.is_gone()) ending = Ending::owner_gone;
    }
    agent_.end_all(*ending == Ending::closed ? 0.0 : grace_s);
    // The folder may be gone because there is nothing more to do, or because its owner went in good order.
    const Session now = session_at(home_);
    if (now.is_closed && now.name == session_) return Ending::closed;
    return *ending == Ending::given_up && owner_.is_gone() ? Ending::owner_gone : *ending;
  }

 private:
  void prepare(const std::string& folder) {
    std::error_code error;
    fs::create_directory(folder, error);
    if (error) throw IoError(fmt::format("{}: {}", folder, error.message()));
    for (const char* name : {"/orders", "/outcomes", "/alive"}) File::created(folder + name).close();
    const Hello hello = own_hello(agent_.slots());
    File hello_file = File::created(folder + "/hello");
    hello_file.write(0, text_of(hello));
    hello_file.close();
    File heartbeat = File::created(folder + "/heartbeat");
    heartbeat.write(0, "0");
    heartbeat.close();
    lock_ = open((folder + "/alive").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (lock_ >= 0) (void)flock(lock_, LOCK_EX | LOCK_NB);  // where there are no such locks the heartbeat must do
  }

  static bool is_time(double& at_s, double every_s) {
    if (now_s() < at_s) return false;
    at_s = now_s() + every_s;
    return true;
  }

  std::optional<Ending> report(const std::vector<Outcome>& outcomes) {
    std::string lines;
    for (const Outcome& outcome : outcomes) lines += line_of(outcome.end);
    if (!lines.empty() && !append_lines(place_ + "/outcomes", lines)) return Ending::given_up;
    return std::nullopt;
  }

  std::optional<Ending> take_orders() {
    const std::vector<std::string> lines = orders_->read();
    has_news_ = !lines.empty();
    if (!orders_->is_there()) return Ending::given_up;
    for (const std::string& line : lines) {
      if (text_under_seal(line) == close_text) return Ending::closed;
      agent_.start(order_of_line(line));
    }
    return std::nullopt;
  }

  void beat() {
    if (!is_time(beat_at_s_, beat_s)) return;
    const int descriptor = open((place_ + "/heartbeat").c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0) return;  // the next look at the orders tells
    const std::string text = fmt::format("{:012}", ++beats_);
    (void)!write(descriptor, text.data(), text.size());
    close(descriptor);
  }

  /// This process was asked to stop.
  [[noreturn]] void leave() {
    agent_.end_all(grace_s);
    (void)append_lines(place_ + "/outcomes", sealed(leave_text));
    check_stop();
    throw Error(ExitCode::stopped, "stopped");
  }

  Agent& agent_;
  std::string home_, session_;
  Owner owner_;
  std::string place_;
  std::optional<LineReader> orders_;
  Watch watch_;
  Patience patience_;
  int lock_ = -1;
  long long beats_ = 0;
  double beat_at_s_ = 0.0, owner_at_s_ = 0.0;
  bool has_news_ = false;
};

/// The open session to be joined; one that is closed when it came and went meanwhile; none when there is no owner.
std::optional<Session> next_session(const std::string& home, const Session& known) {
  for (double ownerless_since_s = now_s(); now_s() - ownerless_since_s < no_owner_patience_s;) {
    const Session session = session_at(home);
    const bool is_new = session.name != known.name || session.is_closed != known.is_closed;
    const bool has_owner = !read_small_file(home + "/lock").empty() && !lock_holder(home).empty();
    if (session.is_closed && is_new) return session;
    if (!session.name.empty() && !session.is_closed && has_owner) return session;
    if (has_owner) ownerless_since_s = now_s();
    check_stop();
    std::this_thread::sleep_for(std::chrono::duration<double>(wait_s));
  }
  return std::nullopt;
}

/// The folder of a session may go before it was joined: then the next is looked for.
std::optional<Ending> ending_of_stay(Agent& agent, const std::string& home, const std::string& session) {
  std::optional<Stay> stay;
  try {
    stay.emplace(agent, home, session);
  } catch (const IoError&) {
    if (fs::exists(home + "/agents/" + session)) throw;
    return std::nullopt;
  }
  return stay->work();
}

}  // namespace

bool work_as_guest(const std::string& home, int slots) {
  const Session at_start = session_at(home);
  // One that was closed before is of an earlier run.
  Session known = at_start.is_closed ? at_start : Session{};
  Agent agent(unique_name(), slots, home);
  while (const std::optional<Session> session = next_session(home, known)) {
    if (session->is_closed) return true;
    const std::optional<Ending> ending = ending_of_stay(agent, home, session->name);
    if (ending == Ending::closed) return true;
    if (ending == Ending::owner_gone) return false;
    if (ending == Ending::given_up) log_warning(fmt::format("{}: was given up by the owner of the pipeline, and joins it anew", home));
  }
  return false;
}

}  // namespace skyfold::workflow
