#pragma once

#include <memory>
#include <string>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/farm/ranks.hpp"
#include "skyfold/products/process.hpp"
#include "skyfold/products/run.hpp"

namespace skyfold {

/// What a command is given to run with.
struct StageContext {
  const OptionSet& options;       ///< for the effective configuration
  Ranks* ranks = nullptr;         ///< null for commands that do not farm
  int threads = 1;                ///< OpenMP threads of this rank
  RunOptions run = {};            ///< of commands that farm
  Process& process;               ///< takes what the registry and the product log are told
};

/// The work of one command: wiring, no algorithms.
class Stage {
 public:
  virtual ~Stage() = default;
  /// Adds the command's options; their values land in this object.
  virtual void describe(OptionSet& option) = 0;
  /// Of the words behind the command's name those that are its options; a command that takes other words keeps them.
  virtual std::vector<std::string> own_words(std::vector<std::string> words) { return words; }
  /// Runs the command; collective for one that farms. Errors are thrown, the same on every rank.
  virtual ExitCode run(const StageContext& context) = 0;
};

[[nodiscard]] std::unique_ptr<Stage> make_import_stage();
[[nodiscard]] std::unique_ptr<Stage> make_info_stage();
[[nodiscard]] std::unique_ptr<Stage> make_journal_stage();
[[nodiscard]] std::unique_ptr<Stage> make_launch_stage();
[[nodiscard]] std::unique_ptr<Stage> make_locus_stage();
[[nodiscard]] std::unique_ptr<Stage> make_map_info_stage();
[[nodiscard]] std::unique_ptr<Stage> make_map_reorder_stage();
[[nodiscard]] std::unique_ptr<Stage> make_map_ud_grade_stage();
[[nodiscard]] std::unique_ptr<Stage> make_match_stage();
[[nodiscard]] std::unique_ptr<Stage> make_mock_stage();
[[nodiscard]] std::unique_ptr<Stage> make_patch_stage();
[[nodiscard]] std::unique_ptr<Stage> make_photoz_stage();
[[nodiscard]] std::unique_ptr<Stage> make_plan_stage();
[[nodiscard]] std::unique_ptr<Stage> make_products_comment_stage();
[[nodiscard]] std::unique_ptr<Stage> make_products_drop_stage();
[[nodiscard]] std::unique_ptr<Stage> make_products_export_stage();
[[nodiscard]] std::unique_ptr<Stage> make_products_gc_stage();
[[nodiscard]] std::unique_ptr<Stage> make_products_list_stage();
[[nodiscard]] std::unique_ptr<Stage> make_products_replay_stage();
[[nodiscard]] std::unique_ptr<Stage> make_products_save_stage();
[[nodiscard]] std::unique_ptr<Stage> make_products_show_stage();
[[nodiscard]] std::unique_ptr<Stage> make_products_tree_stage();
[[nodiscard]] std::unique_ptr<Stage> make_rehearse_stage();
[[nodiscard]] std::unique_ptr<Stage> make_spec_stage();
[[nodiscard]] std::unique_ptr<Stage> make_status_stage();
[[nodiscard]] std::unique_ptr<Stage> make_train_stage();
[[nodiscard]] std::unique_ptr<Stage> make_validate_stage();

}  // namespace skyfold
