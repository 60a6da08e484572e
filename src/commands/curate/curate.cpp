// The commands `curate ...`: what each asks for, who holds the locks, and what is said at the end.
#include <fmt/core.h>

#include <optional>

#include "archive.hpp"
#include "registration.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/run/lock.hpp"

namespace skyfold {
namespace {

/// Opens an archive on rank 0 and takes the lock of its writer; what goes wrong there is every rank's error.
class Writer {
 public:
  Writer(const ArchiveOptions& o, bool may_make, const Ranks* ranks) {
    const auto open = [&] {
      archive_.emplace(o, may_make);
      lock_.emplace(archive_->folder(), o.archive);
    };
    if (ranks)
      ranks->on_first_only(open);
    else
      open();
  }
  /// Null on other ranks than 0.
  [[nodiscard]] Archive* archive() noexcept { return archive_ ? &*archive_ : nullptr; }

 private:
  std::optional<Archive> archive_;
  std::optional<RunLock> lock_;
};

class CurateRegisterCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    skyfold::describe(option, register_);
    skyfold::describe(option, archive_);
    describe_schema(option, archive_);
  }

  ExitCode run(const CommandContext& context) override {
    Writer writer(archive_, true, context.ranks);
    const Registered done = register_tree(register_, writer.archive(), context.ranks);
    if (!writer.archive()) return ExitCode::done;
    for (const std::string& problem : done.problems) log_warning(problem);
    log_info(fmt::format("{} nights: {} files registered, {} were before", grouped(done.nights), grouped(done.files), grouped(done.known)));
    return done.problems.empty() ? ExitCode::done : ExitCode::incomplete;
  }

 private:
  ArchiveOptions archive_;
  RegisterOptions register_;
};

}  // namespace

std::unique_ptr<Command> make_curate_register_command() { return std::make_unique<CurateRegisterCommand>(); }

}  // namespace skyfold
