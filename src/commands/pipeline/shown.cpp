// The commands that look at a pipeline: its file, its journal and its lock, read as often as is wanted.
#include "shown.hpp"

#include <fmt/core.h>

#include <filesystem>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"

namespace skyfold {
namespace {

workflow::PipelineFile file_at(const std::string& path) {
  std::vector<workflow::Fault> faults;
  workflow::PipelineFile file = workflow::read_pipeline_file(path, {}, faults);
  if (faults.empty()) return file;
  if (file.name.empty() || file.nodes.empty()) throw UsageError(faults.front().text());
  log_warning(fmt::format("{}{}: what the journal tells is shown all the same (skyfold pipeline check tells all faults)",
                          faults.front().text(), faults.size() == 1 ? "" : fmt::format(" and {} more faults", faults.size() - 1)));
  return file;
}

}  // namespace

ShownPipeline::ShownPipeline(const std::string& path) : file_(file_at(path)), reader_(file_.home() + "/journal") { look(); }

void ShownPipeline::look() {
  std::error_code error;
  // There is none before the first run; of a folder that cannot be looked into the reader tells.
  if (std::filesystem::exists(file_.home() + "/journal", error) || error)
    reader_.read([this](const workflow::Record& record) { state_.apply(record); });
  standing_ = workflow::standing_now(file_, state_);
}

}  // namespace skyfold
