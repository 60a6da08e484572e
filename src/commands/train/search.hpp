#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "options.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/registry/process.hpp"

namespace skyfold {

/// One setting of the options that are searched, and how good it is.
struct Trial {
  std::vector<std::string> values;  ///< of the searched options, as texts
  double cde = 0.0, nmad = 0.0;     ///< on the held-out part; NaN when it failed
  std::string problem;              ///< why it failed; "" when it did not
};

/// A random search over the options of an algorithm. Trial 0 has the options as they were given.
struct Search {
  std::string algorithm, by;
  std::vector<SearchRange> ranges;
  std::vector<Trial> trials;
  std::size_t best = 0, fit_objects = 0, judged_objects = 0;

  [[nodiscard]] double loss(std::size_t trial) const { return by == "nmad" ? trials[trial].nmad : trials[trial].cde; }
};

/// The options of an algorithm that may be searched: those that have their default values.
[[nodiscard]] std::vector<SearchRange> open_ranges(const PhotozAlgorithm& algorithm, const OptionSet& given);
/// Throws UsageError when there is nothing to search in any of the algorithms that are asked for.
void check_tune(const TrainOptions& o, const OptionSet& given);

/// An algorithm with the options as given, but for the values of a trial.
[[nodiscard]] std::unique_ptr<PhotozAlgorithm> algorithm_of(const std::string& name, const OptionSet& given,
                                                            const std::vector<SearchRange>& ranges, const Trial& trial);

/// Tries settings drawn by (seed, trial, option): trains on three quarters of the set, drawn by id, and judges by the rest of it, of a
/// large one by 20,000 objects. Collective; trials are the tasks. Throws DataError when all of them fail.
[[nodiscard]] Search search_options(const PhotozAlgorithm& algorithm, const OptionSet& given, const TrainingSet& set,
                                    const PhotozModel& described, const TuneOptions& o, TrainingTasks& tasks);

/// One line: what was best, and what it gains.
[[nodiscard]] std::string describe_search(const Search& search);
/// The table of trials and their figures, for the product log.
void tell_search(const Search& search, Process& process);

}  // namespace skyfold
