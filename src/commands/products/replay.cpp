// The command products replay: a product is made again from its record, in a folder of its own, and compared.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "common.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/quoting.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/core/version.hpp"
#include "skyfold/registry/content.hpp"
#include "skyfold/run/child_processes.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

/// Path of a product in the scratch folder.
std::string in_scratch(const std::string& scratch, const std::string& path) {
  return (fs::path(scratch) / fs::path(path).filename()).string();
}

/// The output of a process; "" where it has none.
std::string recorded_output(const ProcessRecord& process) {
  for (const std::string& line : split(process.configuration, '\n'))
    if (line.starts_with("output = ")) return fs::weakly_canonical(fs::path(process.folder) / unquoted_value(line.substr(9))).string();
  return "";
}

/// Where a product is made again: in the folder that is the output, where it was in that; else under its name.
std::string made_again(const std::string& scratch, const std::string& path, const std::string& output) {
  const fs::path place = output.empty() ? fs::path() : fs::path(path).lexically_relative(output);
  if (place.empty() || place == "." || *place.begin() == "..") return in_scratch(scratch, path);
  return (fs::path(in_scratch(scratch, output)) / place).string();
}

/// The recorded configuration, with all that it writes in the scratch folder.
std::string redirected(const ProcessRecord& process, const std::vector<ProductRecord>& products, const std::string& scratch) {
  std::string text;
  for (const std::string& line : split(process.configuration, '\n')) {
    const std::size_t equals = line.find(" = ");
    const std::string value = equals == std::string::npos ? "" : unquoted_value(line.substr(equals + 2));
    // By comparing paths with the record, not by names of options: whatever option a product's path stood in, it is redirected.
    const std::string path = value.empty() ? "" : fs::weakly_canonical(fs::path(process.folder) / value).string();
    const bool is_made = line.starts_with("output = ") ||
                         std::any_of(products.begin(), products.end(), [&](const ProductRecord& product) { return product.path == path; });
    text += is_made ? fmt::format("{} = {}\n", line.substr(0, equals), quoted_value(in_scratch(scratch, path))) : line + "\n";
  }
  return text;
}

/// The commands that make products: none of them starts another program. A record may say anything; nothing else is run.
void require_replayable(const ProcessRecord& process) {
  constexpr std::array commands = {"import",      "query",       "spec", "match",        "train",      "photoz", "validate",
                                   "pdf convert", "nz",          "sql",  "aggregate",    "lightcurve", "locus",  "patch",
                                   "sky-map",     "map reorder", "mock", "map ud-grade", "map cut"};
  if (process.command.starts_with("curate "))
    throw DataError(
        fmt::format("process {}: '{}' is not replayed (an archive grows by many commands: skyfold curate verify compares it with its "
                    "hashes)",
                    process.id, process.command));
  if (std::find(commands.begin(), commands.end(), process.command) == commands.end())
    throw DataError(
        fmt::format("process {}: '{}' is no command that makes products (the registry was changed by something else than skyfold)",
                    process.id, process.command));
}

/// The inputs must be what they were.
void check_inputs(const std::vector<InputRecord>& inputs, int threads) {
  for (const InputRecord& input : inputs) {
    if (!fs::exists(input.path)) throw IoError(fmt::format("{}: an input of the product is missing", input.path));
    // All bytes where they were hashed, else the content. An input without either, larger than is hashed, is taken as it is.
    const std::string recorded = input.file_hash.empty() ? input.content_hash : input.file_hash;
    const std::string now = input.file_hash.empty() ? content_hash(input.path, true) : file_hash(input.path, threads);
    if (!recorded.empty() && now != recorded)
      throw DataError(fmt::format("{}: this input has changed since the product was made (hash {}, then {})", input.path, now, recorded));
  }
}

/// The folder that a replay works in. While it does, a locked file in it says so; one that a killed replay has left is
/// removed by the next.
class ScratchFolder {
 public:
  ScratchFolder(std::string path, bool keeps) : path_(std::move(path)), mark_(path_ + "/.skyfold-replay"), keeps_(keeps) {
    std::error_code error;
    const fs::file_status there = fs::symlink_status(path_, error);
    // Only a folder with our mark is ever removed.
    if (fs::is_directory(there) && fs::is_regular_file(fs::symlink_status(mark_, error)))
      remove_left();
    else if (fs::exists(there))
      throw UsageError(fmt::format("{}: exists (--scratch names a folder that does not)", path_));
    fs::create_directories(fs::path(path_).parent_path());
    if (!fs::create_directory(path_, error))
      throw IoError(fmt::format("{}: {}", path_, error ? error.message() : "was made by another replay"));
    lock_ = open(mark_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (lock_ < 0 || flock(lock_, LOCK_EX | LOCK_NB) != 0) throw IoError(fmt::format("{}: {}", mark_, std::strerror(errno)));
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (keeps_)
      fs::remove(mark_, ignored);
    else
      fs::remove_all(path_, ignored);
    close(lock_);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

 private:
  void remove_left() const {
    const int lock = open(mark_.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    // A lock ends with its process: one that can be had is of a replay that was killed.
    const bool is_free = lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0;
    std::error_code error;
    if (is_free) fs::remove_all(path_, error);
    if (lock >= 0) close(lock);
    if (!is_free) throw UsageError(fmt::format("{}: another replay works in it", path_));
    if (error) throw IoError(fmt::format("{}: {}", path_, error.message()));
    log_info(fmt::format("{}: removed, a replay that was killed had left it", path_));
  }

  std::string path_, mark_;
  bool keeps_;
  int lock_ = -1;
};

struct ReplayOptions {
  std::string product, scratch, launcher = "mpirun";
  long ranks = 0;
  bool keep = false;
  ProjectOption project;
};

/// Makes a product again from its record, and compares.
class ReplayCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("product", o_.product, "path of the product, or its number as #12").required().positional().layout();
    option("ranks", o_.ranks, "MPI ranks to make it with; 0: without a launcher (short form: -n)").range(0, 1e7).layout();
    option("launcher", o_.launcher, "program that starts the ranks, with its options, separated by blanks").layout();
    option("scratch", o_.scratch, "folder to make it in, which must not exist; empty: replay.NUMBER beside the registry").layout();
    option("keep", o_.keep, "keep what was made").layout();
    skyfold::describe(option, o_.project);
  }

  std::vector<std::string> own_words(std::vector<std::string> words) override {
    std::replace(words.begin(), words.end(), std::string("-n"), std::string("--ranks"));
    return words;
  }

  ExitCode run(const CommandContext& context) override {
    Registry registry = open_registry(o_.project, o_.product);
    const ProductRecord product = registry.product(o_.product);
    const ProcessRecord process = registry.process(product.process);
    require_replayable(process);
    if (process.version != program_version)
      log_warning(fmt::format("made by skyfold {}, made again by {}", process.version, program_version));
    check_inputs(registry.inputs(process.id), context.threads);
    const std::string scratch =
        fs::weakly_canonical(o_.scratch.empty() ? fs::path(registry.folder()) / fmt::format("replay.{}", product.id) : fs::path(o_.scratch))
            .string();
    const ScratchFolder folder(scratch, o_.keep);
    const std::vector<ProductRecord> products = registry.products_of(process.id);
    make_again(process, products, scratch);
    return compare(products, scratch, recorded_output(process));
  }

 private:
  void make_again(const ProcessRecord& process, const std::vector<ProductRecord>& products, const std::string& scratch) const {
    // A file rather than a command line: it holds any value, however long, exactly as it was recorded.
    const std::string configuration = scratch + "/replay.ini";
    write_durably(configuration, redirected(process, products, scratch));
    // Paths of the record are relative to where the command was run.
    std::vector<std::string> words = {"env", "-C", process.folder};
    if (o_.ranks > 0) {
      for (const std::string& word : split(o_.launcher, ' '))
        if (!word.empty()) words.push_back(word);  // two blanks stand around nothing
      words.insert(words.end(), {"-n", std::to_string(o_.ranks)});
    }
    words.push_back(fs::read_symlink("/proc/self/exe").string());
    for (const std::string& word : split(process.command, ' ')) words.push_back(word);
    // Whatever the record says, nothing is written elsewhere.
    words.insert(words.end(), {"--config", configuration, "--project", "none", "--products-within", scratch});
    log_info("running " + join(words, " "));
    log_info("with " + configuration + ":\n" + redirected(process, products, scratch));
    Ending ending;
    const std::string said = output_of(words, ending);
    write_durably(scratch + "/replay.txt", said);
    if (ending.signal != 0 || ending.exit_code != process.exit_code)
      throw IoError(fmt::format("process {} ended with exit code {}, its replay with {}{}", process.id, process.exit_code, ending.text(),
                                o_.ranks > 0 ? " (--launcher gives mpirun options that it may need)" : ""));
  }

  static ExitCode compare(const std::vector<ProductRecord>& products, const std::string& scratch, const std::string& output) {
    std::string first;
    for (const ProductRecord& product : products) {
      const std::string again = made_again(scratch, product.path, output);
      if (!fs::exists(again)) throw DataError(fmt::format("{}: the replay did not make it", product.path));
      const bool has_content = !product.content_hash.empty();
      // By content where there is one: FITS and HDF5 files of other versions of their libraries may differ in bytes.
      const std::string now = has_content ? content_hash(again, true) : file_hash(again);
      const bool same = now == (has_content ? product.content_hash : product.file_hash);
      fmt::print("{:<9} {} ({} {})\n", same ? "same" : "differs", one_line(product.path), has_content ? "content" : "file", now);
      if (!same && first.empty())
        first = fmt::format("{}: the replay differs from the record", product.path) + where_different(product, again);
      else if (same && first.empty() && product.is_current)
        first = tampered(product, again);
    }
    if (!first.empty()) throw DataError(first);
    return ExitCode::done;
  }

  /// The file may have been changed since it was made: then it is not what the record and the replay say.
  static std::string tampered(const ProductRecord& product, const std::string& again) {
    if (product.content_hash.empty() || !fs::exists(product.path) || content_hash(product.path, true) == product.content_hash) return "";
    return fmt::format("{}: was changed after it was made", product.path) + where_different(product, again);
  }

  static std::string where_different(const ProductRecord& product, const std::string& again) {
    if (!fs::exists(product.path)) return "";
    const auto difference = first_difference(product.path, again);
    return difference ? fmt::format(" (first: {}; the file and its replay)", *difference) : "";
  }

  ReplayOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_products_replay_command() { return std::make_unique<ReplayCommand>(); }

}  // namespace skyfold
