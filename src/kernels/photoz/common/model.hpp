#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "skyfold/core/options.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// Throws DataError for a training set with less than `least` objects, or a redshift that is no number.
void check_training_set(const TrainingSet& set, const std::string& algorithm, std::size_t least);
/// The second half alone.
void check_redshifts(const TrainingSet& set);

/// Options of an algorithm as the texts that its model keeps. `describe` tells of them: (OptionSet&, Options&).
template <class Options>
[[nodiscard]] std::map<std::string, std::string> parameters_of(Options options, void (*describe)(OptionSet&, Options&)) {
  OptionSet set;
  describe(set, options);
  return set.answer_options();
}
/// The options that a model was trained with.
template <class Options>
[[nodiscard]] Options options_of(const PhotozModel& model, void (*describe)(OptionSet&, Options&)) {
  Options options;
  OptionSet set;
  describe(set, options);
  std::vector<std::string> words;
  for (const auto& [key, value] : model.parameters) words.push_back(fmt::format("--{}={}", key, value));
  set.read_command_line(words);
  return options;
}

/// Adds a column of these values to a table of a model; the first one sets the number of rows.
template <class Values>
void add_values(Table& table, const ColumnInfo& column, const Values& values) {
  if (table.columns() == 0) table.resize(values.size() / column.width);
  std::ranges::copy(values, table.add(column).template values<typename Values::value_type>().begin());
}
/// All values of a column of a model.
template <class T>
[[nodiscard]] std::vector<T> values_of(const Table& table, const std::string& column) {
  const auto values = table.at(column).values<T>();
  return {values.begin(), values.end()};
}

}  // namespace skyfold
