#pragma once

#include "skyfold/io/source.hpp"
#include "source_text_scan.hpp"

namespace skyfold {

/// Opens a text table with a header: CSV and its kin, columns separated by blanks, ECSV.
/// @param delimiter  as in SourceOptions; " " for blanks
/// @param names      of all columns, in place of the header's; empty for the header's
[[nodiscard]] std::unique_ptr<Source> open_text(const std::string& path, const std::string& delimiter,
                                                const ScanRunner& run, const ScanSizes& sizes = {},
                                                const std::vector<std::string>& names = {});

}  // namespace skyfold
