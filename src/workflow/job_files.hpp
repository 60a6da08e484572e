#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "skyfold/workflow/records.hpp"

/// The files of one job: its log, its scratch folder with what it has made, and its events.
namespace skyfold::workflow {

/// Takes what a program writes: all to the log until it has its fill, and the last line for messages. The log is made when there is
/// something to be written.
class JobLog {
 public:
  /// @param limit_bytes  of what this attempt writes
  /// @param secrets  texts in whose place the log has stars
  JobLog(std::string path, int attempt, std::int64_t limit_bytes, std::vector<std::string> secrets = {});
  ~JobLog();
  JobLog(const JobLog&) = delete;
  JobLog& operator=(const JobLog&) = delete;

  void add(std::string_view output);
  /// Nothing more comes: what could have been the beginning of a secret is none.
  void end_output();
  /// A line of ours, whatever the limit.
  void remark(std::string_view line);
  /// The last line with anything in it, fit to be shown; "" for none.
  [[nodiscard]] std::string last_line() const;
  /// Why the log could not be written; "" when all is well.
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }

 private:
  void add_shown(std::string_view output);
  [[nodiscard]] std::size_t begun_secret() const;
  void write(std::string_view text);
  void open_file();

  std::vector<std::string> secrets_;
  std::string path_, tail_, trouble_;
  std::string held_;  ///< output, of which the end may be the beginning of a secret
  int attempt_ = 1, descriptor_ = -1;
  std::int64_t limit_ = 0, room_ = 0;
  bool is_full_ = false, at_line_start_ = true;
};

/// A text with stars in place of secrets.
[[nodiscard]] std::string masked(std::string_view text, const std::vector<std::string>& secrets);
/// The values of variables, as this process has them; without those that are absent or empty.
[[nodiscard]] std::vector<std::string> values_of_variables(const std::vector<std::string>& names);

/// Makes an empty folder, with those above it, in place of what an earlier start of the same attempt has left. Throws IoError.
void make_scratch(const std::string& folder);
/// What is in it, in order of path, with hashes; paths relative to it. Throws DataError for anything but regular files and folders, and
/// for names with line breaks. A folder without files is removed.
[[nodiscard]] std::vector<OutputFile> outputs_in(const std::string& folder);

/// Where a job writes its events: beside its scratch folder.
[[nodiscard]] std::string events_path(const std::string& scratch);
/// The events it has written; the file is removed. Throws DataError.
[[nodiscard]] std::vector<EventRecord> events_in(const std::string& path);

}  // namespace skyfold::workflow
