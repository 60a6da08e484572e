// Decision trees as flat arrays: the way of objects to their leaves, and trees as bytes between the processes that grow them.
#include "tree.hpp"

#include <algorithm>
#include <cstring>

namespace skyfold::forest {
namespace {

constexpr std::size_t objects_at_once = 8;

std::uint32_t next_node(const Node& node, float x) noexcept {
  const bool is_left = x <= node.threshold || (node.missing_left != 0 && x != x);
  return node.child + (is_left ? 0u : 1u);
}

template <class T>
void append(std::string& bytes, const std::vector<T>& values) {
  const std::uint64_t n = values.size();
  bytes.append(reinterpret_cast<const char*>(&n), sizeof n);
  bytes.append(reinterpret_cast<const char*>(values.data()), n * sizeof(T));
}

template <class T>
std::vector<T> take(std::string_view& bytes) {
  std::uint64_t n = 0;
  std::memcpy(&n, bytes.data(), sizeof n);
  std::vector<T> values(n);
  if (n > 0) std::memcpy(values.data(), bytes.data() + sizeof n, n * sizeof(T));
  bytes.remove_prefix(sizeof n + n * sizeof(T));
  return values;
}

}  // namespace

void find_leaves(std::span<const Node> nodes, const float* value, std::size_t n, std::size_t attributes, std::uint32_t* leaf) noexcept {
  for (std::size_t first = 0; first < n; first += objects_at_once) {
    const std::size_t count = std::min(objects_at_once, n - first);
    std::uint32_t at[objects_at_once] = {};
    for (bool has_moved = true; has_moved;) {
      has_moved = false;
      for (std::size_t i = 0; i < count; ++i) {
        const Node& node = nodes[at[i]];
        const std::uint32_t next = next_node(node, value[(first + i) * attributes + node.attribute]);
        has_moved |= next != at[i];
        at[i] = next;
      }
    }
    std::copy_n(at, count, leaf + first);
  }
}

std::string to_bytes(std::span<const Tree> trees) {
  std::string bytes;
  for (const Tree& tree : trees) {
    append(bytes, tree.nodes);
    append(bytes, tree.begin);
    append(bytes, tree.rows);
  }
  return bytes;
}

void from_bytes(std::string_view bytes, std::vector<Tree>& trees) {
  while (!bytes.empty()) {
    Tree& tree = trees.emplace_back();
    tree.nodes = take<Node>(bytes);
    tree.begin = take<std::uint32_t>(bytes);
    tree.rows = take<std::uint32_t>(bytes);
  }
}

}  // namespace skyfold::forest
