#pragma once

#include <optional>
#include <string>
#include <vector>

#include "maps.hpp"
#include "skyfold/kernels/patch/compare.hpp"
#include "skyfold/kernels/patch/options.hpp"
#include "skyfold/table/table.hpp"
#include "sources.hpp"

namespace skyfold {

/// Which of the catalogue's columns hold fluxes of its own; "" = guessed.
struct PatchCompareOptions {
  std::string channel;                     ///< of these fluxes; "" = the only map
  std::string aperture, psf, gauss, mean;  ///< columns
};
void describe(OptionSet& option, PatchCompareOptions& o);

/// Fluxes measured here beside those of the catalogue.
struct FluxPair {
  std::string measure, column;  ///< "aperture", "APERFLUX"
  std::size_t map = 0;
  std::string channel;                       ///< of the map, where there are several
  std::vector<double> measured, catalogued;  ///< Jy, by row of the product
  FluxComparison comparison;
  double jansky = 1.0;  ///< by which means of a disc were multiplied: one over the median of measured over catalogued
  std::string unit;     ///< of what was multiplied

  [[nodiscard]] bool is_normalised() const noexcept { return measure == "mean"; }
};
/// "12.3 Jy per K_CMB"
[[nodiscard]] std::string factor_of(const FluxPair& pair);
/// Throws UsageError for a named column that is absent, without a unit of flux, or with nothing to compare it with.
void check_compared(const PatchSources& sources, const PatchMaps& maps, const PatchOptions& measure, const PatchCompareOptions& o);
/// The pairs there are; throws as check_compared does.
[[nodiscard]] std::vector<FluxPair> flux_pairs(const std::string& product, const PatchSources& sources, const PatchMaps& maps,
                                               const PatchOptions& measure, const PatchCompareOptions& o);

/// Lines for people: per map the sources, flags and medians; the comparisons with their worst outliers.
[[nodiscard]] std::string patch_summary(const std::string& product, const PatchSources& sources, const PatchMaps& maps,
                                        const PatchOptions& measure, const std::vector<FluxPair>& pairs);

/// Writes lines NAME_10arcminmean<TAB>1.23456e-04 in the order of the input; with several maps NAME_CHANNEL_10arcminmean. Of sources with
/// maps of their own the lines are merged, in the order of their keys, which have the channel where names are not unique.
void write_patch_text(const std::string& path, const std::string& product, const PatchSources& sources, const PatchMaps& maps,
                      const PatchOptions& measure);

/// What was measured on a map, by row; NaN for the sources of other maps.
[[nodiscard]] std::vector<double> measured_on(const std::string& product, const PatchSources& sources, const PatchMaps& maps,
                                              std::size_t map, const std::string& quantity);
/// A column of the product.
[[nodiscard]] std::vector<double> product_column(const std::string& product, const std::string& name);

/// Text of a source's name or id; its row without one.
[[nodiscard]] std::string name_of_source(const PatchSources& sources, std::size_t row);

}  // namespace skyfold
