#pragma once

#include <memory>
#include <string>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/farm/ranks.hpp"
#include "skyfold/registry/process.hpp"
#include "skyfold/run/run.hpp"

namespace skyfold {

/// What a command is given to run with.
struct CommandContext {
  const OptionSet& options;  ///< for the effective configuration
  Ranks* ranks = nullptr;    ///< null for commands that do not farm
  int threads = 1;           ///< OpenMP threads of this rank
  RunOptions run = {};       ///< of commands that farm
  Process& process;          ///< takes what the registry and the product log are told
};

/// The work of one command: wiring, no algorithms.
class Command {
 public:
  virtual ~Command() = default;
  /// Adds the command's options; their values land in this object.
  virtual void describe(OptionSet& option) = 0;
  /// Of the words behind the command's name those that are its options; a command that takes other words keeps them.
  virtual std::vector<std::string> own_words(std::vector<std::string> words) { return words; }
  /// Runs the command; collective for one that farms. Errors are thrown, the same on every rank.
  virtual ExitCode run(const CommandContext& context) = 0;
};

[[nodiscard]] std::unique_ptr<Command> make_import_command();
[[nodiscard]] std::unique_ptr<Command> make_info_command();
[[nodiscard]] std::unique_ptr<Command> make_journal_command();
[[nodiscard]] std::unique_ptr<Command> make_launch_command();
[[nodiscard]] std::unique_ptr<Command> make_locus_command();
[[nodiscard]] std::unique_ptr<Command> make_map_info_command();
[[nodiscard]] std::unique_ptr<Command> make_map_reorder_command();
[[nodiscard]] std::unique_ptr<Command> make_map_ud_grade_command();
[[nodiscard]] std::unique_ptr<Command> make_match_command();
[[nodiscard]] std::unique_ptr<Command> make_mock_command();
[[nodiscard]] std::unique_ptr<Command> make_patch_command();
[[nodiscard]] std::unique_ptr<Command> make_photoz_command();
[[nodiscard]] std::unique_ptr<Command> make_plan_command();
[[nodiscard]] std::unique_ptr<Command> make_products_comment_command();
[[nodiscard]] std::unique_ptr<Command> make_products_drop_command();
[[nodiscard]] std::unique_ptr<Command> make_products_export_command();
[[nodiscard]] std::unique_ptr<Command> make_products_gc_command();
[[nodiscard]] std::unique_ptr<Command> make_products_list_command();
[[nodiscard]] std::unique_ptr<Command> make_products_replay_command();
[[nodiscard]] std::unique_ptr<Command> make_products_save_command();
[[nodiscard]] std::unique_ptr<Command> make_products_show_command();
[[nodiscard]] std::unique_ptr<Command> make_products_tree_command();
[[nodiscard]] std::unique_ptr<Command> make_rehearse_command();
[[nodiscard]] std::unique_ptr<Command> make_spec_command();
[[nodiscard]] std::unique_ptr<Command> make_status_command();
[[nodiscard]] std::unique_ptr<Command> make_train_command();
[[nodiscard]] std::unique_ptr<Command> make_validate_command();

}  // namespace skyfold
