#pragma once

#include <filesystem>
#include <string>

namespace skyfold {

/// Path of a file that belongs to another, with a word before its ending: Z.pdf.h5 for Z.h5 and "pdf"; a path without
/// ending gets .h5.
[[nodiscard]] inline std::string path_beside(const std::string& path, const std::string& word) {
  std::filesystem::path beside(path);
  const std::string ending = beside.extension().string();
  return beside.replace_extension("." + word + (ending.empty() ? ".h5" : ending)).string();
}

}  // namespace skyfold
