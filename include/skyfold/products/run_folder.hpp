#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "skyfold/farm/farm.hpp"
#include "skyfold/io/journal.hpp"

namespace skyfold {

/// The folder `OUTPUT.run` in which a run works: effective configuration, journal, and the products being filled. The
/// final names appear by rename once everything has been checked. Made and used by rank 0.
class RunFolder {
 public:
  /// Takes the lock and starts over: what an interrupted run left is removed.
  /// @param output  the main product's final path
  /// @param config  the effective configuration, kept as config.ini
  /// Throws IoError when the folder of `output` is missing or read-only, or another run holds the lock.
  RunFolder(const std::string& output, const std::string& config);
  /// Removes the folder unless the process is being killed: an unpublished run leaves nothing behind.
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  /// Where a product is filled before it gets its final path.
  [[nodiscard]] std::string partial(const std::string& final_path) const;
  /// Gives products their final names, the main one last, with their bytes on the disk; then the folder goes.
  void publish(const std::vector<std::string>& final_paths);
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string output_, path_;
};

/// Path of a product while it is filled: the same on every rank.
[[nodiscard]] std::string partial_path(const std::string& output, const std::string& final_path);

/// Fails early when a product could not be put at one of `paths`, the main one first: folder missing or not writable, a
/// folder at the path, one path named twice, or a path on another file system than the main one, where a rename cannot
/// take it, or an existing file of `inputs`. Throws IoError or UsageError.
void check_outputs(const std::vector<std::string>& paths, const std::vector<std::string>& inputs);

/// Keeps the journal and shows progress while a farm runs.
class RunLog final : public FarmObserver {
 public:
  /// @param journal_path  "" for none, as on every rank but the first
  RunLog(const std::string& journal_path, const std::string& title, std::int64_t rows, const std::string& unit);
  ~RunLog() override;
  void started(const Job& job, int attempt, int rank) override;
  void finished(const JobOutcome& outcome) override;
  /// Sums over all jobs that succeeded.
  [[nodiscard]] std::uint32_t fits_sum() const noexcept { return fits_sum_; }

 private:
  struct Display;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Display> display_;
  std::int64_t rows_done_ = 0;
  int unsynced_ = 0;
  std::uint32_t fits_sum_ = 0;
};

}  // namespace skyfold
