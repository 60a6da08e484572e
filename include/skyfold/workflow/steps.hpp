#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "skyfold/core/options.hpp"
#include "skyfold/workflow/file.hpp"
#include "skyfold/workflow/records.hpp"

namespace skyfold::workflow {

/// What a step needs to know of a command: given by the layer that has the commands.
struct CommandFacts {
  bool is_known = false;
  bool is_parallel = false;  ///< runs on ranks
  /// Fills the set with the command's options, all defaults; the set lives as long as what this returns.
  std::shared_ptr<OptionSet> options;
};
using CommandBook = std::function<CommandFacts(const std::string& command)>;

/// An instance of a step, ready to be run.
struct StepCall {
  std::vector<std::string> words;               ///< command and options: photoz --catalogue=... (behind the program's name)
  std::map<std::string, std::string> products;  ///< "" the main one, others by their name: absolute paths
  bool is_parallel = false;
};

/// All that is wrong with the steps of a file, once the commands are known: unknown commands and options, values out of range, @STEP:name
/// that there is not, an output that two steps claim, classes of products that an option does not take.
void check_steps(const PipelineFile& file, const CommandBook& book, std::vector<Fault>& faults);

/// @param products_of  main and other products of the instances of a step that is done (all instances, in order of rows)
[[nodiscard]] StepCall step_call(
    const PipelineFile& file, const Node& step, const Keys& keys, const CommandBook& book,
    const std::function<std::vector<std::map<std::string, std::string>>(const std::string& step)>& products_of);

/// Whether an instance of a step must run, by content: its options, the program's version, the content hashes of what it reads, and that
/// what it made is there unchanged.
struct StepDecision {
  bool is_current = false;
  std::string why;          ///< "option zmax was 2, is 3"; "input survey.h5 has other content"; "product z.hdf5 is not there"
  std::string fingerprint;  ///< to be kept when it has run
};
[[nodiscard]] StepDecision decide_step(const StepCall& call, const CommandBook& book, const std::string& last_fingerprint,
                                       const std::vector<OutputFile>& last_outputs, const std::string& folder);

}  // namespace skyfold::workflow
