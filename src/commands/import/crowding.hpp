#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sdss_source.hpp"
#include "skyfold/catalogue/halo.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/io/row_file.hpp"

namespace skyfold {

/// Flag of stars that have a neighbour too near: 1, else 0.
inline constexpr const char* crowded_column = "crowded";

/// Last pass of an import with a profile: fills the column `crowded` of rows that are in the order of the sky. A block
/// reads the stars about it too, so that neighbours across its border count.
class CrowdingPass final : public Work {
 public:
  /// @param path  the catalogue being filled, all other columns written
  CrowdingPass(const std::string& path, const ProfileOptions& o);
  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override { writer_.sync(); }
  void mark_failed(RowRange) override {}

 private:
  struct Buffers {
    std::vector<double> ra, dec, mag;  ///< of the block and the stars about it
    std::vector<std::int64_t> row;
    std::vector<std::uint8_t> crowded;  ///< of the block
  };
  [[nodiscard]] std::int64_t row_of(std::int64_t key, RowRange within) const;

  ProfileOptions options_;
  RowReader reader_;
  RowWriter writer_;
  std::size_t key_, crowded_;
  HaloFinder halo_;
  Slots<Buffers> slots_;
};

}  // namespace skyfold
