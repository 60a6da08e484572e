#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// A text as a cell: in quotes where it has a comma, a quote or a line feed (RFC 4180).
[[nodiscard]] std::string csv_cell(std::string_view text);

/// Writes the rows of a product as text, the columns of `schema` in its order: comma-separated, a header line, shortest
/// numbers that read back as the same, empty cells for missing values. An array column becomes a column per element.
/// Rank 0.
///
/// @param elements  names of the elements of arrays as long as this list; other arrays are numbered: NAME_0, NAME_1,
/// ...
void write_csv(const std::string& product, const Schema& schema, const std::string& path, const std::vector<std::string>& elements);

}  // namespace skyfold
