// Numbers of all rows in a file, laid out before any rank writes.
#include "scratch_array.hpp"

#include "skyfold/core/file.hpp"

namespace skyfold {

void ScratchArray::create(const std::string& path, std::int64_t rows) {
  File file = File::created(path);
  // Laid out whole, so that ranks write at their places without a word to one another.
  file.resize(rows * 8);
  file.close();
}

}  // namespace skyfold
