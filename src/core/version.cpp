#include "skyfold/core/version.hpp"

namespace skyfold {

const char* build_description() noexcept { return SKYFOLD_BUILD; }

}  // namespace skyfold
