// The columns that a model's bands have in a table whose names may differ from those of the training sample.
#include "skyfold/dataset/model_bands.hpp"

#include <fmt/core.h>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {

BandColumns model_bands(const PhotozModel& model, const std::string& magnitude, const std::string& error, const Schema& schema,
                        const std::string& path) {
  BandOptions bands = model.bands;
  if (!magnitude.empty() || !error.empty()) {
    if (!magnitude.empty()) bands.magnitude = magnitude;
    if (!error.empty()) bands.error = error;
    return resolve_bands(bands, schema, path);
  }
  try {
    return resolve_bands(bands, schema, path);
  } catch (const Error&) {
    // The table may follow another convention: then names are recognised anew, for the model's bands.
    bands.magnitude.clear();
    bands.error.clear();
  }
  try {
    return resolve_bands(bands, schema, path);
  } catch (const Error&) {
    throw DataError(fmt::format("{}: no columns for bands {} of the model (named '{}' there; give --bands.magnitude)", path,
                                join(model.bands.bands, ","), model.bands.magnitude));
  }
}

}  // namespace skyfold
