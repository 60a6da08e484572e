// Costs of extraction, noted by those who extract and read by those who plan.
#include "job_costs.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr std::array use_cases = {UseCase::cu2, UseCase::cu3, UseCase::cu4};

/// In which unit a use case is paid, and what it costs where nothing is known (docs/curation.md, a core of 2.5 GHz).
struct Tariff {
  const char* unit;
  double seconds;
};
constexpr std::array<Tariff, 3> tariffs = {{{"a byte", 1.5e-8}, {"a file", 5e-4}, {"a detection", 5e-7}}};

double units_in(UseCase use_case, const TaskSize& size) noexcept {
  return static_cast<double>(use_case == UseCase::cu2 ? size.bytes : use_case == UseCase::cu3 ? size.files : size.rows);
}

std::string costs_folder(const std::string& archive) { return archive + "/costs"; }

}  // namespace

TaskSize size_of(const CurateTask& task) {
  TaskSize size{std::ssize(task.files), task.bytes, 0};
  for (const TaskFile& file : task.files) size.rows += file.detections;
  return size;
}

void note_cost(const std::string& archive, UseCase use_case, const TaskSize& size, double seconds) {
  const std::string folder = costs_folder(archive);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw IoError(fmt::format("{}: no folder can be made ({})", folder, error.message()));
  File file = File::created_or_found(fmt::format("{}/{}.{}.tsv", folder, host_name(), getpid()));
  file.write(file.size(), fmt::format("{}\t{}\t{}\t{}\t{:.6f}\n", name_of(use_case), size.files, size.bytes, size.rows, seconds));
  file.close();
}

JobCosts::JobCosts(const std::string& archive) {
  std::array<std::vector<double>, 3> found;
  std::error_code error;
  if (std::filesystem::is_directory(costs_folder(archive), error))
    for (const std::string& name : names_in(costs_folder(archive)))
      for (const std::string& line : split(read_small_file(costs_folder(archive) + "/" + name), '\n')) {
        const std::vector<std::string> cells = split(line, '\t');
        if (cells.size() != 5) continue;  // a line that a kill has cut off
        const TaskSize size{std::atoll(cells[1].c_str()), std::atoll(cells[2].c_str()), std::atoll(cells[3].c_str())};
        for (std::size_t i = 0; i < use_cases.size(); ++i) {
          const double seconds = std::strtod(cells[4].c_str(), nullptr), units = units_in(use_cases[i], size);
          if (cells[0] == name_of(use_cases[i]) && units > 0.0 && seconds > 0.0 && std::isfinite(seconds))
            found[i].push_back(seconds / units);
        }
      }
  for (std::size_t i = 0; i < units_.size(); ++i) {
    std::vector<double>& costs = found[i];
    units_[i] = {tariffs[i].seconds, costs.size()};
    if (costs.empty()) continue;
    const auto middle = costs.begin() + static_cast<std::ptrdiff_t>(costs.size() / 2);
    std::nth_element(costs.begin(), middle, costs.end());
    units_[i].seconds = *middle;
  }
}

double JobCosts::predict(UseCase use_case, const TaskSize& size) const noexcept {
  return units_[static_cast<std::size_t>(use_case)].seconds * units_in(use_case, size);
}

std::string JobCosts::tell(UseCase use_case) const {
  const auto i = static_cast<std::size_t>(use_case);
  const std::string from = units_[i].jobs > 0 ? fmt::format("median of {} earlier jobs", grouped(static_cast<std::int64_t>(units_[i].jobs)))
                                              : std::string("assumed: no earlier jobs");
  return fmt::format("{}: {:.3g} us {} ({})", name_of(use_case), 1e6 * units_[i].seconds, tariffs[i].unit, from);
}

}  // namespace skyfold
