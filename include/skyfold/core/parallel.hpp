#pragma once

#include <cstddef>
#include <functional>
#include <stdexcept>

namespace skyfold {

/// Calls `body(begin, end, thread)` on consecutive chunks that cover [0, n), on `threads` OpenMP threads.
///
/// Chunks are handed out dynamically, so a result must depend on its own index alone. The first exception
/// thrown by a body is rethrown here after all threads have stopped; chunks not yet begun are skipped.
///
/// @param n        number of items
/// @param chunk    items per call, >= 1
/// @param threads  number of threads, >= 1; `thread` passed to the body is in [0, threads)
void parallel_for(std::size_t n, std::size_t chunk, int threads,
                  const std::function<void(std::size_t begin, std::size_t end, int thread)>& body);

/// Thrown by `parallel_for` between two chunks when its work is no longer wanted.
class Interrupted final : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted") {}
};
/// While on, every `parallel_for` of this process ends with `Interrupted` at its next chunk.
void interrupt_parallel_for(bool on) noexcept;
[[nodiscard]] bool is_interrupted() noexcept;

}  // namespace skyfold
