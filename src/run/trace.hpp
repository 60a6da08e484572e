#pragma once

#include <optional>
#include <string>

#include "skyfold/core/file.hpp"
#include "skyfold/farm/farm.hpp"

namespace skyfold {

/// Writes `trace.json` in Chrome's trace format (an array of events, which may lack its end, so that the trace of a dead
/// run opens too): a process per host, for each rank a line for its kernel and one for its files.
class Trace {
 public:
  /// Appends to the trace of earlier attempts; "" for none.
  explicit Trace(const std::string& path);

  /// @param label  of the job's first partition
  void add(const JobOutcome& outcome, const std::string& host, const std::string& label);
  void flush();

 private:
  void put(const std::string& line);
  void give_up(const char* why);
  void event(const char* name, int host, int line, double begin_s, double seconds, const std::string& arguments);
  int host_number(const std::string& host);
  void name_lines(int host, int rank);

  std::optional<File> file_;
  std::int64_t end_ = 0;
  std::vector<std::string> hosts_;
  std::vector<double> idle_since_s_;  ///< by rank; 0: not seen yet
};

}  // namespace skyfold
