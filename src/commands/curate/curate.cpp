// The commands `curate ...`: what each asks for, who holds the locks, and what is said at the end.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "archive.hpp"
#include "extraction.hpp"
#include "ingest.hpp"
#include "plan_file.hpp"
#include "registration.hpp"
#include "report.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/farm/ranks.hpp"
#include "skyfold/run/lock.hpp"

namespace skyfold {
namespace {

constexpr std::chrono::milliseconds between_looks(20);

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

/// The lock of those who extract: one program, on any number of ranks.
class Extractors {
 public:
  Extractors(const std::string& archive, const Ranks* ranks) {
    const auto take = [&] {
      lock_.emplace(canonical_form(archive) + "/ledger", archive);
      ExtractionPlace::of(archive).ledger.forget_claims();
    };
    if (ranks)
      ranks->on_first_only(take);
    else
      take();
  }

 private:
  std::optional<RunLock> lock_;
};

/// Does what is to be done until all is; on rank 0 (and where there is one process) also ingest.
class Curation {
 public:
  Curation(const ExtractionPlace& place, const CuratePlan& plan, const Ranks* ranks, bool ingests_after)
      : place_(place), plan_(plan), ranks_(ranks), ingests_after_(ingests_after) {}

  /// @param ingester  of rank 0; null on others
  void run(Ingester* ingester) const {
    while (true) {
      check_stop();
      if (ranks_ && ranks_->size() > 1) ranks_->look_after_others();
      if (ingester && may_ingest()) {
        if (ingester->ingest() > 0) continue;
        if (ingester->is_complete()) return ingester->tell_complete();
      }
      if (!ingester && place_.ledger.is_complete()) return;
      if ((!ingester || has_time_to_extract()) && extract_one(place_, plan_, ranks_ ? ranks_->rank() : 0)) continue;
      std::this_thread::sleep_for(between_looks);
    }
  }

 private:
  /// Sequential working, to compare with: first all is extracted that can be.
  [[nodiscard]] bool may_ingest() const { return !ingests_after_ || !place_.ledger.has_unfinished(); }
  /// Rank 0 extracts too where it is alone, or the others have enough.
  [[nodiscard]] bool has_time_to_extract() const {
    return !ranks_ || ranks_->size() == 1 || std::ssize(place_.ledger.waiting()) >= ranks_->size();
  }

  const ExtractionPlace& place_;
  const CuratePlan& plan_;
  const Ranks* ranks_;
  bool ingests_after_;
};

void describe_plan(OptionSet& option, std::string& path) {
  option("plan", path, "file of a plan that curate suggest has made: which rank begins with which tasks").layout();
}

/// The plan of a file, read by every rank; none for "".
CuratePlan plan_from(const std::string& path, const Ranks* ranks) {
  CuratePlan plan;
  const auto read = [&] {
    if (!path.empty()) plan = CuratePlan::from(path);
  };
  ranks ? ranks->together(read) : read();
  return plan;
}

/// Says what is not as it should be; the exit code for it.
ExitCode told(const std::vector<std::string>& problems) {
  for (const std::string& problem : problems) log_warning(problem);
  return problems.empty() ? ExitCode::done : ExitCode::incomplete;
}

class CurateRegisterCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    skyfold::describe(option, register_);
    skyfold::describe(option, archive_);
    describe_schema(option, archive_);
  }

  ExitCode run(const CommandContext& context) override {
    check_tree(register_);
    Writer writer(archive_, true, context.ranks);
    const Registered done = register_tree(register_, writer.archive(), context.ranks);
    if (!writer.archive()) return ExitCode::done;
    Ingester(*writer.archive()).prepare();
    const ExitCode code = told(done.problems);
    log_info(fmt::format("{} nights: {} files registered, {} were before", grouped(done.nights), grouped(done.files), grouped(done.known)));
    return code;
  }

 private:
  ArchiveOptions archive_;
  RegisterOptions register_;
};

class CurateRunCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    skyfold::describe(option, register_);
    skyfold::describe(option, archive_);
    describe_schema(option, archive_);
    option("ingest", ingest_,
           "meanwhile: what is extracted is ingested while other chunks are extracted; after: when all that can be is extracted")
        .one_of({"meanwhile", "after"})
        .layout();
    option("previews", previews_, "JPEG pictures of images; off: what is registered now gets none").one_of({"on", "off"});
    describe_plan(option, plan_);
    option("retry", retry_, "try files again that have failed, but for damaged ones").call_only();
    option("release", release_, "freeze the archive once every chunk is complete");
  }

  ExitCode run(const CommandContext& context) override {
    check_tree(register_);
    const CuratePlan plan = plan_from(plan_, context.ranks);
    Writer writer(archive_, true, context.ranks);
    const Extractors extractors(archive_.archive, context.ranks);
    const Registered done = register_tree(register_, writer.archive(), context.ranks);
    std::optional<Ingester> ingester;
    if (Archive* archive = writer.archive()) {
      if (previews_ == "off") leave_out_previews(*archive);
      if (retry_) retry_failed(*archive);
      ingester.emplace(*archive).prepare();
    }
    if (context.ranks) context.ranks->on_first_only([] {});  // the tasks are there
    const ExtractionPlace place = ExtractionPlace::of(archive_.archive);
    Curation(place, plan, context.ranks, ingest_ == "after").run(ingester ? &*ingester : nullptr);
    if (!ingester) return ExitCode::done;
    return close(*writer.archive(), done, ingester->counts());
  }

 private:
  [[nodiscard]] ExitCode close(Archive& archive, const Registered& done, const Ingester::Counts& counts) const {
    std::vector<std::string> problems;
    for (const std::string& problem : done.problems)
      if (!problem.empty()) problems.push_back(problem);
    for (const std::string& failure : failures_of(archive))
      if (std::find(problems.begin(), problems.end(), failure) == problems.end()) problems.push_back(failure);
    const ExitCode code = told(problems);
    log_info(fmt::format("{} nights: {} files registered, {} were before; {} tasks and {} detections ingested in {:.2f} s",
                         grouped(done.nights), grouped(done.files), grouped(done.known), grouped(counts.tasks), grouped(counts.detections),
                         counts.seconds));
    if (release_) release(archive);
    return code;
  }

  ArchiveOptions archive_;
  RegisterOptions register_;
  std::string ingest_ = "meanwhile", previews_ = "on", plan_;
  bool retry_ = false, release_ = false;
};

class CurateExtractCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("archive", archive_, "folder of the archive").required().layout();
    option("wait", waits_,
           "go on until all is ingested, as detections can be extracted once metadata are; false: end when nothing is to do")
        .layout();
    describe_plan(option, plan_);
  }

  ExitCode run(const CommandContext& context) override {
    const CuratePlan plan = plan_from(plan_, context.ranks);
    const ExtractionPlace place = ExtractionPlace::of(archive_);
    const Extractors extractors(archive_, context.ranks);
    std::int64_t tasks = 0;
    while (true) {
      check_stop();
      if (context.ranks && context.ranks->size() > 1) context.ranks->look_after_others();
      if (extract_one(place, plan, context.ranks ? context.ranks->rank() : 0)) {
        ++tasks;
      } else {
        if (!waits_ || place.ledger.is_complete()) break;
        std::this_thread::sleep_for(between_looks);
      }
    }
    std::int64_t all[] = {tasks};
    if (context.ranks) context.ranks->sum(all);
    log_info(fmt::format("{} tasks extracted", grouped(all[0])));
    return ExitCode::done;
  }

 private:
  std::string archive_, plan_;
  bool waits_ = true;
};

class CurateIngestCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    skyfold::describe(option, archive_);
    option("watch", watch_, "go on, looking for what is extracted, until every chunk is in").layout();
  }

  ExitCode run(const CommandContext&) override {
    Writer writer(archive_, false, nullptr);
    Archive& archive = *writer.archive();
    Ingester ingester(archive);
    ingester.prepare();
    while (true) {
      const int done = ingester.ingest();
      if (ingester.is_complete()) {
        ingester.tell_complete();
        break;
      }
      if (done > 0) continue;
      if (!watch_) break;
      std::this_thread::sleep_for(between_looks);
    }
    const ExitCode code = told(failures_of(archive));
    log_info(fmt::format("{} tasks and {} detections ingested{}", grouped(ingester.counts().tasks), grouped(ingester.counts().detections),
                         ingester.is_complete() ? "; every chunk is in" : ""));
    return code;
  }

 private:
  ArchiveOptions archive_;
  bool watch_ = false;
};

class CurateStatusCommand final : public Command {
 public:
  void describe(OptionSet& option) override { skyfold::describe(option, archive_); }
  ExitCode run(const CommandContext&) override {
    Archive archive(archive_);
    fmt::print("{}", status_text(archive, lock_holder(archive.folder()), lock_holder(archive.path("ledger"))));
    return ExitCode::done;
  }

 private:
  ArchiveOptions archive_;
};

class CurateReleaseCommand final : public Command {
 public:
  void describe(OptionSet& option) override { skyfold::describe(option, archive_); }
  ExitCode run(const CommandContext&) override {
    Writer writer(archive_, false, nullptr);
    release(*writer.archive());
    return ExitCode::done;
  }

 private:
  ArchiveOptions archive_;
};

class CurateVerifyCommand final : public Command {
 public:
  void describe(OptionSet& option) override { skyfold::describe(option, archive_); }
  ExitCode run(const CommandContext& context) override {
    Archive archive(archive_);
    const std::vector<std::string> problems = verify_archive(archive, context.threads);
    for (const std::string& problem : problems) log_warning(problem);
    if (problems.empty()) {
      log_info("everything is as it was archived");
      return ExitCode::done;
    }
    throw DataError(fmt::format("{}: {} {} not as archived, the first: {}", archive_.archive, problems.size(),
                                problems.size() == 1 ? "file is" : "files are", problems.front()));
  }

 private:
  ArchiveOptions archive_;
};

}  // namespace

std::unique_ptr<Command> make_curate_register_command() { return std::make_unique<CurateRegisterCommand>(); }
std::unique_ptr<Command> make_curate_run_command() { return std::make_unique<CurateRunCommand>(); }
std::unique_ptr<Command> make_curate_extract_command() { return std::make_unique<CurateExtractCommand>(); }
std::unique_ptr<Command> make_curate_ingest_command() { return std::make_unique<CurateIngestCommand>(); }
std::unique_ptr<Command> make_curate_status_command() { return std::make_unique<CurateStatusCommand>(); }
std::unique_ptr<Command> make_curate_release_command() { return std::make_unique<CurateReleaseCommand>(); }
std::unique_ptr<Command> make_curate_verify_command() { return std::make_unique<CurateVerifyCommand>(); }

}  // namespace skyfold
