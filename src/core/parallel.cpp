// A loop over chunks on OpenMP threads that can be interrupted and that hands on the first exception. Chunks are taken
// dynamically; results must depend on their index alone, so they are the same for every number of threads.
#include "skyfold/core/parallel.hpp"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#ifdef __SANITIZE_THREAD__
#include <thread>
#include <vector>
#endif

namespace skyfold {
namespace {

std::atomic<bool> interrupted = false;

/// Runs `chunk(i, thread)` for each i below `chunks`, each on the thread that is free first.
template <class Chunk>
void on_threads(long chunks, int threads, const Chunk& chunk) {
#ifdef __SANITIZE_THREAD__  // it does not see what GCC's OpenMP orders, and would find races everywhere
  std::atomic<long> next = 0;
  const auto work = [&](int thread) {
    for (long i = next++; i < chunks; i = next++) chunk(i, thread);
  };
  std::vector<std::jthread> team;
  for (int thread = 1; thread < threads; ++thread) team.emplace_back(work, thread);
  work(0);
#else
#pragma omp parallel for schedule(dynamic) num_threads(threads)
  for (long i = 0; i < chunks; ++i) chunk(i, omp_get_thread_num());
#endif
}

}  // namespace

void interrupt_parallel_for(bool on) noexcept { interrupted.store(on); }
bool is_interrupted() noexcept { return interrupted.load(std::memory_order_relaxed); }

void parallel_for(std::size_t n, std::size_t chunk, int threads, const std::function<void(std::size_t, std::size_t, int)>& body) {
  if (n == 0) return;
  if (threads <= 1 || n <= chunk) {
    // One thread: no team, but the same chunks, so that a body that sums per chunk gives the same bits.
    for (std::size_t begin = 0; begin < n; begin += chunk) {
      if (is_interrupted()) throw Interrupted();
      body(begin, std::min(begin + chunk, n), 0);
    }
    return;
  }
  const auto chunks = static_cast<long>((n + chunk - 1) / chunk);
  std::exception_ptr error;
  std::atomic<bool> failed = false;
  on_threads(chunks, threads, [&](long i, int thread) {
    // OpenMP loops cannot be left early: the chunks that remain are passed over.
    if (failed.load(std::memory_order_relaxed)) return;
    const std::size_t begin = static_cast<std::size_t>(i) * chunk;
    try {
      if (is_interrupted()) throw Interrupted();
      body(begin, std::min(begin + chunk, n), thread);
    } catch (...) {
      if (!failed.exchange(true)) error = std::current_exception();  // the end of the team publishes it
    }
  });
  if (error) std::rethrow_exception(error);
}

}  // namespace skyfold
