#pragma once

#include <string>

#include "skyfold/workflow/file.hpp"
#include "skyfold/workflow/records.hpp"
#include "skyfold/workflow/state.hpp"
#include "skyfold/workflow/view.hpp"

namespace skyfold {

/// A pipeline as those see it who only look: its file, and what its journal has told so far. The owner is not disturbed.
class ShownPipeline {
 public:
  /// A file with faults is shown as far as it can be understood, with a warning; throws UsageError where that is nothing.
  explicit ShownPipeline(const std::string& path);

  /// Reads what the journal has got since, and looks at the lock. Throws DataError for a damaged journal.
  void look();
  [[nodiscard]] const workflow::PipelineFile& file() const noexcept { return file_; }
  [[nodiscard]] const workflow::PipelineState& state() const noexcept { return state_; }
  [[nodiscard]] const workflow::Standing& standing() const noexcept { return standing_; }

 private:
  workflow::PipelineFile file_;
  workflow::JournalReader reader_;
  workflow::PipelineState state_;
  workflow::Standing standing_;
};

}  // namespace skyfold
