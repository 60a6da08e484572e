#pragma once

#include <string>
#include <utility>
#include <vector>

#include "skyfold/core/options.hpp"
#include "skyfold/core/version.hpp"

namespace skyfold {

/// What decides a product's content, as PROV-JSON (W3C member submission, 2013): command, program version, inputs, options
/// that can change the answer. Layout, time, host and paths stay out, so that equal content has equal provenance.
///
/// @param inputs  name and hash (or size) of each input
/// @param source_fingerprint  of the catalogue that this product is a re-ordered copy of; "" for none
[[nodiscard]] std::string provenance_json(const std::string& command, const OptionSet& options,
                                          const std::vector<std::pair<std::string, std::string>>& inputs,
                                          const std::string& source_fingerprint = {});

/// The `source_fingerprint` that `provenance_json` was given, or "".
[[nodiscard]] std::string source_fingerprint_in(const std::string& provenance);

/// "skyfold 0.1.0 COMMAND".
[[nodiscard]] std::string creator_of(const std::string& command);

}  // namespace skyfold
