#include <fmt/core.h>

#include "import_catalogue.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/products/report.hpp"

namespace skyfold {
namespace {

class ImportStage final : public Stage {
 public:
  void describe(OptionSet& option) override { skyfold::describe(option, options_); }

  ExitCode run(const StageContext& context) override {
    const ImportResult result = import_catalogue(options_, context);
    const std::string summary = run_summary(*context.ranks, result.report, context.threads, "rows");
    if (!context.ranks->is_first()) return ExitCode::done;
    fmt::print("{}\n", summary);
    fmt::print("wrote {}: {} rows, ordered by {}\n", options_.output, grouped(result.rows), options_.ordering);
    if (result.dropped > 0)
      fmt::print("dropped {} rows, listed in {}\n", grouped(result.dropped),
                 options_.rejects.empty() ? options_.output + ".rejects.csv" : options_.rejects);
    return ExitCode::done;
  }

 private:
  ImportOptions options_;
};

}  // namespace

std::unique_ptr<Stage> make_import_stage() { return std::make_unique<ImportStage>(); }

}  // namespace skyfold
