#pragma once

#include <string>
#include <vector>

#include "source_text_records.hpp"

namespace skyfold {

/// What the lines before the first row say.
struct TextHeader {
  TextDialect dialect;
  std::int64_t data_begin = 0;        ///< byte where the first row begins
  std::vector<ColumnInfo> columns;    ///< names, and from an ECSV header unit, UCD and description; types not yet
  std::vector<std::string> declared;  ///< type names of an ECSV header, e.g. "float64"; "" when unknown
};

/// Reads comment lines and the header line.
///
/// @param delimiter  "" guesses it from the header line, " " separates at blanks, else one character or "tab"
/// @param names      of the columns, in place of the header's; a first line without a number is the header all the same
/// Throws DataError for no header line, empty or repeated names; UsageError for a delimiter of several characters.
[[nodiscard]] TextHeader read_text_header(const InputFile& file, const std::string& delimiter, const std::vector<std::string>& names = {});

/// Completes columns from the comment lines of an ECSV file (without their leading "# "): unit, description, UCD, type.
void apply_ecsv(const std::vector<std::string>& comments, TextHeader& header);
/// The delimiter that an ECSV header declares; a space (its default) otherwise; nothing when it is not ECSV.
[[nodiscard]] std::optional<char> ecsv_delimiter(const std::vector<std::string>& comments);

}  // namespace skyfold
