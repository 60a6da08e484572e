// An agent: keepers, one for each slot, made when the agent is and this process is still small; then a job costs a line to a keeper, a
// vfork there, and a line back.
#include "skyfold/workflow/agent.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "keeper.hpp"
#include "orphans.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/process_status.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/run/programs.hpp"

namespace skyfold::workflow {
namespace {

constexpr double slice_s = 0.1;          // a stop is noticed so soon
constexpr double keeper_patience_s = 5;  // beyond the grace, for what keeps a keeper from ending its job

/// The keepers of all agents of this process: among its children, what is none of them is left over from one that was killed.
class KeeperList {
 public:
  void add(pid_t keeper) {
    const std::lock_guard guard(mutex_);
    keepers_.insert(keeper);
  }
  void remove(pid_t keeper) {
    const std::lock_guard guard(mutex_);
    keepers_.erase(keeper);
  }
  std::set<pid_t> all() {
    const std::lock_guard guard(mutex_);
    return keepers_;
  }

 private:
  std::mutex mutex_;
  std::set<pid_t> keepers_;
};
KeeperList keeper_list;

bool descends_from(pid_t process, const std::set<pid_t>& ancestors) {
  for (int depth = 0; process > 1 && depth < 1000; ++depth) {
    if (ancestors.contains(process)) return true;
    const auto status = process_status(process);
    if (!status) return false;
    process = status->parent;
  }
  return false;
}

/// Kills what this process has adopted because its keeper was killed, and takes it off the list of processes.
void end_adopted() {
  const std::set<pid_t> keepers = keeper_list.all();
  for (bool found = true; found;) {
    found = false;
    for (const pid_t process : descendants()) {
      if (descends_from(process, keepers)) continue;
      found = true;
      kill(process, SIGKILL);
    }
    if (found) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

struct Running {
  std::int64_t job = 0;
  int attempt = 1, slots = 1;
  double start_s = 0.0;
};

struct KeeperProcess {
  pid_t process = -1;
  int socket = -1;
  std::string text;  ///< what has come of its next line
  std::optional<Running> running;
  bool is_discarded = false;  ///< nobody wants the outcome
};

EndRecord record_of_death(const Running& running) {
  EndRecord end;
  end.job = running.job;
  end.attempt = running.attempt;
  end.how = "killer";
  end.message = "the process that looked after it was killed while it ran";
  end.time_s = unix_time_s();
  end.wall_s = now_s() - running.start_s;
  return end;
}

}  // namespace

struct Agent::Impl {
  std::string name, home, identity;
  int slots = 1, free_slots = 1, wake = -1;
  bool stop_was_told = false;
  std::vector<KeeperProcess> keepers;
  std::vector<Outcome> ended;

  void make_keeper(KeeperProcess& keeper);
  void replace_keeper(KeeperProcess& keeper);
  bool hand_over(KeeperProcess& keeper, const std::string& line);
  void read_from(KeeperProcess& keeper);
  void take_line(KeeperProcess& keeper, const std::string& line);
  void set_free(KeeperProcess& keeper, EndRecord end);
  bool poll_once(double seconds);
  void close_all();
  [[nodiscard]] bool is_busy() const {
    return std::any_of(keepers.begin(), keepers.end(), [](const KeeperProcess& k) { return k.running.has_value(); });
  }
};

void Agent::Impl::make_keeper(KeeperProcess& keeper) {
  std::array<int, 2> ends = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw IoError(fmt::format("cannot make a socket for jobs: {}", std::strerror(errno)));
  const KeeperSetting setting = {ends[1], getpid(), identity, home};
  const pid_t child = fork();
  if (child == 0) be_keeper(setting);
  const int error = errno;
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    throw IoError(fmt::format("cannot make a process for jobs: {}", std::strerror(error)));
  }
  setpgid(child, child);
  keeper_list.add(child);
  keeper = KeeperProcess{child, ends[0], "", std::nullopt, false};
}

/// It is dead, or shall be.
void Agent::Impl::replace_keeper(KeeperProcess& keeper) {
  close(keeper.socket);
  kill(keeper.process, SIGKILL);
  while (waitpid(keeper.process, nullptr, 0) < 0 && errno == EINTR) {
  }
  keeper_list.remove(keeper.process);
  end_adopted();
  make_keeper(keeper);
}

bool Agent::Impl::hand_over(KeeperProcess& keeper, const std::string& line) {
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t done = send(keeper.socket, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (done < 0 && errno != EINTR) return false;
    sent += static_cast<std::size_t>(std::max<ssize_t>(done, 0));
  }
  return true;
}

void Agent::Impl::set_free(KeeperProcess& keeper, EndRecord end) {
  free_slots += keeper.running->slots;
  if (!keeper.is_discarded) ended.push_back({end.job, end.attempt, std::move(end)});
  keeper.running.reset();
  keeper.is_discarded = false;
}

void Agent::Impl::take_line(KeeperProcess& keeper, const std::string& line) {
  if (keeper.running) set_free(keeper, std::get<EndRecord>(record_of_line(line)));
}

void Agent::Impl::read_from(KeeperProcess& keeper) {
  std::array<char, 65536> block;
  const ssize_t got = recv(keeper.socket, block.data(), block.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got > 0) {
    keeper.text.append(block.data(), static_cast<std::size_t>(got));
    if (keeper.text.back() != '\n') return;
    const std::string line = std::move(keeper.text);
    keeper.text.clear();
    take_line(keeper, line);
    return;
  }
  const std::optional<Running> running = keeper.running;
  const bool is_discarded = keeper.is_discarded;
  replace_keeper(keeper);
  if (!running) return;
  free_slots += running->slots;
  if (!is_discarded) ended.push_back({running->job, running->attempt, record_of_death(*running)});
}

/// Takes what has come, or comes within `seconds`. @returns whether `wake` is readable
bool Agent::Impl::poll_once(double seconds) {
  std::vector<pollfd> sources;
  for (const KeeperProcess& keeper : keepers) sources.push_back({keeper.socket, POLLIN, 0});
  if (wake >= 0) sources.push_back({wake, POLLIN, 0});
  if (poll(sources.data(), sources.size(), static_cast<int>(std::ceil(1000.0 * std::max(seconds, 0.0)))) <= 0) return false;
  for (std::size_t i = 0; i < keepers.size(); ++i)
    if (sources[i].revents != 0) read_from(keepers[i]);
  return wake >= 0 && sources.back().revents != 0;
}

void Agent::Impl::close_all() {
  for (const KeeperProcess& keeper : keepers) close(keeper.socket);  // at which they end
  for (const KeeperProcess& keeper : keepers) {
    while (waitpid(keeper.process, nullptr, 0) < 0 && errno == EINTR) {
    }
    keeper_list.remove(keeper.process);
  }
  keepers.clear();
}

Agent::Agent(std::string name, int slots, std::string home) : impl_(std::make_unique<Impl>()) {
  impl_->name = std::move(name);
  impl_->home = std::move(home);
  impl_->slots = impl_->free_slots = std::max(slots, 1);
  impl_->identity = agent_identity();
  // What a killed keeper leaves behind becomes ours.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (const int count = end_orphans(impl_->home); count > 0)
    log_warning(fmt::format("{}: ended {} process{} of an earlier run that was killed", impl_->home, count, count == 1 ? "" : "es"));
  impl_->keepers.resize(static_cast<std::size_t>(impl_->slots));
  for (KeeperProcess& keeper : impl_->keepers) impl_->make_keeper(keeper);
}

Agent::~Agent() {
  try {
    end_all(0.0);
  } catch (const Error&) {  // a keeper could not be replaced: they end all the same
  }
  impl_->close_all();
}

const std::string& Agent::name() const noexcept { return impl_->name; }
int Agent::slots() const noexcept { return impl_->slots; }
int Agent::free_slots() const noexcept { return impl_->free_slots; }
void Agent::wake_on(int descriptor) { impl_->wake = descriptor; }

void Agent::start(const Order& order) {
  const int slots = order.slots == 0 ? impl_->slots : std::clamp(order.slots, 1, impl_->slots);
  const auto keeper = std::find_if(impl_->keepers.begin(), impl_->keepers.end(), [](const KeeperProcess& k) { return !k.running; });
  if (slots > impl_->free_slots || keeper == impl_->keepers.end() || order.words.empty())
    throw Error(ExitCode::bug, fmt::format("job {} is started where there is no slot for it, or without a program", order.job));
  const std::string line = line_of(order);
  if (!impl_->hand_over(*keeper, line)) {  // it was killed while it had nothing to do
    impl_->replace_keeper(*keeper);
    if (!impl_->hand_over(*keeper, line)) throw IoError(fmt::format("job {} cannot be handed over", order.job));
  }
  impl_->free_slots -= slots;
  keeper->running = Running{order.job, order.attempt, slots, now_s()};
}

std::vector<Outcome> Agent::wait(double seconds) {
  const double end_s = now_s() + seconds;
  bool is_woken = impl_->poll_once(0.0);
  while (impl_->ended.empty() && !is_woken) {
    const bool is_told_to_stop = stop_signal() != 0 && !impl_->stop_was_told;
    impl_->stop_was_told = stop_signal() != 0;
    const double left_s = end_s - now_s();
    if (is_told_to_stop || left_s <= 0.0) break;
    is_woken = impl_->poll_once(std::min(left_s, slice_s));
  }
  return std::exchange(impl_->ended, {});
}

void Agent::end_all(double grace_s) {
  impl_->ended.clear();
  for (KeeperProcess& keeper : impl_->keepers) {
    if (!keeper.running) continue;
    keeper.is_discarded = true;
    (void)impl_->hand_over(keeper, end_line(grace_s));
  }
  for (const double end_s = now_s() + grace_s + keeper_patience_s; impl_->is_busy() && now_s() < end_s;) (void)impl_->poll_once(slice_s);
  for (KeeperProcess& keeper : impl_->keepers) {
    if (!keeper.running) continue;
    impl_->free_slots += keeper.running->slots;
    impl_->replace_keeper(keeper);
  }
}

}  // namespace skyfold::workflow
