#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace skyfold {

/// The folder `OUTPUT.run` in which a run works: effective configuration, state, journal, trace, and the products being
/// filled. Held by one run at a time, by a lock with a heartbeat. Made and used by rank 0.
class RunFolder {
 public:
  /// Makes the folder where it is missing, and takes the lock. Throws IoError when the folder of `output` is missing or
  /// read-only, or another run holds the lock.
  explicit RunFolder(const std::string& output);
  /// Gives the lock back. Unless `keep` was called, and unless the process is being killed, the folder goes too: a run
  /// that did nothing leaves nothing behind.
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  /// Removes all that earlier attempts left.
  void clear();
  void keep(bool kept = true) noexcept { is_kept_ = kept; }
  /// A file of the run itself.
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  /// Where a product is filled before it gets its final path.
  [[nodiscard]] std::string partial(const std::string& final_path) const;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  void beat();

  std::string output_, path_;
  bool is_kept_ = false, ends_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread heart_;
};

/// OUTPUT.run
[[nodiscard]] std::string run_path(const std::string& output);
/// Path of a product while it is filled: the same on every rank.
[[nodiscard]] std::string partial_path(const std::string& output, const std::string& final_path);
/// "host, process N" of a live run on this output, or "".
[[nodiscard]] std::string holder_of(const std::string& output);

/// Fails early when a product could not be put at one of `paths`, the main one first: folder missing or not writable, a
/// folder at the path, one path named twice, or a path on another file system than the main one, where a rename cannot
/// take it, or an existing file of `inputs`. Throws IoError or UsageError.
void check_outputs(const std::vector<std::string>& paths, const std::vector<std::string>& inputs);

/// Fails early when one of `paths` is a read-only file, as saved products are: a new product would take its place. Throws
/// UsageError.
void check_replaceable(const std::vector<std::string>& paths);

/// Gives products their final names, the main one, `output`, last, with their bytes on the disk.
/// @param was_interrupted  an earlier attempt may have renamed some of them
void publish_products(const std::string& output, const std::vector<std::string>& final_paths, bool was_interrupted);

/// Returns when a file's bytes, or a folder's entries, are on the disk.
void sync_path(const std::string& path);

/// Replaces a small text file in one step, its bytes on the disk.
void write_durably(const std::string& path, const std::string& text);

}  // namespace skyfold
