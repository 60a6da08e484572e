// A farm in virtual time, event by event: the dispatcher and the rule for asking ahead are those of real runs, ranks follow the
// steps of their pipelines, cores of a node are shared. Pure: the same journal gives the same prediction.
#include "skyfold/farm/rehearsal.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <queue>
#include <utility>

#include "shared_processors.hpp"
#include "skyfold/farm/dispatcher.hpp"

namespace skyfold {
namespace {

constexpr double rounding_s = 1e-6;  // of times that were added up

/// What a rank's main thread does.
enum class Doing : std::uint8_t { nothing, beginning, reading, writing, syncing, handing_out };

struct ActiveJob {
  Job job;
  std::int64_t next_row = 0;  ///< first row not yet read
  int blocks_in_memory = 0;
};

struct Block {
  std::int64_t job = -1;  ///< its id, -1 for none
  BlockCost cost;
  std::int64_t rows = 0;
  [[nodiscard]] bool is_there() const noexcept { return job >= 0; }
};

/// One rank: the state of its pipeline.
struct VirtualRank {
  std::deque<ActiveJob> jobs;  ///< not yet ended, in order
  Block being_read, loaded, computing, computed, being_written;
  std::vector<std::int64_t> complete;  ///< ids of jobs that are written, but not yet synced and reported
  double complete_since_s = 0.0;
  bool has_written = false;  ///< the last thing it did: it reads before it writes again
  int asked_with = -1;       ///< jobs in hand at the request under way, -1 for none
  Doing doing = Doing::nothing;
  double since_s = 0.0, last_result_s = -1.0;
  PhaseSeconds seconds{};

  [[nodiscard]] Phase phase() const noexcept {
    // As in real clocks: a second in which the kernel works is one of computing, whatever the main thread does.
    if (computing.is_there()) return Phase::compute;
    switch (doing) {
      case Doing::beginning:
      case Doing::reading:
        return Phase::read;
      case Doing::writing:
        return Phase::write;
      case Doing::syncing:
        return Phase::sync;
      case Doing::handing_out:
        return Phase::dispatch;
      default:
        return Phase::wait;
    }
  }
};

/// A request for a job, or the report of one.
struct Mail {
  int rank = 0;
  std::int64_t done = -1;  ///< id of the job reported, -1: a request
  std::int64_t rows_in_hand = 0;
};

class VirtualFarm {
 public:
  VirtualFarm(std::vector<Job> jobs, std::span<const Partition> partitions, const FarmOptions& o, const RehearsalMachine& machine,
              const CostProfile& costs)
      : machine_(machine),
        costs_(costs),
        block_rows_(o.block_rows),
        workers_(worker_count(o, machine.ranks)),
        dispatcher_(std::move(jobs), partitions, workers_),
        ranks_(static_cast<std::size_t>(machine.ranks)),
        nodes_(static_cast<std::size_t>((machine.ranks + machine.ranks_per_node - 1) / machine.ranks_per_node),
               SharedProcessors(machine.cores_per_node)) {}

  Rehearsal play() {
    for (int rank = 0; rank < machine_.ranks; ++rank) advance(rank);
    // There is always an event to come as long as jobs are left: a rank works, or its sync is scheduled.
    while (!dispatcher_.is_done()) {
      const Event event = events_.top();
      events_.pop();
      now_s_ = event.time_s;
      if (event.node >= 0)
        end_tasks(event.node, event.version);
      else
        wake(event.rank, event.ends);
    }
    for (VirtualRank& rank : ranks_) account(rank);
    return result();
  }

 private:
  /// Tasks of a node end, or a rank wakes up.
  struct Event {
    double time_s = 0.0;
    std::int64_t number = 0;  ///< events of the same time happen in this order
    int node = -1;
    std::int64_t version = 0;  ///< of the node's prediction
    int rank = -1;
    Doing ends = Doing::nothing;
    bool operator<(const Event& other) const noexcept { return time_s != other.time_s ? time_s > other.time_s : number > other.number; }
  };

  [[nodiscard]] VirtualRank& at(int rank) { return ranks_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] int node_of(int rank) const noexcept { return rank / machine_.ranks_per_node; }
  [[nodiscard]] bool computes(int rank) const noexcept { return rank > 0 || workers_ == machine_.ranks; }
  void schedule(Event event) {
    event.number = ++event_count_;
    events_.push(event);
  }
  void account(VirtualRank& rank) {
    rank.seconds[static_cast<std::size_t>(rank.phase())] += now_s_ - rank.since_s;
    rank.since_s = now_s_;
  }

  /// Hands a task to the rank's node, which tells when it ends.
  void run(int rank, bool is_kernel, int threads, double seconds) {
    SharedProcessors& node = nodes_[static_cast<std::size_t>(node_of(rank))];
    node.start({rank, is_kernel}, threads, seconds, now_s_);
    predict(node_of(rank));
  }
  void predict(int number) {
    SharedProcessors& node = nodes_[static_cast<std::size_t>(number)];
    // Each start on a node moves the ends of all its tasks: the old prediction stays in the queue, and its version tells it.
    if (const auto end_s = node.next_end_s()) schedule({*end_s, 0, number, node.version(), -1, Doing::nothing});
  }
  void end_tasks(int number, std::int64_t version) {
    SharedProcessors& node = nodes_[static_cast<std::size_t>(number)];
    if (node.version() != version) return;  // something started since: another prediction is under way
    const std::vector<SharedProcessors::Task> ended = node.end(now_s_);
    predict(number);
    for (const SharedProcessors::Task& task : ended) {
      if (task.is_kernel)
        end_kernel(task.rank);
      else
        end_main(task.rank);
    }
  }

  /// Occupies a rank's main thread, on a core or (sleeping) off it.
  void begin(int rank, Doing doing, double seconds) {
    account(at(rank));
    at(rank).doing = doing;
    if (doing == Doing::syncing || doing == Doing::beginning)
      // A sync waits for the disk, a beginning for the file system: neither takes a core.
      schedule({now_s_ + seconds, 0, -1, 0, rank, doing});
    else
      run(rank, false, 1, seconds);
  }

  /// Lets a rank's main thread do what comes next, in the order in which Pipeline::step does.
  void advance(int number) {
    VirtualRank& rank = at(number);
    // A main thread does one thing at a time.
    if (rank.doing != Doing::nothing) return;
    if (number == 0 && serve()) return;
    if (!computes(number)) return;
    if (rank.computed.is_there() && !rank.has_written) {
      rank.has_written = true;
      start_loaded(number);  // before writing: the processors come first
      rank.being_written = std::exchange(rank.computed, {});
      return begin(number, Doing::writing, rank.being_written.cost.write_s);
    }
    ask(number);
    if (rank.doing != Doing::nothing) return;  // rank 0 serves its own request at once
    if (!rank.complete.empty() && (rank.jobs.empty() || now_s_ - rank.complete_since_s >= sync_interval_s - rounding_s))
      return begin(number, Doing::syncing, machine_.sync_s);
    if (load(number)) return;
    rank.has_written = false;
    // Nothing could be read in between: then two writings may follow each other.
    if (rank.computed.is_there()) advance(number);
  }

  void ask(int number) {
    VirtualRank& rank = at(number);
    const auto unread =
        std::count_if(rank.jobs.begin(), rank.jobs.end(), [](const ActiveJob& job) { return job.next_row == job.job.rows.begin; });
    const int in_hand = static_cast<int>(rank.jobs.size());
    if (!asks_for_job(static_cast<int>(unread), in_hand, rank.asked_with) || (in_hand > 0 && !machine_.prefetches)) return;
    rank.asked_with = in_hand;
    std::int64_t rows_in_hand = rank.being_read.rows + rank.loaded.rows + rank.computing.rows;
    for (const ActiveJob& job : rank.jobs) rows_in_hand += job.job.rows.end - job.next_row;
    send({number, -1, rows_in_hand});
  }

  bool load(int number) {
    VirtualRank& rank = at(number);
    if (rank.loaded.is_there()) return false;
    const auto next =
        std::find_if(rank.jobs.begin(), rank.jobs.end(), [](const ActiveJob& job) { return job.next_row < job.job.rows.end; });
    if (next == rank.jobs.end()) return false;
    // Reading and writing take turns, as in the pipeline.
    rank.has_written = false;
    const bool is_first = next->next_row == next->job.rows.begin;
    const RowRange rows{next->next_row, std::min(next->next_row + block_rows_, next->job.rows.end)};
    rank.being_read = {next->job.id, costs_.of(rows), rows.size()};
    next->next_row = rows.end;
    ++next->blocks_in_memory;
    if (is_first && machine_.job_s > 0.0)
      begin(number, Doing::beginning, machine_.job_s);
    else
      begin(number, Doing::reading, rank.being_read.cost.read_s);
    return true;
  }

  void start_loaded(int number) {
    VirtualRank& rank = at(number);
    if (!rank.loaded.is_there()) return;
    account(rank);
    rank.computing = std::exchange(rank.loaded, {});
    // Kernels that run at the same time share memory bandwidth.
    const double slowing = 1.0 + machine_.contention * static_cast<double>(computing_++);
    // In seconds of one thread: the kernel of `threads` threads takes that share of it, if the cores are free.
    thread_s_ += rank.computing.cost.compute_s;
    run(number, true, machine_.threads, slowing * rank.computing.cost.compute_s / machine_.threads);
  }

  void end_kernel(int number) {
    VirtualRank& rank = at(number);
    account(rank);
    rank.computed = std::exchange(rank.computing, {});
    rank.last_result_s = now_s_;
    --computing_;
    advance(number);
  }

  void wake(int number, Doing ends) {
    if (ends == Doing::nothing) return advance(number);
    if (ends != Doing::beginning) return end_main(number);
    begin(number, Doing::reading, at(number).being_read.cost.read_s);
  }

  /// What a rank's main thread did is done.
  void end_main(int number) {
    VirtualRank& rank = at(number);
    account(rank);
    switch (std::exchange(rank.doing, Doing::nothing)) {
      case Doing::reading:
        rank.loaded = std::exchange(rank.being_read, {});
        // The kernel has two buffers: with one result unwritten and one block under way, the next one waits.
        if (!rank.computing.is_there() && !rank.computed.is_there()) start_loaded(number);
        break;
      case Doing::writing:
        end_block(number, std::exchange(rank.being_written, {}).job);
        break;
      case Doing::syncing:
        for (const std::int64_t id : std::exchange(rank.complete, {})) send({number, id, 0});
        break;
      case Doing::handing_out:
        hand_out();
        break;
      default:
        break;
    }
    advance(number);
  }

  void end_block(int number, std::int64_t id) {
    VirtualRank& rank = at(number);
    const auto job = std::find_if(rank.jobs.begin(), rank.jobs.end(), [&](const ActiveJob& active) { return active.job.id == id; });
    if (--job->blocks_in_memory > 0 || job->next_row < job->job.rows.end) return;
    if (rank.complete.empty()) {
      rank.complete_since_s = now_s_;
      // Wakes the rank up: with nothing else to do it would never look whether its sync is due.
      schedule({now_s_ + sync_interval_s, 0, -1, 0, number, Doing::nothing});
    }
    rank.complete.push_back(id);
    rank.jobs.erase(job);
  }

  /// To rank 0, whose thread does one thing at a time.
  void send(const Mail& mail) {
    mail_.push_back(mail);
    advance(0);
  }
  /// Rank 0's duties: all mail first, then what can be handed out, as Master::step does. The time that a job takes of rank 0
  /// is counted where it is handed out. True when rank 0 is busy with that.
  bool serve() {
    for (; !mail_.empty(); mail_.pop_front()) {
      const Mail& mail = mail_.front();
      if (mail.done < 0) {
        dispatcher_.request(mail.rank, mail.rows_in_hand);
      } else {
        (void)dispatcher_.finished(mail.done, true);
        ++jobs_;
      }
    }
    const std::vector<Assignment> given = dispatcher_.take();
    to_hand_out_.insert(to_hand_out_.end(), given.begin(), given.end());
    if (to_hand_out_.empty()) return false;
    serving_s_ += machine_.message_s;
    begin(0, Doing::handing_out, machine_.message_s);
    return true;
  }
  void hand_out() {
    const Assignment given = to_hand_out_.front();
    to_hand_out_.pop_front();
    VirtualRank& rank = at(given.worker);
    rank.asked_with = -1;
    rank.jobs.push_back({given.job, given.job.rows.begin, 0});
    // Rank 0 goes on by itself when it has handed out.
    if (given.worker != 0) advance(given.worker);
  }

  [[nodiscard]] Rehearsal result() const {
    Rehearsal rehearsal;
    rehearsal.farm_s = now_s_;
    double first_s = std::numeric_limits<double>::infinity(), last_s = 0.0;
    for (const VirtualRank& rank : ranks_) {
      for (std::size_t i = 0; i < phase_count; ++i) rehearsal.rank_s[i] += rank.seconds[i];
      if (rank.last_result_s < 0.0) continue;
      // From the first rank that had no more work to the last one.
      first_s = std::min(first_s, rank.last_result_s);
      last_s = std::max(last_s, rank.last_result_s);
    }
    rehearsal.idle_tail_s = std::max(0.0, last_s - first_s);
    rehearsal.thread_s = thread_s_;
    rehearsal.serving_s = serving_s_;
    rehearsal.jobs = jobs_;
    return rehearsal;
  }

  RehearsalMachine machine_;
  const CostProfile& costs_;
  std::int64_t block_rows_;
  int workers_;
  Dispatcher dispatcher_;
  std::vector<VirtualRank> ranks_;
  std::vector<SharedProcessors> nodes_;
  std::deque<Mail> mail_;
  std::deque<Assignment> to_hand_out_;
  std::priority_queue<Event> events_;
  std::int64_t event_count_ = 0, jobs_ = 0, computing_ = 0;
  double now_s_ = 0.0, thread_s_ = 0.0, serving_s_ = 0.0;
};

BlockCost scaled(const BlockCost& cost, double factor) { return {factor * cost.read_s, factor * cost.compute_s, factor * cost.write_s}; }
BlockCost sum(const BlockCost& a, const BlockCost& b) { return {a.read_s + b.read_s, a.compute_s + b.compute_s, a.write_s + b.write_s}; }

}  // namespace

CostProfile::CostProfile(std::vector<Stretch> stretches) : stretches_(std::move(stretches)) {
  BlockCost total;
  std::int64_t rows = 0;
  for (const Stretch& stretch : stretches_) {
    total = sum(total, scaled(stretch.per_row, static_cast<double>(stretch.rows.size())));
    rows += stretch.rows.size();
  }
  mean_ = scaled(total, rows > 0 ? 1.0 / static_cast<double>(rows) : 0.0);
}

BlockCost CostProfile::of(RowRange rows) const {
  BlockCost cost;
  std::int64_t known = 0;
  // Rows of which the journal knows nothing cost as the mean.
  auto stretch = std::partition_point(stretches_.begin(), stretches_.end(), [&](const Stretch& s) { return s.rows.end <= rows.begin; });
  for (; stretch != stretches_.end() && stretch->rows.begin < rows.end; ++stretch) {
    const std::int64_t here = common(stretch->rows, rows).size();
    cost = sum(cost, scaled(stretch->per_row, static_cast<double>(here)));
    known += here;
  }
  return sum(cost, scaled(mean_, static_cast<double>(rows.size() - known)));
}

Rehearsal rehearse_farm(std::vector<Job> jobs, std::span<const Partition> partitions, const FarmOptions& o, const RehearsalMachine& machine,
                        const CostProfile& costs) {
  return VirtualFarm(std::move(jobs), partitions, o, machine, costs).play();
}

}  // namespace skyfold
