// Plans as files: words between blanks, so that any editor will do.
#include "plan_file.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  for (const std::string& word : split(line.substr(0, line.find('#')), ' '))
    if (!trim(word).empty()) words.emplace_back(trim(word));
  return words;
}

/// "12.cu4"
bool is_task(const std::string& name) {
  const std::size_t dot = name.find('.');
  if (dot == std::string::npos || !parse_integer(name.substr(0, dot))) return false;
  return std::ranges::any_of(std::vector<std::string>{"cu2", "cu3", "cu4"},
                             [&](const std::string& one) { return name.substr(dot + 1) == one; });
}

}  // namespace

std::string plan_text(const std::vector<PlannedTask>& tasks) {
  std::string text =
      "# A plan of curation: rank and task count; host and times [s] are what was predicted. Lines may be moved, changed or removed.\n"
      "# rank  host  task  seconds  begin  end\n";
  for (const PlannedTask& task : tasks)
    text += fmt::format("{}  {}  {}  {:.3f}  {:.3f}  {:.3f}\n", task.rank, task.host, task.task, task.seconds, task.begin_s, task.end_s);
  return text;
}

CuratePlan CuratePlan::from(const std::string& path) {
  CuratePlan plan;
  const std::vector<std::string> lines = split(read_file(path), '\n');
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::vector<std::string> words = words_of(lines[i]);
    if (words.empty()) continue;
    const std::string place = fmt::format("{}: line {}", path, i + 1);
    const auto rank = parse_integer(words[0]);
    if (words.size() < 3 || !rank || *rank < 0 || *rank > 1'000'000)
      throw UsageError(fmt::format("{}: '{}' (RANK HOST TASK are needed)", place, trim(lines[i])));
    if (!is_task(words[2])) throw UsageError(fmt::format("{}: '{}' is no task (such as 12.cu4)", place, words[2]));
    if (!plan.places_.emplace(words[2], Place{static_cast<int>(*rank), i}).second)
      throw UsageError(fmt::format("{}: {} stands in an earlier line, too", place, words[2]));
  }
  return plan;
}

std::vector<std::string> CuratePlan::ordered(int rank, const std::vector<std::string>& waiting) const {
  const auto turn = [&](const std::string& task) {
    const auto at = places_.find(task);
    // Within each of the three groups in order of the plan; what is in none keeps its order.
    if (at == places_.end()) return std::pair{1, std::size_t{0}};
    return std::pair{at->second.rank == rank ? 0 : 2, at->second.line};
  };
  std::vector<std::string> tasks = waiting;
  std::ranges::stable_sort(tasks, [&](const std::string& a, const std::string& b) { return turn(a) < turn(b); });
  return tasks;
}

}  // namespace skyfold
