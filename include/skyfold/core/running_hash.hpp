#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace skyfold {

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

}  // namespace skyfold
