#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/workflow/file.hpp"

namespace skyfold::workflow {

/// Where faults of one file are gathered.
class FaultsOf {
 public:
  FaultsOf(std::string file, std::vector<Fault>& all) : file_(std::move(file)), all_(all) {}
  /// @param line  0: the file as a whole
  void add(int line, const std::string& message);
  /// Calls `action`; an error that it throws becomes a fault.
  template <class Action>
  void guard(int line, const std::string& before, Action action) {
    try {
      action();
    } catch (const Error& error) {
      add(line, before + error.what());
    }
  }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  std::string file_;
  std::vector<Fault>& all_;
  std::size_t count_ = 0;
};

/// A section of a pipeline file: [step photoz].
struct FileSection {
  std::string kind, name;  ///< "step", "photoz"
  int line = 0;
  std::vector<Setting> settings;
};

/// The sections of a pipeline file, whatever they are; lines that are neither heading nor setting, and repeated keys, are faults.
[[nodiscard]] std::vector<FileSection> file_sections(std::string_view text, FaultsOf& faults);

/// Sets NAME.KEY=VALUE in the section of that name, in place of what the file says.
void apply_sets(const std::vector<std::string>& sets, std::vector<FileSection>& sections, FaultsOf& faults);

/// A text from a file in a message: in quotes, of one line, cut where it is long.
[[nodiscard]] std::string shown(std::string_view text);
/// " (did you mean 'x'?)", or "" when no name is near.
[[nodiscard]] std::string suggestion(std::string_view wrong, const std::vector<std::string>& names);

}  // namespace skyfold::workflow
