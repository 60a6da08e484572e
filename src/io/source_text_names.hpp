#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skyfold/table/table.hpp"

/// What comment lines above a text table may say about its columns.
namespace skyfold {

/// Columns of numbered comment lines, `# N NAME description [unit]`, as SExtractor (ASCII_HEAD) and others write them. A number that
/// jumps makes the column before a vector: NAME, NAME_1, NAME_2 ...; so does a last column that SExtractor has as a vector, when the
/// rows have more cells.
///
/// @param comments  lines without their "#"
/// @param cells     of the first row
/// @returns         nothing when the comments do not number all columns of the row; `counted` tells how many they number
struct NumberedColumns {
  std::vector<ColumnInfo> columns;
  std::size_t counted = 0;
};
[[nodiscard]] NumberedColumns numbered_columns(const std::vector<std::string>& comments, std::size_t cells);

/// False for words that read like prose: no names, words of English grammar, punctuation, or nothing but long plain words.
[[nodiscard]] bool read_like_names(const std::vector<std::string>& words);
/// True where a cell of several words has one that makes sentences: "dec from Gaia".
[[nodiscard]] bool are_parts_of_a_sentence(const std::vector<std::string>& cells);
/// True for cells that are units or empty, with one unit at least.
[[nodiscard]] bool are_units(const std::vector<std::string>& cells);
/// True for cells of dashes (or equal signs), as below a header; three in one of them at least.
[[nodiscard]] bool are_dashes(const std::vector<std::string>& cells);
/// The unit in a cell: without brackets around it; "" for dashes.
[[nodiscard]] std::string unit_of(std::string_view cell);

/// Throws DataError when the text is a table of a kind that is not read (CDS and MRT, IPAC, HTML, LaTeX, JSON), saying what to do.
void refuse_other_tables(const std::string& path, std::string_view start);

}  // namespace skyfold
