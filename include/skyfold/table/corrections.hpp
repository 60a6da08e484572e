#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skyfold/table/fluxes.hpp"
#include "skyfold/table/photometry.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

class OptionSet;

/// What is done to the photometry of a table beyond reading it: fluxes become magnitudes, zero points are added, extinction is taken off.
/// It goes with the magnitudes from a matched sample to the model, so that whoever uses the model can do the same; section `corrections`.
struct CorrectionRecord {
  std::vector<std::string> bands = {};                  ///< what the lists are for
  std::vector<double> zeropoint = {};                   ///< mag, added, shape [n_bands]; empty: none
  std::string tile = {};                                ///< column of tiles; "": no zero points by tile
  std::string ebv = {};                                 ///< column of E(B-V), mag; "": none
  std::string ebv_map = {};                             ///< file of a HEALPix map of E(B-V) instead; "": none
  std::string ebv_hash = {};                            ///< of the map's bytes
  std::vector<double> extinction = {};                  ///< coefficient of each band, taken off times E(B-V)
  std::vector<double> nondetection = {}, missing = {};  ///< magnitudes that are none there, where they are not the usual ones
  std::string nan = {}, inf = {};                       ///< what these mean there, where it is not the usual: "missing", "nondetection"
  FluxScale scale = {};                                 ///< of the columns that the magnitudes come from
  /// Zero points by the name of the tile, mag, added, shape [n_bands] each.
  std::map<std::string, std::vector<double>, std::less<>> tiles = {};

  /// No magnitude is changed; whether they come from fluxes or not.
  [[nodiscard]] bool is_empty() const noexcept;
  [[nodiscard]] bool has_extinction() const noexcept { return !ebv.empty() || !ebv_map.empty(); }
  /// Nothing is to be remembered.
  [[nodiscard]] bool says_nothing() const noexcept;
  /// One line a correction; none when nothing is corrected.
  [[nodiscard]] std::vector<std::string> lines() const;
};
/// Everything but the table of tiles.
void describe(OptionSet& option, CorrectionRecord& o);

/// The same for these bands; those that the record does not know are not corrected.
[[nodiscard]] CorrectionRecord of_bands(const CorrectionRecord& record, const std::vector<std::string>& bands);
/// The first thing that two records do otherwise to the magnitudes of these bands, for a message: "zero points g 0.5, r 0.1 mag against
/// g 0, r 0"; "" when they do the same. What columns of tiles and files of maps are called does not count, nor whether magnitudes come
/// from fluxes.
[[nodiscard]] std::string difference(const CorrectionRecord& a, const CorrectionRecord& b, const std::vector<std::string>& bands);

/// E(B-V) by position.
class ReddeningMap {
 public:
  virtual ~ReddeningMap() = default;
  /// mag, at positions in degrees (ICRS); NaN where it is not known. One thread at a time: it may read a file.
  virtual void look_up(const Column& ra, const Column& dec, std::span<double> ebv) = 0;
};

/// A map, and the columns of positions of the table that is looked up.
struct ReddeningAt {
  std::shared_ptr<ReddeningMap> map;
  std::string ra, dec;
};

/// What is found about rows before they are corrected.
struct RowCorrections {
  std::vector<std::uint32_t> tiles;  ///< number of the tile of each row; empty: no zero points by tile
  std::vector<double> ebv;           ///< E(B-V) of each row, NaN where it is not known; empty: no extinction
};

/// Applies a record to the photometry of a table: the one place where that is done, so that an object has the same bits in a matched
/// sample and in an estimate.
class Corrections {
 public:
  /// Changes nothing.
  Corrections() = default;
  /// @param record      of the bands of `columns`, in their order; with a scale, the columns hold what that says
  /// @param bands       names the values that are no measurements
  /// @param schema      of the table; `path` for messages
  /// @param tiles_from  the file that has the zero points of tiles, for messages
  /// @param reddening   where the record has a map
  /// Throws UsageError for a column that the table lacks, DataError for one that is of another type.
  Corrections(CorrectionRecord record, BandColumns columns, const BandOptions& bands, const Schema& schema, const std::string& path,
              const std::string& tiles_from, ReddeningAt reddening = {});

  [[nodiscard]] bool is_empty() const noexcept { return record_.is_empty() && !record_.scale.is_set(); }
  [[nodiscard]] const CorrectionRecord& record() const noexcept { return record_; }
  /// From here on a negative flux becomes `magnitude_of_negative` in place of `undetected`.
  void keep_negative_fluxes() noexcept { keeps_negative_ = true; }
  /// Columns that it reads, besides those of the bands.
  [[nodiscard]] std::vector<std::string> needs() const;

  /// Finds tile and E(B-V) of each row, to be handed to `apply`; one thread at a time. Throws DataError for a tile without zero points.
  [[nodiscard]] RowCorrections look_up(const Table& rows) const;
  /// Puts magnitudes in the columns of the bands, in their type, and errors of magnitudes in those of the errors, where fluxes are
  /// converted; corrects bands that were observed. Magnitudes of a row without E(B-V) become missing. Each row by itself: threads do not
  /// matter.
  void apply(Table& rows, const RowCorrections& found, int threads) const;
  /// Both; returns the number of rows without a finite E(B-V), where extinction is taken off.
  std::int64_t apply(Table& rows) const;

 private:
  [[nodiscard]] bool changes_errors() const noexcept {
    return !columns_.error.empty() && (record_.scale.is_set() || columns_.errors_are_limits);
  }
  void check_types(const Schema& schema, const std::string& path) const;
  [[nodiscard]] std::vector<std::uint32_t> tiles_of(const Table& rows) const;
  [[nodiscard]] MeasuredMagnitude measured(double value, double error, std::size_t band) const noexcept;
  [[nodiscard]] double shifted(double magnitude, std::size_t band, std::size_t row, const RowCorrections& found) const noexcept;
  template <class T>
  void correct(std::span<T> magnitudes, Column* errors, std::size_t band, const RowCorrections& found, std::size_t begin,
               std::size_t end) const;

  CorrectionRecord record_;
  BandOptions bands_;
  BandColumns columns_;
  std::string path_, tiles_from_;
  ReddeningAt reddening_;
  std::map<std::string, std::uint32_t, std::less<>> number_of_tile_;
  bool keeps_negative_ = false;
  bool has_own_sentinels_ = false;       ///< values that the user names are none
  std::vector<double> zeropoint_;        ///< [n_bands]
  std::vector<double> tile_zeropoints_;  ///< [tiles x n_bands]
};

}  // namespace skyfold
