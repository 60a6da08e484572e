#pragma once

#include <memory>
#include <string>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/farm/ranks.hpp"

namespace skyfold {

/// What a command is given to run with.
struct StageContext {
  const OptionSet& options;       ///< for the effective configuration
  const Ranks* ranks = nullptr;   ///< null for commands that do not farm
  int threads = 1;                ///< OpenMP threads of this rank
};

/// The work of one command: wiring, no algorithms.
class Stage {
 public:
  virtual ~Stage() = default;
  /// Adds the command's options; their values land in this object.
  virtual void describe(OptionSet& option) = 0;
  /// Runs the command; collective for one that farms. Errors are thrown, the same on every rank.
  virtual ExitCode run(const StageContext& context) = 0;
};

[[nodiscard]] std::unique_ptr<Stage> make_import_stage();
[[nodiscard]] std::unique_ptr<Stage> make_info_stage();
[[nodiscard]] std::unique_ptr<Stage> make_mock_stage();
[[nodiscard]] std::unique_ptr<Stage> make_photoz_stage();
[[nodiscard]] std::unique_ptr<Stage> make_plan_stage();
[[nodiscard]] std::unique_ptr<Stage> make_train_stage();

}  // namespace skyfold
