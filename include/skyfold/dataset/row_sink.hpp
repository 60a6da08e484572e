#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/table/corrections.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

class OptionSet;

/// Where the rows of an answer go, and as what.
enum class RowFormat { screen, csv, ecsv, fits, hdf5, parquet };

struct RowOutputOptions {
  std::string output;           ///< "": standard output
  std::string format = "auto";  ///< by the ending of the output
};
/// Options `output` and `format`.
void describe(OptionSet& option, RowOutputOptions& o);
/// Throws UsageError for an ending that tells no format, and for a format that standard output cannot be.
[[nodiscard]] RowFormat format_of(const RowOutputOptions& o);

/// What rows are.
struct RowOutput {
  RowOutputOptions options;
  CatalogueLayout layout;        ///< rows are counted; HDF5 is a catalogue of this layout
  CorrectionRecord corrections;  ///< of magnitudes, for HDF5
  std::int64_t limit = -1;       ///< no more rows than these are written, the first ones; -1: all
};

/// Takes rows, any number of them, and writes them as a screen, a text or a file, in blocks: memory does not grow with their number. A file
/// has its name when it is complete. On ranks each adds rows of its own, and the bytes are the same for any number of ranks.
///
/// Text of one process is written as it comes; for files whose places must be known before, rows wait in a folder beside the output. Of a
/// process that was killed the next one with the same output removes it.
class RowSink {
 public:
  /// @param ranks  null for a process that is alone
  /// Throws UsageError for an output that cannot be.
  explicit RowSink(RowOutput output, const Ranks* ranks = nullptr);
  ~RowSink();
  RowSink(const RowSink&) = delete;
  RowSink& operator=(const RowSink&) = delete;

  /// Adds rows with the columns of the layout.
  /// @param unit  rows stand in the order of units, which increase on each rank; all rows of one unit come from one rank
  void add(const Table& rows, std::int64_t unit);
  /// The same behind all that was added, for a process that is alone.
  void add(const Table& rows);
  /// Enough rows were added here for the limit.
  [[nodiscard]] bool is_full() const noexcept;
  /// Completes the output; returns its number of rows. Collective.
  std::int64_t finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skyfold
