#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "skyfold/core/files.hpp"

namespace skyfold {

/// Where the PDFs of a photo-z product are written: Z.pdf.hdf5 for Z.hdf5, Z.dnf.pdf.hdf5 for those of one of several models. The ending
/// tells the qp library how to read them: plain arrays in .hdf5, tables of pandas in .h5.
[[nodiscard]] inline std::string pdf_path_of(const std::string& product, const std::string& model = {}) {
  const std::string beside = path_beside(model.empty() ? product : path_beside(product, model), "pdf");
  return std::filesystem::path(beside).replace_extension(".hdf5").string();
}
/// Where they are: there, or at Z.pdf.h5, where earlier versions wrote them; nothing for a product without PDFs.
/// @param z_phot  column of the redshifts: with dnf_z_phot the model is dnf
[[nodiscard]] inline std::optional<std::string> pdfs_found_of(const std::string& product, const std::string& z_phot = {}) {
  std::vector<std::string> paths = {pdf_path_of(product), path_beside(product, "pdf")};
  if (const std::size_t end = z_phot.rfind("_z_"); end != std::string::npos)
    paths.insert(paths.begin(), pdf_path_of(product, z_phot.substr(0, end)));
  for (const std::string& path : paths)
    if (std::filesystem::exists(path)) return path;
  return std::nullopt;
}

}  // namespace skyfold
