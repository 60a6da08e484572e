#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "skyfold/plan/plan.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// A table that queries see, in whose place it is read: the columns that a query needs, block by block.
struct SqlTable {
  std::vector<std::string> names;                                  ///< by which queries call it: "object", "phat_v2.phot_mod"
  Schema schema;                                                   ///< texts are texts; NaN and null values are NULL
  std::vector<RowRange> ranges;                                    ///< rows that queries see, in order
  std::function<void(RowRange, Table&)> read;                      ///< fills the columns of a table; on the thread that asks for rows
  std::vector<std::pair<std::string, std::string>> computed = {};  ///< columns that queries may name besides, and what they are in SQL
};

struct SqlLimits {
  double time_s = 0.0;  ///< 0: none
  long memory_mb = 1024;
};

/// Queries on tables by DuckDB, read-only: no file is opened but those of the tables, and no setting can be changed. One thread, so that
/// rows come in one order. Functions besides DuckDB's: pix(nside, ra, dec) and pix_ring, htm(level, ra, dec), angsep(ra, dec, ra, dec) in
/// degrees, q3c_dist, q3c_radial_query(ra, dec, ra0, dec0, radius), q3c_join(ra, dec, ra, dec, radius).
class SqlEngine {
 public:
  /// Throws IoError without the library.
  explicit SqlEngine(const SqlLimits& limits);
  ~SqlEngine();
  SqlEngine(const SqlEngine&) = delete;
  SqlEngine& operator=(const SqlEngine&) = delete;

  /// Throws UsageError for a name that is taken.
  void add(SqlTable table);
  /// Looks at a query: the columns of its answer. Texts are as wide as the longest, which is found by a first run of the query. Throws
  /// UsageError for what is no single query, or a faulty one.
  [[nodiscard]] Schema prepare(const std::string& sql);
  /// Runs the query that was prepared. `use` is given its rows in order. Throws UsageError, DataError, IoError with DuckDB's words; IoError
  /// for a limit.
  void run(const std::function<void(const Table& rows)>& use);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skyfold
