#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "skyfold/dataset/parts.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// More texts than this make no dictionary: the column stays text.
inline constexpr std::size_t most_texts = 1 << 18;

/// Texts of the columns that have a dictionary, sorted; by column.
using Dictionaries = std::map<std::string, std::vector<std::string>>;

/// Distinct texts of some columns in one block, as bytes that are kept as a part, and those of all blocks together.
[[nodiscard]] std::string distinct_texts(const Table& rows, const std::vector<std::string>& columns);
[[nodiscard]] Dictionaries united_texts(Parts& parts, std::int64_t rows, const std::vector<std::string>& columns);

/// Dictionaries as bytes, for the other ranks, and back.
[[nodiscard]] std::string packed_dictionaries(const Dictionaries& dictionaries);
[[nodiscard]] Dictionaries unpacked_dictionaries(std::string_view bytes);
/// Texts as a table with the column `value`.
[[nodiscard]] Table text_table(const std::vector<std::string>& texts);

/// Columns of texts of measurements.
[[nodiscard]] std::vector<std::string> text_columns(const Schema& schema);
/// The columns as they are stored: texts of a dictionary as numbers.
[[nodiscard]] Schema stored_columns(const Schema& schema, const Dictionaries& dictionaries);

}  // namespace skyfold
