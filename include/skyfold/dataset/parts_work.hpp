#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "skyfold/dataset/part_values.hpp"
#include "skyfold/farm/farm.hpp"

namespace skyfold {

/// A Work that gives one value for each block, which is kept as a part.
template <class Codec>
class PartsWork final : public Work {
 public:
  using Value = typename Codec::Value;
  /// Fills the value of a block.
  using Fill = std::function<void(RowRange block, Value& value)>;

  /// @param read     on the main thread, where files are read; may be empty
  /// @param compute  on the compute thread, what takes long; may be empty
  PartsWork(PartsOf<Codec> parts, Fill read, Fill compute)
      : parts_(std::move(parts)), read_(std::move(read)), compute_(std::move(compute)) {}

  void read(const Job&, RowRange block, int slot, JobResult&) override {
    slots_[slot] = {};
    if (read_) read_(block, slots_[slot]);
  }
  void compute(const Job&, RowRange block, int slot) override {
    if (compute_) compute_(block, slots_[slot]);
  }
  void write(const Job&, RowRange block, int slot, JobResult& result) override {
    parts_.keep(block, slots_[slot], result);
    result.rows += block.size();
  }
  void sync() override { parts_.parts().sync(); }
  void mark_failed(RowRange block) override { parts_.parts().keep_failed(block); }
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override {
    return parts_.parts().stored_checksum(block, chained);
  }

 private:
  PartsOf<Codec> parts_;
  Fill read_, compute_;
  Slots<Value> slots_;
};

}  // namespace skyfold
