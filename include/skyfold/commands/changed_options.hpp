#pragma once

#include <string>

#include "skyfold/core/options.hpp"

namespace skyfold {

/// True when an option has another value than by default. A configuration that is replayed gives every option: that it was given does not
/// say that somebody meant it.
///
/// @param Options  the struct of the command that has the option, which `describe(OptionSet&, Options&)` describes
template <class Options>
[[nodiscard]] bool is_changed(const OptionSet& options, const std::string& name) {
  if (!options.given(name)) return false;
  Options untouched;
  OptionSet defaults;
  describe(defaults, untouched);
  return options.value(name) != defaults.value(name);
}

}  // namespace skyfold
