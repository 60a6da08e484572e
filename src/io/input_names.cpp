// Names of inputs: lists of them that were split at commas, and files with a selection in brackets.
#include "skyfold/io/input_names.hpp"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

bool is_there(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

/// Byte behind the bracket that closes the one at `begin`; brackets within it nest, those within quotes do not count.
std::size_t end_of_bracket(std::string_view text, std::size_t begin) {
  int open = 0;
  char quote = '\0';
  for (std::size_t i = begin; i < text.size(); ++i) {
    const char c = text[i];
    // Within quotes a bracket is part of a text: [name == 'a]b'].
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '[') {
      ++open;
    } else if (c == ']' && --open == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

/// The texts of brackets that follow each other without anything between; nothing when there is something else.
std::optional<std::vector<std::string>> brackets_of(std::string_view text) {
  std::vector<std::string> brackets;
  while (!text.empty()) {
    const std::size_t end = text.front() == '[' ? end_of_bracket(text, 0) : std::string_view::npos;
    if (end == std::string_view::npos) return std::nullopt;
    brackets.emplace_back(text.substr(1, end - 2));
    text.remove_prefix(end);
  }
  return brackets;
}

/// Whether words that are joined to this may still become a name: names in folders that are not there do not, nor do longer ones than
/// the system has; a selection behind a file may go on.
bool can_be_name(const std::string& path) {
  if (const std::size_t bracket = path.find('['); bracket != std::string::npos && is_there(path.substr(0, bracket))) return true;
  const std::size_t slash = path.rfind('/');
  return path.size() - (slash == std::string::npos ? 0 : slash + 1) <= 255 &&
         (slash == std::string::npos || slash == 0 || is_there(path.substr(0, slash)));
}

}  // namespace

InputName input_name(const std::string& name) {
  // A file that is really called so goes before a selection.
  if (!name.ends_with(']') || is_there(name)) return {name, {}};
  for (std::size_t at = name.find('['); at != std::string::npos; at = name.find('[', at + 1)) {  // the file's own name may have brackets
    const std::string file = name.substr(0, at);
    if (!is_there(file)) continue;
    if (std::optional<std::vector<std::string>> brackets = brackets_of(std::string_view(name).substr(at))) return {file, *brackets};
  }
  return {name, {}};
}

std::string input_file(const std::string& name) { return input_name(name).file; }

FolderState folder_state(const std::string& folder) {
  namespace fs = std::filesystem;
  FolderState state;
  std::vector<std::string> lines;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    struct stat status {};
    if (::stat(entry->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    const std::int64_t time_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    state.bytes += status.st_size;
    state.time_ns = std::max(state.time_ns, time_ns);
    lines.push_back(fmt::format("{} {} {}\n", entry->path().lexically_relative(folder).string(), status.st_size, time_ns));
  }
  if (error) throw IoError(fmt::format("{}: cannot be listed ({})", folder, error.message()));
  std::ranges::sort(lines);  // folders give their entries in any order
  for (const std::string& line : lines) state.listing += line;
  return state;
}

std::vector<std::string> parquet_files_below(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool is_hidden = name.starts_with('.') || name.starts_with('_');
    if (is_hidden && entry->is_directory()) entry.disable_recursion_pending();
    const std::string ending = lower(entry->path().extension().string());
    if (!is_hidden && (ending == ".parquet" || ending == ".parq" || ending == ".pq") && entry->is_regular_file())
      files.push_back(entry->path().string());
  }
  if (error) throw IoError(fmt::format("{}: cannot be listed ({})", folder, error.message()));
  std::ranges::sort(files);
  return files;
}

std::vector<std::string> whole_names(const std::vector<std::string>& words, const std::string& folder) {
  const auto in_folder = [&](const std::string& name) { return (std::filesystem::path(folder) / name).string(); };
  std::vector<std::string> names;
  for (std::size_t first = 0; first < words.size();) {
    std::size_t taken = 1;
    std::string name = words[first], with_comma = words[first], with_blank = words[first];
    for (std::size_t last = first + 1; last < words.size(); ++last) {
      with_comma += "," + words[last];
      with_blank += ", " + words[last];
      if (!can_be_name(in_folder(with_comma)) && !can_be_name(in_folder(with_blank))) break;
      for (const std::string& joined : {with_comma, with_blank})
        if (is_there(input_file(in_folder(joined)))) {
          name = joined;
          taken = last - first + 1;
        }
    }
    // The longest name that is there: "a.fits" and "a.fits,b" may both be files, and the comma was written for a reason.
    names.push_back(name);
    first += taken;
  }
  return names;
}

}  // namespace skyfold
