// XXH3 (64 bit) of bytes and texts: checksums and identities, which detect damage and change, not forgery.
// The library's state is behind a pointer of ours: its header stays in this file.
#include "skyfold/core/hash.hpp"

#include <fmt/core.h>
#include <xxhash.h>

#include <new>

namespace skyfold {
namespace {

XXH3_state_t* library_state(void* state) noexcept { return static_cast<XXH3_state_t*>(state); }

}  // namespace

std::uint64_t hash_bytes(std::span<const std::byte> bytes, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint64_t hash_text(std::string_view text, std::uint64_t seed) noexcept { return XXH3_64bits_withSeed(text.data(), text.size(), seed); }

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

std::string hex64(std::uint64_t value) { return fmt::format("{:016x}", value); }

bool is_hex64(std::string_view text) noexcept {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace skyfold
