#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

namespace skyfold {

/// Indices of training rows by the mask of what an object has, built on first use. Those that serve most objects are kept,
/// within a budget of memory. `Index` tells its size by `bytes()`.
template <class Index>
class IndexCache {
 public:
  using Make = std::function<std::shared_ptr<const Index>(std::uint64_t mask)>;

  IndexCache(std::size_t budget_bytes, Make make) : budget_bytes_(budget_bytes), make_(std::move(make)) {}

  /// @param objects  how many are about to be served
  [[nodiscard]] std::shared_ptr<const Index> get(std::uint64_t mask, std::size_t objects) {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[mask];
    entry.served += objects;
    if (entry.index) return entry.index;
    const std::shared_ptr<const Index> index = entry.index = make_(mask);
    drop_least_used();
    return index;
  }

 private:
  struct Entry {
    std::shared_ptr<const Index> index;  ///< null: not kept
    std::size_t served = 0;
  };

  void drop_least_used() {
    for (;;) {
      std::size_t bytes = 0;
      Entry* least = nullptr;
      for (auto& [mask, entry] : entries_) {
        if (!entry.index) continue;
        bytes += entry.index->bytes();
        if (!least || entry.served < least->served) least = &entry;
      }
      if (bytes <= budget_bytes_) return;
      least->index.reset();
    }
  }

  std::size_t budget_bytes_;
  Make make_;
  std::mutex mutex_;
  std::map<std::uint64_t, Entry> entries_;
};

}  // namespace skyfold
