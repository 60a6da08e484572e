#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "skyfold/plan/plan.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold::guard {

/// A piece of work that is counted: the second call of `work`, so that indexes are there and buffers have grown.
struct Workload {
  std::size_t objects = 0;  ///< of one call
  std::function<void()> work;
};

/// How a piece of work is called, and what prepares it.
struct NamedWorkload {
  const char* name;
  std::function<Workload()> make;
};

/// Science: photo-z, synthetic skies, pointings, patches, samples, metrics.
[[nodiscard]] std::vector<NamedWorkload> kernel_workloads();
/// Rows to and from files, and their order. @param folder  for files
[[nodiscard]] std::vector<NamedWorkload> file_workloads(const std::string& folder);
/// Jobs: made, handed out, rehearsed.
[[nodiscard]] std::vector<NamedWorkload> farm_workloads();

/// Rows of the synthetic survey of 20,000 objects that most of them use, with the columns of MockSurvey::schema().
[[nodiscard]] Table survey_rows(RowRange rows);

}  // namespace skyfold::guard
