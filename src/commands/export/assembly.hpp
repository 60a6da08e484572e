#pragma once

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
[[nodiscard]] std::set<std::string> columns_beyond_ascii(const Ranks& ranks, const ChosenRows& rows, const Schema& schema);

/// The pixels of an order that have rows; collective. Throws DataError for a catalogue without positions.
[[nodiscard]] Region covered_pixels(const Ranks& ranks, const ChosenRows& rows, int order);

}  // namespace skyfold
