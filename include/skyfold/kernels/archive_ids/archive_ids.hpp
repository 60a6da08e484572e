#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// Columns that archives store with their objects, so that queries on them need no geometry: sets of them by name.
/// @returns  "phat"
[[nodiscard]] const std::vector<std::string>& archive_id_sets();
/// The columns of the set phat: `htm9` (i4, HTM of level 9), `pix256` (i4, HEALPix NSide 256, RING), `pix4096` (i4, NSide 4096, NESTED) and
/// `random_id` (f4).
[[nodiscard]] Schema archive_id_columns();
/// Whether a column is one of them; the case of letters counts.
[[nodiscard]] bool is_archive_id(const std::string& name);

/// A number in [0, 100) that is the same for an id for ever: `random_id < p` chooses a sample of p per cent.
/// @param hash  of the id: the id itself where it is a whole number, `hash_text` of a text
[[nodiscard]] float random_id_of(std::uint64_t hash) noexcept;
/// The same of a row of ids: whole numbers or texts.
[[nodiscard]] float random_id_of(const Column& ids, std::size_t row);

/// Fills those of these columns that `out` has, from positions and ids: never from a text that was printed.
/// @param ra, dec  f8, degrees, valid
/// @param keys     nested HEALPix index of order 29 of the positions
/// @param ids      whole numbers or text
void fill_archive_ids(const Column& ra, const Column& dec, const Column& keys, const Column& ids, Table& out);

}  // namespace skyfold
