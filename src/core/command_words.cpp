// Boost.Program_options is asked here for two things: to split a command line into options and their words, and to set the
// help page. Types, ranges, origins and messages are OptionSet's.
#include "command_words.hpp"

#include <algorithm>
#include <boost/make_shared.hpp>
#include <boost/program_options.hpp>
#include <map>
#include <sstream>

#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"

namespace skyfold {
namespace {

namespace po = boost::program_options;

constexpr unsigned page_width = 110, least_width_of_text = 60;

boost::shared_ptr<po::option_description> described(const Option& option, const po::value_semantic* words, const std::string& text = {}) {
  return boost::make_shared<po::option_description>(option.name.c_str(), words, text.c_str());
}

/// For reading. That an option may stand without a word keeps Boost from taking the next option's name for it; whether it needs
/// one, OptionSet says.
const po::value_semantic* words_of(const Option& option) {
  auto* words = po::value<std::string>()->implicit_value("", "");
  return option.is_list ? words->multitoken() : words;
}

/// `--name=` has a value, the empty one; Boost takes it for a mistake. And it would take `--=3` for the word 3.
std::vector<po::option> take_empty_value(std::vector<std::string>& words) {
  const std::string word = words.front();
  if (word.starts_with("--=")) throw UsageError("command line: unknown option '' (see --help)");
  if (!word.starts_with("--") || word.find('=') != word.size() - 1) return {};
  words.erase(words.begin());
  po::option option(word.substr(2, word.size() - 3), {""});
  option.original_tokens = {word};
  return {option};
}

/// How many of the words that Boost gave to an option are its own.
std::size_t count_of_values(const po::option& given, bool is_flag) {
  if (given.original_tokens.front().find('=') != std::string::npos) return 1;
  if (!is_flag || given.value.empty()) return given.value.size();
  return given.value.front() == "true" || given.value.front() == "false" ? 1 : 0;
}

}  // namespace

std::vector<GivenWords> given_words(const std::vector<std::unique_ptr<Option>>& options, const std::vector<std::string>& arguments) {
  po::options_description description;
  for (const auto& option : options) description.add(described(*option, words_of(*option)));
  const auto is_flag = [&](const std::string& name) {
    return std::any_of(options.begin(), options.end(), [&](const auto& option) { return option->name == name && option->is_flag; });
  };
  using namespace po::command_line_style;
  po::command_line_parser parser(arguments);
  // Long names only, and never abbreviated: what is short enough today would mean another option, or two, once one is added.
  // Unknown options pass: OptionSet refuses them, and can name the nearest one.
  parser.options(description).style(allow_long | long_allow_adjacent | long_allow_next).allow_unregistered();
  parser.extra_style_parser(take_empty_value);
  std::vector<GivenWords> all;
  for (const po::option& given : parser.run().options) {
    if (given.string_key.empty()) {
      all.push_back({"", given.original_tokens});
      continue;
    }
    const auto own = given.value.begin() + static_cast<std::ptrdiff_t>(count_of_values(given, is_flag(given.string_key)));
    all.push_back({given.string_key, {given.value.begin(), own}});
    // Boost gave a flag what follows it; what is neither true nor false is a word of its own, such as an input.
    for (auto word = own; word != given.value.end(); ++word) all.push_back({"", {*word}});
  }
  return all;
}

std::string section_of(const std::string& name) {
  const std::size_t dot = name.find('.');
  return dot == std::string::npos ? "" : name.substr(0, dot);
}

std::string help_page(const std::vector<std::unique_ptr<Option>>& options, std::string (*description)(const Option&)) {
  std::vector<po::options_description> sections;
  std::map<std::string, std::size_t> numbers;
  for (const auto& option : options) {
    const std::string section = section_of(option->name);
    const auto [at, is_new] = numbers.try_emplace(section, sections.size());
    if (is_new) sections.emplace_back(section.empty() ? "Options" : "Section " + section, page_width, least_width_of_text);
    const po::value_semantic* words =
        option->is_flag ? new po::untyped_value(true)  // owned by the description, as Boost's own functions have it
                        : static_cast<const po::value_semantic*>(po::value<std::string>()->value_name(option->value_name));
    sections[at->second].add(described(*option, words, one_line(description(*option))));
  }
  po::options_description page(page_width, least_width_of_text);
  for (const po::options_description& section : sections) page.add(section);
  std::ostringstream text;
  text << page;
  return text.str();
}

}  // namespace skyfold
