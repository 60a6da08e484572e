#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "skyfold/kernels/locus/solver.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// Columns of a table that the search reads.
struct LocusColumns {
  std::string ra, dec;
  BandColumns bands;
  std::string rating;             ///< of the stars, for `rating = column:NAME`; else ""
  std::string pm_ra{}, pm_dec{};  ///< proper motions, mas per year; "": nothing moves
  std::string epoch{};            ///< year of each position; "": epoch_from of the options
};

/// A row of the second table: a reference star of a pointing.
struct LocusReference {
  std::int64_t target = 0;    ///< row of the target in the batch
  std::int64_t star_row = 0;  ///< row of the star in its catalogue
  double rating = 0.0;
  double x_arcmin = 0.0, y_arcmin = 0.0;  ///< place in the field, from its centre, East and North
};

/// The locus search: one output row per target, a function of the target and of the stars about it alone.
class LocusKernel {
 public:
  /// @param bands  of targets and stars, resolved against the columns of each
  /// Throws UsageError for options that contradict each other or name no band.
  LocusKernel(const LocusOptions& options, const BandOptions& bands, const LocusColumns& targets, const LocusColumns& stars);

  [[nodiscard]] const LocusRules& rules() const noexcept { return rules_; }
  /// Columns of the targets, and of the stars, that are read.
  [[nodiscard]] std::vector<std::string> needs() const;
  [[nodiscard]] std::vector<std::string> star_needs() const;
  /// Columns that are made: ra, dec, mag (an element per band), av_ra, av_dec, rating, n_ref, n_candidates, margin,
  /// status.
  [[nodiscard]] Schema gives() const;
  /// Columns of the second table: target (row of the product), star (row of the catalogue), rating, x, y.
  [[nodiscard]] static Schema gives_references();

  /// How far rows with the columns of star_needs() are moved at most, degrees; 0 where nothing is.
  [[nodiscard]] double farthest_motion_deg(const Table& table) const;

  /// The stars of consecutive rows of the catalogue, added to `stars`.
  /// @param table  columns of star_needs() @param first_row  of the catalogue
  void add_stars(const Table& table, std::int64_t first_row, Stars& stars) const;
  /// The field of some stars, repeated and crowded ones put aside as the rules say.
  [[nodiscard]] StarField field_of(const Stars& stars, int threads) const;

  /// The targets of a table with the columns of needs().
  [[nodiscard]] std::vector<LocusTarget> targets_of(const Table& table) const;

  /// Computes one output row per target.
  ///
  /// @param in          columns of needs(), by name
  /// @param stars       at least all stars within locus_halo_deg of any target
  /// @param out         has the columns of gives(), by position, and as many rows as `in`
  /// @param references  filled with the reference stars of all pointings, in order of the targets; null: not wanted
  void run(const Table& in, const StarField& stars, Table& out, int threads, std::vector<LocusReference>* references = nullptr) const;
  /// Fills `out`, all but the targets' own columns, for rows that could not be computed.
  void mark_failed(const Table& in, Table& out) const;

 private:
  void copy_targets(const Table& in, Table& out) const;

  LocusRules rules_;
  double epoch_, epoch_from_;
  BandOptions bands_;
  LocusColumns targets_, stars_;
  std::optional<BandReader> target_band_, star_band_;  // nothing when no magnitude counts
};

}  // namespace skyfold
