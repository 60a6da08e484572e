// The pipeline file: its sections become steps and tasks, each setting a member, and every fault goes to one list. What the nodes say of
// one another is checked in file_checks.cpp.
#include "skyfold/workflow/file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "file_checks.hpp"
#include "file_sections.hpp"
#include "file_values.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/quoting.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/workflow/engine.hpp"

namespace skyfold::workflow {
namespace {

constexpr int most_attempts = 1000, most_slots = 1'000'000;
constexpr std::string_view option_prefix = "option.", environment_prefix = "env.";

/// Reads the value of a setting into something; throws UsageError.
template <class Target>
using Readers = std::map<std::string, std::function<void(Target&, const std::string& value)>, std::less<>>;

template <class Target>
std::vector<std::string> keys_of(const Readers<Target>& readers) {
  std::vector<std::string> names;
  for (const auto& [name, reader] : readers) names.push_back(name);
  return names;
}

std::string not_empty(const std::string& value) {
  std::string text = unquoted_value(value);
  if (text.empty()) throw UsageError("empty");
  return text;
}

int slots(const std::string& value) { return trim(value) == "all" ? 0 : whole_number(value, 1, most_slots); }

double priority(const std::string& value) {
  const auto number = parse_double(trim(value));
  if (!number || !(*number > -1e15 && *number < 1e15)) throw UsageError(shown(value) + " is no number");
  return *number;
}

std::vector<std::string> classes(const std::string& value) {
  std::vector<std::string> names = unquoted_list(value);
  if (names.empty()) throw UsageError("empty");
  for (const std::string& name : names)
    if (!is_key_name(name)) throw UsageError(fmt::format("{} is no name of a class of events", shown(name)));
  return names;
}

void read_for_each(Node& node, const std::string& value) {
  const NamedTable table = named_table(value);
  if (table.name.empty()) throw UsageError(fmt::format("{} is not of the form NAME in FILE", shown(value)));
  node.row_name = table.name;
  node.row_file = table.file;
}

const Readers<Node>& common_readers() {
  static const Readers<Node> readers = {
      {"on", [](Node& n, const std::string& v) { n.on = triggers(unquoted_value(v)); }},
      {"if", [](Node& n, const std::string& v) { check_condition(n.condition = not_empty(v)); }},
      {"for_each", read_for_each},
      {"emits", [](Node& n, const std::string& v) { n.emits = classes(v); }},
      {"attempts", [](Node& n, const std::string& v) { n.attempts = whole_number(v, 1, most_attempts); }},
      {"timeout", [](Node& n, const std::string& v) { n.timeout_s = duration(v); }},
      {"memory", [](Node& n, const std::string& v) { n.memory_bytes = byte_count(v); }},
      {"slots", [](Node& n, const std::string& v) { n.slots = slots(v); }},
      {"ranks", [](Node& n, const std::string& v) { n.slots = slots(v); }},
      {"limit", [](Node& n, const std::string& v) { n.limit = whole_number(v, 0, most_slots); }},
      {"priority", [](Node& n, const std::string& v) { n.priority = priority(v); }},
      {"log.max", [](Node& n, const std::string& v) { n.log_bytes = byte_count(v); }},
  };
  return readers;
}

const Readers<Node>& task_readers() {
  static const Readers<Node> readers = [] {
    Readers<Node> all = common_readers();
    // As one text; cut into words once it is known whether a shell does that.
    all["command"] = [](Node& n, const std::string& v) { n.words = {v}; };
    all["shell"] = [](Node& n, const std::string& v) { n.is_shell = true_or_false(v); };
    all["folder"] = [](Node& n, const std::string& v) { n.folder = not_empty(v); };
    all["outputs"] = [](Node& n, const std::string& v) { n.outputs = not_empty(v); };
    return all;
  }();
  return readers;
}

const Readers<PipelineFile>& pipeline_readers() {
  static const Readers<PipelineFile> readers = {
      {"name",
       [](PipelineFile& f, const std::string& v) {
         f.name = unquoted_value(v);
         if (!is_key_name(f.name)) throw UsageError(fmt::format("{} is no name of a folder (letters, digits, _, - and .)", shown(f.name)));
       }},
      {"targets",
       [](PipelineFile& f, const std::string& v) {
         const NamedTable table = named_table(v);
         f.targets = table.file;
         f.target_classes = table.name.empty() ? row_names(table.file) : std::vector<std::string>{table.name};
       }},
      {"notify",
       [](PipelineFile& f, const std::string& v) {
         if (command_words(v).empty()) throw UsageError("empty");
         f.notify = v;
       }},
      {"html",
       [](PipelineFile& f, const std::string& v) {
         f.html = unquoted_value(v);
         if (!f.html.ends_with(".html") && !f.html.ends_with(".htm")) throw UsageError(fmt::format("{} must end in .html", shown(f.html)));
       }},
      {"env.hide", [](PipelineFile& f, const std::string& v) { f.hidden = unquoted_list(v); }},
  };
  return readers;
}

std::string prefix_of(const std::string& section, const Setting& setting) {
  return (setting.line == 0 ? fmt::format("--set {}.{}", section, setting.key) : setting.key) + ": ";
}

/// Reads sections into a pipeline.
class FileReader {
 public:
  FileReader(const std::string& path, FaultsOf& faults) : faults_(faults) {
    read_.file.path = path;
    read_.file.folder = folder_of(canonical_form(path));
  }

  void read_pipeline(const FileSection& section) {
    if (!section.name.empty())
      faults_.add(section.line, fmt::format("[pipeline {}] (its name is set by name = NAME)", shown(section.name)));
    read_.pipeline_line = section.line;
    for (const Setting& setting : section.settings) {
      read_.pipeline_lines[setting.key] = setting.line;
      read_setting(pipeline_readers(), read_.file, "pipeline", setting);
    }
  }

  void read_node(const FileSection& section) {
    Node node;
    node.name = section.name;
    node.line = section.line;
    node.is_step = section.kind == "step";
    std::map<std::string, int> lines;
    for (const Setting& setting : section.settings) {
      lines[setting.key] = setting.line;
      if (node.is_step)
        read_of_step(node, setting);
      else
        read_of_task(node, setting);
    }
    finish(node, lines);
    read_.file.nodes.push_back(std::move(node));
    read_.lines.push_back(std::move(lines));
  }

  [[nodiscard]] ReadFile& result() noexcept { return read_; }

 private:
  template <class Target>
  void read_setting(const Readers<Target>& readers, Target& target, const std::string& name, const Setting& setting) {
    const auto reader = readers.find(setting.key);
    if (reader == readers.end())
      faults_.add(setting.line, fmt::format("{}unknown key{}", prefix_of(name, setting), suggestion(setting.key, keys_of(readers))));
    else
      faults_.guard(setting.line, prefix_of(name, setting), [&] { reader->second(target, setting.value); });
  }

  void read_of_step(Node& node, const Setting& setting) {
    if (setting.key == "command") {
      node.command = command_name(setting.value);
      if (node.command.empty()) faults_.add(setting.line, "command: empty (must be a command of skyfold)");
    } else if (common_readers().contains(setting.key)) {
      read_setting(common_readers(), node, node.name, setting);
    } else {
      add_option(node, setting);
    }
  }

  /// "pdf  convert" and "pdf convert" are one command.
  static std::string command_name(const std::string& value) {
    std::vector<std::string> words = split(unquoted_value(value), ' ');
    std::erase(words, std::string());
    return join(words, " ");
  }

  void add_option(Node& node, const Setting& setting) {
    Setting option = setting;
    if (option.key.starts_with(option_prefix)) option.key.erase(0, option_prefix.size());
    const auto same = std::find_if(node.options.begin(), node.options.end(), [&](const Setting& s) { return s.key == option.key; });
    if (same != node.options.end())
      return faults_.add(setting.line, fmt::format("{}is given twice (first in line {})", prefix_of(node.name, setting), same->line));
    node.options.push_back(std::move(option));
  }

  void read_of_task(Node& node, const Setting& setting) {
    if (!setting.key.starts_with(environment_prefix)) return read_setting(task_readers(), node, node.name, setting);
    const std::string name = setting.key.substr(environment_prefix.size());
    if (!is_key_name(name) || name.find_first_of("-.") != std::string::npos)
      return faults_.add(setting.line, fmt::format("{}{} is no name of a variable", prefix_of(node.name, setting), shown(name)));
    node.environment.emplace_back(name, unquoted_value(setting.value));
  }

  void finish(Node& node, const std::map<std::string, int>& lines) {
    if (!lines.contains("command"))
      faults_.add(node.line, fmt::format("[{} {}] has no command", node.is_step ? "step" : "task", node.name));
    if (lines.contains("slots") && lines.contains("ranks"))
      faults_.add(lines.at("ranks"), fmt::format("ranks: slots is given, too (line {}; they are the same)", lines.at("slots")));
    if (node.is_step) return;
    const int line = lines.contains("on") ? lines.at("on") : node.line;
    if (!lines.contains("on"))
      faults_.add(line, fmt::format("[task {}] has no on = CLASS (the class of event that starts it; @start: root events)", node.name));
    else if (node.on.size() > 1)
      faults_.add(line, "on: a task is started by events of one class (a step may wait for several)");
    if (lines.contains("command")) cut_command(node, lines.at("command"));
  }

  void cut_command(Node& node, int line) {
    faults_.guard(line, "command: ", [&] {
      const std::string text = node.words.empty() ? "" : node.words.front();
      node.words = node.is_shell ? std::vector<std::string>{unquoted_value(text)} : command_words(text);
      if (node.words.empty() || node.words.front().empty()) throw UsageError("empty (must be a program)");
    });
  }

  ReadFile read_;
  FaultsOf& faults_;
};

void read_section(const FileSection& section, FileReader& reader, bool& has_pipeline, FaultsOf& faults) {
  if (section.kind == "pipeline") {
    if (has_pipeline) return faults.add(section.line, "a second section [pipeline]");
    has_pipeline = true;
    return reader.read_pipeline(section);
  }
  if (section.kind == "step" || section.kind == "task") return reader.read_node(section);
  faults.add(section.line, fmt::format("[{}] is no section of a pipeline{} ([pipeline], [step NAME], [task NAME])", shown(section.kind),
                                       suggestion(section.kind, {"pipeline", "step", "task"})));
}

/// Where all the folders stand that a run makes.
void check_home(const ReadFile& read, FaultsOf& faults) {
  const PipelineFile& file = read.file;
  if (!read.pipeline_lines.contains("name"))
    return faults.add(read.pipeline_line, "[pipeline] has no name (products, ledger and logs stand in a folder of this name)");
  std::error_code error;
  if (!file.name.empty() && std::filesystem::exists(file.home(), error) && !std::filesystem::is_directory(file.home(), error))
    faults.add(read.pipeline_lines.at("name"),
               fmt::format("name: {} is a file (products, ledger and logs stand in a folder of this name)", file.home()));
}

}  // namespace

std::optional<std::string> value_of(const Keys& keys, std::string_view name) {
  const auto key = std::find_if(keys.begin(), keys.end(), [&](const auto& pair) { return pair.first == name; });
  return key == keys.end() ? std::nullopt : std::optional(key->second);
}

std::string Fault::text() const { return line == 0 ? fmt::format("{}: {}", file, message) : fmt::format("{}:{}: {}", file, line, message); }

const Node* PipelineFile::node(std::string_view wanted) const noexcept {
  const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const Node& node) { return node.name == wanted; });
  return found == nodes.end() ? nullptr : &*found;
}

int ReadFile::line_of(const Node& node, const std::string& key) const {
  const auto& own = lines[static_cast<std::size_t>(&node - file.nodes.data())];
  const auto line = own.find(key);
  return line == own.end() ? node.line : line->second;
}

void settle(std::vector<Fault>& faults) {
  std::sort(faults.begin(), faults.end());
  faults.erase(std::unique(faults.begin(), faults.end()), faults.end());
}

PipelineFile read_pipeline_file(const std::string& path, const std::vector<std::string>& sets, std::vector<Fault>& faults) {
  refuse_special_input(path);
  if (std::filesystem::is_directory(path)) throw IoError(path + ": is a folder, not a pipeline file");
  FaultsOf own(path, faults);
  std::vector<FileSection> sections = file_sections(read_file(path), own);
  apply_sets(sets, sections, own);
  FileReader reader(path, own);
  bool has_pipeline = false;
  for (const FileSection& section : sections) read_section(section, reader, has_pipeline, own);
  if (!has_pipeline)
    own.add(1, "no section [pipeline] (name = NAME names the folder of its products)");
  else
    check_home(reader.result(), own);
  if (reader.result().file.nodes.empty()) own.add(reader.result().pipeline_line, "no step and no task");
  complete_triggers(reader.result());
  check_nodes(reader.result(), own);
  if (own.count() == 0) check_flow(reader.result().file, faults);
  settle(faults);
  PipelineFile& file = reader.result().file;
  if (!file.targets.empty()) file.targets = (std::filesystem::path(file.folder) / file.targets).lexically_normal().string();
  return std::move(file);
}

}  // namespace skyfold::workflow
