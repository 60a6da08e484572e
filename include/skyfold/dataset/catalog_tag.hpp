#pragma once

#include <string>

#include "skyfold/dataset/survey_preset.hpp"

namespace skyfold {

/// Whether --survey names a file of RAIL's catalogue tags: it ends in .yaml or .yml, perhaps with ":TAG" behind.
[[nodiscard]] bool is_catalog_tag(const std::string& survey);

/// A CatalogTag of RAIL (rail_base, utils/catalog_tag.py) as a preset: bands, patterns of columns, limits, values that stand for no
/// magnitude, and from the file's Bands the coefficients of extinction. What RAIL knows and skyfold has no use for is said, key by key.
///
/// @param survey  "FILE.yaml", for a file of one tag, or "FILE.yaml:TAG"
/// Throws UsageError with the line for what is no YAML (tabs that indent, too), for keys that RAIL does not know and for columns that no
/// pattern names; IoError for a file that cannot be read.
[[nodiscard]] SurveyPreset catalog_tag_preset(const std::string& survey);

}  // namespace skyfold
