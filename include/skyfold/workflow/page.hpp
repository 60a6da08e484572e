#pragma once

#include <string>

#include "skyfold/workflow/file.hpp"
#include "skyfold/workflow/state.hpp"
#include "skyfold/workflow/view.hpp"

namespace skyfold::workflow {

/// A pipeline as one HTML page that needs no other file and no network: counts, failures with their last line and log, the tree, a
/// timeline of slots, the graph, what was used. While it runs the page looks every ten seconds whether it was written anew.
[[nodiscard]] std::string pipeline_page(const PipelineFile& file, const PipelineState& state, const Standing& standing);
/// Writes it in one step, as of now: readers see the old page or the new one. Throws IoError.
void write_pipeline_page(const PipelineFile& file, const PipelineState& state, const std::string& path);

/// Which slots were taken when, by attempts of which end, as SVG.
[[nodiscard]] std::string timeline_svg(const PipelineFile& file, const PipelineState& state, const Standing& standing);

}  // namespace skyfold::workflow
