#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "skyfold/core/random.hpp"
#include "skyfold/kernels/nz/sums.hpp"

namespace skyfold::nz {

/// An object of a chunk whose PDF has been integrated over the slots.
struct ChunkObject {
  std::size_t place;                   ///< in the chunk
  std::size_t bin, first, last;        ///< slots [first, last) have mass
  std::size_t point_slot, truth_slot;  ///< truth_slot: one past all where it is not known
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
  /// Slot of a redshift drawn from the PDF by (seed, id, result) alone.
  [[nodiscard]] std::size_t drawn_slot(const ChunkObject& object, std::size_t result) const noexcept {
    const std::uint64_t bits = mix64(object.draw_key + result * 0x9e3779b97f4a7c15ULL);
    const auto u = static_cast<float>(static_cast<std::int64_t>(bits >> 40)) * 0x1p-24f;  // as many bits as masses have
    const float* below = &below_[object.place * slots_];
    std::size_t slot = guide_[object.place][bits >> (64 - guide_bits)];
    while (below[slot] <= u) ++slot;  // the last one is 1
    return slot;
  }

 private:
  static constexpr unsigned guide_bits = 6;

  void integrate(RedshiftPdf& pdf, std::size_t i, std::vector<double>& cumulative);
  void make_guide(std::size_t i);

  const SumsLayout& layout_;
  RedshiftSteps edges_;
  std::size_t slots_;
  std::vector<float> mass_, below_;  ///< [most x slots]: probability of a slot, and of all up to its end
  std::array<std::pair<std::size_t, std::size_t>, most> span_{};
  std::array<std::array<std::uint16_t, std::size_t{1} << guide_bits>, most>
      guide_{};  ///< where the search for a draw begins, by its leading bits
  std::vector<ChunkObject> order_;
};

}  // namespace skyfold::nz
