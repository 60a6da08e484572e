// XXH3 (64 bit) of bytes and texts: checksums and identities, which detect damage and change, not forgery.
#include "skyfold/core/hash.hpp"

#include <fmt/core.h>
#include <xxhash.h>

namespace skyfold {

std::uint64_t hash_bytes(std::span<const std::byte> bytes, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint64_t hash_text(std::string_view text, std::uint64_t seed) noexcept { return XXH3_64bits_withSeed(text.data(), text.size(), seed); }

std::string hex64(std::uint64_t value) { return fmt::format("{:016x}", value); }

bool is_hex64(std::string_view text) noexcept {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace skyfold
