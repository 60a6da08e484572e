// The farm: rank 0 hands out jobs on request, the others compute. Messages are small and rows never travel; whatever goes wrong
// on one rank is told to rank 0, which ends the run for all of them.
#include "skyfold/farm/farm.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "heartbeat.hpp"
#include "mail.hpp"
#include "pipeline.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/failure.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

/// How many partitions may fail: "N" or "P%".
std::int64_t failure_limit(const std::string& text, std::int64_t partitions) {
  const bool is_share = text.ends_with('%');
  const auto number = parse_double(is_share ? std::string_view(text).substr(0, text.size() - 1) : std::string_view(text));
  if (!number || !(*number >= 0.0 && *number <= 1e15))
    throw UsageError(fmt::format("farm.max_failures = {} (must be a count or a percentage like 5%)", text));
  return static_cast<std::int64_t>(is_share ? std::floor(*number * static_cast<double>(partitions) / 100.0) : *number);
}

/// What a rank does while there is nothing to do. At first it gives way, so that short jobs follow one another within
/// microseconds; after a millisecond it sleeps, so that a long wait costs next to nothing. While its kernel computes it looks for
/// messages every 5 ms: each look takes a little of the kernel's processor.
class Idle {
 public:
  void has_worked() { since_s_ = 0.0; }
  /// @param pipeline  of this rank, or null; its results end the rest early
  void rest(Pipeline* pipeline) {
    const double now = now_s();
    if (since_s_ == 0.0) since_s_ = now;
    if (now - since_s_ < 1e-3)
      std::this_thread::yield();
    else if (pipeline && pipeline->is_computing())
      pipeline->wait(std::chrono::milliseconds(5));
    else
      std::this_thread::sleep_for(std::chrono::microseconds(200));
  }

 private:
  double since_s_ = 0.0;
};

/// Rank 0's side: the dispatcher, its observer, and the workers' messages.
class Master {
 public:
  Master(const Ranks& ranks, FarmPlan plan, FarmObserver& observer, const FarmOptions& o, int workers)
      : ranks_(ranks),
        mail_(ranks),
        observer_(observer),
        heartbeat_s_(o.heartbeat_s),
        failure_limit_(failure_limit(o.max_failures, std::ssize(plan.partitions))),
        dispatcher_(std::move(plan.jobs), plan.partitions, workers),
        peers_(static_cast<std::size_t>(ranks.size())) {
    report.failures = std::move(plan.failures);
    // What earlier attempts gave up counts against the limit, too.
    for (const JobOutcome& failure : report.failures) failed_.insert(failure.job.first_partition);
    check_failures();
    for (Peer& peer : peers_) peer.heard_s = now_s();
  }

  /// The pipeline of rank 0 itself, if it computes.
  void set_own(Pipeline* own) { own_ = own; }

  void request(int worker, std::int64_t rows_in_hand) { dispatcher_.request(worker, rows_in_hand); }

  void done(const JobOutcome& outcome) {
    const Dispatcher::Verdict verdict = dispatcher_.finished(outcome.job.id, outcome.succeeded());
    if (verdict == Dispatcher::Verdict::unknown) return;  // its job went to another rank meanwhile
    observer_.finished(outcome);
    ++report.jobs;
    if (outcome.succeeded()) {
      report.rows += outcome.result.rows;
      report.bytes_read += outcome.result.bytes_read;
      report.bytes_written += outcome.result.bytes_written;
      report.write_s += outcome.times.write_s;
      report.compute_s += outcome.times.compute_s;
    }
    if (verdict != Dispatcher::Verdict::given_up) return;
    report.failures.push_back(outcome);
    failed_.insert(outcome.job.first_partition);
    check_failures();
  }

  void check_failures() const {
    if (std::ssize(failed_) > failure_limit_)
      throw Error(ExitCode::incomplete, fmt::format("{} partitions failed, more than --farm.max_failures allows (the last: {})",
                                                    failed_.size(), report.failures.back().message));
  }

  /// The run ends here: nothing more is handed out.
  void give_up() { is_lost_ = true; }

  /// Handles messages and hands out jobs; false when there was nothing to do.
  bool step() {
    bool progress = ranks_.size() > 1 && serve();
    // Rank 0 alone decides on a stop: the others tell it of their signals (Packet::stopping).
    if (stop_signal() != 0) give_up();
    if (is_lost_) return progress;
    const std::vector<Assignment> given = dispatcher_.take();
    std::optional<PhaseScope> scope;
    if (!given.empty()) scope.emplace(ranks_.clock(), Phase::dispatch);
    for (const Assignment& assignment : given) {
      observer_.started(assignment.job, assignment.worker);
      if (assignment.worker == 0)
        own_->give(assignment);
      else
        // The observer was told first: the journal knows of a job before any rank can have begun it.
        mail_.send(assignment.worker, {Packet::job, 0, JobEnd::done, 0, assignment.job, {}, {}, {}});
      progress = true;
    }
    return progress;
  }

  [[nodiscard]] bool is_over() const { return dispatcher_.is_done() || is_lost_; }

  /// Tells everybody to stop and serves until their last message has come, so that none is left for a later run; then
  /// tells whom the others go on without: also those who are left behind, in case they come back.
  template <class Serve>
  std::vector<int> dismiss(const Serve& serve) {
    // To lost ranks, too: one that was only suspended reads it when it wakes up.
    for (int rank = 1; rank < ranks_.size(); ++rank) mail_.send(rank, Packet::stop);
    const auto is_awaited = [](const Peer& peer) { return !peer.is_lost && !peer.has_left; };
    for (Idle idle; std::any_of(peers_.begin() + 1, peers_.end(), is_awaited);)
      if (!serve()) idle.rest(nullptr);
    std::vector<int> lost;
    for (int rank = 1; rank < ranks_.size(); ++rank)
      if (peers_[static_cast<std::size_t>(rank)].is_lost) lost.push_back(rank);
    // Only now is the list final: a rank that came back during the wait is no longer on it.
    for (int rank = 1; rank < ranks_.size(); ++rank) mail_.send_lost(rank, lost);
    return lost;
  }

  FarmReport report;

 private:
  struct Peer {
    double heard_s = 0.0;
    bool is_lost = false, has_left = false;
  };

  bool serve() {
    bool progress = false;
    while (const auto message = mail_.receive()) {
      const PhaseScope scope(ranks_.clock(), Phase::dispatch);
      handle(message->first, message->second);
      progress = true;
    }
    // After the mail: a sign of life that waits in the queue counts.
    if (now_s() - checked_s_ > 0.1) look_for_lost();
    return progress;
  }

  void handle(int rank, const Packet& packet) {
    Peer& peer = peers_[static_cast<std::size_t>(rank)];
    peer.heard_s = now_s();
    if (std::exchange(peer.is_lost, false)) request(rank, 0);  // it came back: what it had is not its any more, nor is its request
    switch (packet.kind) {
      case Packet::request:
        return request(rank, packet.rows_in_hand);
      case Packet::done:
        return done(outcome_of(rank, packet));
      case Packet::error:
        return give_up();
      case Packet::stopping:
        return request_stop(packet.signal);
      // Answered, so that the worker knows rank 0 to be alive as well.
      case Packet::beat:
        return mail_.send_beat(rank);
      case Packet::bye:
        peer.has_left = true;
        return;
      default:
        return;
    }
  }

  void look_for_lost() {
    const double awake_s = std::exchange(checked_s_, now_s());
    const double asleep_s = checked_s_ - awake_s;
    // Silence counts only while this rank was awake: all ranks may have been suspended together.
    if (asleep_s > heartbeat_s_ / 2.0)
      for (Peer& peer : peers_) peer.heard_s += asleep_s;
    for (int rank = 1; rank < ranks_.size(); ++rank) {
      Peer& peer = peers_[static_cast<std::size_t>(rank)];
      if (peer.is_lost || peer.has_left || checked_s_ - peer.heard_s < heartbeat_s_) continue;
      peer.is_lost = true;
      const std::string message = fmt::format("rank {} was silent for {:.1f} s", rank, checked_s_ - peer.heard_s);
      log_warning(message + ": its work goes to other ranks");
      for (const Assignment& held : dispatcher_.lost(rank)) {
        JobOutcome outcome;
        outcome.job = held.job;
        outcome.rank = rank;
        outcome.end = JobEnd::lost;
        outcome.message = message;
        done(outcome);
      }
    }
    // If rank 0 computes it goes on alone.
    const bool all_silent =
        ranks_.size() > 1 && std::all_of(peers_.begin() + 1, peers_.end(), [](const Peer& peer) { return peer.is_lost; });
    // Nobody is left to compute, and waiting for one to come back could last for ever.
    if (all_silent && !own_ && !is_over()) throw IoError("all ranks that compute fell silent (run the same command again)");
  }

  const Ranks& ranks_;
  Mail mail_;
  FarmObserver& observer_;
  double heartbeat_s_;
  std::int64_t failure_limit_;
  std::set<std::int64_t> failed_;  ///< partitions: one that was cut may fail several times
  Dispatcher dispatcher_;
  std::vector<Peer> peers_;
  double checked_s_ = now_s();
  bool is_lost_ = false;
  Pipeline* own_ = nullptr;
};

/// Runs one round of a rank's duties; an error of it ends the run and is handed to `fail`.
template <class Step, class Fail>
bool guarded(const Step& step, const Fail& fail) {
  try {
    return step();
  } catch (...) {
    fail(current_failure());
    return true;
  }
}

/// What a rank knows at the end of a farm.
struct FarmEnd {
  Failure failure;
  std::vector<int> lost;
};

FarmEnd run_master(const Ranks& ranks, Master& master, const std::shared_ptr<Work>& work, const FarmOptions& o, int task, bool computes) {
  FarmEnd ending;
  std::optional<Pipeline> pipeline;
  if (computes) {
    const Upstream upstream{[&](std::int64_t rows_in_hand) { master.request(0, rows_in_hand); },
                            [&](const JobOutcome& outcome) { master.done(outcome); }};
    pipeline.emplace(work, ranks.clock(), o, task, 0, upstream);
    master.set_own(&*pipeline);
  }
  const auto fail = [&](const Failure& failure) {
    if (!ending.failure) ending.failure = failure;
    master.give_up();
  };
  const auto serve = [&] { return guarded([&] { return master.step(); }, fail); };  // the observer may fail: disk full
  const PhaseScope scope(ranks.clock(), Phase::wait);
  Idle idle;
  while (!master.is_over()) {
    bool progress = serve();
    if (pipeline) progress |= guarded([&] { return pipeline->step(); }, fail);
    if (progress)
      idle.has_worked();
    else
      idle.rest(pipeline ? &*pipeline : nullptr);
  }
  // Before the others are dismissed: what this rank has computed is still reported.
  if (pipeline) (void)guarded([&] { return pipeline->drop_all(), true; }, fail);
  ending.lost = master.dismiss(serve);
  return ending;
}

/// A worker's side: its pipeline, and its watch over rank 0.
class Worker {
 public:
  Worker(const Ranks& ranks, const std::shared_ptr<Work>& work, const FarmOptions& o, int task)
      : ranks_(ranks),
        mail_(ranks),
        heart_(o.heartbeat_s, now_s()),
        pipeline_(work, ranks.clock(), o, task, ranks.rank(),
                  {[this](std::int64_t rows_in_hand) {
                     mail_.send(0, {Packet::request, rows_in_hand, JobEnd::done, 0, {}, {}, {}, {}});
                   },
                   [this](const JobOutcome& outcome) { mail_.send(0, packet_of(outcome)); }}) {}

  FarmEnd run() {
    const PhaseScope scope(ranks_.clock(), Phase::wait);
    Idle idle;
    while (!has_to_stop_) {
      // Messages first: a stop must not wait for a block that is being read.
      const bool heard = listen();
      tell_of_signal();
      const bool progress = !end_.failure && guarded([&] { return pipeline_.step(); }, [&](const Failure& failure) { fail(failure); });
      if (progress || heard)
        idle.has_worked();
      else
        idle.rest(&pipeline_);
    }
    (void)guarded([&] { return pipeline_.drop_all(), true; }, [&](const Failure& failure) { fail(failure); });
    // The last message: rank 0 waits for it, so that none of this run is left for the next one's communicator.
    mail_.send(0, Packet::bye);
    for (auto lost = mail_.receive_lost(); true; lost = mail_.receive_lost()) {
      if (lost) return {end_.failure, *lost};
      if (!listen()) idle.rest(nullptr);
    }
  }

 private:
  /// Handles a message of rank 0, and sends a sign of life when it is time.
  bool listen() {
    if (const Heartbeat::Duty duty = heart_.duty(now_s()); duty == Heartbeat::Duty::give_up)
      lose_first();
    else if (duty == Heartbeat::Duty::beat)
      mail_.send_beat(0);
    const auto message = mail_.receive();
    if (!message) return false;
    heart_.heard(now_s());
    if (message->second.kind == Packet::stop) has_to_stop_ = true;
    // Also after a stop or an error of this rank: the job is dropped with the others, and rank 0 knows it as not done.
    if (message->second.kind == Packet::job) pipeline_.give({ranks_.rank(), message->second.work});
    return true;
  }

  void tell_of_signal() {
    if (has_told_of_signal_ || stop_signal() == 0) return;
    mail_.send(0, {Packet::stopping, 0, JobEnd::done, stop_signal(), {}, {}, {}, {}});
    has_told_of_signal_ = true;
  }

  void fail(const Failure& failure) {
    if (!end_.failure) end_.failure = failure;
    mail_.send(0, Packet::error);
  }

  /// Without rank 0 no product can be finished, and no rank can end in good order.
  [[noreturn]] void lose_first() const {
    ranks_.end_all(
        {ExitCode::io,
         fmt::format("rank 0 was silent for {:.1f} s (stopped, or its machine is gone: run the same command again)", heart_.silence_s())});
  }

  const Ranks& ranks_;
  Mail mail_;
  Heartbeat heart_;
  Pipeline pipeline_;
  FarmEnd end_;
  bool has_to_stop_ = false, has_told_of_signal_ = false;
};

/// Writes the rows of jobs that failed for good, so that nobody takes them for results.
void mark_failures(const FarmReport& report, Work& work, std::int64_t block_rows) {
  for (const JobOutcome& failure : report.failures) {
    const RowRange rows = failure.job.rows;
    for (std::int64_t begin = rows.begin; begin < rows.end; begin += block_rows)
      work.mark_failed({begin, std::min(begin + block_rows, rows.end)});
  }
}

}  // namespace

void describe(OptionSet& option, FarmOptions& o) {
  option("farm.master", o.master, "whether rank 0 computes too; auto: with at most 4 ranks")
      .one_of({"auto", "compute", "dedicated"})
      .layout();
  option("farm.order", o.order, "order in which jobs are handed out: longest first, or by rows").one_of({"longest", "rows"}).layout();
  option("farm.block_rows", o.block_rows, "rows held in memory at a time, twice").range(1, 1e9).layout();
  option("farm.timeout", o.timeout_s, "longest time for a block, after which its partitions count as failed; 0: none")
      .unit("s")
      .range(0, 1e9)
      .layout();
  option("farm.heartbeat", o.heartbeat_s, "silence after which a rank is given up and its work handed to others")
      .unit("s")
      .range(0.5, 1e6)
      .layout();
  option("farm.max_failures", o.max_failures, "partitions that may fail before the run ends: a count or a percentage").layout();
  option("farm.fault", o.fault, "faults to inject, for tests: throw, oom, hang, segv, kill, stop or sleep=SECONDS @PARTITION[:ATTEMPT]")
      .layout();
}

void check(const FarmOptions& o) {
  (void)Faults(o.fault);
  (void)failure_limit(o.max_failures, 0);
}

int worker_count(const FarmOptions& o, int ranks) {
  const bool master_computes = ranks == 1 || o.master == "compute" || (o.master == "auto" && ranks <= 4);
  return master_computes ? ranks : ranks - 1;
}

FarmReport run_farm(Ranks& ranks, FarmPlan plan, const std::shared_ptr<Work>& work, FarmObserver& observer, const FarmOptions& o) {
  const int workers = worker_count(o, ranks.size()), task = plan.task;
  FarmReport report;
  FarmEnd ending;
  std::optional<Master> master;
  // On all ranks together, since the making can fail: too many partitions may have failed already.
  ranks.on_first_only([&] { master.emplace(ranks, std::move(plan), observer, o, workers); });
  if (master) {
    ending = run_master(ranks, *master, work, o, task, workers == ranks.size());
    report = std::move(master->report);
  } else {
    ending = Worker(ranks, work, o, task).run();
  }
  ranks.clock().enter(Phase::consolidate);  // what follows the computing, unless it says otherwise
  // This rank was given up, and came back too late: the others have formed a group without it.
  if (std::find(ending.lost.begin(), ending.lost.end(), ranks.rank()) != ending.lost.end()) ranks.stay_behind();
  // All ranks that are left have the same list, from rank 0, and so form the same group.
  if (!ending.lost.empty()) ranks.go_on_without(ending.lost);
  ranks.each_together([&] {
    if (ending.failure) throw Error(ending.failure.code, ending.failure.message);
    check_stop();
  });
  // After all ranks have ended their jobs: one that came back late could have written real rows over the marks.
  ranks.on_first_only([&] { mark_failures(report, *work, o.block_rows); });
  return report;
}

}  // namespace skyfold
