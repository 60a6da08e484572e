#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "skyfold/workflow/engine.hpp"
#include "skyfold/workflow/file.hpp"
#include "skyfold/workflow/state.hpp"

/// What people see of a pipeline, from its file and its state alone: the words, the counts and the tree.
namespace skyfold::workflow {

/// Where a pipeline stands as a whole.
struct Standing {
  std::string word;    ///< not started, running, ended, interrupted (its owner is gone, and it has not come to its end)
  std::string holder;  ///< "node07, process 12" of the living owner; "" for none
  double now_s = 0.0;  ///< when it was looked at
  std::string home;    ///< folder of the pipeline as it is written in paths that are shown
};
/// @param holder  as `lock_holder` tells of the pipeline's folder
[[nodiscard]] Standing standing_of(const PipelineFile& file, const PipelineState& state, const std::string& holder, double now_s);
/// By the lock of the pipeline's folder and this machine's clock.
[[nodiscard]] Standing standing_now(const PipelineFile& file, const PipelineState& state);

/// "41 s", "12.3 min", "7.21 h".
[[nodiscard]] std::string duration_text(double seconds);
/// Where the output of a job is: HOME/log/NODE.JOB.log.
[[nodiscard]] std::string log_path(const Standing& standing, const JobState& job);
/// Keys as "brick=3 image=a.fits", long values cut.
[[nodiscard]] std::string keys_text(const Keys& keys);

/// The state of a job in a word: that of `JobState`, but interrupted for one that ran when the owner went away.
[[nodiscard]] std::string word_of(const JobState& job, const Standing& standing);
/// A class of events as people call it: root events by the name that `targets` gives them.
[[nodiscard]] std::string class_text(const PipelineFile& file, const std::string& event_class);
/// Failed or quarantined, and it counts: somebody must look.
[[nodiscard]] bool is_failing(const JobState& job) noexcept;
/// How its last attempt ended: `exit 2, "no PSF star"`; "" where nothing went wrong.
[[nodiscard]] std::string failure_text(const JobState& job);

/// An attempt at a job; without an end while it runs, and when it ran as its owner went away.
struct Attempt {
  const StartRecord* start = nullptr;
  const EndRecord* end = nullptr;
};
/// Those that have begun, in order. (A step that was up to date, or a job whose condition was false, has an end and no attempt.)
[[nodiscard]] std::vector<Attempt> attempts_of(const JobState& job);

/// What a node has come to.
struct NodeCounts {
  Counts counts;             ///< of jobs that count; blocked: groups that nothing will complete any more
  std::int64_t jobs = 0;     ///< that count
  std::int64_t waiting = 0;  ///< groups of which events are there, and no job yet
  std::int64_t attempts = 0, lost = 0;
  double wall_s = 0.0, cpu_s = 0.0;  ///< of all attempts
};
/// By name: nodes of the file, and those that the journal knows and the file no longer has.
[[nodiscard]] std::map<std::string, NodeCounts> count_nodes(const PipelineFile& file, const PipelineState& state, const Standing& standing);
/// The nodes in order of the file, then those that it no longer has.
[[nodiscard]] std::vector<std::string> names_in_order(const PipelineFile& file, const std::map<std::string, NodeCounts>& nodes);
/// "990 completed, 8 running, 2 failed"; "no job yet" for none.
[[nodiscard]] std::string counts_text(const NodeCounts& node);
/// Step, task, or "gone" for one that the file no longer has.
[[nodiscard]] std::string kind_of(const PipelineFile& file, const std::string& node);

/// Which part of the tree is wanted.
struct TreeChoice {
  bool failed = false;       ///< failing branches only
  std::string find;          ///< branches with a line that has this text
  std::int64_t lines = 200;  ///< at most, without those that tell what is left out; 0: all. Failures first, then what runs
};

/// Events and jobs by parentage. A job stands below the last of its events; the others say in which job they are.
class StateTree {
 public:
  /// All must outlive this.
  /// @param with_invalid  also what no longer counts
  StateTree(const PipelineFile& file, const PipelineState& state, const Standing& standing, bool with_invalid);

  struct Row {
    const EventState* event = nullptr;  ///< or
    const JobState* job = nullptr;
    int depth = 0;
    std::size_t parent = 0, end = 0;  ///< place of the parent (its own for a root); behind its last descendant
    std::int64_t failing = 0;         ///< jobs below that fail
  };
  [[nodiscard]] const std::vector<Row>& rows() const noexcept { return rows_; }
  /// A row as a line, without its margin.
  [[nodiscard]] std::string text(std::size_t row) const;

  /// A line that is shown.
  struct Line {
    int depth = 0;
    std::size_t row = 0;  ///< in `rows`; of a line that tells what is left out: none
    bool is_left_out = false;
    std::string text;
  };
  [[nodiscard]] std::vector<Line> lines(const TreeChoice& choice) const;
  /// Rows that a choice wants, whatever their number.
  [[nodiscard]] std::vector<char> wanted(const TreeChoice& choice) const;

 private:
  struct Index;
  void add(const Row& row, Index& index);
  [[nodiscard]] std::string event_word(const EventState& event) const;
  [[nodiscard]] std::string event_text(const Row& row) const;
  [[nodiscard]] std::string job_text(const Row& row) const;
  [[nodiscard]] std::vector<char> within_limit(const std::vector<char>& wanted, const TreeChoice& choice) const;
  [[nodiscard]] std::string left_out_text(const std::vector<std::size_t>& tops, const std::vector<char>& wanted) const;

  const PipelineFile& file_;
  const PipelineState& state_;
  const Standing& standing_;
  bool with_invalid_;
  std::vector<Row> rows_;
};

/// What stands above the tree: the pipeline, who holds it, a line for each node.
[[nodiscard]] std::string headline(const PipelineFile& file, const PipelineState& state, const Standing& standing);

}  // namespace skyfold::workflow
