// The command journal dump: the records of a run, one a line, for other programs and for debugging.
#include "skyfold/io/journal.hpp"

#include <fmt/core.h>

#include <filesystem>

#include "skyfold/commands/command.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

const char* name_of(Event event) {
  switch (event) {
    case Event::started:
      return "started";
    case Event::done:
      return "done";
    case Event::failed:
      return "failed";
    case Event::lost:
      return "lost";
    case Event::session:
      return "session";
    case Event::task:
      return "task";
    case Event::step:
      return "step";
    case Event::ended:
      return "ended";
    case Event::revoked:
      return "revoked";
    case Event::retry:
      return "retry";
  }
  return "unknown";
}

/// Prints the journal of a run, a tab-separated line for each record.
class JournalCommand final : public Command {
 public:
  void describe(OptionSet& option) override { option("output", output_, "main product of the run").required().positional(); }
  ExitCode run(const CommandContext&) override {
    const std::string path = run_path(output_) + "/journal";
    if (!std::filesystem::exists(path)) throw IoError(path + ": no such file");
    fmt::print(
        "sequence\tunix_time_s\tevent\ttask\tattempt\trank\thost\tfirst_row\tend_row\tfirst_partition\tpartitions\tlabel\trows_written\t"
        "checksum\tread_s\tcompute_s\twrite_s\tmessage\n");
    // Texts in one line each, whatever a file called a partition or a kernel said: programs read this line by line.
    for (const JournalRecord& r : read_journal(path))
      fmt::print("{}\t{:.6f}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{:016x}\t{:.6f}\t{:.6f}\t{:.6f}\t{}\n", r.sequence, r.unix_time_s,
                 name_of(r.event), r.task, r.attempt, r.rank, one_line(r.host), r.rows.begin, r.rows.end, r.first_partition,
                 r.partition_count, one_line(r.label), r.rows_written, r.rows_checksum, r.read_s, r.compute_s, r.write_s,
                 one_line(r.message));
    return ExitCode::done;
  }

 private:
  std::string output_;
};

}  // namespace

std::unique_ptr<Command> make_journal_command() { return std::make_unique<JournalCommand>(); }

}  // namespace skyfold
