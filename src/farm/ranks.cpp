#include "skyfold/farm/ranks.hpp"

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <numeric>
#include <thread>

#include "ranks_handle.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/processors.hpp"
#include "skyfold/core/signals.hpp"

namespace skyfold {
namespace {

// MPI sends more than this in pieces, and goes on to the next one only when both sides call it.
constexpr std::size_t large_bytes = 16'384;

/// Waits for a request without holding a processor: short waits cost a few microseconds, long ones almost nothing.
///
/// @param bytes  that are under way: a large message must not sleep between its pieces
void wait_for(MPI_Request& request, std::size_t bytes = 0) {
  const std::chrono::microseconds longest(bytes > large_bytes ? 20 : 2000);
  std::chrono::microseconds pause(5);
  for (int done = 0; MPI_Test(&request, &done, MPI_STATUS_IGNORE), !done;) {
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, longest);
  }
}

template <class T>
void reduce(const Ranks& ranks, std::span<T> values, MPI_Datatype type, MPI_Op operation) {
  if (ranks.size() == 1) return;
  MPI_Request request;
  if (values.size_bytes() > large_bytes) {  // until all are here there is time to sleep
    MPI_Ibarrier(ranks.handle().communicator, &request);
    wait_for(request);
  }
  MPI_Iallreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), type, operation, ranks.handle().communicator, &request);
  wait_for(request, values.size_bytes());
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

Ranks::Ranks(RankClock& clock) : clock_(clock), handle_(std::make_unique<Handle>()) {
  MPI_Comm_rank(handle_->communicator, &rank_);
  MPI_Comm_size(handle_->communicator, &size_);
}

Ranks::~Ranks() = default;

std::string Ranks::broadcast(const std::string& text) const {
  if (size_ == 1) return text;
  const PhaseScope scope(clock_, Phase::wait);
  auto length = static_cast<std::int64_t>(text.size());
  MPI_Request request;
  MPI_Ibcast(&length, 1, MPI_INT64_T, 0, handle_->communicator, &request);
  wait_for(request);
  std::string received = is_first() ? text : std::string(static_cast<std::size_t>(length), '\0');
  MPI_Ibcast(received.data(), static_cast<int>(length), MPI_CHAR, 0, handle_->communicator, &request);
  wait_for(request, received.size());
  return received;
}

std::vector<std::string> Ranks::gather(const std::string& mine) const {
  if (size_ == 1) return {mine};
  const PhaseScope scope(clock_, Phase::wait);
  const auto n = static_cast<std::size_t>(size_);
  const int length = static_cast<int>(mine.size());
  std::vector<int> lengths(n), starts(n);
  MPI_Request request;
  MPI_Iallgather(&length, 1, MPI_INT, lengths.data(), 1, MPI_INT, handle_->communicator, &request);
  wait_for(request);
  if (std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}) > std::numeric_limits<int>::max())
    throw IoError("more than 2 GiB to exchange between ranks (too many bad rows?)");  // all ranks see the same lengths
  std::exclusive_scan(lengths.begin(), lengths.end(), starts.begin(), 0);
  std::string all(static_cast<std::size_t>(starts.back() + lengths.back()), '\0');
  MPI_Iallgatherv(mine.data(), length, MPI_CHAR, all.data(), lengths.data(), starts.data(), MPI_CHAR, handle_->communicator, &request);
  wait_for(request, all.size());
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < n; ++i)
    texts.push_back(all.substr(static_cast<std::size_t>(starts[i]), static_cast<std::size_t>(lengths[i])));
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
      check_stop();
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

void Ranks::go_on_without(const std::vector<int>& lost) {
  std::vector<int> members;
  for (int rank = 0; rank < size_; ++rank)
    if (std::find(lost.begin(), lost.end(), rank) == lost.end()) members.push_back(rank);
  MPI_Group all, rest;
  MPI_Comm_group(handle_->communicator, &all);
  MPI_Group_incl(all, static_cast<int>(members.size()), members.data(), &rest);
  constexpr int group_tag = 11;
  // Collective over the members alone, so that the lost need not take part.
  MPI_Comm_create_group(handle_->communicator, rest, group_tag, &handle_->communicator);
  MPI_Group_free(&all);
  MPI_Group_free(&rest);
  MPI_Comm_rank(handle_->communicator, &rank_);
  MPI_Comm_size(handle_->communicator, &size_);
  handle_->has_lost_ranks = true;
}

bool Ranks::has_lost_ranks() const noexcept { return handle_->has_lost_ranks; }

void Ranks::leave(ExitCode code) const {
  if (is_first()) abort(code);
  while (true) std::this_thread::sleep_for(std::chrono::seconds(1));
}

void Ranks::end_process(ExitCode code) const {
  if (has_lost_ranks()) leave(code);
  MPI_Finalize();
  std::_Exit(static_cast<int>(code));
}

void Ranks::abort(ExitCode code) const {
  MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
  std::abort();
}

int Ranks::threads(int asked) const {
  std::vector<ProcessorGrant> grants;
  for (const std::string& text : gather(processor_grant().text())) grants.push_back(grant_from(text));
  const std::string warning = is_first() ? binding_warning(grants, asked) : "";
  if (!warning.empty()) log_warning(warning);
  return asked > 0 ? asked : granted_processors(grants, static_cast<std::size_t>(rank_));
}

}  // namespace skyfold
