#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace skyfold {

/// One run of a command, as the registry keeps it.
struct ProcessRecord {
  std::int64_t id = 0;
  std::string command, version, build;
  std::string configuration;    ///< effective, as an INI file; paths as the user gave them
  std::string folder;           ///< working folder, which those paths are relative to
  std::string host, user, log;  ///< log: path of the product log, "" for none
  int pid = 0, ranks = 1, threads = 1;
  std::int64_t seed = 0;
  double start_s = 0.0, end_s = 0.0;  ///< Unix time; end 0 while it runs
  std::string state;                  ///< running, done, incomplete, failed, stopped, lost (its process is gone)
  int exit_code = 0;
  std::string message;  ///< of an error
  std::vector<std::pair<std::string, std::string>> facts;
};

/// A file that a process has made.
struct ProductRecord {
  std::int64_t id = 0, process = 0;
  std::string product_class, path;  ///< absolute path
  std::int64_t rows = 0, bytes = 0;
  std::string file_hash, content_hash;
  double made_s = 0.0;  ///< Unix time
  bool is_saved = false;
  bool is_current = true;  ///< false once another process has made the same path, or it was dropped
};

/// A file that a process has read.
struct InputRecord {
  std::string path, product_class, file_hash, content_hash;
  std::int64_t product = 0;  ///< its entry, when the registry knows it; else 0
};

struct CommentRecord {
  double time_s = 0.0;
  std::string user, text;
};

/// The registry of a project's products and of the processes that made them: `skyfold.db` in the project's folder, an
/// SQLite database. Every change is one transaction, so that a killed process leaves it consistent. Throws IoError when
/// the database cannot be opened, read or written, or is of another program.
class Registry {
 public:
  /// Opens the registry of a folder, and makes it where it is missing unless `must_exist`; one that exists in a folder that
  /// this user cannot write can be read.
  explicit Registry(const std::string& folder, bool must_exist = false);
  ~Registry();
  Registry(Registry&&) noexcept;
  Registry& operator=(Registry&&) noexcept;

  [[nodiscard]] const std::string& folder() const noexcept;

  /// Records the start of a process; returns its id. An older one on this host whose process is gone becomes "lost".
  std::int64_t begin(const ProcessRecord& process);
  /// Records the end: state, exit code, facts, message, log, and what was read and made.
  void end(const ProcessRecord& process, const std::vector<InputRecord>& inputs, const std::vector<ProductRecord>& products);

  /// All products, oldest first.
  [[nodiscard]] std::vector<ProductRecord> products();
  /// The current product at a path or the one with an id given as "#12". Throws UsageError for none.
  [[nodiscard]] ProductRecord product(const std::string& path_or_id);
  /// Throws UsageError for an id that there is not.
  [[nodiscard]] ProductRecord product(std::int64_t id);
  [[nodiscard]] ProcessRecord process(std::int64_t id);
  [[nodiscard]] std::vector<ProcessRecord> processes();
  [[nodiscard]] std::vector<InputRecord> inputs(std::int64_t process);
  [[nodiscard]] std::vector<ProductRecord> products_of(std::int64_t process);
  [[nodiscard]] std::vector<CommentRecord> comments(std::int64_t product);

  /// @param hashes  of the file and of its content
  void set_hashes(std::int64_t product, const std::pair<std::string, std::string>& hashes);
  void set_saved(std::int64_t product, bool saved);
  void set_dropped(std::int64_t product);
  void comment(std::int64_t product, const CommentRecord& comment);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Folder of the nearest registry at or above the folder of `path`; "" for none.
[[nodiscard]] std::string project_of(const std::string& path);

/// Throws IoError unless the registry of a folder, which nobody has named, can be only this user's work: a registry tells what to run
/// again and which files to remove. It belongs to this user or to root, and neither it nor its folder may be written by everyone.
void require_own_registry(const std::string& folder);

}  // namespace skyfold
