#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Pipelines: chains of commands and of programs, brought up to date. A file names steps (commands of skyfold) and tasks (programs that
/// events start); see docs/pipeline.md.
namespace skyfold::workflow {

/// Names and values of an event, in the order in which they were given; names are unique, of [A-Za-z_][A-Za-z0-9_.-]*.
using Keys = std::vector<std::pair<std::string, std::string>>;
/// The value of a key; none where there is no such key.
[[nodiscard]] std::optional<std::string> value_of(const Keys& keys, std::string_view name);

/// Something wrong in a pipeline file, or in a file that it names.
struct Fault {
  std::string file;
  int line = 0;  ///< from 1; 0: the file as a whole
  std::string message;

  /// "survey.ini:12: what is wrong".
  [[nodiscard]] std::string text() const;
  auto operator<=>(const Fault&) const = default;
};

/// A line `key = value` of a section.
struct Setting {
  std::string key, value;  ///< the value as it stands, without a comment
  int line = 0;
};

/// What makes a node run: an event of a class, or all of them.
struct Trigger {
  std::string event_class;  ///< "image"; "@start": root events; "@spec": what is given out when an instance of step spec is done
  enum Kind {
    each,
    all,
    ended
  } kind{};           ///< all: when all have come; ended: when no more can come, whatever has failed ("all of brick but failed")
  std::string group;  ///< of all and ended: the key whose equal values make a group; "*": one group, of the whole pipeline
};

/// What both kinds of node have.
struct Node {
  std::string name;
  int line = 0;
  bool is_step = false;
  std::vector<Trigger> on;            ///< of a task exactly one; of a step: those of `on`, then one for each step it refers to by @
  std::string condition;              ///< as holds_for() reads it; "": always
  std::string row_name, row_file;     ///< for_each = row_name in row_file; "" for none
  std::vector<Keys> rows;             ///< of that file, as read_rows() gives them; read_pipeline_file() fills them in
  std::vector<std::string> emits;     ///< classes that its jobs may emit; empty: not said
  int attempts = 1;                   ///< in all, before a job counts as failed
  double timeout_s = 0.0;             ///< 0: none
  std::int64_t memory_bytes = 0;      ///< of a job; 0: not said
  int slots = 1;                      ///< that a job takes; 0: all of an agent
  int limit = 0;                      ///< jobs at a time; 0: no limit
  double priority = 0.0;              ///< larger ones first
  std::int64_t log_bytes = 10 << 20;  ///< of a job's output that are kept
  // Of tasks.
  std::vector<std::string> words;  ///< program and arguments, with {key} in them; of a shell task one text
  bool is_shell = false;
  std::string folder;   ///< working folder, relative to that of the file; "": that of the file
  std::string outputs;  ///< folder of its products, relative to that of the file, with {key}; "": NAME/TASK
  std::vector<std::pair<std::string, std::string>> environment;
  // Of steps.
  std::string command;           ///< of skyfold: "photoz", "pdf convert"
  std::vector<Setting> options;  ///< of the command, in order, with {key} and @STEP in them
};

/// A pipeline as its file says.
struct PipelineFile {
  std::string path;    ///< as given
  std::string folder;  ///< absolute: what paths in the file are relative to
  std::string name;
  std::string targets;  ///< absolute path of the table of root events; "": one root event without keys
  /// Names of the class of root events besides @start: what `targets = NAME in FILE` says, else the table's stem as it is and in singular.
  /// A trigger of one of them is a trigger of @start in `nodes`.
  std::vector<std::string> target_classes;
  std::string notify;               ///< command that gets the summary on its standard input
  std::string html;                 ///< path of a page that the run keeps up to date; "" for none
  std::vector<std::string> hidden;  ///< names of environment variables whose values are never written down (env.hide)
  std::vector<Node> nodes;          ///< steps and tasks, in order of the file

  /// FOLDER/NAME: products of tasks, ledger, journal, logs.
  [[nodiscard]] std::string home() const { return folder + "/" + name; }
  [[nodiscard]] const Node* node(std::string_view name) const noexcept;
};

/// Reads a pipeline file. All that is wrong in it, as far as it can be told without the commands' options, is added to `faults`, and what
/// can be understood is returned all the same: syntax, repeated and unknown names, values that are none, triggers of classes that nothing
/// can give, circles of steps, conditions, {keys} that no target table or for_each has.
/// @param sets  NAME.KEY=VALUE of the command line, which override
[[nodiscard]] PipelineFile read_pipeline_file(const std::string& path, const std::vector<std::string>& sets, std::vector<Fault>& faults);

/// Rows of a table of targets or of for_each: any table that skyfold reads, columns as texts: those of a text file as they stand, missing
/// values as "", arrays with commas; columns whose names cannot be those of keys are left out. No rows, and rows that are the same as
/// another, are faults, which name file and row.
[[nodiscard]] std::vector<Keys> read_rows(const std::string& path, std::vector<Fault>& faults);

/// Sorts faults by file and line and drops repeated ones.
void settle(std::vector<Fault>& faults);

/// Whether a node's condition holds for the keys of a job: of the language of docs/conditions.md, with {name} for the value of a key, which
/// is a number where it looks like one and is compared with one; words without braces are texts, as if in quotes. Throws DataError for a
/// key that is not there and for a value that cannot be compared so.
[[nodiscard]] bool holds_for(const std::string& condition, const Keys& keys);

/// A text with {name} replaced by values; `{{` and `}}` are braces, and so is a brace that begins no {name}. Throws DataError for a name
/// that is not there.
[[nodiscard]] std::string filled(std::string_view text, const Keys& keys);
/// The names in braces of a text.
[[nodiscard]] std::vector<std::string> names_in_braces(std::string_view text);
/// Words of a command line by the quoting rules of shells: blanks separate, '...' is taken as it is, in "..." only \" and \\ are single
/// characters, and outside of both a backslash takes the next character as it is. Throws UsageError for a quote that does not end.
[[nodiscard]] std::vector<std::string> command_words(std::string_view line);

}  // namespace skyfold::workflow
