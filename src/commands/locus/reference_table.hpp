#pragma once

#include <memory>
#include <string>
#include <vector>

#include "skyfold/dataset/part_values.hpp"
#include "skyfold/farm/ranks.hpp"
#include "skyfold/kernels/locus/kernel.hpp"
#include "skyfold/plan/plan.hpp"
#include "skyfold/table/table.hpp"
#include "stars.hpp"

namespace skyfold {

/// Columns of the table of reference stars: target (row of the product), number of the star in its pointing, star (row of the catalogue),
/// id of the star where there is one, its ra and dec, magnitude, rating, x and y in the field.
[[nodiscard]] Schema reference_schema(bool with_id);
/// The rows of one part.
/// @param first_row  of the part in the product
[[nodiscard]] Table reference_rows(const std::vector<LocusReference>& references, std::int64_t first_row, const StarBlock& stars,
                                   bool with_id);

/// The reference stars of a run while it lasts, by rows of the product: how many each part has is known only when it is done.
using ReferenceParts = PartsOf<TableCodec>;
[[nodiscard]] ReferenceParts reference_parts(std::shared_ptr<Parts> parts, bool with_id);
/// Writes the reference stars of all rows [0, rows) of the product to the table `path`; collective.
void put_together(const Ranks& ranks, const ReferenceParts& parts, std::int64_t rows, const std::string& path, const std::string& creator);

}  // namespace skyfold
