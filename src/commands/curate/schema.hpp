#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/registry/sql_connection.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// A column of the archive that comes from a keyword of a header, or from a column of a table of detections.
struct DeclaredColumn {
  enum class Kind { integer, real, text, truth };
  std::string column, key;
  Kind kind = Kind::text;  ///< of keywords
  Type type = Type::f4;    ///< of columns of detections
  std::string unit;        ///< as it is stored; angles of a file in radians become degrees
  bool is_required = false;
};

/// What is archived of every file, as a file like config/curation/wfcam.ini declares it.
struct CurationSchema {
  std::string text;                        ///< the file as it stands
  std::int64_t extensions = 0;             ///< that every file has; 0: any number
  std::vector<DeclaredColumn> multiframe;  ///< of primary headers
  std::vector<DeclaredColumn> detector;    ///< of headers of extensions
  std::vector<DeclaredColumn> detection;   ///< of tables of detections
  std::vector<std::string> ignored;        ///< keywords that nobody wants to hear of; "*" at the end stands for anything

  [[nodiscard]] bool ignores(const std::string& key) const;
};

/// Reads a declared schema: the name of one that comes with skyfold ("wfcam"), or the path of a file. Throws UsageError that names file and
/// line.
[[nodiscard]] CurationSchema read_schema(const std::string& name);
/// The same of its text.
/// @param where  for messages
[[nodiscard]] CurationSchema parse_schema(const std::string& text, const std::string& where);
/// The schema that an archive keeps. Throws DataError where it is damaged.
[[nodiscard]] CurationSchema kept_schema(const std::string& archive_folder);

/// SQL type of a column.
[[nodiscard]] const char* sql_type(DeclaredColumn::Kind kind) noexcept;

}  // namespace skyfold
