#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "skyfold/dataset/chosen_rows.hpp"
#include "skyfold/sky/region.hpp"

namespace skyfold {

/// Makes one file of a beginning, the contents of files one behind the other, and an end; collective: each rank copies its share to its
/// place. The file is on the disk.
void assemble(const Ranks& ranks, const std::string& path, const std::string& head, const std::vector<std::string>& parts,
              const std::string& tail);

/// Names of the text columns that have a text that is not plain ASCII; collective.
/// @param read  reads rows by their numbers, 0 to rows - 1
[[nodiscard]] std::set<std::string> columns_beyond_ascii(const Ranks& ranks, std::int64_t rows,
                                                         const std::function<void(RowRange, Table&)>& read, const Schema& schema);

/// The pixels of an order that have rows; collective. Throws DataError for a catalogue without positions.
[[nodiscard]] Region covered_pixels(const Ranks& ranks, const ChosenRows& rows, int order);

}  // namespace skyfold
