// The end of a run: of all ranks together, of one that met an error alone, after a death, without those left behind.
#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <thread>

#include "ranks_handle.hpp"
#include "skyfold/core/log.hpp"

namespace skyfold {
namespace {

/// How long a rank waits for the others to come to their ends, too [s]: after an error of its own they may never, after one
/// that all have they will.
constexpr double own_patience_s = 5.0, shared_patience_s = 60.0;
/// From the first sign of another rank's error or death to acting on it [s]: it may be about to end the run itself.
constexpr double failure_grace_s = 0.5, death_grace_s = 3.0, silent_grace_s = 10.0;
/// The time that the launcher gets to end this process, before it ends itself [s].
constexpr double launcher_patience_s = 5.0;

void sleep_s(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

// The only kind of variable that a signal handler may share (C11, 7.14.1.1).
volatile sig_atomic_t abort_status = 0;
void end_without_launcher(int) { _exit(abort_status); }

}  // namespace

std::uint64_t MpiCarrier::start(int to, int tag, std::span<const std::byte> bytes) {
  MPI_Isend(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, to, tag, communicator_, &under_way_[++next_]);
  return next_;
}

bool MpiCarrier::has_left(std::uint64_t message) {
  const auto found = under_way_.find(message);
  int done = 0;
  MPI_Test(&found->second, &done, MPI_STATUS_IGNORE);
  if (done) under_way_.erase(found);
  return done != 0;
}

bool wait_while(MPI_Request& request, std::size_t bytes, const std::function<bool()>& goes_on) {
  constexpr double look_interval_s = 0.2;
  const std::chrono::microseconds longest(bytes > large_message_bytes ? 20 : 2000);
  std::chrono::microseconds pause(5);
  double looked_s = now_s();
  for (int done = 0; MPI_Test(&request, &done, MPI_STATUS_IGNORE), !done;) {
    std::this_thread::sleep_for(pause);
    // Doubling pauses: short waits end quickly, long ones cost next to nothing. Large messages need frequent calls to progress.
    pause = std::min(pause * 2, longest);
    if (now_s() - looked_s < look_interval_s) continue;
    if (!goes_on()) return false;
    looked_s = now_s();
  }
  return true;
}

std::string text_of(const Failure& failure) {
  return failure ? std::to_string(static_cast<int>(failure.code)) + ":" + failure.message : std::string();
}

Failure failure_from(const std::string& text) {
  if (text.empty()) return {};
  const std::size_t colon = text.find(':');
  return {static_cast<ExitCode>(std::stoi(text.substr(0, colon))), text.substr(colon + 1)};
}

std::optional<int> Ranks::Handle::receive(int from, int tag, void* destination, std::size_t bytes) const {
  int waiting = 0;
  MPI_Status status;
  MPI_Iprobe(from, tag, communicator, &waiting, &status);
  if (!waiting) return std::nullopt;
  // From the sender that was seen: another message may have come meanwhile. The probe found it, so this does not wait.
  MPI_Recv(destination, static_cast<int>(bytes), MPI_BYTE, status.MPI_SOURCE, tag, communicator, &status);
  return status.MPI_SOURCE;
}

std::optional<std::pair<int, std::string>> Ranks::Handle::receive_text(int from, int tag) const {
  int waiting = 0, length = 0;
  MPI_Status status;
  MPI_Iprobe(from, tag, communicator, &waiting, &status);
  if (!waiting) return std::nullopt;
  MPI_Get_count(&status, MPI_BYTE, &length);
  std::string text(static_cast<std::size_t>(length), '\0');
  const auto sender = receive(status.MPI_SOURCE, tag, text.data(), text.size());
  return std::pair{*sender, text};
}

void Ranks::Handle::take_failures() {
  while (const auto message = receive_text(MPI_ANY_SOURCE, failure_tag)) {
    const Failure failure = failure_from(message->second);
    if (failure)
      failures[message->first] = failure;
    else
      ended.insert(message->first);
  }
  if (!failures.empty() && failure_seen_s == 0.0) failure_seen_s = now_s();
  if (!ended.empty() && end_seen_s == 0.0) end_seen_s = now_s();
}

void Ranks::Handle::look(int own_rank) {
  outbox.clean();
  // Ranks tell rank 0 alone why they failed; the others learn it from the common end, or not at all.
  if (own_rank == 0) take_failures();
  // The grace lets the failed rank come to the common end itself, where its message is better.
  if (failure_seen_s > 0.0 && now_s() - failure_seen_s > failure_grace_s) {
    const auto& [rank, failure] = *failures.begin();
    is_broken = true;
    throw Error(failure.code, fmt::format("rank {}: {}", rank, failure.message));
  }
  const std::optional<int> dead = watch.ended();
  if (!dead) return;
  if (death_seen_s == 0.0) death_seen_s = now_s();
  const double seen_s = now_s() - death_seen_s;
  if (seen_s > death_grace_s && watch.is_speaker(own_rank)) {
    is_broken = true;
    // The lowest rank of each machine speaks, so that one death gives one message.
    throw IoError(fmt::format("rank {} has died while others waited for it (killed, or crashed: run the same command again)", *dead));
  }
  if (seen_s > silent_grace_s) std::_Exit(static_cast<int>(ExitCode::io));  // who could say more is gone
}

void Ranks::look_after_others() const {
  Handle& my = *handle_;
  my.look(rank_);
  if (my.end_seen_s == 0.0 || now_s() - my.end_seen_s < death_grace_s) return;
  my.is_broken = true;
  throw Error(ExitCode::bug, fmt::format("rank {} has come to its end while rank {} waits for it (a defect: the ranks are out of step)",
                                         *my.ended.begin(), rank_));
}

void Ranks::go_on_without(const std::vector<int>& lost) {
  Handle& my = *handle_;
  // Numbers of processes in MPI_COMM_WORLD never change; those in the communicator do with each loss.
  std::vector<int> members, world_ranks;
  for (int rank = 0; rank < size_; ++rank) {
    const bool is_lost = std::find(lost.begin(), lost.end(), rank) != lost.end();
    const int world_rank = my.world_ranks[static_cast<std::size_t>(rank)];
    (is_lost ? my.left_behind : world_ranks).push_back(world_rank);
    if (is_lost)
      my.left_processes.push_back(my.watch.processes()[static_cast<std::size_t>(rank)]);
    else
      members.push_back(rank);
  }
  MPI_Group all, rest;
  MPI_Comm_group(my.communicator, &all);
  MPI_Group_incl(all, static_cast<int>(members.size()), members.data(), &rest);
  // Collective over the members alone, so that the lost need not take part.
  const MPI_Comm before = my.communicator;
  // The old communicators are not freed: that is collective over all, the lost among them.
  MPI_Comm_create_group(before, rest, ending_group_tag, &my.ending);
  MPI_Comm_create_group(before, rest, group_tag, &my.communicator);
  MPI_Group_free(&all);
  MPI_Group_free(&rest);
  MPI_Comm_rank(my.communicator, &rank_);
  MPI_Comm_size(my.communicator, &size_);
  my.watch = my.watch.of(members);
  my.world_ranks = std::move(world_ranks);
}

bool Ranks::has_lost_ranks() const noexcept { return !handle_->left_behind.empty(); }

RunEnding Ranks::end(const Failure& failure, bool is_shared) const {
  Handle& my = *handle_;
  my.has_come_to_end = true;
  if (my.is_broken) return {failure, false};
  if (size_ == 1) return {failure, true};
  // An error of this rank alone: rank 0 is to say what it was.
  if (!is_shared && !is_first()) {
    const std::string text = text_of(failure);
    my.outbox.post(0, failure_tag, std::as_bytes(std::span(text)));
  }
  // A reduction that any rank can enter at any time: it tells all that all have come to their ends.
  auto* worst = new int(static_cast<int>(failure.code));  // MPI's if the others do not come
  MPI_Request request;
  MPI_Iallreduce(MPI_IN_PLACE, worst, 1, MPI_INT, MPI_MAX, my.ending, &request);
  // Without an error there is no hurry: others may still be writing. look() ends the wait if one of them dies.
  const double patience_s = !failure ? std::numeric_limits<double>::infinity() : is_shared ? shared_patience_s : own_patience_s;
  const double start_s = now_s();
  try {
    if (!wait_while(request, 0, [&] { return my.look(rank_), now_s() - start_s < patience_s; })) return {failure, false};
  } catch (const Error& error) {
    return {failure ? failure : Failure{error.code(), error.what()}, false};
  }
  const bool has_failed = *worst != static_cast<int>(ExitCode::done);
  delete worst;
  // Rank 0 has no error of its own, so it prints that of another.
  if (!is_first() || failure || !has_failed) return {failure, true};
  for (my.take_failures(); my.failures.empty() && now_s() - start_s < own_patience_s; my.take_failures()) sleep_s(1e-3);
  if (my.failures.empty()) return {{ExitCode::bug, "another rank failed and did not say why"}, true};
  const auto& [rank, its] = *my.failures.begin();
  return {{its.code, fmt::format("rank {}: {}", rank, its.message)}, true};
}

void Ranks::stay_behind() const {
  char over = 0;
  int waiting = 0;
  // Exiting earlier would make mpirun end all the others.
  while (MPI_Iprobe(0, over_tag, MPI_COMM_WORLD, &waiting, MPI_STATUS_IGNORE), !waiting && !has_ended(handle_->rank_zero)) sleep_s(0.05);
  if (waiting) MPI_Recv(&over, 1, MPI_BYTE, 0, over_tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  sleep_s(launcher_patience_s);
  std::_Exit(0);
}

namespace {

/// Ends the processes of this machine that were left behind. mpirun does so itself, unless it was told to let the others of a
/// dead rank go on: then it would wait for ever for one that is stopped.
void end_left_behind(const std::vector<ProcessName>& processes) {
  const char* recovers = std::getenv("OMPI_MCA_orte_enable_recovery");
  if (!recovers || std::string_view(recovers) != "1") return;
  for (const ProcessName& process : processes)
    if (is_of_this_machine(process) && !has_ended(process)) kill(process.pid, SIGKILL);
}

}  // namespace

void Ranks::leave(ExitCode code) const {
  Handle& my = *handle_;
  MPI_Request request;
  MPI_Ibarrier(my.ending, &request);
  // All that remain have closed their files before MPI_Abort ends them.
  (void)wait_while(request, 0, [&] { return !my.watch.ended(); });
  if (is_first()) {
    static const char over = 1;
    end_left_behind(my.left_processes);
    for (const int rank : my.left_behind) MPI_Isend(&over, 1, MPI_BYTE, rank, over_tag, MPI_COMM_WORLD, &request);
    abort(code);
  }
  end_left_behind(my.left_processes);
  sleep_s(launcher_patience_s);
  std::_Exit(0);
}

void Ranks::end_process(ExitCode code) const {
  if (!handle_->has_come_to_end) (void)end({}, false);  // the others wait for it there
  if (has_lost_ranks()) leave(code);
  MPI_Finalize();
  std::_Exit(static_cast<int>(code));
}

void Ranks::end_all(const Failure& failure) const {
  // Several ranks may come to the same conclusion: the lower ones speak first, and end the others.
  if (rank_ > 1) sleep_s(std::min(rank_, 20) * 0.25);
  std::fputs(fmt::format("skyfold: rank {}: {}\n", rank_, failure.message).c_str(), stderr);
  std::fflush(nullptr);
  abort(failure.code);
}

void Ranks::abort(ExitCode code) const {
  abort_status = static_cast<int>(code);
  // MPI_Abort asks the launcher to end everybody, which may take for ever when it is stopped.
  signal(SIGALRM, end_without_launcher);
  alarm(30);  // the launcher itself may be stopped or gone
  MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
  std::_Exit(static_cast<int>(code));
}

}  // namespace skyfold
