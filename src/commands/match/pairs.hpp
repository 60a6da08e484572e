#pragma once

#include <string>
#include <vector>

#include "skyfold/commands/command.hpp"
#include "skyfold/dataset/row_sink.hpp"
#include "skyfold/io/source.hpp"

namespace skyfold {

/// `match A B`: two tables of positions.
struct PairOptions {
  std::string first, second;
  std::string radius;            ///< with its unit
  std::string find = "nearest";  ///< nearest, all, or a whole number: the nearest ones, as many
  std::string join = "1and2";    ///< 1and2, 1not2, all
  bool symmetric = false;
  std::vector<std::string> columns;
  std::string format = "auto";
};
void describe(OptionSet& option, PairOptions& o);

/// Matches them; collective.
/// @param source  how tables of other programs are read
ExitCode match_pairs(const PairOptions& o, const std::string& output, const SourceOptions& source, const CommandContext& context);

}  // namespace skyfold
