#pragma once

#include <string>
#include <vector>

#include "skyfold/farm/ranks.hpp"
#include "skyfold/kernels/locus/kernel.hpp"
#include "skyfold/plan/plan.hpp"
#include "skyfold/table/table.hpp"
#include "stars.hpp"

namespace skyfold {

/// Columns of the table of reference stars: target (row of the product), star (row of the catalogue), id of the star
/// where there is one, its ra and dec, its rating, x and y in the field.
[[nodiscard]] Schema reference_schema(bool with_id);
/// The rows of one part.
/// @param first_row  of the part in the product
[[nodiscard]] Table reference_rows(const std::vector<LocusReference>& references, std::int64_t first_row, const StarBlock& stars,
                                   bool with_id);

/// The reference stars of a run while it lasts: how many each part has is known only when it is done, so each part's
/// rows wait in a file of their own, written in one step, until all are put together.
class ReferenceParts {
 public:
  /// @param folder  for the files; exists
  ReferenceParts(std::string folder, Schema schema) : folder_(std::move(folder)), schema_(std::move(schema)) {}
  [[nodiscard]] const Schema& schema() const noexcept { return schema_; }
  /// Keeps the reference stars of some rows of the product.
  void keep(RowRange rows, const Table& references) const;
  /// Notes that rows failed: that they have none, unless another attempt keeps some.
  void keep_failed(RowRange rows) const;
  /// Writes the reference stars of all rows [0, rows) of the product to the table `path`; collective. Attempts that cut
  /// the work differently may have left overlapping files: each row is taken once.
  void put_together(const Ranks& ranks, std::int64_t rows, const std::string& path, const std::string& creator) const;

 private:
  /// Rows of the product whose reference stars are taken from one file.
  struct Piece {
    std::int64_t file = 0;  ///< first row of the file, which is its name
    RowRange rows;
  };
  [[nodiscard]] std::string path_of(std::int64_t first_row) const;
  [[nodiscard]] std::vector<Piece> pieces(std::int64_t rows) const;
  [[nodiscard]] Table read(const Piece& piece) const;

  std::string folder_;
  Schema schema_;
};

}  // namespace skyfold
