#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "partner.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/scan.hpp"
#include "skyfold/sky/area.hpp"

namespace skyfold {

/// Which rows are wanted; all that is given holds together.
struct RowsAsked {
  std::vector<SkyArea> areas;
  std::string where;            ///< a condition; "": none
  std::string ids;              ///< a table of ids; "": none
  std::optional<double> share;  ///< per cent of the objects
  const Partner* partner = nullptr;
};

/// The rows of a table that were asked for, in blocks of at most 65,536 rows of the table, which are numbered. Main thread only.
class ChosenBlocks {
 public:
  /// `table` must outlive this.
  /// @param columns  that are wanted of each row, of the table or its partner
  /// Throws UsageError or DataError for what cannot be asked of the table.
  ChosenBlocks(const Dataset& table, RowsAsked asked, const std::vector<std::string>& columns);
  ~ChosenBlocks();
  ChosenBlocks(const ChosenBlocks&) = delete;
  ChosenBlocks& operator=(const ChosenBlocks&) = delete;

  /// Columns of rows that are read, of the table and its partner.
  [[nodiscard]] const Schema& schema() const noexcept;
  [[nodiscard]] std::int64_t blocks() const noexcept;
  /// Rows of one block that are wanted, in their order; may be none. Replaces the content of `rows`.
  void read(std::int64_t block, Table& rows);
  /// How many they are. What nobody asks is not read.
  [[nodiscard]] std::int64_t count(std::int64_t block);
  /// Rows of the catalogue that no partner has, of those that were read.
  [[nodiscard]] std::int64_t without_partner() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skyfold
