#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "schema.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/registry/sql_connection.hpp"

namespace skyfold {

/// Which archive, and how it is made the first time.
struct ArchiveOptions {
  std::string archive;   ///< folder
  std::string database;  ///< postgresql://...; "": what the archive was made with, or archive.sqlite in it
  std::string schema = "wfcam";
};
/// The options of every command on an archive.
void describe(OptionSet& option, ArchiveOptions& o);
/// That of commands that may make one.
void describe_schema(OptionSet& option, ArchiveOptions& o);

/// What becomes of a file in a use case.
namespace file_state {
inline constexpr const char* waiting = "waiting";  ///< not yet done
inline constexpr const char* done = "done";        ///< its results are in
inline constexpr const char* failed = "failed";    ///< it cannot be done: `message` says why
inline constexpr const char* blocked = "blocked";  ///< what it depends on has failed
inline constexpr const char* none = "none";        ///< nothing to do for files of this kind
}  // namespace file_state

/// A file of the archive, as its table `file` has it.
struct ArchivedFile {
  std::int64_t multiframe_id = 0, chunk_id = 0;
  std::string night, name, kind;  ///< kind: image, table
  std::int64_t image_id = 0;      ///< of a table: its image; 0 for none
  std::int64_t bytes = 0;
  std::string hash, damage;
  std::int64_t detections = 0;       ///< rows of a table
  std::int64_t first_detection = 0;  ///< id of the first one
  std::string cu2, cu3, cu4, message;
};

/// A group of files of a night that is processed together.
struct Chunk {
  std::int64_t chunk_id = 0;
  std::string name, night;
  std::string cu2, cu3, cu4;  ///< waiting or done: all its files are
};

/// A folder in which nights are curated: database, ledger of what is extracted, catalogues of detections, previews. One process at a time
/// writes the database, in transactions that are made once.
class Archive {
 public:
  /// Opens an archive, and makes it where it is missing if `may_make`. Throws UsageError for one that was made with another schema or
  /// another database, IoError for a folder that is none.
  explicit Archive(const ArchiveOptions& o, bool may_make = false);

  [[nodiscard]] SqlConnection& sql() const noexcept { return *sql_; }
  [[nodiscard]] const CurationSchema& schema() const noexcept { return schema_; }
  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }
  /// Path of what is in the archive by its relative path.
  [[nodiscard]] std::string path(const std::string& relative) const { return folder_ + "/" + relative; }
  [[nodiscard]] std::string ledger(const std::string& name) const { return folder_ + "/ledger/" + name; }

  /// A setting in the table `archive`; "" for none.
  [[nodiscard]] std::string setting(const std::string& name) const;
  void set(const std::string& name, const std::string& value) const;
  [[nodiscard]] bool is_released() const { return setting("released") != ""; }

  /// Folder of a night's files.
  [[nodiscard]] std::string night_folder(const std::string& night) const;
  [[nodiscard]] std::vector<Chunk> chunks() const;
  /// Files in canonical order.
  [[nodiscard]] std::vector<ArchivedFile> files() const;
  [[nodiscard]] std::vector<ArchivedFile> files_of(std::int64_t chunk_id) const;

 private:
  void make(const std::string& database, const std::string& schema);
  void make_tables();
  void check_made_with(const ArchiveOptions& o);

  std::string folder_;
  CurationSchema schema_;
  std::unique_ptr<SqlConnection> sql_;
};

/// A row of the columns of `ArchivedFile` in a table of SQL: names in order.
[[nodiscard]] const std::vector<std::string>& file_columns();
[[nodiscard]] SqlRow row_of(const ArchivedFile& file);

}  // namespace skyfold
