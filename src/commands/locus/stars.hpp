#pragma once

#include <cstdint>
#include <vector>

#include "skyfold/catalogue/halo.hpp"
#include "skyfold/farm/ranks.hpp"
#include "skyfold/kernels/locus/kernel.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// The stars about the targets of a part.
struct StarBlock {
  Stars stars;
  std::vector<std::int64_t> id;  ///< of each star; empty when its catalogue has none, or it was not asked for
  std::int64_t bytes = 0;        ///< read
};

/// Where stars come from.
class LocusStars {
 public:
  virtual ~LocusStars() = default;
  /// Whether `id` of a StarBlock is filled.
  [[nodiscard]] virtual bool has_id() const noexcept { return false; }
  /// Reads all stars that matter for the targets of a part. Main thread.
  virtual void read(std::size_t part, const Table& targets, StarBlock& out) = 0;
};

/// Stars of a catalogue in the order of the sky: those in the halo of the targets.
class HaloStars final : public LocusStars {
 public:
  /// @param with_id  read the ids too, where they are whole numbers
  /// @param motion_deg  how far any star is moved from where the catalogue has it
  HaloStars(const Catalogue& catalogue, const LocusKernel& kernel, bool with_id, double motion_deg);
  [[nodiscard]] bool has_id() const noexcept override { return !id_.empty(); }
  void read(std::size_t part, const Table& targets, StarBlock& out) override;

 private:
  const Catalogue& catalogue_;
  const LocusKernel& kernel_;
  double motion_deg_;
  HaloFinder finder_;
  std::string id_;
  Table empty_;
};

/// How far any star of a catalogue is moved, degrees; collective. The catalogue is read for it, its motions alone.
[[nodiscard]] double farthest_motion_deg(const Ranks& ranks, const Catalogue& catalogue, const LocusKernel& kernel,
                                         const LocusColumns& stars);

}  // namespace skyfold
