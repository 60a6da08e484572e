#pragma once

#include <string>
#include <vector>

#include "skyfold/core/options.hpp"
#include "skyfold/dataset/sky_regions.hpp"

namespace skyfold {

/// Options of `sky-map`.
struct SkyMapOptions {
  std::string catalogue, output, map, healsparse, plot, where;
  long nside = 1024, healsparse_nside = 32;
  std::vector<std::string> statistics = {"count"};
  RegionOptions region;
  std::string coverage = "partial", plot_column, projection = "auto", plot_scale = "auto";

  /// Files that are made.
  [[nodiscard]] std::vector<std::string> products() const;
};
void describe(OptionSet& option, SkyMapOptions& o);
/// Throws UsageError for values that do not go together.
void check(const SkyMapOptions& o);

}  // namespace skyfold
