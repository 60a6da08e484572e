#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// Ids that a user lists, in the order of the list.
struct IdList {
  std::vector<std::int64_t> whole;
  std::vector<std::string> texts;  ///< either these or those
};
/// Reads the ids of a table given by --ids: its column of that name, or its only one, or one that is known as ids.
/// @param id  the column that they are looked up in
/// Throws UsageError where no column is found, DataError for other kinds of ids and for a table without rows.
[[nodiscard]] IdList read_id_list(const std::string& path, const ColumnInfo& id);

}  // namespace skyfold
