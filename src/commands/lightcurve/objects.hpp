#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/dataset/sky_regions.hpp"

namespace skyfold::lightcurves {

/// Objects whose curves are wanted.
struct ObjectsAsked {
  std::vector<std::string> id;  ///< ids as text
  std::string ids;              ///< a table of them
  std::string where;            ///< a condition on objects
  RegionOptions region;
};
void describe(OptionSet& option, ObjectsAsked& o);
[[nodiscard]] bool is_given(const ObjectsAsked& o);

/// Their rows: by id in the order of the ids, else in that of the catalogue. Throws UsageError for ids with a region, DataError for an id
/// that is not there.
[[nodiscard]] std::vector<std::int64_t> rows_asked(const Catalogue& catalogue, const ObjectsAsked& o, int threads);

}  // namespace skyfold::lightcurves
