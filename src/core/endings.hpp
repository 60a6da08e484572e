#pragma once

#include <optional>
#include <string>

#include "skyfold/core/options.hpp"

/// What the endings of file names tell of their content.
namespace skyfold {

/// What the ending of a file name tells; nothing for one that tells nothing.
[[nodiscard]] std::optional<FileKind> kind_by_ending(const std::string& path);
/// For messages: "HDF5".
[[nodiscard]] const char* name_of(FileKind kind);

}  // namespace skyfold
