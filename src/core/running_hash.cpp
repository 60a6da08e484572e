// XXH3 of bytes that come piece by piece, with the library's state behind a pointer of ours: its header stays in this file.
#include "skyfold/core/running_hash.hpp"

#include <xxhash.h>

#include <new>

namespace skyfold {
namespace {

XXH3_state_t* library_state(void* state) noexcept { return static_cast<XXH3_state_t*>(state); }

}  // namespace

/// Stands for the library's own type, which is aligned by its own functions.
struct RunningHash::State {};

void RunningHash::Release::operator()(State* state) const noexcept { XXH3_freeState(library_state(state)); }

RunningHash::RunningHash() : state_(static_cast<State*>(static_cast<void*>(XXH3_createState()))) {
  if (!state_ || XXH3_64bits_reset(library_state(state_.get())) == XXH_ERROR) throw std::bad_alloc();
}

void RunningHash::add(std::span<const std::byte> bytes) noexcept {
  (void)XXH3_64bits_update(library_state(state_.get()), bytes.data(), bytes.size());
}

std::uint64_t RunningHash::value() const noexcept { return XXH3_64bits_digest(library_state(state_.get())); }

}  // namespace skyfold
