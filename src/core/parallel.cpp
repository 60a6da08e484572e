#include "skyfold/core/parallel.hpp"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>

namespace skyfold {
namespace {

std::atomic<bool> interrupted = false;

}  // namespace

void interrupt_parallel_for(bool on) noexcept { interrupted.store(on); }
bool is_interrupted() noexcept { return interrupted.load(std::memory_order_relaxed); }

void parallel_for(std::size_t n, std::size_t chunk, int threads,
                  const std::function<void(std::size_t, std::size_t, int)>& body) {
  if (n == 0) return;
  if (threads <= 1 || n <= chunk) {
    for (std::size_t begin = 0; begin < n; begin += chunk) {
      if (is_interrupted()) throw Interrupted();
      body(begin, std::min(begin + chunk, n), 0);
    }
    return;
  }
  const auto chunks = static_cast<long>((n + chunk - 1) / chunk);
  std::exception_ptr error;
  std::atomic<bool> failed = false;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
  for (long i = 0; i < chunks; ++i) {
    if (failed.load(std::memory_order_relaxed)) continue;
    const std::size_t begin = static_cast<std::size_t>(i) * chunk;
    try {
      if (is_interrupted()) throw Interrupted();
      body(begin, std::min(begin + chunk, n), omp_get_thread_num());
    } catch (...) {
      if (!failed.exchange(true)) error = std::current_exception();  // the implicit barrier publishes it
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace skyfold
