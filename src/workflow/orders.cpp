// Jobs become orders: which program, with which words, where, in which environment.
#include "orders.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

#include "flow.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/workflow/runner.hpp"
#include "step_options.hpp"

namespace skyfold::workflow {
namespace {

/// Whether a shell takes a value as one word, and as nothing else, wherever it stands.
bool is_plain_word(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_./:=@%+,-").find(c) != std::string_view::npos;
  });
}

/// Name of a key as that of a variable.
std::string variable_of(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return "SKYFOLD_KEY_" + name;
}

void require_plain_words(const std::string& text, const Keys& keys) {
  for (const std::string& name : names_in_braces(text)) {
    const auto value = value_of(keys, name);
    if (value && !is_plain_word(*value))
      throw DataError(fmt::format("{{{}}} is '{}', which a shell would not take as one word (use \"${}\" in its place)", name,
                                  one_line(*value), name == "out" ? "SKYFOLD_OUT" : variable_of(name)));
  }
}

/// Where a program runs: in the folder of the file, or below.
std::string working_folder(const PipelineFile& file, const std::string& path) {
  return path.empty() ? file.folder : absolute_path(file.folder, path);
}

std::vector<std::string> words_of(const Node& task, const Keys& keys) {
  std::vector<std::string> words;
  for (const std::string& word : task.words) {
    if (task.is_shell) require_plain_words(word, keys);
    words.push_back(filled(word, keys));
  }
  if (task.is_shell) return {"/bin/sh", "-c", join(words, " ")};
  return words;
}

}  // namespace

Keys changes_in(const std::string& set) {
  Keys changes;
  for (const std::string& line : split(set, '\n'))
    if (const std::size_t equals = line.find('='); equals != std::string::npos)
      changes.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  return changes;
}

std::string log_path(const std::string& home, const JobRecord& job) { return fmt::format("{}/log/{}.{}.log", home, job.node, job.id); }

std::string attempt_folder(const std::string& home, std::int64_t job, int attempt) {
  return fmt::format("{}/scratch/{}.{}", home, job, attempt);
}

Order task_order(const PipelineFile& file, const Node& task, const JobRecord& job, int attempt) {
  Order order;
  order.job = job.id;
  order.attempt = attempt;
  order.slots = task.slots;
  order.scratch = attempt_folder(file.home(), job.id, attempt);
  order.log = log_path(file.home(), job);
  order.timeout_s = task.timeout_s;
  order.memory_bytes = task.memory_bytes;
  order.log_bytes = task.log_bytes;
  order.hidden = file.hidden;
  Keys keys = job.keys;
  for (const auto& [name, value] : changes_in(job.set)) set_key(keys, name, value);
  for (const auto& [name, value] : keys) order.environment.emplace_back(variable_of(name), value);
  if (value_of(keys, "out")) throw DataError("its event has a key 'out', but {out} is the folder of the attempt: name the key otherwise");
  keys.emplace_back("out", order.scratch);
  order.words = words_of(task, keys);
  order.folder = working_folder(file, filled(task.folder, keys));
  for (const auto& [name, value] : task.environment) order.environment.emplace_back(name, filled(value, keys));
  return order;
}

std::string task_fingerprint(const Node& task) {
  std::uint64_t hash = hash_text(task.is_shell ? "shell" : "words");
  for (const std::string& word : task.words) hash = hash_text(word, hash);
  for (const std::string& folder : {task.folder, task.outputs}) hash = hash_text(folder, hash);
  for (const auto& [name, value] : task.environment) hash = hash_text(value, hash_text(name, hash));
  return hex64(hash);
}

}  // namespace skyfold::workflow
