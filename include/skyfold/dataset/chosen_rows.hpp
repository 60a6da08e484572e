#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/dataset/scan.hpp"

namespace skyfold {

/// The rows of a catalogue that are worked on, numbered in their order from 0: all, or those that a condition chooses.
///
/// Which rows they are is not kept, only how many there are in each piece of the catalogue: the condition is evaluated again where rows
/// are asked for. So it takes 16 bytes a zone (65,536 rows), whatever is chosen, and zones without chosen rows are not read. The same on
/// every rank. Main thread only.
class ChosenRows {
 public:
  /// All rows. `catalogue` must outlive this.
  explicit ChosenRows(const Catalogue& catalogue) : catalogue_(catalogue), rows_(catalogue.rows()) {}
  /// Those for which a condition on the catalogue's columns holds; collective: they are counted.
  /// @param partitions  at whose ends numbers are asked for, which then cost nothing
  ChosenRows(const Ranks& ranks, const Catalogue& catalogue, const Condition& condition, const std::vector<Partition>& partitions = {});

  [[nodiscard]] const Catalogue& catalogue() const noexcept { return catalogue_; }
  /// How many they are.
  [[nodiscard]] std::int64_t size() const noexcept { return rows_; }
  /// Partitions of the catalogue in the numbers of chosen rows, without those that have none.
  [[nodiscard]] std::vector<Partition> numbered(const std::vector<Partition>& partitions) const;
  /// The numbers of those that lie among some rows of the catalogue.
  [[nodiscard]] RowRange among(RowRange catalogue_rows) const;
  /// Rows of the catalogue: increasing.
  [[nodiscard]] std::vector<std::int64_t> rows_of(RowRange numbers) const;
  /// Reads the columns of `out`, which is resized.
  void read(RowRange numbers, Table& out) const;

 private:
  struct Piece {
    std::int64_t row = 0;    ///< of the catalogue, where it begins
    std::int64_t first = 0;  ///< number of its first chosen row
  };
  [[nodiscard]] std::int64_t number_of(std::int64_t row) const;
  /// Chosen rows of a piece; the last one asked for is kept.
  [[nodiscard]] const std::vector<std::int64_t>& chosen_in(std::size_t piece) const;

  const Catalogue& catalogue_;
  std::int64_t rows_ = 0;
  std::unique_ptr<CatalogueScan> scan_;  ///< none for all rows
  std::vector<Piece> pieces_;            ///< with one more at the end
  mutable std::size_t last_ = SIZE_MAX;
  mutable std::vector<std::int64_t> rows_of_last_;
};

}  // namespace skyfold
