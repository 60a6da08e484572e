#pragma once

#include <map>
#include <string>
#include <vector>

#include "file_sections.hpp"
#include "skyfold/workflow/file.hpp"

namespace skyfold::workflow {

/// A pipeline file with the lines of its settings, by node and key, for what is found wrong once all of it is read.
struct ReadFile {
  PipelineFile file;
  std::vector<std::map<std::string, int>> lines;  ///< of the nodes, in their order
  int pipeline_line = 1;                          ///< of [pipeline]
  std::map<std::string, int> pipeline_lines;

  /// Line of a setting of a node; that of its heading where it has none.
  [[nodiscard]] int line_of(const Node& node, const std::string& key) const;
};

/// Adds what follows to the triggers of nodes: steps wait for those that they refer to, and names of target rows are @start.
void complete_triggers(ReadFile& read);

/// What is wrong with the nodes together: names, references, triggers that nothing gives, circles, keys that no table has, conditions.
/// Tables of targets and for_each are read; nodes get the rows of theirs.
void check_nodes(ReadFile& read, FaultsOf& faults);

}  // namespace skyfold::workflow
