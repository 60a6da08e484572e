// Collective steps of all ranks. None of them blocks in MPI: each waits with a look now and then at whether the others live, and
// errors of one rank become errors of all, so that nobody waits for a rank that will not come.
#include "skyfold/farm/ranks.hpp"

#include <mpi.h>

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>
#include <numeric>

#include "ranks_handle.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/processors.hpp"
#include "skyfold/core/signals.hpp"

namespace skyfold {
namespace {

/// Buffers of a collective call. When the call is given up midway they stay MPI's.
template <class T>
class Lent {
 public:
  explicit Lent(T value) : value_(std::make_unique<T>(std::move(value))) {}
  ~Lent() {
    // A leak on purpose: MPI may still write there, and the process is about to end anyway.
    if (std::uncaught_exceptions() > exceptions_) (void)value_.release();
  }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  T& operator*() const { return *value_; }
  T* operator->() const { return value_.get(); }

 private:
  std::unique_ptr<T> value_;
  int exceptions_ = std::uncaught_exceptions();
};

void wait_for(const Ranks& ranks, MPI_Request& request, std::size_t bytes = 0) {
  (void)wait_while(request, bytes, [&] { return ranks.look_after_others(), true; });
}

template <class T>
void reduce(const Ranks& ranks, std::span<T> values, MPI_Datatype type, MPI_Op operation) {
  if (ranks.size() == 1) return;
  MPI_Request request;
  if (values.size_bytes() > large_message_bytes) {  // until all are here there is time to sleep
    // Waiting for a large reduction polls without pause; waiting for this sleeps.
    MPI_Ibarrier(ranks.handle().communicator, &request);
    wait_for(ranks, request);
  }
  const Lent<std::vector<T>> buffer({values.begin(), values.end()});
  MPI_Iallreduce(MPI_IN_PLACE, buffer->data(), static_cast<int>(values.size()), type, operation, ranks.handle().communicator, &request);
  wait_for(ranks, request, values.size_bytes());
  std::copy(buffer->begin(), buffer->end(), values.begin());
}

std::string caught(const std::function<void()>& task) {
  try {
    task();
    return {};
  } catch (...) {  // whatever it is, the other ranks must hear of it
    return text_of(current_failure());
  }
}

void rethrow(const std::string& text) {
  if (const Failure failure = failure_from(text)) throw SharedError(failure.code, failure.message);
}

/// The communicator for endings: one for the life of the process.
MPI_Comm copy_of_world() {
  static const MPI_Comm copy = [] {
    MPI_Comm made;
    MPI_Comm_dup(MPI_COMM_WORLD, &made);
    return made;
  }();
  return copy;
}

/// A process that no launcher started: Open MPI would start a daemon for it, and look for networks. Without the daemon all such processes
/// would have one session folder, which the first to end removes: it gets none. Only while it starts, as programs that this one starts may
/// have ranks. What the user has set stays.
class StartAlone {
 public:
  StartAlone() {
    for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"})
      if (std::getenv(name) != nullptr) return;
    if (std::getenv("OMPI_MCA_ess_singleton_isolated") != nullptr) return;
    for (const auto& [name, value] : {std::pair{"OMPI_MCA_ess_singleton_isolated", "1"},
                                      {"OMPI_MCA_orte_create_session_dirs", "0"},
                                      {"OMPI_MCA_pml", "ob1"},
                                      {"OMPI_MCA_btl", "self"}})
      if (std::getenv(name) == nullptr && setenv(name, value, 0) == 0) set_.emplace_back(name);
  }
  ~StartAlone() {
    for (const char* name : set_) unsetenv(name);
  }
  StartAlone(const StartAlone&) = delete;
  StartAlone& operator=(const StartAlone&) = delete;

 private:
  std::vector<const char*> set_;
};

}  // namespace

MpiSession::MpiSession(int& argc, char**& argv) {
  int provided = 0;
  const StartAlone alone;
  // Only the main thread speaks MPI.
  if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) throw IoError("MPI cannot start");
}

MpiSession::~MpiSession() { MPI_Finalize(); }

Ranks::Ranks(RankClock& clock) : clock_(clock) {
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
  handle_ = std::make_unique<Handle>();
  if (size_ == 1) return;
  handle_->ending = copy_of_world();
  std::vector<ProcessName> processes;
  for (const std::string& text : gather(this_process().text())) processes.push_back(process_from(text));
  handle_->rank_zero = processes.front();
  handle_->watch = ProcessWatch(std::move(processes));
  handle_->world_ranks.resize(static_cast<std::size_t>(size_));
  std::iota(handle_->world_ranks.begin(), handle_->world_ranks.end(), 0);
}

Ranks::~Ranks() = default;

namespace {

/// MPI counts bytes in int. All ranks know the same sum, and so throw together.
void require_countable(std::int64_t bytes) {
  if (bytes > std::numeric_limits<int>::max())
    throw SharedError(ExitCode::io, "more than 2 GiB to exchange between ranks (too many bad rows?)");
}

}  // namespace

std::string Ranks::broadcast(const std::string& text) const {
  if (size_ == 1) return text;
  const PhaseScope scope(clock_, Phase::wait);
  MPI_Request request;
  // The length first: the others must know how much to make room for.
  const Lent<std::int64_t> length(static_cast<std::int64_t>(text.size()));
  MPI_Ibcast(&*length, 1, MPI_INT64_T, 0, handle_->communicator, &request);
  wait_for(*this, request);
  require_countable(*length);
  const Lent<std::string> received(is_first() ? text : std::string(static_cast<std::size_t>(*length), '\0'));
  MPI_Ibcast(received->data(), static_cast<int>(*length), MPI_CHAR, 0, handle_->communicator, &request);
  wait_for(*this, request, received->size());
  return *received;
}

std::vector<std::string> Ranks::gather(const std::string& mine) const {
  if (size_ == 1) return {mine};
  struct Buffers {
    std::string mine, all;
    std::int64_t length = 0;
    std::vector<std::int64_t> lengths;
    std::vector<int> counts, starts;
  };
  const PhaseScope scope(clock_, Phase::wait);
  const auto n = static_cast<std::size_t>(size_);
  const Lent<Buffers> b({mine, "", std::ssize(mine), std::vector<std::int64_t>(n), {}, std::vector<int>(n)});
  MPI_Request request;
  MPI_Iallgather(&b->length, 1, MPI_INT64_T, b->lengths.data(), 1, MPI_INT64_T, handle_->communicator, &request);
  wait_for(*this, request);
  require_countable(std::accumulate(b->lengths.begin(), b->lengths.end(), std::int64_t{0}));
  b->counts.assign(b->lengths.begin(), b->lengths.end());
  std::exclusive_scan(b->counts.begin(), b->counts.end(), b->starts.begin(), 0);
  b->all.assign(static_cast<std::size_t>(b->starts.back() + b->counts.back()), '\0');
  MPI_Iallgatherv(b->mine.data(), b->counts[static_cast<std::size_t>(rank_)], MPI_CHAR, b->all.data(), b->counts.data(), b->starts.data(),
                  MPI_CHAR, handle_->communicator, &request);
  wait_for(*this, request, b->all.size());
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < n; ++i)
    texts.push_back(b->all.substr(static_cast<std::size_t>(b->starts[i]), static_cast<std::size_t>(b->lengths[i])));
  return texts;
}

void Ranks::sum(std::span<std::int64_t> values) const {
  const PhaseScope scope(clock_, Phase::wait);
  reduce(*this, values, MPI_INT64_T, MPI_SUM);
}
void Ranks::min(std::span<double> values) const {
  const PhaseScope scope(clock_, Phase::wait);
  reduce(*this, values, MPI_DOUBLE, MPI_MIN);
}
void Ranks::max(std::span<double> values) const {
  const PhaseScope scope(clock_, Phase::wait);
  reduce(*this, values, MPI_DOUBLE, MPI_MAX);
}

void Ranks::together(const std::function<void()>& task) const {
  if (size_ == 1) return task();
  // Everybody comes here, also those that failed: that is what makes it safe to throw in a task.
  const std::vector<std::string> errors = gather(caught(task));
  for (std::size_t rank = 0; rank < errors.size(); ++rank)
    if (const Failure failure = failure_from(errors[rank]))
      throw SharedError(failure.code, rank == 0 ? failure.message : fmt::format("rank {}: {}", rank, failure.message));
}

void Ranks::each_together(const std::function<void()>& task) const {
  if (size_ == 1) return task();
  for (const std::string& error : gather(caught(task))) rethrow(error);
}

std::string Ranks::on_first(const std::function<std::string()>& task) const {
  if (size_ == 1) return task();
  std::string result;
  // The error first, then the result: the others must not wait for a result that never comes.
  // Rank 0 computes while the others wait asleep (wait_while), so a long task of it costs them nothing.
  const std::string error = broadcast(is_first() ? caught([&] { result = task(); }) : std::string());
  rethrow(error);
  return broadcast(result);
}

void Ranks::on_first_only(const std::function<void()>& task) const {
  (void)on_first([&] {
    task();
    return std::string();
  });
}

namespace {

void put(std::string& text, std::uint64_t number) { text.append(reinterpret_cast<const char*>(&number), sizeof number); }
std::uint64_t get(const char*& at) {
  std::uint64_t number = 0;
  std::memcpy(&number, at, sizeof number);
  at += sizeof number;
  return number;
}

}  // namespace

std::vector<std::string> Ranks::run_units(std::size_t count, const std::function<std::string(std::size_t)>& unit) const {
  // Each rank takes every size-th unit; a result travels as its length and its bytes.
  std::string mine;
  // The count travels too: ranks that see different files would take each other's results for their own.
  put(mine, count);
  each_together([&] {
    for (std::size_t i = static_cast<std::size_t>(rank_); i < count; i += static_cast<std::size_t>(size_)) {
      check_stop();
      const std::string result = unit(i);
      put(mine, result.size());
      mine += result;
    }
  });
  std::vector<std::string> results(count);
  const std::vector<std::string> all = gather(mine);
  std::vector<std::uint64_t> counts;  // of units, by rank
  for (std::size_t from = 0; from < all.size(); ++from) {
    const char* at = all[from].data();
    counts.push_back(get(at));
    if (counts[from] != counts[0])
      throw SharedError(ExitCode::data,
                        fmt::format("rank {} finds {} pieces of work where rank 0 finds {} (do all ranks see the same files?)", from,
                                    counts[from], counts[0]));
    // In the order of the units, whichever rank did them: results do not depend on the number of ranks.
    for (std::size_t i = from; i < count; i += static_cast<std::size_t>(size_)) {
      const std::uint64_t length = get(at);
      results[i].assign(at, length);
      at += length;
    }
  }
  return results;
}

int Ranks::threads(int asked) const {
  std::vector<ProcessorGrant> grants;
  for (const std::string& text : gather(processor_grant().text())) grants.push_back(grant_from(text));
  // A rank that is bound to one core by mpirun's default runs all its threads on it: the usual reason for a slow run.
  const std::string warning = is_first() ? binding_warning(grants, asked) : "";
  if (!warning.empty()) log_warning(warning);
  return asked > 0 ? asked : granted_processors(grants, static_cast<std::size_t>(rank_));
}

}  // namespace skyfold
