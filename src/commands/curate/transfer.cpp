// The command curate transfer: nights from where they were made to where they are curated, file by file on all ranks. A file gets its name
// when all its bytes are there; what is done is noted at once, so that an interrupted transfer goes on.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "skyfold/commands/command.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/run/lock.hpp"
#include "tree.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr const char *manifest_name = "manifest.tsv", *manifest_head = "name\tbytes\tmtime_ns\txxh3\n";

struct TransferOptions {
  std::string source, destination, mode = "copy";
};

/// What a file was when it was transferred.
struct TransferRecord {
  std::int64_t bytes = 0, mtime_ns = 0;
  std::string hash;
};
using TransferRecords = std::map<std::string, TransferRecord>;  // by "NIGHT/NAME"

/// Size and time of a file; throws IoError.
TransferRecord state_of(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) throw IoError(fmt::format("{}: cannot be read ({})", path, std::strerror(errno)));
  return {found.st_size, found.st_mtim.tv_sec * std::int64_t{1'000'000'000} + found.st_mtim.tv_nsec, ""};
}

std::string line_of(const std::string& name, const TransferRecord& record) {
  return fmt::format("{}\t{}\t{}\t{}\n", name, record.bytes, record.mtime_ns, record.hash);
}

/// Adds the lines of a manifest or a log; a last line that a kill has cut off is left out.
void add_records(const std::string& text, const std::string& prefix, TransferRecords& records) {
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::vector<std::string> parts = split(text.substr(at, end - at), '\t');
    if (parts.size() != 4 || !is_hex64(parts[3])) continue;
    const auto number = [&](std::size_t i) { return std::strtoll(parts[i].c_str(), nullptr, 10); };
    records[prefix + parts[0]] = {number(1), number(2), parts[3]};
  }
}

constexpr std::size_t piece_bytes = 4 << 20;

/// Gives the bytes of a file to `take`, piece by piece, and returns their hash and number.
TransferRecord pass_over(const std::string& path, const std::function<void(std::int64_t, std::span<const std::byte>)>& take) {
  const File file = File::for_reading(path);
  std::vector<std::byte> piece(piece_bytes);
  RunningHash hash;
  std::int64_t at = 0;
  for (std::size_t got = piece.size(); got == piece.size(); at += static_cast<std::int64_t>(got)) {
    check_stop();
    got = file.read_some(at, piece);
    hash.add(std::span(piece).first(got));
    take(at, std::span(piece).first(got));
  }
  return {at, 0, hex64(hash.value())};
}

TransferRecord hash_of(const std::string& path) {
  return pass_over(path, [](std::int64_t, std::span<const std::byte>) {});
}

/// Puts a file in place under its final name by `make`, which gets a temporary name.
void make_in_place(const std::string& path, const std::function<void(const std::string&)>& make) {
  const std::string prepared = make_temporary(folder_of(path));
  try {
    make(prepared);
    fault_point("transferred a file");
    rename_file(prepared, path);
  } catch (...) {
    unlink(prepared.c_str());
    throw;
  }
  sync_path(folder_of(path));
}

/// What is wrong with a source file, which fails that file alone.
class SourceProblem final : public Error {
 public:
  explicit SourceProblem(const std::string& what) : Error(ExitCode::data, what) {}
};

/// Copies a file, and looks at it again: sizes and hashes of both sides, and that the source stayed as it was.
TransferRecord copied(const std::string& from, const std::string& to) {
  const TransferRecord before = state_of(from);
  TransferRecord record;
  make_in_place(to, [&](const std::string& prepared) {
    File out = File::for_update(prepared);
    record = pass_over(from, [&](std::int64_t at, std::span<const std::byte> bytes) { out.write(at, bytes); });
    out.sync();
    out.close();
    const TransferRecord after = state_of(from);
    if (after.bytes != before.bytes || after.mtime_ns != before.mtime_ns || record.bytes != before.bytes)
      throw SourceProblem(fmt::format("{}: changed while it was copied ({} bytes before, {} read, {} after)", from, before.bytes,
                                      record.bytes, after.bytes));
    if (const TransferRecord there = hash_of(prepared); there.bytes != record.bytes || there.hash != record.hash)
      throw IoError(fmt::format("{}: the copy has other bytes than the source (XXH3 {} for {}): the disk or the memory is bad", to,
                                there.hash, record.hash));
  });
  record.mtime_ns = before.mtime_ns;
  return record;
}

TransferRecord linked(const std::string& from, const std::string& to, bool is_hard) {
  TransferRecord record = hash_of(from);
  record.mtime_ns = state_of(from).mtime_ns;
  make_in_place(to, [&](const std::string& prepared) {
    unlink(prepared.c_str());
    if ((is_hard ? link(from.c_str(), prepared.c_str()) : symlink(from.c_str(), prepared.c_str())) != 0)
      throw IoError(fmt::format("{}: no link to {} can be made ({}{})", to, from, std::strerror(errno),
                                errno == EXDEV ? ": hard links stay on one file system; use --mode symlink or copy" : ""));
  });
  return record;
}

/// A file to transfer.
struct Item {
  std::string key, from, to;  ///< "NIGHT/NAME", and where it is and comes to
};

/// What came of one, as one text for all ranks: a letter, and what there is to tell.
enum class Outcome : char { copied = 'C', found = 'F', changed = 'X', failed = 'E' };

class Transfer {
 public:
  Transfer(const TransferOptions& o, const Ranks* ranks) : o_(o), ranks_(ranks) {
    together([&] {
      for (const Night& night : nights_of(o_.source)) add_night(night);
    });
    first_only([&] { open(); });
    together([&] { read_records(); });
  }

  ExitCode run() {
    const int rank = ranks_ ? ranks_->rank() : 0;
    std::optional<File> log;
    const auto unit = [&](std::size_t i) {
      std::string text;
      try {
        text = transfer(items_[i], rank, log);
      } catch (const SourceProblem& problem) {
        text = static_cast<char>(Outcome::failed) + std::string(problem.what());
      } catch (const IoError& error) {
        // A file that cannot be read fails alone; a full disk at the destination would fail all.
        if (!std::string_view(error.what()).starts_with(items_[i].from)) throw;
        text = static_cast<char>(Outcome::failed) + std::string(error.what());
      }
      return text;
    };
    std::vector<std::string> outcomes;
    if (ranks_)
      outcomes = ranks_->run_units(items_.size(), unit);
    else
      for (std::size_t i = 0; i < items_.size(); ++i) {
        check_stop();
        outcomes.push_back(unit(i));
      }
    ExitCode code = ExitCode::done;
    first_only([&] { code = finish(outcomes); });
    return code;
  }

 private:
  void together(const std::function<void()>& task) const { ranks_ ? ranks_->together(task) : task(); }
  void first_only(const std::function<void()>& task) const { ranks_ ? ranks_->on_first_only(task) : task(); }

  void add_night(const Night& night) {
    const std::string to = o_.destination + "/" + night.name;
    nights_.push_back(night.name);
    std::vector<std::string> names = night.others;
    for (const NightFile& file : night.files) names.push_back(file.name);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      const std::string from = night.folder + "/" + name;
      if (std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < ' '; }))
        problems_.push_back(fmt::format("{}: not transferred (its name has control characters, which no manifest could hold)", from));
      else if (fs::is_regular_file(from))
        items_.push_back({night.name + "/" + name, from, to + "/" + name});
      else
        problems_.push_back(fmt::format("{}: not transferred (it is no file)", from));
    }
  }

  [[nodiscard]] std::string work_folder() const { return o_.destination + "/.transfer"; }
  [[nodiscard]] std::string manifest(const std::string& night) const { return o_.destination + "/" + night + "/" + manifest_name; }

  /// Rank 0: folders, the lock, and what a kill left behind.
  void open() {
    std::error_code error;
    for (const std::string& folder : {work_folder(), o_.destination}) fs::create_directories(folder, error);
    if (error) throw IoError(fmt::format("{}: no folder can be made ({})", o_.destination, error.message()));
    if (fs::equivalent(o_.source, o_.destination, error))
      throw UsageError(fmt::format("{} is source and destination (a transfer is from one folder to another)", o_.source));
    lock_.emplace(work_folder(), o_.destination);
    for (const std::string& night : nights_) {
      const std::string folder = o_.destination + "/" + night;
      fs::create_directories(folder, error);
      if (error) throw IoError(fmt::format("{}: no folder can be made ({})", folder, error.message()));
      for (const std::string& name : names_in(folder))
        if (is_temporary(name)) remove_file(folder + "/" + name);
    }
  }

  void read_records() {
    for (const std::string& night : nights_) add_records(read_small_file(manifest(night)), night + "/", records_);
    for (const std::string& name : names_in(work_folder()))
      if (name.starts_with("done.")) add_records(read_small_file(work_folder() + "/" + name), "", records_);
  }

  std::string transfer(const Item& item, int rank, std::optional<File>& log) {
    const auto known = records_.find(item.key);
    if (known != records_.end() && fs::exists(item.to)) {
      const TransferRecord now = state_of(item.from), there = state_of(item.to);
      const TransferRecord& then = known->second;
      if (there.bytes != then.bytes)
        return fmt::format("{}{}: has {} bytes, but {} were transferred (it was changed here: remove it to transfer it again)",
                           static_cast<char>(Outcome::changed), item.to, there.bytes, then.bytes);
      if (now.bytes == then.bytes && now.mtime_ns == then.mtime_ns) return std::string(1, static_cast<char>(Outcome::found));
      // A new time may be that of a copy: the bytes tell.
      if (now.bytes == then.bytes && hash_of(item.from).hash == then.hash) return std::string(1, static_cast<char>(Outcome::found));
      return fmt::format("{}{}: has changed at the source since it was transferred ({} bytes then, {} now; remove {} to transfer it again)",
                         static_cast<char>(Outcome::changed), item.from, then.bytes, now.bytes, item.to);
    }
    // A kill between the name and its note leaves a file like this one; so does somebody else, whose file is not replaced.
    if (fs::exists(item.to) && hash_of(item.to).hash != hash_of(item.from).hash)
      return fmt::format("{}{}: is there with other bytes than {} (it was not transferred by skyfold: move it away)",
                         static_cast<char>(Outcome::changed), item.to, item.from);
    const TransferRecord record = o_.mode == "copy" ? copied(item.from, item.to) : linked(item.from, item.to, o_.mode == "hardlink");
    if (!log) log.emplace(File::created_or_found(fmt::format("{}/done.{}", work_folder(), rank)));
    const std::string line = line_of(item.key, record);
    log->write(log->size(), line);
    log->sync_data();
    return static_cast<char>(Outcome::copied) + line;
  }

  /// Rank 0: the manifests, and what there is to say.
  ExitCode finish(const std::vector<std::string>& outcomes) {
    std::int64_t count[256] = {}, bytes = 0;
    std::set<std::string> present;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      const std::string &outcome = outcomes[i], &key = items_[i].key;
      present.insert(key);
      ++count[static_cast<unsigned char>(outcome[0])];
      if (outcome[0] == static_cast<char>(Outcome::copied)) {
        add_records(outcome.substr(1), "", records_);
        bytes += records_[key].bytes;
      } else if (outcome[0] != static_cast<char>(Outcome::found)) {
        problems_.push_back(outcome.substr(1));
      }
    }
    for (const std::string& night : nights_) write_manifest(night, present);
    for (const std::string& name : names_in(work_folder()))
      if (name.starts_with("done.")) remove_file(work_folder() + "/" + name);
    for (const std::string& problem : problems_) log_warning(problem);
    log_info(fmt::format("{} nights: {} files transferred ({:.1f} MB), {} were there", grouped(std::ssize(nights_)),
                         grouped(count[static_cast<unsigned char>(Outcome::copied)]), static_cast<double>(bytes) / 1e6,
                         grouped(count[static_cast<unsigned char>(Outcome::found)])));
    return problems_.empty() ? ExitCode::done : ExitCode::incomplete;
  }

  void write_manifest(const std::string& night, const std::set<std::string>& present) {
    std::string text = manifest_head;
    for (const auto& [key, record] : records_) {
      if (!key.starts_with(night + "/")) continue;
      text += line_of(key.substr(night.size() + 1), record);
      if (!present.contains(key)) log_info(fmt::format("{}/{}: is no longer at the source", o_.destination, key));
    }
    if (text != read_small_file(manifest(night))) write_durably(manifest(night), text);
  }

  const TransferOptions& o_;
  const Ranks* ranks_;
  std::optional<RunLock> lock_;  ///< rank 0 alone
  std::vector<std::string> nights_;
  std::vector<Item> items_;
  TransferRecords records_;
  std::vector<std::string> problems_;
};

class CurateTransferCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("source", options_.source, "tree of nights, or one night, to transfer").required().positional();
    option("destination", options_.destination, "tree that the nights come into; made where it is missing").required().positional();
    option("mode", options_.mode,
           "copy: with hashes of both sides compared; hardlink, symlink: no bytes are moved, and what changes at the source changes here")
        .one_of({"copy", "hardlink", "symlink"});
  }
  ExitCode run(const CommandContext& context) override {
    for (std::string* path : {&options_.source, &options_.destination}) *path = canonical_form(*path);
    return Transfer(options_, context.ranks).run();
  }

 private:
  TransferOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_curate_transfer_command() { return std::make_unique<CurateTransferCommand>(); }

}  // namespace skyfold
