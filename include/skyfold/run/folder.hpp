#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "skyfold/core/files.hpp"

namespace skyfold {

class RunLock;

/// What the error of a second run on one output says, behind the output.
inline constexpr const char* held_text = "another run is writing this output";

/// The folder `OUTPUT.run` in which a run works: effective configuration, state, journal, trace, and the products being
/// filled. Held by one run at a time, by a lock with a heartbeat. Made and used by rank 0.
///
/// Its file `skyfold-run` says that skyfold has made it. A folder without it is the user's, and is refused. Of what is in
/// it only files that skyfold makes are ever removed, by name: its own, and those that the file `files` lists.
class RunFolder {
 public:
  /// Makes the folder where it is missing, and takes the lock. Throws IoError when the folder of `output` is missing or
  /// read-only, when `OUTPUT.run` is not a run folder, or another run holds the lock.
  /// @param products  final paths of what will be filled in it
  explicit RunFolder(const std::string& output, const std::vector<std::string>& products = {});
  /// Gives the lock back. Unless `keep` was called, and unless the process is being killed, the folder goes too: a run
  /// that did nothing leaves nothing behind.
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  /// Removes all that earlier attempts left; but for parts, where these can be of use.
  void clear(bool keeps_parts = false);
  /// Makes a folder of parts where it is missing.
  /// @param anew  without what is in it
  void make_parts(const std::string& name, bool anew);
  /// Removes products that are not published and, unless they are needed again, scratch files and parts.
  void clear_products(bool keeps_scratch = false, bool keeps_parts = false);
  void keep(bool kept = true) noexcept { is_kept_ = kept; }
  /// A file of the run itself.
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  /// Where a product is filled before it gets its final path.
  [[nodiscard]] std::string partial(const std::string& final_path) const;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// Throws IoError when another run has taken the folder meanwhile: what is in it is no longer this run's.
  void require_lock() const;

 private:
  void declare(const std::vector<std::string>& products);
  void clear_parts();
  void tell_foreign(bool keeps_parts);

  std::string output_, path_;
  bool is_kept_ = false, has_told_ = false;
  std::unique_ptr<RunLock> lock_;
  std::set<std::string> names_;  ///< of files in `products` that skyfold makes
};

/// OUTPUT.run; beside the target where OUTPUT is a link, so that there is one for each file.
[[nodiscard]] std::string run_path(const std::string& output);
/// Path of a product while it is filled: the same on every rank.
[[nodiscard]] std::string partial_path(const std::string& output, const std::string& final_path);
/// Path of a folder of parts: the same on every rank.
[[nodiscard]] std::string parts_path(const std::string& output, const std::string& name);
/// Where its compressed copy is made.
[[nodiscard]] std::string packed_path(const std::string& output, const std::string& final_path);
/// The file that will be published: the compressed copy, where there is one.
[[nodiscard]] std::string finished_path(const std::string& output, const std::string& final_path);
/// "host, process N" of a live run on this output, or "".
[[nodiscard]] std::string holder_of(const std::string& output);
/// Throws IoError when `OUTPUT.run` is there and is no run folder of this user: a link, a file, a folder without skyfold's
/// mark, or one with pipes, devices or links in it. Nothing is changed.
void check_run_folder(const std::string& output);
/// Throws UsageError when an unfinished run of a command that goes on after a death is there: for commands that start over.
void require_no_unfinished_run(const std::string& output);
/// Removes a folder of scratch files, which have numbers for names; other files in it stay.
void remove_scratch_folder(const std::string& path);

/// Fails early when a product could not be put at one of `paths`, the main one first: folder missing or not writable, a
/// folder or a device at the path, one file named twice, or a path on another file system than the main one, where a rename
/// cannot take it, or an existing file of `inputs`. Links are followed. Throws IoError or UsageError.
void check_outputs(const std::vector<std::string>& paths, const std::vector<std::string>& inputs);

/// Fails early when one of `paths` is a read-only file, as saved products are: a new product would take its place. Throws
/// UsageError.
void check_replaceable(const std::vector<std::string>& paths);

/// Gives products their final names, the main one, `output`, last, with their bytes on the disk. A link stays: its target
/// is replaced.
/// @param was_interrupted  an earlier attempt may have renamed some of them
void publish_products(const std::string& output, const std::vector<std::string>& final_paths, bool was_interrupted);

}  // namespace skyfold
