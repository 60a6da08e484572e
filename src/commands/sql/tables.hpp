#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/catalogue/measurements.hpp"
#include "skyfold/io/sql_engine.hpp"

namespace skyfold {

/// A file whose tables a query sees.
struct SqlFile {
  std::string name;  ///< that the user gave; "": the file's
  std::string path;
};
/// From "PATH" or "NAME=PATH".
[[nodiscard]] SqlFile sql_file(const std::string& word);

/// The tables of some files: of each its objects, and measurements where it has some.
class SqlFiles {
 public:
  /// @param query  as it will be run: what it names besides is computed, and of a cone only its rows are seen
  /// Throws UsageError for two tables of one name.
  SqlFiles(const std::vector<SqlFile>& files, const std::string& query);

  /// Makes all tables known. This must outlive the engine's queries.
  void add_to(SqlEngine& engine);
  /// The catalogues, in order.
  [[nodiscard]] const std::vector<std::unique_ptr<Catalogue>>& catalogues() const noexcept { return catalogues_; }
  /// What is done besides, for the log.
  [[nodiscard]] const std::vector<std::string>& remarks() const noexcept { return remarks_; }

 private:
  void add_objects(const SqlFile& file, bool is_first, const std::string& query);
  void add_measurements(const SqlFile& file, bool is_first, const std::string& query);
  void add_computed(SqlTable& table, const std::string& ra, const std::string& dec, const std::string& query);
  void narrow(SqlTable& table, const Catalogue& catalogue, const std::string& query);

  std::vector<std::unique_ptr<Catalogue>> catalogues_;
  std::vector<std::unique_ptr<Measurements>> measurements_;
  std::vector<SqlTable> tables_;
  std::vector<std::string> remarks_;
};

}  // namespace skyfold
