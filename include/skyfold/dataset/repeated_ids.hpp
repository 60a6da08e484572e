#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace skyfold {

/// Column that a weighted sample has: copies of an object share its id.
inline constexpr const char* copy_column = "copy";

/// Checks that ids of a sample tell its objects apart: random draws, joins and what is left out go by them.
///
/// An object may occur more than once, with several spectra for example; that is said in a line of the log. Rows count from
/// 1 in messages, over all files.
///
/// @param ids             of the rows
/// @param is_same_object  whether two rows of the same id, from 0, are of one object, as far as the table tells
/// @param column          path and name of the column, for messages
/// Throws DataError for an id of two objects, with the number of such rows and an example.
void check_repeated_ids(std::span<const std::int64_t> ids, const std::function<bool(std::size_t, std::size_t)>& is_same_object,
                        const std::string& column);

}  // namespace skyfold
