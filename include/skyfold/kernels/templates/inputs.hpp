#pragma once

#include <functional>
#include <string>
#include <vector>

#include "skyfold/kernels/templates/curve.hpp"
#include "skyfold/kernels/templates/synthetic.hpp"

namespace skyfold {

/// The content of a file that an option names.
using ReadCurveText = std::function<std::string(const std::string& path)>;

/// Spectra of a built-in set, or of the files of a list. Throws DataError for a negative flux.
[[nodiscard]] std::vector<Curve> read_templates(const std::string& name, const ReadCurveText& read);
/// The throughput of each band: of a built-in set, of a file each (as `filter_name` takes it), or of one name with {band}.
///
/// @param section  of the option `filters`, for messages
/// Throws UsageError for none, and for another number of files.
[[nodiscard]] std::vector<Curve> read_filters(const std::string& section, std::vector<std::string> names,
                                              const std::vector<std::string>& bands, const ReadCurveText& read);
[[nodiscard]] std::string names_of(const std::vector<Curve>& curves);

/// Throws DataError for a template that a band sees at no redshift: a mistake in units or files.
void check_fluxes(const ModelFluxes& fluxes, const std::vector<Curve>& templates, const std::vector<Curve>& filters,
                  const std::vector<std::string>& bands);

}  // namespace skyfold
