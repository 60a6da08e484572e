#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace skyfold {

/// 64-bit XXH3 checksum of bytes; `seed` chains or separates uses. Not cryptographic: it detects damage
/// and accidental change, not forgery.
[[nodiscard]] std::uint64_t hash_bytes(std::span<const std::byte> bytes, std::uint64_t seed = 0) noexcept;
[[nodiscard]] std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0) noexcept;

/// The hash that `hash_bytes` gives for all bytes together, of bytes that come piece by piece.
class RunningHash {
 public:
  RunningHash();
  void add(std::span<const std::byte> bytes) noexcept;
  [[nodiscard]] std::uint64_t value() const noexcept;

 private:
  struct State;
  struct Release {
    void operator()(State* state) const noexcept;
  };
  std::unique_ptr<State, Release> state_;
};

/// Sixteen hexadecimal digits, lower case.
[[nodiscard]] std::string hex64(std::uint64_t value);
/// Whether a text is what `hex64` gives. Fingerprints and checksums in files may be anything: ask before they are believed or shown.
[[nodiscard]] bool is_hex64(std::string_view text) noexcept;

}  // namespace skyfold
