#pragma once

#include <memory>
#include <string>
#include <vector>

#include "skyfold/core/options.hpp"

/// What Boost.Program_options does for an OptionSet: which words of a command line belong together, and the layout of the help.
namespace skyfold {

/// An option with the words that belong to it; or, without a name, a word that stands alone.
struct GivenWords {
  std::string name;
  std::vector<std::string> values;
};

/// The words of a command line (up to a "--") in order. A name may be none of `options`.
///
/// `--name=value` has this value alone, a list all words up to the next that begins with `--`, a flag only the word true or
/// false behind it, any other option the next word that does not begin with `--`.
[[nodiscard]] std::vector<GivenWords> given_words(const std::vector<std::unique_ptr<Option>>& options,
                                                  const std::vector<std::string>& arguments);

/// One line for each option: name, kind of value, and `description` of the option, broken to the width of a page, by section.
[[nodiscard]] std::string help_page(const std::vector<std::unique_ptr<Option>>& options, std::string (*description)(const Option&));

/// "section" of "section.key"; "" of a name without a dot.
[[nodiscard]] std::string section_of(const std::string& name);

}  // namespace skyfold
