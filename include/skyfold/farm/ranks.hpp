#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/failure.hpp"
#include "skyfold/farm/clock.hpp"

namespace skyfold {

/// Starts MPI on construction and ends it on destruction; made once, by a command that farms.
class MpiSession {
 public:
  MpiSession(int& argc, char**& argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
};

/// An error that every rank throws at the same place: no rank waits for one that has failed.
class SharedError final : public Error {
 public:
  using Error::Error;
};

/// How the run ended, as one rank knows it.
struct RunEnding {
  Failure failure;        ///< of this rank; on rank 0, if it has none, that of the lowest rank that has one
  bool is_common = true;  ///< all ranks have come to their ends; else some wait for a call that others will never make
};

/// The ranks of this run, and what they do together. All calls but the accessors are collective: every rank makes
/// the same ones in the same order. A rank that waits sleeps; it does not spin, and it looks after the others: it hears of
/// an error that another rank met on its own, and of the death of a rank on its machine. With one rank nothing is sent.
class Ranks {
 public:
  explicit Ranks(RankClock& clock);
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] bool is_first() const noexcept { return rank_ == 0; }
  [[nodiscard]] RankClock& clock() const noexcept { return clock_; }

  /// Rank 0's text, on every rank.
  [[nodiscard]] std::string broadcast(const std::string& text) const;
  /// Every rank's text, in order of rank, on every rank.
  [[nodiscard]] std::vector<std::string> gather(const std::string& mine) const;
  /// Element-wise over the ranks, in place, on every rank.
  void sum(std::span<std::int64_t> values) const;
  void min(std::span<double> values) const;
  void max(std::span<double> values) const;

  /// Runs `task`, the same on every rank, waits for all, and throws on every rank the error of the lowest rank that had one:
  /// so no rank goes on to a collective call that another will never reach. An error that rank 0 did not have names the rank.
  void together(const std::function<void()>& task) const;
  /// The same for tasks of which each rank has its own part: where an error comes up says nothing.
  void each_together(const std::function<void()>& task) const;
  /// Runs `task` on rank 0 while the others wait; its result, or its error, is every rank's.
  std::string on_first(const std::function<std::string()>& task) const;
  /// The same for a task without a result.
  void on_first_only(const std::function<void()>& task) const;
  /// Runs units of work spread over the ranks and gives all results to every rank (a ScanRunner of `io`).
  [[nodiscard]] std::vector<std::string> run_units(std::size_t count, const std::function<std::string(std::size_t)>& unit) const;
  /// Goes on without ranks that died or fell silent: called on all others; they are numbered anew, in the same order.
  /// Rank 0 cannot be left behind.
  void go_on_without(const std::vector<int>& lost);
  /// True when ranks were left behind: MPI cannot be ended in good order then.
  [[nodiscard]] bool has_lost_ranks() const noexcept;
  /// A rank that was left behind waits here for the end of the run, and ends.
  [[noreturn]] void stay_behind() const;
  /// The end of this rank's part, which came with `failure` or without one; waits for the others. A failure that is not
  /// shared (see SharedError) may have left them in a call that this rank will never make: then it is not common.
  [[nodiscard]] RunEnding end(const Failure& failure, bool is_shared) const;
  /// Ends a run that has lost ranks: rank 0 ends all processes with `code`, the others wait for that.
  [[noreturn]] void leave(ExitCode code) const;
  /// Ends all ranks at once, for an error that one rank alone knows of, which it prints.
  [[noreturn]] void end_all(const Failure& failure) const;
  /// The same without a word.
  [[noreturn]] void abort(ExitCode code) const;
  /// OpenMP threads for this rank: those asked for, or, for 0, what the batch system, its cgroup and its affinity mask
  /// leave to it, shared with the other ranks of its node. Warns when the launcher binds ranks to fewer processors.
  [[nodiscard]] int threads(int asked) const;

  /// Ends MPI and this process at once, without clean-up: for a process in which a thread hangs.
  [[noreturn]] void end_process(ExitCode code) const;
  /// The communicator, for this layer.
  struct Handle;
  [[nodiscard]] Handle& handle() const noexcept { return *handle_; }
  /// Whether the others are well, asked while this rank waits for them. Throws, on rank 0, what ended another rank; ends
  /// the run when a rank has died.
  void look_after_others() const;

 private:
  RankClock& clock_;
  std::unique_ptr<Handle> handle_;
  int rank_ = 0, size_ = 1;
};

}  // namespace skyfold
