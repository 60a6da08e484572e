#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rows.hpp"
#include "scratch_array.hpp"
#include "skyfold/table/number_expression.hpp"

namespace skyfold {

/// What decides about repeated detections, of some rows.
struct OverlapBlock {
  std::vector<std::int64_t> tiles;  ///< 64-bit stand-ins
  std::vector<double> merits;       ///< larger the better; -infinity for missing
  std::vector<double> ra, dec;      ///< degrees
};

/// What tells, of each row, its tile and which of several detections is the best (`--dedup`).
class OverlapRule {
 public:
  /// Throws UsageError for inputs in which nothing can overlap, and where nothing tells the best detection.
  OverlapRule(const Inputs& inputs, const ImportOptions& o);

  [[nodiscard]] Schema needs() const;
  void fill(const Table& rows, std::size_t source, OverlapBlock& block) const;
  /// Of equal merit the row that is nearer to the middle of its tile is the better one.
  [[nodiscard]] bool has_middles() const noexcept { return has_middles_; }
  /// What was guessed, in lines for the user.
  [[nodiscard]] const std::vector<std::string>& remarks() const noexcept { return remarks_; }

 private:
  const Inputs& inputs_;
  std::string tile_;  ///< column; "": each file is a tile
  std::optional<NumberExpression> merit_;
  bool has_middles_ = false;
  std::vector<std::string> remarks_;
};

/// Tile, merit and position of every row, while an import runs: scratch files in a folder, which all ranks write and read.
class OverlapArrays {
 public:
  /// Rank 0, before any rank opens them.
  static void create(const std::string& folder, std::int64_t rows);
  explicit OverlapArrays(const std::string& folder);

  void write(std::int64_t row, const OverlapBlock& block);
  void read(std::int64_t row, std::size_t rows, OverlapBlock& block);
  void sync();

 private:
  ScratchArray tiles_, merits_, ra_, dec_;
};

/// Takes it out of the blocks of a pass, and keeps it.
class OverlapScan {
 public:
  OverlapScan(const OverlapRule& rule, const std::string& folder) : rule_(rule), arrays_(folder) {}

  [[nodiscard]] Schema needs() const { return rule_.needs(); }
  void fill(const Table& rows, std::size_t source, OverlapBlock& block) const { rule_.fill(rows, source, block); }
  void write(std::int64_t row, const OverlapBlock& block) { arrays_.write(row, block); }
  void sync() { arrays_.sync(); }

 private:
  const OverlapRule& rule_;
  OverlapArrays arrays_;
};

}  // namespace skyfold
