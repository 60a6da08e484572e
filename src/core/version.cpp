// The build's description, in a file of its own: only this one is compiled again when it changes.
#include "skyfold/core/version.hpp"

namespace skyfold {

const char* build_description() noexcept { return SKYFOLD_BUILD; }

}  // namespace skyfold
