#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "skyfold/registry/registry.hpp"
#include "skyfold/workflow/steps.hpp"

namespace skyfold::workflow {

/// Contents of files by their hashes. A file that has the size, time and edges that it had when it was hashed is not read again.
class ContentMemory {
 public:
  /// Takes in what a fingerprint knows of files.
  void learn(const nlohmann::json& fingerprint);
  /// What is known of a file: path, hash, size, time and edges. Throws IoError for one that is not there.
  /// @param bytes  the hash of all its bytes; else that of its content, where it is a table of skyfold
  [[nodiscard]] nlohmann::json of(const std::string& path, bool bytes);
  /// The same of what a process has read; where that was other content than is there now, the hash is of neither.
  [[nodiscard]] nlohmann::json of(const InputRecord& input);

 private:
  std::map<std::string, std::string> hashes_;  ///< by path, state and kind of hash
};

/// Files that the options of a command name, by option: "catalogue", "models[2]". Of lists of files also what they list.
/// @param but  paths that are none: products
[[nodiscard]] std::map<std::string, std::string> files_in_options(const OptionSet& options, const std::string& folder,
                                                                  const std::vector<std::string>& but);

/// What the registry knows of the process that made a product: what it read, and paths of what it made. Empty where there is none.
struct RegisteredFiles {
  std::vector<InputRecord> read;
  std::vector<std::string> made;
};
[[nodiscard]] RegisteredFiles registered_files(const StepCall& call, const std::string& folder);

}  // namespace skyfold::workflow
