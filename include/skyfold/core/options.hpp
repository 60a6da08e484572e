#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skyfold {

/// What is in a file that a command writes.
enum class FileKind { other, hdf5, fits, text, html, json };
/// Throws UsageError when the ending of `path` tells of another kind of file than is written. Endings that tell nothing are
/// as good as any.
/// @param option  that names the path, for the message
/// @param hint    "--fits z.fits writes FITS", or ""
void check_ending(const std::string& option, const std::string& path, FileKind kind, const std::string& hint = {});

/// One option: its name, how to read and print its value, and what `--help` says about it.
class Option {
 public:
  /// Unit of the value, shown in `--help`, e.g. "degrees".
  Option& unit(std::string text);
  /// Closed range of valid numbers; applies to each element of a list.
  Option& range(double low, double high);
  /// The only texts accepted.
  Option& one_of(std::vector<std::string> choices);
  /// The command cannot run without it.
  Option& required();
  /// The value cannot change any product (threads, ranks, job size, paths): it stays out of fingerprints.
  Option& layout();
  /// It names a file that is written; its ending is looked at before anything is done.
  Option& writes(FileKind kind);
  /// Its value may also stand alone on the command line, without the name before it.
  Option& positional();
  /// An order for this one call (help): layout, and not part of a configuration file.
  Option& call_only();

  std::string name;        ///< "section.key" or "key"
  std::string help;        ///< one sentence, lower case, without full stop
  std::string value_name;  ///< shown in --help: NUMBER, TEXT, LIST, ...
  std::string unit_text;
  std::vector<std::string> choices;
  std::optional<double> low, high;
  FileKind written = FileKind::other;
  bool is_required = false, is_layout = false, is_list = false, is_flag = false, is_call_only = false, is_positional = false;
  bool given = false;                                   ///< set by the command line or a file
  std::string origin;                                   ///< where it was given, for messages
  std::string usual;                                    ///< once it is given: the value by default, as `text`
  std::function<void(const std::string& text)> assign;  ///< parses; throws UsageError without the name
  std::function<std::string()> text;                    ///< the value as the INI file has it
};

/// The options of a command: one description that parses, validates, prints help, writes the effective
/// configuration and feeds fingerprints.
///
/// A stage describes its struct once: `void describe(OptionSet& option, PlanOptions& o)` with lines such as
/// `option("partition.nside", o.nside, "HEALPix NSide of a partition").range(4, 1024);`.
/// The referenced struct must outlive the set.
class OptionSet {
 public:
  /// T: bool, int, long, double, std::string, std::vector<std::string>, std::vector<double>.
  template <class T>
  Option& operator()(const std::string& name, T& value, const std::string& help);

  /// Reads an INI file (sections give the part of a name before the dot). Unknown keys, repeated keys and
  /// invalid values throw UsageError that names file and option. Options already given are not overwritten.
  void read_ini(const std::string& path);
  /// Reads `--name value`, `--name=value`, `--name a b c` (lists; commas separate too), `--flag`.
  void read_command_line(const std::vector<std::string>& arguments);
  /// Throws UsageError for the first required option that was not given, and for endings of files that do not tell what will
  /// be in them.
  void check_required() const;

  /// True when the command line or a file set the option.
  [[nodiscard]] bool given(std::string_view name) const;
  /// True when they set it to another value than by default. A configuration that is replayed gives every option: that it was given does
  /// not say that somebody meant it.
  [[nodiscard]] bool changed(std::string_view name) const;
  /// Lines of `--help`: name, value, help, unit, range and default, by section.
  [[nodiscard]] std::string help() const;
  /// The effective configuration as an INI file that reads back to the same values; `comments` adds the help
  /// of each option above it.
  [[nodiscard]] std::string ini(bool comments) const;
  /// Name and value of every option that can change the product, in order of name.
  [[nodiscard]] std::map<std::string, std::string> answer_options() const;

  [[nodiscard]] std::vector<std::string> names() const;
  /// All options in the order in which the help has them, for what else describes them: manual pages, completion of shells.
  [[nodiscard]] std::vector<const Option*> all() const;
  /// The value of an option as the INI file has it; "" for a name that is not an option of this command.
  [[nodiscard]] std::string value(std::string_view name) const;

 private:
  void check_endings() const;
  /// A word that no option takes: the next positional option's, unless it looks like an option.
  void read_bare_word(const std::string& word, bool is_like_option);
  Option& add(const std::string& name, const std::string& help, const std::string& value_name);
  Option& find(const std::string& name, const std::string& origin);
  void assign(Option& option, const std::string& text, const std::string& origin);

  std::vector<std::unique_ptr<Option>> options_;
};

/// Throws UsageError for the first option that has a value though what it is about is not in this run: it would be given for
/// nothing.
///
/// @param needs    what there would have to be, for the message: "--reference"
/// @param options  name, and whether it has another value than by default
void refuse_idle_options(const char* needs, std::initializer_list<std::pair<const char*, bool>> options);

}  // namespace skyfold
