#pragma once

#include <string>
#include <vector>

namespace skyfold {

/// What a VOTable says of a column (VOTable 1.4, element FIELD).
struct VotableField {
  std::string name, unit, ucd, description;
};

/// The columns of the first table in a VOTable, such as Parquet files carry in their metadata (IVOA note "VOTable in Parquet", key
/// IVOA.VOTable-Parquet.content). Throws DataError for what is not XML, with the line.
[[nodiscard]] std::vector<VotableField> votable_fields(const std::string& xml);

}  // namespace skyfold
