#pragma once

#include <string>

namespace skyfold {

/// `finalise_catalogue` by this process alone, where no ranks work together.
void finalise_catalogue_alone(const std::string& path);

}  // namespace skyfold
