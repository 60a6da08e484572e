// The ledger of an archive: a folder through which those who extract and the one who ingests speak. Every file gets its name when it is
// whole, so either side may die at any time.
#include "ledger.hpp"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

std::int64_t number(const std::string& text, const std::string& path) {
  const auto value = parse_integer(text);
  if (!value) throw DataError(fmt::format("{}: damaged ('{}' is no number)", path, text));
  return *value;
}

/// The last line of a result: its hash behind this word.
constexpr std::string_view seal = "hash ";
constexpr std::size_t seal_size = seal.size() + 16 + 1;

/// Number of the chunk and use case that a name begins with.
std::pair<std::int64_t, std::string> key_of(const std::string& name) {
  const std::size_t dot = name.find('.');
  return {parse_integer(name.substr(0, dot)).value_or(0), name.substr(std::min(dot + 1, name.size()))};
}

}  // namespace

const char* name_of(UseCase use_case) noexcept {
  constexpr const char* names[] = {"cu2", "cu3", "cu4"};
  return names[static_cast<int>(use_case)];
}

std::string CurateTask::name() const { return fmt::format("{}.{}", chunk_id, name_of(use_case)); }

void Ledger::add(const CurateTask& task) const {
  std::string text = fmt::format("{}\t{}\t{}\t{}\n", task.chunk, task.night_folder, task.part, task.bytes);
  for (const TaskFile& file : task.files)
    text += fmt::format("{}\t{}\t{}\t{}\t{}\n", file.multiframe_id, file.name, file.kind, file.detections, file.offset);
  write_durably(path(task.name() + ".task"), text);
}

bool Ledger::has(UseCase use_case, std::int64_t chunk_id) const {
  const std::string name = fmt::format("{}.{}", chunk_id, name_of(use_case));
  return fs::exists(path(name + ".task"));
}

std::vector<std::string> Ledger::waiting() const {
  struct Waiting {
    bool is_metadata;
    std::uintmax_t size;
    std::string name;
  };
  std::vector<Waiting> found;
  for (const std::string& file : names_in(folder_)) {
    if (!file.ends_with(".task")) continue;
    const std::string name = file.substr(0, file.size() - 5);
    std::error_code error;
    if (fs::exists(path(name + ".done"), error) || fs::exists(path(name + ".claim"), error)) continue;
    // The list of files is about as long as the work is large.
    found.push_back({name.ends_with("cu3"), fs::file_size(path(file), error), name});
  }
  std::sort(found.begin(), found.end(), [](const Waiting& a, const Waiting& b) {
    if (a.is_metadata != b.is_metadata) return a.is_metadata;
    return a.size != b.size ? a.size > b.size : key_of(a.name) < key_of(b.name);
  });
  std::vector<std::string> names;
  for (const Waiting& one : found) names.push_back(one.name);
  return names;
}

std::vector<std::string> Ledger::extracted() const {
  std::vector<std::string> names;
  for (const std::string& file : names_in(folder_))
    if (file.ends_with(".done")) names.push_back(file.substr(0, file.size() - 5));
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) { return key_of(a) < key_of(b); });
  return names;
}

CurateTask Ledger::read(const std::string& name) const {
  const std::string file = path(name + ".task");
  const std::vector<std::string> lines = split(read_file(file), '\n');
  const auto bad = [&] { return DataError(fmt::format("{}: damaged (remove it: the next curate ingest makes it again)", file)); };
  const std::vector<std::string> head = lines.empty() ? lines : split(lines[0], '\t');
  if (head.size() != 4) throw bad();
  CurateTask task;
  const auto [chunk_id, use_case] = key_of(name);
  task.chunk_id = chunk_id;
  task.use_case = use_case == "cu2" ? UseCase::cu2 : use_case == "cu4" ? UseCase::cu4 : UseCase::cu3;
  task.chunk = head[0];
  task.night_folder = head[1];
  task.part = number(head[2], file);
  task.bytes = number(head[3], file);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const std::vector<std::string> cells = split(lines[i], '\t');
    if (cells.size() != 5) throw bad();
    task.files.push_back({number(cells[0], file), cells[1], cells[2], number(cells[3], file), number(cells[4], file)});
  }
  return task;
}

bool Ledger::claim(const std::string& name) const {
  // Making a folder is what every file system, local or of a network, lets one process alone do.
  if (::mkdir(path(name + ".claim").c_str(), 0777) != 0) {
    if (errno == EEXIST) return false;
    throw IoError(fmt::format("{}: {}", path(name + ".claim"), std::strerror(errno)));
  }
  // It may have been finished and forgotten between the look and the claim.
  std::error_code error;
  if (fs::exists(path(name + ".task"), error) && !fs::exists(path(name + ".done"), error)) return true;
  ::rmdir(path(name + ".claim").c_str());
  return false;
}

void Ledger::finish(const std::string& name, const std::string& result) const {
  write_durably(path(name + ".done"), fmt::format("{}{}{}\n", result, seal, hex64(hash_text(result))));
  ::rmdir(path(name + ".claim").c_str());
}

std::string Ledger::result(const std::string& name) const {
  const std::string file = path(name + ".done"), text = read_file(file);
  // Damage could be taken for a result without files, which would then be missing in the archive.
  const std::size_t end = text.size() < seal_size ? 0 : text.size() - seal_size;
  std::string result = text.substr(0, end);
  if (text.substr(end) != fmt::format("{}{}\n", seal, hex64(hash_text(result))))
    throw DataError(fmt::format("{}: damaged (remove it: its files are extracted again)", file));
  return result;
}

void Ledger::remove(const std::string& name) const {
  // The task first: a result without a task is removed when it is seen again, a task without a result would be done again.
  (void)remove_file(path(name + ".task"));
  for (const std::string& file : names_in(folder_))
    if (file.starts_with(name + ".") && file != name + ".claim" && file != name + ".done") (void)remove_file(path(file));
  (void)remove_file(path(name + ".done"));
}

bool Ledger::has_unfinished() const {
  std::error_code error;
  for (const std::string& file : names_in(folder_))
    if (file.ends_with(".task") && !fs::exists(path(file.substr(0, file.size() - 5) + ".done"), error)) return true;
  return false;
}

bool Ledger::is_complete() const {
  std::error_code error;
  return fs::exists(path("complete"), error);
}

void Ledger::tell_complete(bool is_complete) const {
  if (is_complete)
    write_durably(path("complete"), "all is ingested\n");
  else
    (void)remove_file(path("complete"));
}

void Ledger::forget_claims() const {
  for (const std::string& file : names_in(folder_))
    if (file.ends_with(".claim")) ::rmdir(path(file).c_str());
}

}  // namespace skyfold
