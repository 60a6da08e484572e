// The command import: its options, and what they mean together.
#include "catalogue.hpp"

namespace skyfold {
namespace {

class ImportCommand final : public Command {
 public:
  void describe(OptionSet& option) override { skyfold::describe(option, options_); }
  ExitCode run(const CommandContext& context) override {
    // Repeated detections are no mistake of the inputs: they are merged, and listed.
    if (options_.profile.is_set() && !context.options.given("on-bad-row")) options_.on_bad_row = "drop";
    import_catalogue(options_, context);
    return ExitCode::done;
  }

 private:
  ImportOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_import_command() { return std::make_unique<ImportCommand>(); }

}  // namespace skyfold
