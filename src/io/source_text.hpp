#pragma once

#include "skyfold/io/source.hpp"
#include "source_text_scan.hpp"

namespace skyfold {

/// Opens a text table with a header: CSV and its kin, columns separated by blanks, ECSV, SExtractor's catalogues, VizieR's tables.
[[nodiscard]] std::unique_ptr<Source> open_text(const std::string& path, const TextWishes& wishes, const ScanRunner& run,
                                                const ScanSizes& sizes = {});

}  // namespace skyfold
