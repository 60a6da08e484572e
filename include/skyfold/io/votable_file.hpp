#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// A text within elements and attributes of XML; control characters, which XML has no way to write, become blanks.
[[nodiscard]] std::string xml_text(std::string_view text);
/// The element FIELD of a column (VOTable 1.4): type, unit, UCD, description, and with `has_null` the integer that stands for missing.
[[nodiscard]] std::string votable_field_element(const ColumnInfo& info, bool is_unicode = false, bool has_null = false);

/// What comes before the rows of a VOTable with its rows as text (TABLEDATA).
/// @param unicode  names of the text columns that are not plain ASCII
/// @param infos    names and values of INFO elements
[[nodiscard]] std::string votable_head(const Schema& schema, const std::set<std::string>& unicode,
                                       const std::vector<std::pair<std::string, std::string>>& infos);
/// Adds rows: shortest numbers that read back as the same, empty cells for missing values.
void add_votable_rows(const Table& table, std::string& text);
[[nodiscard]] std::string votable_tail();

/// Throws DataError for the first text that XML cannot hold: no UTF-8, or a control character.
/// @param path       that the rows are from, and the number of their first there, for the message
void check_xml_texts(const Table& table, const std::string& path, std::int64_t first_row);

}  // namespace skyfold
