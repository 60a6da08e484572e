#pragma once

#include <string>

#include "models.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/dataset/catalogue_input.hpp"
#include "skyfold/dataset/model_photometry.hpp"

namespace skyfold {

/// What photoz is asked of the files of a folder.
struct FolderOptions {
  std::string files;  ///< a folder, a pattern, or a list
  const ModelOptions& models;
  std::string output, where, pdf_where, survey;
  ModelBandOptions& bands;  ///< completed by the survey
  const CatalogueInput& input;
};
/// Estimates each file by itself, without import, in one farm over all of them; their products lie in `output` as the files do in their
/// folder, beside photoz.json, which tells of all. Collective. A file that cannot be read has no product, the exit code is `incomplete`.
[[nodiscard]] ExitCode estimate_folder(const FolderOptions& o, const CommandContext& context);

}  // namespace skyfold
