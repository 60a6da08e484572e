#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "skyfold/dataset/catalogue_input.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// The catalogue that a run would have of a table: the table itself, or the ordered copy that a run would make of it. No copy is made:
/// the positions, tiles or values of the attribute are read and put in order in memory, 8 to 16 bytes a row.
class PlannedCatalogue {
 public:
  /// @param is_given  the user chose `partition.by`; else the order of the table decides how it is cut (suited_partition)
  /// Throws UsageError for partitions that the table cannot have, and DataError for a row without position where these are needed, and for
  /// a table without rows.
  PlannedCatalogue(const CatalogueInput& in, const PartitionOptions& o, bool is_given);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::int64_t rows() const noexcept { return rows_.rows; }
  /// Of the catalogue's columns, those that import adds included.
  [[nodiscard]] std::size_t bytes_per_row() const noexcept { return bytes_per_row_; }
  /// How it is cut.
  [[nodiscard]] const PartitionOptions& partition() const noexcept { return partition_; }
  /// The partitions, or others that need the same order.
  [[nodiscard]] std::vector<Partition> partitions(const PartitionOptions& o) const;

 private:
  void take_catalogue(const PartitionOptions& o, bool is_given);
  void take_table(const CatalogueInput& in, bool is_given);

  std::string path_;
  PartitionOptions partition_;
  std::shared_ptr<const void> held_;  ///< what `rows_` asks
  OrderedRows rows_;
  std::size_t bytes_per_row_ = 0;
};

}  // namespace skyfold
