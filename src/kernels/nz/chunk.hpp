#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "draws.hpp"
#include "skyfold/kernels/nz/sums.hpp"

namespace skyfold::nz {

/// An object of a chunk whose PDF has been integrated over the slots.
struct ChunkObject {
  std::size_t place;                   ///< in the chunk
  std::size_t bin, first, last;        ///< slots [first, last) have mass
  std::size_t point_slot, truth_slot;  ///< truth_slot: one past all where it is not known
  std::size_t drawn_slot;              ///< of the sample itself
  double weight;
  std::uint64_t key, draw_key;
};

/// Some objects of a block, few enough that their integrals stay in the second-level cache.
class Chunk {
 public:
  static constexpr std::size_t most = 512;

  explicit Chunk(const SumsLayout& layout);

  /// Integrates the PDFs of objects [begin, begin + size) of the block; marks those without one.
  /// @param readers  one for each thread
  void fill(Objects& objects, const Table& pdfs, std::size_t begin, std::size_t size, std::vector<std::unique_ptr<RedshiftPdf>>& readers);

  /// Those that count, by bin, and in a bin by the first slot with mass, then in their order.
  [[nodiscard]] std::span<const ChunkObject> objects() const noexcept { return order_; }
  /// Probability in the slots [first, last) of an object, sum 1.
  [[nodiscard]] std::span<const float> mass(const ChunkObject& object) const noexcept {
    return std::span(mass_).subspan(object.place * slots_ + object.first, object.last - object.first);
  }
  /// Probability up to the end of the same slots, and where a search for draws begins (see draws.hpp); the latter only for realisations.
  [[nodiscard]] const float* below(const ChunkObject& object) const noexcept { return &below_[object.place * (slots_ + 2) + object.first]; }
  [[nodiscard]] const DrawGuide& guide(const ChunkObject& object) const noexcept { return guide_[object.place]; }

 private:
  void integrate(RedshiftPdf& pdf, std::size_t i, std::vector<double>& cumulative);

  const SumsLayout& layout_;
  RedshiftSteps edges_;
  std::size_t slots_;
  std::vector<float> mass_, below_;  ///< [most x slots], [most x slots + 2]: probability of a slot, and of all up to its end
  std::array<std::pair<std::size_t, std::size_t>, most> span_{};
  std::vector<DrawGuide> guide_;
  std::vector<std::uint64_t> sorted_;  ///< bin, first slot and place of those that count
  std::vector<ChunkObject> order_;
};

}  // namespace skyfold::nz
