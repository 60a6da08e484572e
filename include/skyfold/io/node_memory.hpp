#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace skyfold {

/// Gives every process's text to all of them, in order of rank; collective.
using GatherTexts = std::function<std::vector<std::string>(const std::string& mine)>;
/// For a process that is alone.
[[nodiscard]] inline std::vector<std::string> gather_alone(const std::string& mine) { return {mine}; }

/// Zeroed memory that the ranks of one node share. It belongs to the operating system's shared memory, not to MPI, so a rank
/// may die without the others waiting for it; its name is gone as soon as all have it open, so killed processes leave nothing behind.
///
/// A process that is alone on its node gets memory of its own, which costs nothing until it is touched.
class NodeMemory {
 public:
  /// Collective. Throws IoError when there is not enough shared memory (on Linux, /dev/shm); then on all ranks.
  ///
  /// @param sparse  only scattered parts will be touched: no large pages
  NodeMemory(std::size_t bytes, const GatherTexts& gather, bool sparse = false);
  ~NodeMemory();
  NodeMemory(NodeMemory&& other) noexcept;
  NodeMemory& operator=(NodeMemory&&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
  /// Number of ranks on this node, and which of them this one is, counted from 0.
  [[nodiscard]] std::size_t sharers() const noexcept { return sharers_; }
  [[nodiscard]] std::size_t place() const noexcept { return place_; }

 private:
  std::span<std::byte> bytes_;
  std::size_t sharers_ = 1, place_ = 0;
};

}  // namespace skyfold
