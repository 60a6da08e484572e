#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace skyfold {

/// True for a model that `train` made; false for all else, also for what cannot be read.
[[nodiscard]] bool is_photoz_model(const std::string& path);

/// What a model says of itself, as docs/info.md describes it: how it was trained, its calibration, members, parameters and tables.
/// Throws DataError for one that is damaged.
[[nodiscard]] nlohmann::ordered_json describe_model(const std::string& path);
void print_model(const nlohmann::ordered_json& json);

}  // namespace skyfold
