// Whether zone checksums are compared when files are read: one switch of the process, which the command line sets.
#include "skyfold/core/verification.hpp"

namespace skyfold {
namespace {

bool is_on_now = true;

}  // namespace

void verify_inputs(bool is_on) noexcept { is_on_now = is_on; }

bool is_verifying_inputs() noexcept { return is_on_now; }

}  // namespace skyfold
