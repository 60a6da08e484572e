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
  std::string problem;       ///< of one that is not known, or that cannot be a step: what is wrong, with the nearest name
  bool is_parallel = false;  ///< runs on ranks
  /// The command's options, all defaults; the set lives as long as this.
  std::shared_ptr<OptionSet> options;
  /// Products that the command makes with its options as they stand, by name: "" what --output names, others by their option ("fits") or by
  /// what stands before their ending ("pdf" of z.pdf.hdf5). Only those that are made for certain. May throw UsageError.
  std::function<std::map<std::string, std::string>()> products;
  std::map<std::string, std::string> gives;               ///< classes of products by their name, "*": of others; as far as known
  std::map<std::string, std::vector<std::string>> takes;  ///< classes that an option takes; options that take any are not in here
};
using CommandBook = std::function<CommandFacts(const std::string& command)>;

/// An instance of a step, ready to be run.
struct StepCall {
  std::string command;                          ///< "photoz"
  std::vector<std::string> words;               ///< command and options: photoz --catalogue=... (behind the program's name), as from the
                                                ///< folder of the pipeline file, where it must be run
  std::map<std::string, std::string> products;  ///< "" the main one, others by their name: absolute paths
  bool is_parallel = false;
};

/// All that is wrong with the steps of a file, once the commands are known: unknown commands and options, values out of range, @STEP:name
/// that there is not, an output that two steps claim, classes of products that an option does not take.
void check_steps(const PipelineFile& file, const CommandBook& book, std::vector<Fault>& faults);

/// An instance of a step that is done.
struct DoneStep {
  Keys keys;                                    ///< of its job
  std::map<std::string, std::string> products;  ///< as of a StepCall; relative paths are below the folder of the pipeline file
};
/// Throws UsageError or DataError that names step and option.
/// @param done  instances of a step that are done, in order of rows; of a step over the same rows that with the keys of the row is taken
[[nodiscard]] StepCall step_call(const PipelineFile& file, const Node& step, const Keys& keys, const CommandBook& book,
                                 const std::function<std::vector<DoneStep>(const std::string& step)>& done);

/// Whether an instance of a step must run, by content: its options, the program's version, the content hashes of what it reads, and that
/// what it made is there unchanged.
struct StepDecision {
  bool is_current = false;
  std::string why;          ///< "option zmax was 2, is 3"; "input survey.h5 has other content"; "product z.hdf5 is not there"
  std::string fingerprint;  ///< to be given to finish_step when it has run; to be kept as it is when it is current
};
/// Besides what the pipeline remembers, the record beside the product is looked at, which another pipeline may have left (finish_step).
/// @param last_fingerprint  of the last run; "" for none
/// @param folder            of the pipeline file
[[nodiscard]] StepDecision decide_step(const StepCall& call, const CommandBook& book, const std::string& last_fingerprint,
                                       const std::vector<OutputFile>& last_outputs, const std::string& folder);

/// What a step has left, once it has run without an error or is current.
struct StepEnd {
  std::map<std::string, std::string> products;  ///< absolute paths by name, also of those that only the registry knows
  std::vector<OutputFile> outputs;
  std::string fingerprint;  ///< for the next decision: with what was read besides what options name, and the products as they are
};
/// Leaves a record beside the main product, by which other pipelines see what made it. Throws DataError for a product that is not there.
/// @param fingerprint  of the decision before the run
[[nodiscard]] StepEnd finish_step(const StepCall& call, const std::string& fingerprint, const std::string& folder);

}  // namespace skyfold::workflow
