#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// A text as a cell: in quotes where it has a comma, a quote or a line feed (RFC 4180).
[[nodiscard]] std::string csv_cell(std::string_view text);

/// The line of names; arrays have a name for each element, as in write_csv.
[[nodiscard]] std::string csv_header(const Schema& schema, const std::vector<std::string>& elements = {});
/// The same as the header of an ECSV file (Astropy's APE 6), which has types, units and descriptions, and UCDs in `meta`.
[[nodiscard]] std::string ecsv_header(const Schema& schema);
/// Adds the rows of a table as lines.
void add_csv_rows(const Table& table, std::string& text);

/// Writes the rows of a product as text, the columns of `schema` in its order: comma-separated, a header line, shortest
/// numbers that read back as the same, empty cells for missing values. An array column becomes a column per element.
/// Rank 0.
///
/// @param elements  names of the elements of arrays as long as this list; other arrays are numbered: NAME_0, NAME_1,
/// ...
void write_csv(const std::string& product, const Schema& schema, const std::string& path, const std::vector<std::string>& elements);

}  // namespace skyfold
