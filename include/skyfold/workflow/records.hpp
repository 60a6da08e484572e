#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "skyfold/workflow/file.hpp"

/// What happens in a pipeline, as its journal has it: the only truth after a death. Each record is one line, JSON with a checksum behind
/// it; a line that is cut off at the end of the file never happened. The state of a pipeline is what its records, applied in order, make of
/// it.
namespace skyfold::workflow {

/// A product of a job.
struct OutputFile {
  std::string path;  ///< final one, relative to the folder of the pipeline file
  std::string hash;  ///< of its bytes (XXH3, 16 hexadecimal digits)
  std::int64_t bytes = 0;
};

/// `pipeline run` has begun.
struct SessionRecord {
  double time_s = 0.0;  ///< Unix time, as all times here
  std::string host, version, user;
  int pid = 0, slots = 0;
};
/// An event is there.
struct EventRecord {
  std::int64_t id = 0;      ///< from 1, in order of appearance
  std::int64_t parent = 0;  ///< job that has emitted it; 0: a root
  std::string event_class;
  Keys keys;
};
/// A job is to be done: a node for an event, or for a group of events, and a row of for_each.
struct JobRecord {
  std::int64_t id = 0;  ///< from 1, apart from those of events
  std::string node;
  std::vector<std::int64_t> events;  ///< that started it
  Keys keys;                         ///< of the event (of a group: those that are the same in all), then of the row
  std::string set;                   ///< options of a retry: "key=value" lines
};
/// An attempt at a job has begun.
struct StartRecord {
  std::int64_t job = 0;
  int attempt = 1;
  double time_s = 0.0;
  std::string agent, host;
};
/// It has ended.
struct EndRecord {
  std::int64_t job = 0;
  int attempt = 1;
  /// completed; skipped (its condition was false); current (a step that was up to date); failed; lost (its worker vanished: no failure of
  /// the task); killer (its worker died of it); blocked never stands here: it is what a job is whose events cannot come.
  std::string how;
  int exit_code = 0, signal = 0;
  bool timed_out = false;
  double time_s = 0.0, wall_s = 0.0, cpu_s = 0.0;
  std::int64_t memory_bytes = 0;  ///< largest of its processes
  std::string message;            ///< of a failure: what is wrong, or the last line of its output
  std::string fingerprint;        ///< of a step: what decides whether it is up to date
  std::string folder;             ///< below which a task's outputs are, as paths of outputs begin
  std::vector<OutputFile> outputs;
  std::vector<EventRecord> events;  ///< that it emitted; parent and id are set
  bool again = false;               ///< of a failed one: another attempt follows
};
/// Jobs whose results no longer count, with all that came of them: asked for by retry, or for a late event.
struct InvalidRecord {
  std::vector<std::int64_t> jobs, events;
  std::string why;
  std::vector<JobRecord> again = {};  ///< jobs that are there instead, in the same record so that a death cannot separate them
};
/// `pipeline run` came to its end.
struct CloseRecord {
  double time_s = 0.0;
  int exit_code = 0;
};
using Record = std::variant<SessionRecord, EventRecord, JobRecord, StartRecord, EndRecord, InvalidRecord, CloseRecord>;

/// A record as a line of the journal, with its line break.
[[nodiscard]] std::string line_of(const Record& record);
/// The record of such a line, with or without its line break. Throws DataError for one that is damaged.
[[nodiscard]] Record record_of_line(std::string_view line);

/// The journal's end, for its one writer. Cuts off a torn last line when it is opened.
class JournalWriter {
 public:
  explicit JournalWriter(const std::string& path);
  ~JournalWriter();
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;
  void add(const Record& record);
  /// Writes what was added; records that are written survive the death of any process. Throws IoError, and then none of them counts.
  void flush();
  /// The same, and returns when they are on the disk.
  void sync();

 private:
  std::string path_, waiting_;
  int descriptor_ = -1;
};

/// Reads a journal while it is written or after, and never disturbs its writer: `read` gives the records that have come since.
class JournalReader {
 public:
  /// @param offset  of a line: where to begin
  explicit JournalReader(std::string path, std::int64_t offset = 0) : path_(std::move(path)), offset_(offset) {}
  /// Calls `take` for each new whole record, in order. Throws DataError for a damaged line; one without its line break is left for later.
  void read(const std::function<void(const Record&)>& take);

 private:
  void take_lines(const std::function<void(const Record&)>& take);

  std::string path_, rest_;
  std::int64_t offset_ = 0, line_ = 0;
};

}  // namespace skyfold::workflow
