#pragma once

#include <string>
#include <vector>

#include "locus_stars.hpp"
#include "skyfold/farm/ranks.hpp"
#include "skyfold/kernels/locus/kernel.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// Columns of the table of reference stars: target (row of the product), star (row of the catalogue), id of the star
/// where there is one, its ra and dec, its rating, x and y in the field.
[[nodiscard]] Schema reference_schema(bool with_id);
/// The rows of one part.
/// @param first_row  of the part in the product
[[nodiscard]] Table reference_rows(const std::vector<LocusReference>& references, std::int64_t first_row,
                                   const StarBlock& stars, bool with_id);

/// The reference stars of a run while it lasts: how many each part has is known only when it is done, so each part's
/// rows wait in a file of their own, written in one step, until all are put together.
class ReferenceParts {
 public:
  /// @param folder  for the files; exists
  ReferenceParts(std::string folder, Schema schema) : folder_(std::move(folder)), schema_(std::move(schema)) {}
  [[nodiscard]] const Schema& schema() const noexcept { return schema_; }
  /// Keeps the rows of a part, by the part's first row in the product.
  void keep(std::int64_t first_row, const Table& rows) const;
  /// Writes all rows to the table `path`, in the order of `first_rows`; collective. Returns how many.
  std::int64_t put_together(const Ranks& ranks, const std::vector<std::int64_t>& first_rows, const std::string& path,
                            const std::string& creator) const;

 private:
  [[nodiscard]] std::string file(std::int64_t first_row) const;
  [[nodiscard]] Table read(std::int64_t first_row) const;

  std::string folder_;
  Schema schema_;
};

}  // namespace skyfold
