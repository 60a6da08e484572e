#pragma once

#include <string>
#include <vector>

#include "skyfold/kernels/templates/curve.hpp"

/// Templates and filters that need no files: simplified ones, for a first look and for tests.
namespace skyfold {

/// Names of the sets of spectra: cwwsb (galaxies), qso (power laws with broad lines), blackbody (stars, simplified).
[[nodiscard]] std::vector<std::string> builtin_template_sets();
/// The spectra of a set, in order of type. Those of cwwsb are power laws between nodes that were fitted to the published spectra, tabulated
/// in steps of 0.2 % in wavelength, from 912 to 25000 angstrom. Throws UsageError for an unknown set.
[[nodiscard]] std::vector<Curve> builtin_templates(const std::string& set);

/// Names of the sets of filters: des, lsst.
[[nodiscard]] std::vector<std::string> builtin_filter_sets();
/// Bands of a set, blue to red. Throws UsageError for an unknown set.
[[nodiscard]] std::vector<std::string> builtin_bands(const std::string& set);
/// The trapezoids that stand for a band's throughput. Throws UsageError for an unknown set or band.
[[nodiscard]] Curve builtin_filter(const std::string& set, const std::string& band);

}  // namespace skyfold
