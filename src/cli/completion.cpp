// Scripts that make bash, zsh and fish complete command lines of skyfold: commands, options, and values where these are a choice.
// Everything else is completed as the name of a file.
#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <map>

#include "help.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

/// The words that stand at one place of a command line, with what they mean.
using Words = std::vector<std::pair<std::string, std::string>>;

/// First words of commands (under ""), and second words by first one.
std::map<std::string, Words> command_words() {
  std::map<std::string, Words> words;
  for (const CommandEntry& command : command_list()) {
    const std::string name = command.name;
    const std::size_t blank = name.find(' ');
    const std::string first = name.substr(0, blank);
    if (blank != std::string::npos) words[first].emplace_back(name.substr(blank + 1), command.summary);
    Words& firsts = words[""];
    const auto known = std::find_if(firsts.begin(), firsts.end(), [&](const auto& word) { return word.first == first; });
    if (known != firsts.end() && blank == std::string::npos)
      known->second = command.summary;  // of the command itself, not of the group
    else if (known == firsts.end())
      firsts.emplace_back(first, blank == std::string::npos ? command.summary : "a group of commands");
  }
  words[""].emplace_back("help", "describe a command");
  return words;
}

void for_all_commands(const std::function<void(const std::string& name, const std::vector<const Option*>&)>& use) {
  for (const CommandEntry& entry : command_list()) {
    const DescribedCommand command(entry);
    use(entry.name, command.options.all());
  }
}

/// A text within single quotes, as all three shells read it.
std::string quoted(const std::string& text) {
  std::string safe = "'";
  for (const char c : one_line(text)) safe += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return safe + "'";
}

std::string names_of(const Words& words) {
  std::vector<std::string> names;
  for (const auto& [name, meaning] : words) names.push_back(name);
  return join(names, " ");
}

// --- bash ----------------------------------------------------------------------------------------

const char* bash_end = R"sh(
_skyfold() {
  local cur=${COMP_WORDS[COMP_CWORD]} previous command first i head=
  local words=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
  COMPREPLY=()
  # Behind `launch ... --` stands a command of its own, and behind `help` the name of one.
  for ((i = 0; i < ${#words[@]}; i++)); do
    if [ "${words[i]}" = -- ]; then words=("${words[@]:i+1}"); break; fi
  done
  if [ "${words[0]-}" = help ]; then words=("${words[@]:1}"); fi
  if [ ${#words[@]} = 0 ]; then
    COMPREPLY=($(compgen -W "$(_skyfold_words '') --help --version" -- "$cur"))
    return
  fi
  command=${words[0]}
  first=$(_skyfold_words "$command")
  if [ ${#words[@]} = 1 ] && [ -n "$first" ] && [[ $cur != -* ]]; then
    COMPREPLY=($(compgen -W "$first" -- "$cur"))
    return
  fi
  if [ -n "${words[1]-}" ]; then
    case " $first " in *" ${words[1]} "*) command+=" ${words[1]}" ;; esac
  fi
  # '=' is a word of its own to bash.
  previous=${words[${#words[@]}-1]}
  if [ "$previous" = = ]; then previous=${words[${#words[@]}-2]}; fi
  if [ "$cur" = = ]; then cur=; fi
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$(_skyfold_options "$command")" -- "$cur"))
  elif [[ $previous == --* ]]; then
    case $cur in *,*) head=${cur%,*},; cur=${cur##*,} ;; esac  # a list goes on behind its last comma
    COMPREPLY=($(compgen -P "$head" -W "$(_skyfold_values "$command $previous")" -- "$cur"))
  fi
}
complete -o bashdefault -o default -F _skyfold skyfold
)sh";

std::string bash_case(const std::string& function, const std::map<std::string, std::string>& answers) {
  std::string text = fmt::format("{}() {{\n  case $1 in\n", function);
  for (const auto& [question, answer] : answers) text += fmt::format("    {}) echo {} ;;\n", quoted(question), quoted(answer));
  return text + "  esac\n}\n";
}

std::string bash_script() {
  std::map<std::string, std::string> words, options, values;
  for (const auto& [first, seconds] : command_words()) words[first] = names_of(seconds);
  for_all_commands([&](const std::string& command, const std::vector<const Option*>& all) {
    std::vector<std::string> names;
    for (const Option* option : all) {
      names.push_back("--" + option->name);
      if (!option->choices.empty()) values[command + " --" + option->name] = join(option->choices, " ");
    }
    options[command] = join(names, " ");
  });
  return "# Completion of skyfold for bash, as `skyfold help --completion bash` prints it.\n# shellcheck shell=bash disable=SC2207\n" +
         bash_case("_skyfold_words", words) + bash_case("_skyfold_options", options) + bash_case("_skyfold_values", values) + bash_end;
}

// --- zsh -----------------------------------------------------------------------------------------

const char* zsh_end = R"sh(
_skyfold() {
  local at command
  # Behind `launch ... --` stands a command of its own, and behind `help` the name of one.
  at=${words[(i)--]}
  if (( at < CURRENT )); then
    shift $(( at - 1 )) words; (( CURRENT -= at - 1 ))
  elif (( CURRENT > 2 )) && [[ $words[2] == help ]]; then
    shift words; (( CURRENT -= 1 ))
  fi
  if (( CURRENT == 2 )); then _skyfold_words ''; return; fi
  command=$words[2]
  if (( CURRENT == 3 )) && [[ $words[3] != -* ]] && _skyfold_words "$command"; then return; fi
  if (( CURRENT > 3 )) && _skyfold_is_command "$command $words[3]"; then command+=" $words[3]"; shift words; (( CURRENT -= 1 )); fi
  shift words; (( CURRENT -= 1 ))
  _skyfold_arguments "$command"
}
_skyfold "$@"
)sh";

/// A text as it stands in a description of _arguments or _describe.
std::string zsh_text(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '\\' || c == '[' || c == ']' || c == ':') safe += '\\';
    safe += c;
  }
  return safe;
}

std::string zsh_option(const Option& option) {
  const std::string begin = fmt::format("--{}{}[{}]", option.name, option.is_flag ? "" : "=", zsh_text(option.help));
  if (option.is_flag) return quoted(begin);
  std::string values = "_files";
  if (!option.choices.empty() && option.is_list)
    values = "_sequence compadd - " + join(option.choices, " ");
  else if (!option.choices.empty())
    values = "(" + join(option.choices, " ") + ")";
  return quoted(fmt::format("{}:{}:{}", begin, zsh_text(option.value_name), values));
}

std::string zsh_script() {
  std::string words = "_skyfold_words() {\n  local -a list\n  case $1 in\n", commands, arguments;
  for (const auto& [first, seconds] : command_words()) {
    words += fmt::format("    {}) list=(\n", quoted(first));
    for (const auto& [name, meaning] : seconds) words += fmt::format("      {}\n", quoted(name + ":" + zsh_text(meaning)));
    words += "      ) ;;\n";
  }
  words += "    *) return 1 ;;\n  esac\n  _describe command list\n}\n";
  for_all_commands([&](const std::string& command, const std::vector<const Option*>& all) {
    commands += fmt::format("    {}) return 0 ;;\n", quoted(command));
    arguments += fmt::format("    {}) _arguments \\\n", quoted(command));
    for (const Option* option : all) arguments += fmt::format("      {} \\\n", zsh_option(*option));
    arguments += "      '*:file:_files' ;;\n";
  });
  return "#compdef skyfold\n# Completion of skyfold for zsh, as `skyfold help --completion zsh` prints it.\n" + words +
         "_skyfold_is_command() {\n  case $1 in\n" + commands + "    *) return 1 ;;\n  esac\n}\n_skyfold_arguments() {\n  case $1 in\n" +
         arguments + "  esac\n}\n" + zsh_end;
}

// --- fish ----------------------------------------------------------------------------------------

const char* fish_begin = R"sh(# Completion of skyfold for fish, as `skyfold help --completion fish` prints it.
# The words before the cursor that name a command: behind `launch ... --` stands one of its own, and behind `help` the name of one.
function __skyfold_words
    set -l words (commandline -opc)
    set -e words[1]
    if set -l at (contains -i -- -- $words)
        set -e words[1..$at]
    end
    if test "$words[1]" = help
        set -e words[1]
    end
    string join \n -- $words
end
# Whether exactly these words stand before the cursor.
function __skyfold_behind
    set -l words (__skyfold_words)
    test "$words" = "$argv"
end
# Whether they begin with a command, of one word or of two.
function __skyfold_is
    set -l words (__skyfold_words)
    set -l one "$words[1]"
    set -l two "$words[1] $words[2]"
    if contains -- "$two" $__skyfold_long
        test "$two" = "$argv"
    else
        test "$one" = "$argv"
    end
end
)sh";

/// A text within single quotes of fish, where a backslash is no letter like others.
std::string fish_quoted(const std::string& text) {
  std::string safe = "'";
  for (const char c : one_line(text)) {
    if (c == '\\' || c == '\'') safe += '\\';
    safe += c;
  }
  return safe + "'";
}

std::string fish_option(const std::string& command, const Option& option) {
  std::string line =
      fmt::format("complete -c skyfold -n {} -l {} -d {}", fish_quoted("__skyfold_is " + command), option.name, fish_quoted(option.help));
  if (option.is_flag) return line + "\n";
  return line + (option.choices.empty() ? " -r -F\n" : fmt::format(" -x -a {}\n", fish_quoted(join(option.choices, " "))));
}

std::string fish_script() {
  std::string text = fish_begin, names, options;
  for (const auto& [first, seconds] : command_words()) {
    const std::string where = fish_quoted(first.empty() ? "__skyfold_behind" : "__skyfold_behind " + first);
    for (const auto& [name, meaning] : seconds)
      names += fmt::format("complete -c skyfold -f -n {} -a {} -d {}\n", where, name, fish_quoted(meaning));
  }
  std::vector<std::string> long_names;
  for_all_commands([&](const std::string& command, const std::vector<const Option*>& all) {
    if (command.find(' ') != std::string::npos) long_names.push_back(fish_quoted(command));
    for (const Option* option : all) options += fish_option(command, *option);
  });
  return text + "set -g __skyfold_long " + join(long_names, " ") + "\n" + names + options;
}

}  // namespace

std::string completion_script(const std::string& shell) {
  if (shell == "bash") return bash_script();
  return shell == "zsh" ? zsh_script() : fish_script();
}

}  // namespace skyfold
