// Options of steps: values as a pipeline file has them become words of a command line.
#include "step_options.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "file_values.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/quoting.hpp"

namespace skyfold::workflow {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view place = "command line: ";

/// The text of a value that begins with a quote: only the option's own reader knows whether it is a list, whose elements keep their quotes,
/// or one text, which loses them.
std::string read_as_configuration(const std::string& name, const std::string& value, OptionSet& options) {
  const std::string path = make_temporary(fs::temp_directory_path().string());
  try {
    write_durably(path, fmt::format("{} = {}\n", name, value));
    options.read_ini(path);
  } catch (...) {
    remove_file(path);
    throw;
  }
  remove_file(path);
  return options.value(name);
}

}  // namespace

std::string with_paths(const std::string& value, const PathsOf& paths) {
  if (references_in(value).empty()) return value;
  std::vector<std::string> elements;
  for (const std::string& element : unquoted_list(value)) {
    StepReference reference;
    const std::vector<std::string> found =
        is_reference(element, reference) ? paths(reference.step, reference.product) : std::vector{element};
    elements.insert(elements.end(), found.begin(), found.end());
  }
  return quoted_list(elements);
}

std::string option_word(const std::string& name, const std::string& value, const CommandBook& book, const std::string& command) {
  if (!value.starts_with('"')) return fmt::format("--{}={}", name, value);
  const CommandFacts facts = book(command);
  try {
    return fmt::format("--{}={}", name, read_as_configuration(name, value, *facts.options));
  } catch (const UsageError&) {
    // What is wrong is told when the word is read; orders for one call, such as a configuration, are no part of one.
    return fmt::format("--{}={}", name, unquoted_value(value));
  }
}

void assign_word(OptionSet& options, const std::string& word) {
  try {
    options.read_command_line({word});
  } catch (const UsageError& error) {
    const std::string message = error.what();
    throw UsageError(message.starts_with(place) ? message.substr(place.size()) : message);
  }
}

void read_config(OptionSet& options, const std::string& folder) {
  const std::string name = options.value("config");
  std::error_code error;
  if (name.empty()) return;
  if (const std::string path = absolute_path(folder, name); fs::is_regular_file(path, error)) options.read_ini(path);
}

std::string absolute_path(const std::string& folder, const std::string& path) {
  return (fs::path(folder) / path).lexically_normal().string();
}

std::string path_from(const std::string& folder, const std::string& path) {
  const std::string below = fs::path(path).lexically_relative(folder).string();
  return below.empty() || below == "." || below.starts_with("..") ? path : below;
}

}  // namespace skyfold::workflow
