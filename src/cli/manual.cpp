// Manual pages, in the language of man(7), made from the descriptions of commands and options.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "help.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/core/version.hpp"

namespace skyfold {
namespace {

/// A text as roff has it: nothing in it is a command, and every hyphen can be copied and searched for.
std::string roff(std::string_view text) {
  std::string safe;
  for (const char c : one_line(text)) {
    if (c == '\\')
      safe += "\\e";
    else if (c == '-')
      safe += "\\-";
    else if (safe.empty() && (c == '.' || c == '\''))
      safe += fmt::format("\\&{}", c);
    else
      safe += c;
  }
  return safe;
}

std::string page_name(std::string_view command) {
  std::string name = command.empty() ? "skyfold" : fmt::format("skyfold-{}", command);
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string page_begin(const std::string& name, std::string_view summary) {
  // Left-aligned and without hyphenation: names of options and paths stay as they are.
  return fmt::format(".TH {} 1 \"\" \"skyfold {}\" \"skyfold\"\n.nh\n.ad l\n.SH NAME\n{} \\- {}\n", roff(upper(name)), program_version,
                     roff(name), roff(summary));
}

/// How a command is run, as its kind says.
const char* way_of(CommandEntry::Kind kind) {
  switch (kind) {
    case CommandEntry::farms:
      return "Runs as one process, or on ranks that mpirun or srun starts. A run that was killed goes on when the same command is given "
             "again.";
    case CommandEntry::shares:
      return "Runs as one process, or on ranks that mpirun or srun starts. What is done is kept when it is killed: give the same command "
             "again.";
    case CommandEntry::spreads:
      return "Runs as one process, or on ranks that mpirun or srun starts. When it is killed it begins anew: give the same command again.";
    case CommandEntry::joins:
      return "Runs as one process; all processes that a launcher starts work together.";
    case CommandEntry::alone:
      break;
  }
  return "Runs as one process.";
}

std::string value_text(const Option& option) {
  std::string text = option.help;
  if (!option.unit_text.empty()) text += fmt::format(" [{}]", option.unit_text);
  text += ".";
  if (!option.choices.empty()) text += fmt::format(" One of: {}.", join(option.choices, ", "));
  // As in --help: a limit of 1e15 and more only keeps arithmetic from overflowing.
  if (option.low && *option.high < 1e15) text += fmt::format(" From {} to {}.", shortest(*option.low), shortest(*option.high));
  if (option.is_positional) text += fmt::format(" The value may also stand without --{}.", option.name);
  const std::string usual = option.text();
  if (option.is_required)
    text += " Required.";
  else if (!option.is_flag)
    text += usual.empty() ? " Default: empty." : fmt::format(" Default: {}", usual);
  return text;
}

std::string option_entry(const Option& option) {
  const std::string value = option.is_flag ? "" : fmt::format(" \\fI{}\\fR", roff(option.value_name));
  return fmt::format(".TP\n\\fB{}\\fR{}\n{}\n", roff("--" + option.name), value, roff(value_text(option)));
}

std::string synopsis_of(const DescribedCommand& command) {
  std::string text = fmt::format(".SH SYNOPSIS\n.B {}\n", roff(fmt::format("skyfold {}", command.entry.name)));
  for (const Option* option : command.options.all())
    if (option->is_required) text += fmt::format("\\fB{}\\fR \\fI{}\\fR\n", roff("--" + option->name), roff(option->value_name));
  return text + "[\\fB\\-\\-OPTION\\fR \\fIVALUE\\fR ...]\n";
}

const char* exit_status =
    ".SH EXIT STATUS\n"
    ".TP\n0\ndone\n.TP\n1\na defect of skyfold\n.TP\n2\na mistake in the command line or configuration\n.TP\n3\nthe content of the data\n"
    ".TP\n4\na file or the system\n.TP\n5\nfinished with failed partitions\n.TP\n75\nstopped by a signal: run the same command again\n";

std::string command_page(const CommandEntry& entry) {
  const DescribedCommand command(entry);
  std::string text = page_begin(page_name(entry.name), entry.summary) + synopsis_of(command);
  text += fmt::format(".SH DESCRIPTION\n{}\n.SH OPTIONS\n", way_of(entry.kind));
  for (const Option* option : command.options.all()) text += option_entry(*option);
  text += exit_status;
  text += fmt::format(".SH EXAMPLE\n.nf\n{}\n.fi\n", roff(entry.example));
  return text + ".SH SEE ALSO\n.BR skyfold (1)\n";
}

std::string general_page() {
  std::string text = page_begin(page_name(""), "per-object computations over whole sky surveys");
  text +=
      ".SH SYNOPSIS\n[\\fBmpirun \\-n\\fR \\fIRANKS\\fR] \\fBskyfold\\fR \\fICOMMAND\\fR [\\fB\\-\\-OPTION\\fR \\fIVALUE\\fR ...]\n.br\n"
      "\\fBskyfold help\\fR [\\fICOMMAND\\fR]\n.br\n\\fBskyfold help \\-\\-man\\fR \\fIFOLDER\\fR\n.br\n"
      "\\fBskyfold help \\-\\-completion\\fR \\fIbash\\fR|\\fIzsh\\fR|\\fIfish\\fR\n.br\n\\fBskyfold \\-\\-version\\fR\n"
      ".SH DESCRIPTION\nskyfold orders a catalogue by sky position once; then every partition of the sky is a contiguous range of rows, "
      "every job reads one range, runs a pure function on it and writes one range of the product, on MPI ranks and OpenMP threads.\n"
      ".SH COMMANDS\n";
  for (const CommandEntry& command : command_list())
    text += fmt::format(".TP\n.BR {} (1)\n{}\n", roff(page_name(command.name)), roff(command.summary));
  return text + exit_status;
}

}  // namespace

void write_manual(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw IoError(fmt::format("{}: cannot make the folder: {}", folder, error.message()));
  write_durably(fmt::format("{}/{}.1", folder, page_name("")), general_page());
  for (const CommandEntry& command : command_list())
    write_durably(fmt::format("{}/{}.1", folder, page_name(command.name)), command_page(command));
}

}  // namespace skyfold
