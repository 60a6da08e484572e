#include "skyfold/farm/farm.hpp"

#include <mpi.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <type_traits>

#include "pipeline.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"

namespace skyfold {
namespace {

/// What travels between rank 0 and the others: fixed size, so that it is one eager message.
struct Packet {
  enum Kind : std::int32_t { request, done, error, job, stop, bye };
  Kind kind = request;
  std::int32_t in_hand = 0, attempt = 1, succeeded = 1;
  Job work;
  JobResult result;
  double read_s = 0.0, compute_s = 0.0, write_s = 0.0;
  char message[128] = {};
};
static_assert(std::is_trivially_copyable_v<Packet> && sizeof(Packet) <= 256);

constexpr int tag = 7;

void send(int to, const Packet& packet) {
  MPI_Send(&packet, sizeof packet, MPI_BYTE, to, tag, MPI_COMM_WORLD);
}

std::optional<std::pair<int, Packet>> receive() {
  int waiting = 0;
  MPI_Status status;
  MPI_Iprobe(MPI_ANY_SOURCE, tag, MPI_COMM_WORLD, &waiting, &status);
  if (!waiting) return std::nullopt;
  Packet packet;
  MPI_Recv(&packet, sizeof packet, MPI_BYTE, status.MPI_SOURCE, tag, MPI_COMM_WORLD, &status);
  return std::pair{status.MPI_SOURCE, packet};
}

Packet packet_of(const JobOutcome& outcome) {
  Packet packet{Packet::done, 0, outcome.attempt, outcome.succeeded, outcome.job, outcome.result,
                outcome.read_s, outcome.compute_s, outcome.write_s, {}};
  std::strncpy(packet.message, outcome.message.c_str(), sizeof packet.message - 1);
  return packet;
}

JobOutcome outcome_of(int rank, const Packet& p) {
  return {p.work, p.attempt, rank, p.succeeded != 0, p.result, p.read_s, p.compute_s, p.write_s, p.message};
}

/// An error of reading or writing on this rank, which ends the run.
struct Fatal {
  ExitCode code = ExitCode::done;
  std::string message;
};

/// The exception being handled.
Fatal current_fatal() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const std::bad_alloc&) {
    return {ExitCode::io, "out of memory"};
  } catch (const std::exception& error) {
    return {ExitCode::bug, error.what()};
  } catch (...) {
    return {ExitCode::bug, "unknown exception"};
  }
}

/// Rank 0's side: the dispatcher, its observer, and the workers' messages.
class Master {
 public:
  Master(const Ranks& ranks, std::vector<Job> jobs, std::span<const Partition> partitions, FarmObserver& observer, int workers)
      : ranks_(ranks), observer_(observer), dispatcher_(std::move(jobs), partitions, workers), others_(ranks.size() - 1) {}

  /// The pipeline of rank 0 itself, if it computes.
  void set_own(Pipeline* own) { own_ = own; }

  void request(int worker, int in_hand) { dispatcher_.request(worker, in_hand); }

  void done(const JobOutcome& outcome) {
    const Assignment attempt{outcome.rank, outcome.job, outcome.attempt};
    if (dispatcher_.finished(attempt, outcome.succeeded)) report.failures.push_back(outcome);
    observer_.finished(outcome);
    ++report.jobs;
    if (!outcome.succeeded) return;
    report.rows += outcome.result.rows;
    report.bytes_read += outcome.result.bytes_read;
    report.bytes_written += outcome.result.bytes_written;
    report.write_s += outcome.write_s;
  }

  /// The run is lost: nothing more is handed out.
  void give_up() { is_lost_ = true; }

  /// Handles messages and hands out jobs; false when there was nothing to do.
  bool step() {
    bool progress = false;
    while (const auto message = ranks_.size() > 1 ? receive() : std::nullopt) {
      handle(message->first, message->second);
      progress = true;
    }
    if (is_lost_) return progress;
    for (const Assignment& assignment : dispatcher_.take()) {
      observer_.started(assignment.job, assignment.attempt, assignment.worker);
      if (assignment.worker == 0) own_->give(assignment);
      else send(assignment.worker, {Packet::job, 0, assignment.attempt, 1, assignment.job, {}, 0, 0, 0, {}});
      progress = true;
    }
    return progress;
  }

  [[nodiscard]] bool is_over() const { return dispatcher_.is_done() || is_lost_; }

  /// Tells everybody to stop and serves until their last message has come, so that none is left for a later run.
  template <class Serve>
  void dismiss(const Serve& serve) {
    for (int rank = 1; rank < ranks_.size(); ++rank) send(rank, {Packet::stop, 0, 1, 1, {}, {}, 0, 0, 0, {}});
    while (others_ > 0)
      if (!serve()) std::this_thread::sleep_for(std::chrono::microseconds(200));
  }

  FarmReport report;

 private:
  void handle(int rank, const Packet& packet) {
    switch (packet.kind) {
      case Packet::request: return request(rank, packet.in_hand);
      case Packet::done: return done(outcome_of(rank, packet));
      case Packet::error: return give_up();
      case Packet::bye: --others_; return;
      default: return;
    }
  }

  const Ranks& ranks_;
  FarmObserver& observer_;
  Dispatcher dispatcher_;
  int others_;
  bool is_lost_ = false;
  Pipeline* own_ = nullptr;
};

/// Runs one round of a rank's duties; an error of it ends the run and is handed to `fail`.
template <class Step, class Fail>
bool guarded(const Step& step, const Fail& fail) {
  try {
    return step();
  } catch (...) {
    fail(current_fatal());
    return true;
  }
}

/// How long a rank sleeps when it has nothing to do: rank 0 looks for messages more often.
std::chrono::microseconds patience(bool serves_others, bool is_computing) {
  if (!is_computing) return std::chrono::microseconds(200);
  return std::chrono::microseconds(serves_others ? 1000 : 5000);
}

Fatal run_master(const Ranks& ranks, Master& master, Work& work, const FarmOptions& o, bool computes) {
  Fatal fatal;
  std::optional<Pipeline> pipeline;
  if (computes) {
    const Upstream upstream{[&](int in_hand) { master.request(0, in_hand); },
                            [&](const JobOutcome& outcome) { master.done(outcome); }};
    pipeline.emplace(work, ranks.clock(), o.block_rows, 0, upstream);
    master.set_own(&*pipeline);
  }
  const auto fail = [&](const Fatal& error) {
    if (fatal.code == ExitCode::done) fatal = error;
    if (pipeline) pipeline->drop_all();
    master.give_up();
  };
  const auto serve = [&] { return guarded([&] { return master.step(); }, fail); };  // the observer may fail: disk full
  const PhaseScope scope(ranks.clock(), Phase::wait);
  while (!master.is_over()) {
    bool progress = serve();
    if (pipeline) progress |= guarded([&] { return pipeline->step(); }, fail);
    if (progress) continue;
    if (pipeline) pipeline->wait(patience(ranks.size() > 1, pipeline->is_computing()));
    if (!pipeline || !pipeline->is_computing()) std::this_thread::sleep_for(patience(true, false));
  }
  if (pipeline) pipeline->drop_all();
  master.dismiss(serve);
  return fatal;
}

Fatal run_worker(const Ranks& ranks, Work& work, const FarmOptions& o) {
  Fatal fatal;
  const Upstream upstream{[](int in_hand) { send(0, {Packet::request, in_hand, 1, 1, {}, {}, 0, 0, 0, {}}); },
                          [](const JobOutcome& outcome) { send(0, packet_of(outcome)); }};
  Pipeline pipeline(work, ranks.clock(), o.block_rows, ranks.rank(), upstream);
  const auto fail = [&](const Fatal& error) {
    fatal = error;
    pipeline.drop_all();
    send(0, {Packet::error, 0, 1, 0, {}, {}, 0, 0, 0, {}});
  };
  const PhaseScope scope(ranks.clock(), Phase::wait);
  while (true) {
    const auto message = receive();
    if (message && message->second.kind == Packet::stop) break;
    if (message) pipeline.give({ranks.rank(), message->second.work, message->second.attempt});
    const bool progress = fatal.code == ExitCode::done && guarded([&] { return pipeline.step(); }, fail);
    if (progress || message) continue;
    if (pipeline.is_computing()) pipeline.wait(patience(false, true));
    else std::this_thread::sleep_for(patience(false, false));
  }
  pipeline.drop_all();
  send(0, {Packet::bye, 0, 1, 1, {}, {}, 0, 0, 0, {}});
  return fatal;
}

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
  option("farm.block_rows", o.block_rows, "rows held in memory at a time, twice").range(1, 1e9).layout();
}

int worker_count(const FarmOptions& o, int ranks) {
  const bool master_computes = ranks == 1 || o.master == "compute" || (o.master == "auto" && ranks <= 4);
  return master_computes ? ranks : ranks - 1;
}

FarmReport run_farm(const Ranks& ranks, std::vector<Job> jobs, std::span<const Partition> partitions, Work& work,
                    FarmObserver& observer, const FarmOptions& o) {
  const int workers = worker_count(o, ranks.size());
  FarmReport report;
  Fatal fatal;
  if (ranks.is_first()) {
    Master master(ranks, std::move(jobs), partitions, observer, workers);
    fatal = run_master(ranks, master, work, o, workers == ranks.size());
    report = std::move(master.report);
  } else {
    fatal = run_worker(ranks, work, o);
  }
  ranks.together([&] {
    if (fatal.code != ExitCode::done) throw Error(fatal.code, fatal.message);
  });
  ranks.on_first_only([&] { mark_failures(report, work, o.block_rows); });
  return report;
}

}  // namespace skyfold
