#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "schema.hpp"
#include "skyfold/farm/ranks.hpp"
#include "skyfold/plan/plan.hpp"
#include "skyfold/table/expression.hpp"

namespace skyfold {

/// Sort key of a row that is not imported.
inline constexpr std::int64_t dropped_key = std::numeric_limits<std::int64_t>::min();

/// A piece of one input, and where its rows stand among those of all inputs.
struct InputBlock {
  std::size_t source = 0;
  Piece piece;
  RowRange rows;
};

/// The inputs of an import, open, with what every pass over them needs.
struct Inputs {
  std::vector<std::unique_ptr<Source>> sources;
  ImportSchema schema;
  std::vector<InputBlock> blocks;
  std::int64_t rows = 0;
  std::vector<std::string> tiles;  ///< sorted; ordering tile only
  std::string form;                ///< of FITS columns (original_form), where it is kept; "": of another kind, or not one for all

  /// "file, row R" of a row counted over all inputs, for messages (rows counted from 1).
  [[nodiscard]] std::string place_of(std::int64_t row) const;
  /// The same as two cells of a CSV table.
  [[nodiscard]] std::string cells_of(std::int64_t row) const;
  /// A partition for each block, for rank 0; none for the others.
  [[nodiscard]] std::vector<Partition> partitions(const Ranks& ranks) const;

 private:
  /// Source, and row in it, from 1.
  [[nodiscard]] std::pair<std::size_t, std::int64_t> source_row(std::int64_t row) const;
};
/// Files that are read.
[[nodiscard]] std::vector<std::string> input_paths(const ImportOptions& o);
/// Opens the inputs and cuts them into blocks of about `block_rows` rows; collective.
[[nodiscard]] Inputs open_inputs(const Ranks& ranks, ImportOptions& o, std::int64_t block_bytes);

/// A row that cannot be imported, with the reason.
struct Reject {
  std::int64_t row = 0;
  std::string column, problem;
};

/// "row file,row,column,problem" of the rejects file; the row over all inputs leads, 20 characters, so that lines of all
/// blocks can be put in order.
[[nodiscard]] std::string reject_line(const Inputs& inputs, const Reject& reject);

/// Puts the lines that blocks left in a folder together in one file; returns how many there are: without any there is no file.
[[nodiscard]] std::int64_t write_rejects(const std::string& folder, const std::string& path);

/// The order of rows: a key per row; equal keys are ordered by (source file, source row).
class KeyMaker {
 public:
  /// Throws UsageError for a condition that cannot be read.
  KeyMaker(const Inputs& inputs, const ImportOptions& o);
  /// Columns needed to make keys.
  [[nodiscard]] Schema needs() const;
  /// 1 for the rows that the user's condition leaves out; empty without a condition.
  [[nodiscard]] std::vector<std::uint8_t> left_out(const Table& table) const;
  /// Whether a cell of this column decides if its row is left out.
  [[nodiscard]] bool is_in_condition(const std::string& column) const;
  /// Sets `key` for each row of `table`; rows that are left out get `dropped_key` and are not looked at; rows without usable coordinates,
  /// or with an attribute that has no key, get `dropped_key` and an entry in `rejects`.
  /// @param left_out  as from the function of that name
  void make(const Table& table, std::span<const std::uint8_t> left_out, std::int64_t first_row, std::span<std::int64_t> key,
            std::vector<Reject>& rejects) const;

 private:
  const Inputs& inputs_;
  Ordering ordering_;
  std::string attribute_;
  bool is_whole_ = false;  ///< the attribute is a column of whole numbers
  std::optional<Condition> where_;
};

/// 64-bit stand-ins of the ids of a block: a bijection for numbers, a hash for text; never the same for two ids that
/// differ, but for text with a chance of 2^-64 per pair: so texts of one hash are compared.
void hash_ids(const Column& ids, std::span<std::uint64_t> hashes);
/// Of one row.
[[nodiscard]] std::uint64_t hash_of_id(const Column& ids, std::size_t row, bool is_text);

}  // namespace skyfold
