#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rows.hpp"
#include "skyfold/farm/ranks.hpp"

namespace skyfold {

/// Rows whose id occurs in an earlier row, in order; collective. Each rank looks at a share of the ids' hash values at
/// a time, as many as fit `memory_bytes`, and reads the whole file of hashes for it.
///
/// @param ids_path   hash of the id of every row, 64 bits each
/// @param keys_path  key of every row; dropped rows do not count
struct DuplicateId {
  std::int64_t row = 0, earlier_row = 0;
};
[[nodiscard]] std::vector<DuplicateId> find_duplicate_ids(const Ranks& ranks, std::int64_t rows, const std::string& ids_path,
                                                          const std::string& keys_path, std::int64_t memory_bytes);

/// Of duplicates by the hash of a text, those whose texts are the same; two in 10^9 ids share a hash with a probability of 3 %.
/// Collective: reads the blocks that have such rows again.
[[nodiscard]] std::vector<DuplicateId> with_same_text(const Ranks& ranks, const Inputs& inputs, const std::vector<DuplicateId>& by_hash);

}  // namespace skyfold
