// What Linux tells of other processes: whether one lives, whose child it is, and since when, which tells it from a later one that
// got its number.
#include "skyfold/core/process_status.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <vector>

#include "skyfold/core/files.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {

std::optional<ProcessStatus> process_status(pid_t process) {
  constexpr std::size_t state_field = 3, parent_field = 4, start_field = 22;  // from 1, as proc(5) numbers them
  const std::string text = read_small_file(fmt::format("/proc/{}/stat", process));
  const std::size_t name_end = text.rfind(") ");  // the name may hold anything
  if (name_end == std::string::npos) return std::nullopt;
  const std::vector<std::string> fields = split(trim(text.substr(name_end + 2)), ' ');
  if (fields.size() <= start_field - state_field) return std::nullopt;
  return ProcessStatus{fields[0], fields[start_field - state_field],
                       static_cast<pid_t>(parse_integer(fields[parent_field - state_field]).value_or(0))};
}

std::string namespace_of_kind(const std::string& kind) {
  std::error_code unknown;
  return std::filesystem::read_symlink("/proc/self/ns/" + kind, unknown).string();
}

}  // namespace skyfold
