#pragma once

namespace skyfold {

/// Whether what is read of files with checksums is compared with them; on from the start. Set once, before files are read.
void verify_inputs(bool is_on) noexcept;
[[nodiscard]] bool is_verifying_inputs() noexcept;

}  // namespace skyfold
