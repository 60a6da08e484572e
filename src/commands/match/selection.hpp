#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/dataset/catalogue_input.hpp"
#include "skyfold/dataset/model_photometry.hpp"
#include "skyfold/dataset/survey_preset.hpp"
#include "skyfold/table/expression.hpp"
#include "skyfold/table/photometry.hpp"

namespace skyfold {

struct MatchOptions {
  CatalogueInput catalogue;  ///< its `source` is also how the other tables are read
  std::string spec, output, fits;
  std::string spec_ra, spec_dec, spec_z;  ///< columns of a plain table; "" = guessed
  double radius_arcsec = 1.0;
  bool symmetric = false;
  long reference_rows = 200'000;
  std::string cuts;  ///< conditions, separated by ;
  std::string star_cut, star_table, star_id;
  std::vector<double> zeropoint;  ///< mag, per band
  std::string zeropoint_table, tile;
  ExtinctionOptions extinction;
  std::vector<std::string> keep;
  BandOptions bands;
  FluxOptions flux;
  std::string survey;
};
void describe(OptionSet& option, MatchOptions& o);

/// The photometry of a training set: where it comes from in the catalogue, and what is done to it.
class MatchPhotometry {
 public:
  /// @param bands, columns  of the catalogue; sentinels of the catalogue are taken over
  /// Throws UsageError for lists that do not fit the bands, columns or files that are not there, and for names that are taken; DataError
  /// for a table of zero points that cannot be used, and for a catalogue that is corrected already.
  MatchPhotometry(const MatchOptions& o, const BandColumns& columns, const Catalogue& catalogue);

  /// Columns of the catalogue that are read.
  [[nodiscard]] std::vector<std::string> needs() const;
  /// The catalogue's columns, and beside them magnitudes and errors that are made of fluxes: `mag_{band}`, `mag_err_{band}`.
  [[nodiscard]] const Schema& schema() const noexcept { return schema_; }
  /// Of the magnitudes, in that schema.
  [[nodiscard]] const BandColumns& columns() const noexcept { return columns_; }
  [[nodiscard]] const CorrectionRecord& corrections() const noexcept { return corrections_.record(); }
  /// What has been done to the magnitudes of the training set, here or before.
  [[nodiscard]] CorrectionRecord record(const BandOptions& bands) const;
  [[nodiscard]] const std::vector<std::string>& lines() const noexcept { return lines_; }
  /// Adds columns for what is made of fluxes, and corrects; returns the number of rows without E(B-V).
  std::int64_t apply(Table& rows) const;

 private:
  void name_made(const MatchOptions& o, const std::vector<std::string>& from, const std::string& pattern, std::vector<std::string>& made);

  std::string catalogue_;
  BandColumns from_, columns_;  ///< of the catalogue, of the training set
  Schema schema_;
  CorrectionRecord there_;
  Corrections corrections_;
  std::vector<std::string> lines_;
};

/// One cut: rows stay where `condition` holds, or, for point sources, where it does not.
struct Cut {
  std::string name;                    ///< for the counts
  std::optional<Condition> condition;  ///< none: the table of stars
  bool drops = false;                  ///< rows go where the condition holds
  bool is_of_catalogue = true;         ///< reads columns of the catalogue alone
};

/// The cuts of a training set, in order: point sources, then the user's.
class Cuts {
 public:
  /// @param product    columns of the training set that are not the catalogue's: the spectroscopic ones, separation, ...
  /// @param id         the catalogue's column of ids
  Cuts(const MatchOptions& o, const Schema& product, const Catalogue& catalogue, const MatchPhotometry& photometry, const std::string& id);

  [[nodiscard]] const std::vector<Cut>& list() const noexcept { return cuts_; }
  /// Columns of the catalogue that they read.
  [[nodiscard]] const std::vector<std::string>& needs() const noexcept { return needs_; }
  /// Clears `stays` where a row does not pass.
  void apply(const Cut& cut, const Table& rows, std::span<std::uint8_t> stays) const;
  /// Ids in the table of stars.
  [[nodiscard]] std::size_t stars() const noexcept { return star_numbers_.size() + star_names_.size(); }

 private:
  void add_user_cuts(const MatchOptions& o, const Schema& product, const Catalogue& catalogue, const Schema& photometric);
  void read_stars(const MatchOptions& o);
  [[nodiscard]] bool is_star(const Column& ids, std::size_t row) const;

  std::string id_;
  std::vector<Cut> cuts_;
  std::vector<std::string> needs_;
  std::vector<std::int64_t> star_numbers_;  ///< sorted
  std::unordered_set<std::string> star_names_;
};

}  // namespace skyfold
