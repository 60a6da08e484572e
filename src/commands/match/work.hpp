#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "parts.hpp"
#include "selection.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/sky/match.hpp"

namespace skyfold {

/// Rows of the catalogue that are done at a time: fixed, so that parts are the same at every attempt.
inline constexpr std::int64_t match_block_rows = std::int64_t{1} << 18;

/// Streams positions of the catalogue past the spectroscopic sample; of rows with candidates it reads the wanted columns.
class MatchWork final : public Work {
 public:
  struct Inputs {
    const Catalogue& catalogue;
    const SkyIndex& sample;  ///< the spectroscopic objects
    const MatchPhotometry& photometry;
    const Cuts& cuts;
    const BandOptions& bands;
    double reference_share = 1.0;  ///< of the catalogue, for MagnitudeCounts
  };
  MatchWork(const Inputs& inputs, const MatchParts& parts, int threads);

  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override { parts_.parts().sync(); }
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override {
    return parts_.parts().stored_checksum(block, chained);
  }
  void mark_failed(RowRange) override {}  // a training set with holes is of no use: the run ends with an error

 private:
  struct Buffers {
    Table positions;  ///< ra, dec
    Table raw;        ///< wanted columns of the rows that are compared
    Table reference;  ///< the same, corrected
    Table run;        ///< rows that are read together, of which some are wanted
    std::vector<std::vector<MatchCandidate>> chunks;
    Part part;
  };
  void read_reference(RowRange block, Buffers& mine, JobResult& result) const;
  void read_rows(RowRange block, Buffers& mine, JobResult& result) const;
  void count_reference(Buffers& mine) const;

  Inputs inputs_;
  const MatchParts& parts_;
  int threads_;
  Slots<Buffers> slots_;
};

}  // namespace skyfold
