#pragma once

#include <string>

#include "skyfold/table/photometry.hpp"

namespace skyfold {

/// The column of redshifts by one of the usual names.
///
/// A column z beside columns g, r or i may be the magnitude of band z. It is taken for the redshift only where bands are known
/// whose error columns band z lacks.
///
/// @param schema  columns that are no magnitudes
/// @param bands   as they are known: with patterns of magnitude and error, or empty
/// Throws UsageError, naming `path`, for none and for one that may be a band.
[[nodiscard]] std::string guessed_redshift(const Schema& schema, const BandOptions& bands, const std::string& path);

}  // namespace skyfold
