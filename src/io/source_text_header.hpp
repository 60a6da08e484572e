#pragma once

#include <string>
#include <vector>

#include "source_text_records.hpp"

namespace skyfold {

/// What the user says about a text table.
struct TextWishes {
  std::string delimiter;           ///< "" guesses it from the header line, " " separates at blanks, else one character or "tab"
  std::vector<std::string> names;  ///< of all columns, in place of the header's; a first line without a number is the header all the same
  std::vector<std::string> texts;  ///< columns that are text whatever their cells look like
};

/// What the lines before the first row say.
struct TextHeader {
  TextDialect dialect;
  std::int64_t data_begin = 0;        ///< byte where the first row begins
  std::int64_t data_end = 0;          ///< byte behind the last row: comment lines may follow
  std::vector<ColumnInfo> columns;    ///< names, and from an ECSV header unit, UCD and description; types not yet
  std::vector<std::string> declared;  ///< type names of an ECSV header, e.g. "float64"; "" when unknown
  std::string remark;                 ///< for the user, where the names do not come from a plain line of names
};

/// Reads comment lines and the header: a line of names, the first or the last comment line; SExtractor's `# N NAME description [unit]`;
/// VizieR's names, units and dashes.
///
/// Throws DataError for no header, one that reads like prose, kinds of tables that are not read, empty or repeated names, and UsageError
/// for a delimiter of several characters.
[[nodiscard]] TextHeader read_text_header(const InputFile& file, const TextWishes& wishes);

/// Completes columns from the comment lines of an ECSV file (without their leading "# "): unit, description, UCD, type.
void apply_ecsv(const std::vector<std::string>& comments, TextHeader& header);
/// The delimiter that an ECSV header declares; a space (its default) otherwise; nothing when it is not ECSV.
[[nodiscard]] std::optional<char> ecsv_delimiter(const std::vector<std::string>& comments);

}  // namespace skyfold
