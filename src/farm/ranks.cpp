#include "skyfold/farm/ranks.hpp"

#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <numeric>
#include <thread>

#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"

namespace skyfold {
namespace {

/// Waits for a request without holding a processor: short waits cost a few microseconds, long ones almost nothing.
void wait_for(MPI_Request& request) {
  std::chrono::microseconds pause(5);
  for (int done = 0; MPI_Test(&request, &done, MPI_STATUS_IGNORE), !done;) {
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(2000));
  }
}

template <class T>
void reduce(int ranks, std::span<T> values, MPI_Datatype type, MPI_Op operation) {
  if (ranks == 1) return;
  MPI_Request request;
  MPI_Iallreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), type, operation, MPI_COMM_WORLD, &request);
  wait_for(request);
}

/// An error as text, so that it can travel: exit code, colon, message; "" is none.
std::string caught(const std::function<void()>& task) {
  try {
    task();
    return {};
  } catch (const Error& error) {
    return std::to_string(static_cast<int>(error.code())) + ":" + error.what();
  } catch (const std::bad_alloc&) {
    return std::to_string(static_cast<int>(ExitCode::io)) + ":out of memory";
  } catch (const std::exception& error) {
    return std::to_string(static_cast<int>(ExitCode::bug)) + ":" + error.what();
  } catch (...) {  // e.g. of healpix_cxx: the other ranks must hear of it all the same
    return std::to_string(static_cast<int>(ExitCode::bug)) + ":unknown exception";
  }
}

void rethrow(const std::string& error) {
  if (error.empty()) return;
  const std::size_t colon = error.find(':');
  throw Error(static_cast<ExitCode>(std::stoi(error.substr(0, colon))), error.substr(colon + 1));
}

}  // namespace

MpiSession::MpiSession(int& argc, char**& argv) {
  int provided = 0;
  if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) throw IoError("MPI cannot start");
}

MpiSession::~MpiSession() { MPI_Finalize(); }

Ranks::Ranks(RankClock& clock) : clock_(clock) {
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
}

std::string Ranks::broadcast(const std::string& text) const {
  if (size_ == 1) return text;
  const PhaseScope scope(clock_, Phase::wait);
  auto length = static_cast<std::int64_t>(text.size());
  MPI_Request request;
  MPI_Ibcast(&length, 1, MPI_INT64_T, 0, MPI_COMM_WORLD, &request);
  wait_for(request);
  std::string received = is_first() ? text : std::string(static_cast<std::size_t>(length), '\0');
  MPI_Ibcast(received.data(), static_cast<int>(length), MPI_CHAR, 0, MPI_COMM_WORLD, &request);
  wait_for(request);
  return received;
}

std::vector<std::string> Ranks::gather(const std::string& mine) const {
  if (size_ == 1) return {mine};
  const PhaseScope scope(clock_, Phase::wait);
  const auto n = static_cast<std::size_t>(size_);
  const int length = static_cast<int>(mine.size());
  std::vector<int> lengths(n), starts(n);
  MPI_Request request;
  MPI_Iallgather(&length, 1, MPI_INT, lengths.data(), 1, MPI_INT, MPI_COMM_WORLD, &request);
  wait_for(request);
  if (std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}) > std::numeric_limits<int>::max())
    throw IoError("more than 2 GiB to exchange between ranks (too many bad rows?)");  // all ranks see the same lengths
  std::exclusive_scan(lengths.begin(), lengths.end(), starts.begin(), 0);
  std::string all(static_cast<std::size_t>(starts.back() + lengths.back()), '\0');
  MPI_Iallgatherv(mine.data(), length, MPI_CHAR, all.data(), lengths.data(), starts.data(), MPI_CHAR, MPI_COMM_WORLD, &request);
  wait_for(request);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < n; ++i)
    texts.push_back(all.substr(static_cast<std::size_t>(starts[i]), static_cast<std::size_t>(lengths[i])));
  return texts;
}

void Ranks::sum(std::span<std::int64_t> values) const {
  const PhaseScope scope(clock_, Phase::wait);
  reduce(size_, values, MPI_INT64_T, MPI_SUM);
}
void Ranks::min(std::span<double> values) const {
  const PhaseScope scope(clock_, Phase::wait);
  reduce(size_, values, MPI_DOUBLE, MPI_MIN);
}
void Ranks::max(std::span<double> values) const {
  const PhaseScope scope(clock_, Phase::wait);
  reduce(size_, values, MPI_DOUBLE, MPI_MAX);
}

void Ranks::together(const std::function<void()>& task) const {
  if (size_ == 1) return task();
  for (const std::string& error : gather(caught(task))) rethrow(error);
}

std::string Ranks::on_first(const std::function<std::string()>& task) const {
  if (size_ == 1) return task();
  std::string result;
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

std::vector<std::string> Ranks::run_units(std::size_t count, const std::function<std::string(std::size_t)>& unit) const {
  // Each rank takes every size-th unit; a result travels as its length and its bytes.
  std::string mine;
  together([&] {
    for (std::size_t i = static_cast<std::size_t>(rank_); i < count; i += static_cast<std::size_t>(size_)) {
      const std::string result = unit(i);
      const std::uint64_t length = result.size();
      mine.append(reinterpret_cast<const char*>(&length), sizeof length).append(result);
    }
  });
  std::vector<std::string> results(count);
  const std::vector<std::string> all = gather(mine);
  for (std::size_t from = 0; from < all.size(); ++from) {
    const char* at = all[from].data();
    for (std::size_t i = from; i < count; i += static_cast<std::size_t>(size_)) {
      std::uint64_t length = 0;
      std::memcpy(&length, at, sizeof length);
      results[i].assign(at + sizeof length, length);
      at += sizeof length + length;
    }
  }
  return results;
}

void Ranks::abort(ExitCode code) const {
  MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
  std::abort();
}

int Ranks::default_threads() const {
  if (const char* granted = std::getenv("SLURM_CPUS_PER_TASK")) return std::max(1, std::atoi(granted));
  cpu_set_t mask;
  CPU_ZERO(&mask);
  sched_getaffinity(0, sizeof mask, &mask);
  char host[MPI_MAX_PROCESSOR_NAME];
  int length = 0;
  MPI_Get_processor_name(host, &length);
  const std::string mine = std::string(host, static_cast<std::size_t>(length)) + "\n" +
                           std::string(reinterpret_cast<const char*>(&mask), sizeof mask);
  const auto all = gather(mine);
  const auto sharing = static_cast<int>(std::count(all.begin(), all.end(), mine));
  return std::max(1, allowed_processors() / std::max(1, sharing));
}

}  // namespace skyfold
