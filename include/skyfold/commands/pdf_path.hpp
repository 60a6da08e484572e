#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "skyfold/core/files.hpp"

namespace skyfold {

/// Where the PDFs of a photo-z product are written: Z.pdf.hdf5 for Z.h5. The ending tells the qp library how to read them: plain
/// arrays in .hdf5, tables of pandas in .h5.
[[nodiscard]] inline std::string pdf_path_of(const std::string& product) {
  return std::filesystem::path(path_beside(product, "pdf")).replace_extension(".hdf5").string();
}
/// Where they are: there, or at Z.pdf.h5, where earlier versions wrote them; nothing for a product without PDFs.
[[nodiscard]] inline std::optional<std::string> pdfs_found_of(const std::string& product) {
  for (const std::string& path : {pdf_path_of(product), path_beside(product, "pdf")})
    if (std::filesystem::exists(path)) return path;
  return std::nullopt;
}

}  // namespace skyfold
