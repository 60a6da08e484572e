#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skyfold::forest {

/// A node of a tree. Objects whose attribute is at most the threshold go to `child`, the others to the node after it; a leaf is its own
/// child, so that objects which arrive earlier wait there for the others.
struct Node {
  float threshold;
  std::uint32_t child;
  std::uint16_t attribute;
  std::uint16_t missing_left;  ///< 1: objects without the attribute go to `child`
};

/// A decision tree: its nodes breadth-first, and the training rows of its leaves.
struct Tree {
  std::vector<Node> nodes;           ///< the root is the first
  std::vector<std::uint32_t> begin;  ///< [nodes + 1]; rows of node k are rows[begin[k]..begin[k + 1]), none for nodes that are no leaves
  std::vector<std::uint32_t> rows;   ///< those of a leaf ascending; a row that was drawn twice is there twice

  [[nodiscard]] std::span<const std::uint32_t> rows_of(std::uint32_t node) const noexcept {
    return {rows.data() + begin[node], begin[node + 1] - begin[node]};
  }
};

/// The leaves of a block of objects, eight of them at a time: while one waits for memory, others go on.
///
/// @param value  attributes, row-major, shape [n x attributes]; NaN where missing
/// @param leaf   filled, shape [n]
void find_leaves(std::span<const Node> nodes, const float* value, std::size_t n, std::size_t attributes, std::uint32_t* leaf) noexcept;

/// Trees as bytes, one after the other, and back: what a task of a training gives.
[[nodiscard]] std::string to_bytes(std::span<const Tree> trees);
/// Appends to `trees`.
void from_bytes(std::string_view bytes, std::vector<Tree>& trees);

}  // namespace skyfold::forest
