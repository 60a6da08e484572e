#pragma once

#include <string>
#include <vector>

#include "archive.hpp"
#include "tree.hpp"

namespace skyfold {

class Ranks;

/// How nights are cut into chunks.
struct RegisterOptions {
  std::string tree;
  std::string chunk_by = "night";  ///< night, or a keyword of primary headers: a chunk for each value of it in a night
};
void describe(OptionSet& option, RegisterOptions& o);

/// Throws when there are no nights, before anything is made.
void check_tree(const RegisterOptions& o);

/// What came of a registration.
struct Registered {
  std::int64_t nights = 0, files = 0, known = 0;
  std::vector<std::string> problems;  ///< a line each: what was not registered, and what is damaged
};

/// Gives every file of a tree that the archive does not know its multiframe id, each night in one transaction, in canonical order. All
/// bytes are read for hash and checksums, on all ranks; rank 0 alone has the archive. Collective.
/// @param archive  null on other ranks than 0
[[nodiscard]] Registered register_tree(const RegisterOptions& o, Archive* archive, const Ranks* ranks);

}  // namespace skyfold
