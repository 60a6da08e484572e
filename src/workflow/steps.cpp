// Commands of skyfold as steps: what is wrong with their options is found before anything starts, and an instance becomes a command line.
#include "skyfold/workflow/steps.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "file_sections.hpp"
#include "file_values.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "step_options.hpp"

namespace skyfold::workflow {
namespace {

/// Options that are orders for one call.
constexpr const char* no_settings[] = {"help", "print-config", "fresh", "products-within"};
constexpr std::size_t most_rows_tried = 200;

bool is_no_setting(const std::string& name) {
  return std::find(std::begin(no_settings), std::end(no_settings), name) != std::end(no_settings);
}

std::vector<std::string> names_of(const std::map<std::string, std::string>& products) {
  std::vector<std::string> names;
  for (const auto& [name, path] : products)
    if (!name.empty()) names.push_back(name);
  return names;
}

/// "@train:dnf, @train:knn", for a message.
std::string listed(const std::string& step, const std::map<std::string, std::string>& products) {
  std::vector<std::string> texts;
  for (const auto& [name, path] : products) texts.push_back(name.empty() ? "@" + step : "@" + step + ":" + name);
  return texts.empty() ? "nothing" : join(texts, ", ");
}

/// A step of the file with what its command says of it.
struct CheckedStep {
  const Node* node = nullptr;
  CommandFacts facts;
  std::map<std::string, std::string> products;  ///< with {key} in their paths
  bool is_certain = false;                      ///< nothing was wrong with its options
};

class StepChecks {
 public:
  StepChecks(const PipelineFile& file, const CommandBook& book, std::vector<Fault>& all)
      : file_(file), book_(book), faults_(file.path, all) {}

  void all() {
    for (const Node& node : file_.nodes)
      if (node.is_step && !node.command.empty()) check_options(steps_[node.name], node);
    for (const auto& [name, step] : steps_) check_references(step);
    check_claims();
  }

 private:
  void check_options(CheckedStep& step, const Node& node);
  void check_option(CheckedStep& step, const Setting& option);
  [[nodiscard]] std::vector<std::string> samples_of(const Node& node, const std::string& value) const;
  void check_missing(const CheckedStep& step);
  void check_references(const CheckedStep& step);
  void check_reference(const CheckedStep& step, const Setting& option, const StepReference& reference);
  void check_claims();
  void claim(const CheckedStep& step, const Keys& keys, const std::string& where);

  const PipelineFile& file_;
  const CommandBook& book_;
  FaultsOf faults_;
  std::map<std::string, CheckedStep> steps_;
  std::map<std::string, std::string> claims_;  ///< who makes what, by path
};

std::string said_of(const Setting& option) { return option.line == 0 ? "--set: " : ""; }

void StepChecks::check_options(CheckedStep& step, const Node& node) {
  step.node = &node;
  step.facts = book_(node.command);
  if (!step.facts.is_known) return faults_.add(node.line, fmt::format("[step {}] {}", node.name, step.facts.problem));
  const std::size_t before = faults_.count();
  for (const Setting& option : node.options) check_option(step, option);
  faults_.guard(node.line, fmt::format("[step {}] config: ", node.name), [&] { read_config(*step.facts.options, file_.folder); });
  if (faults_.count() == before) check_missing(step);
  faults_.guard(node.line, fmt::format("[step {}] ", node.name), [&] { step.products = step.facts.products(); });
  step.is_certain = faults_.count() == before;
}

/// Values of an option in instances of a step: with its keys, as far as they are known before it runs.
std::vector<std::string> StepChecks::samples_of(const Node& node, const std::string& value) const {
  const std::vector<std::string> names = names_in_braces(value);
  if (names.empty()) return {filled(value, {})};
  std::set<std::string> values;
  for (std::size_t row = 0; row < std::min(node.rows.size(), most_rows_tried); ++row)
    if (std::all_of(names.begin(), names.end(), [&](const std::string& name) { return value_of(node.rows[row], name).has_value(); }))
      values.insert(filled(value, node.rows[row]));
  return {values.begin(), values.end()};
}

void StepChecks::check_option(CheckedStep& step, const Setting& option) {
  const Node& node = *step.node;
  const std::vector<std::string> names = step.facts.options->names();
  if (std::find(names.begin(), names.end(), option.key) == names.end())
    return faults_.add(option.line,
                       fmt::format("{}{}: no option of {}{}", said_of(option), option.key, node.command, suggestion(option.key, names)));
  if (is_no_setting(option.key))
    return faults_.add(option.line, fmt::format("{}{}: belongs on a command line", said_of(option), option.key));
  if (option.key == "threads") return faults_.add(option.line, fmt::format("{}threads: follow from ranks or slots", said_of(option)));
  const auto some_file = [](const std::string& name, const std::string&) { return std::vector<std::string>{name + ".h5"}; };
  faults_.guard(option.line, said_of(option), [&] {
    for (const std::string& value : samples_of(node, option.value)) {
      const CommandFacts facts = book_(node.command);
      assign_word(*facts.options, option_word(option.key, with_paths(value, some_file), book_, node.command));
    }
    // The products of the step are named by texts with their keys, as they stand.
    try {
      assign_word(*step.facts.options, option_word(option.key, with_paths(option.value, some_file), book_, node.command));
    } catch (const UsageError&) {
      if (option.value.find('{') == std::string::npos) throw;  // {n} is no number, though what stands for it may be
    }
  });
}

/// Tells of all required options that are missing, one after the other.
void StepChecks::check_missing(const CheckedStep& step) {
  const Node& node = *step.node;
  const auto is_given = [&](const std::string& name) {
    return std::any_of(node.options.begin(), node.options.end(), [&](const Setting& s) { return s.key == name; });
  };
  for (;;) {
    try {
      return step.facts.options->check_required();
    } catch (const UsageError& error) {
      const std::string message = error.what();
      const std::size_t end = message.find(" is missing (");
      if (!message.starts_with("--") || end == std::string::npos)
        return faults_.add(node.line, fmt::format("[step {}] {}", node.name, message));
      const std::string name = message.substr(2, end - 2);
      if (!is_given(name)) faults_.add(node.line, fmt::format("[step {}] {}", node.name, message.substr(2)));
      if (step.facts.options->given(name)) return faults_.add(node.line, fmt::format("[step {}] {}: empty", node.name, name));
      try {  // so that the next one is told of
        assign_word(*step.facts.options, fmt::format("--{}=1", name));
      } catch (const UsageError&) {
        return;
      }
    }
  }
}

void StepChecks::check_references(const CheckedStep& step) {
  for (const Setting& option : step.node->options)
    for (const StepReference& reference : references_in(option.value)) check_reference(step, option, reference);
}

void StepChecks::check_reference(const CheckedStep& step, const Setting& option, const StepReference& reference) {
  const auto found = steps_.find(reference.step);
  if (found == steps_.end() || !found->second.is_certain) return;  // told of already
  const CheckedStep& from = found->second;
  const auto product = from.products.find(reference.product);
  const std::string text = reference.product.empty() ? "@" + reference.step : "@" + reference.step + ":" + reference.product;
  if (product == from.products.end())
    return faults_.add(option.line,
                       fmt::format("{}: {}: {} makes no such product{} (there are: {})", option.key, text, from.node->command,
                                   suggestion(reference.product, names_of(from.products)), listed(reference.step, from.products)));
  const auto takes = step.facts.takes.find(option.key);
  auto gives = from.facts.gives.find(reference.product);
  if (gives == from.facts.gives.end()) gives = from.facts.gives.find("*");
  if (takes == step.facts.takes.end() || gives == from.facts.gives.end()) return;
  if (std::find(takes->second.begin(), takes->second.end(), gives->second) == takes->second.end())
    faults_.add(option.line, fmt::format("{}: {}: a product of class {}, but this option takes {}", option.key, text, gives->second,
                                         join(takes->second, " or ")));
}

void StepChecks::claim(const CheckedStep& step, const Keys& keys, const std::string& where) {
  for (const auto& [name, path] : step.products) {
    const auto [claim, is_new] = claims_.emplace(absolute_path(file_.folder, filled(path, keys)), where);
    if (is_new) continue;
    faults_.add(step.node->line, fmt::format("[step {}] {}: {} makes {}, too", step.node->name, where, claim->second,
                                             path_from(file_.folder, claim->first)));
    return;
  }
}

/// Paths with keys that are not of a row are known when the step runs: two jobs that claim one path are told then.
void StepChecks::check_claims() {
  for (const Node& node : file_.nodes) {
    const auto found = steps_.find(node.name);
    if (found == steps_.end() || found->second.node != &node || !found->second.is_certain) continue;
    const CheckedStep& step = found->second;
    const bool are_known = std::all_of(step.products.begin(), step.products.end(), [&](const auto& product) {
      const std::vector<std::string> names = names_in_braces(product.second);
      return std::all_of(names.begin(), names.end(),
                         [&](const std::string& name) { return !node.rows.empty() && value_of(node.rows[0], name); });
    });
    const std::size_t before = faults_.count();
    if (are_known && node.row_file.empty()) claim(step, {}, "step " + node.name);
    for (std::size_t row = 0; are_known && row < node.rows.size() && faults_.count() == before; ++row)
      claim(step, node.rows[row], fmt::format("step {}, row {}", node.name, row + 1));
  }
}

/// Instances that a reference of a step means: all, or that of the same row.
std::vector<DoneStep> meant(const PipelineFile& file, const Node& step, const Keys& keys, const std::string& from,
                            std::vector<DoneStep> all) {
  const Node* other = file.node(from);
  if (step.row_file.empty() || other == nullptr || other->row_file != step.row_file || step.rows.empty()) return all;
  std::erase_if(all, [&](const DoneStep& done) {
    return std::any_of(step.rows[0].begin(), step.rows[0].end(),
                       [&](const auto& column) { return value_of(done.keys, column.first) != value_of(keys, column.first); });
  });
  return all;
}

std::string product_in(const DoneStep& done, const std::string& step, const std::string& product) {
  const auto path = done.products.find(product);
  if (path == done.products.end())
    throw DataError(fmt::format("@{}{}: there is no such product{} (there are: {})", step, product.empty() ? "" : ":" + product,
                                suggestion(product, names_of(done.products)), listed(step, done.products)));
  return path->second;
}

}  // namespace

void check_steps(const PipelineFile& file, const CommandBook& book, std::vector<Fault>& faults) {
  StepChecks(file, book, faults).all();
  settle(faults);
}

StepCall step_call(const PipelineFile& file, const Node& step, const Keys& keys, const CommandBook& book,
                   const std::function<std::vector<DoneStep>(const std::string& step)>& done) {
  const CommandFacts facts = book(step.command);
  if (!facts.is_known) throw UsageError(fmt::format("step {}: {}", step.name, facts.problem));
  StepCall call;
  call.command = step.command;
  call.words = split(step.command, ' ');
  call.is_parallel = facts.is_parallel;
  const PathsOf paths = [&](const std::string& from, const std::string& product) {
    std::vector<std::string> found;
    for (const DoneStep& one : meant(file, step, keys, from, done(from)))
      found.push_back(path_from(file.folder, absolute_path(file.folder, product_in(one, from, product))));
    if (found.empty()) throw DataError(fmt::format("@{}: no instance of the step is done", from));
    return found;
  };
  for (const Setting& option : step.options) {
    const auto where = [&](const Error& error) { return fmt::format("step {}: {}: {}", step.name, option.key, error.what()); };
    try {
      call.words.push_back(option_word(option.key, with_paths(filled(option.value, keys), paths), book, step.command));
      assign_word(*facts.options, call.words.back());
    } catch (const UsageError& error) {
      throw UsageError(where(error));
    } catch (const DataError& error) {
      throw DataError(where(error));
    }
  }
  read_config(*facts.options, file.folder);
  facts.options->check_required();
  for (const auto& [name, path] : facts.products()) call.products[name] = absolute_path(file.folder, path);
  return call;
}

}  // namespace skyfold::workflow
