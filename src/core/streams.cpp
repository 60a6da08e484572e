// Writing to standard error, where a failure has nobody to be told to.
#include "skyfold/core/streams.hpp"

#include <cstdio>

namespace skyfold {

void write_to_stderr(const std::string& text) noexcept {
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
  (void)std::fflush(stderr);
}

}  // namespace skyfold
