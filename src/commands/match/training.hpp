#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "by_survey.hpp"
#include "parts.hpp"
#include "selection.hpp"

namespace skyfold {

/// How many objects are left after each step.
struct MatchCounts {
  std::int64_t spectroscopic = 0, photometric = 0;
  std::int64_t matched = 0;                 ///< spectroscopic objects with a photometric one within the radius
  std::vector<std::int64_t> candidates_of;  ///< spectroscopic objects with 1, 2, ... of them within it
  std::vector<std::int64_t> shared_by;      ///< photometric objects that are the nearest one of 1, 2, ... spectroscopic ones
  std::int64_t without_ebv = 0;             ///< matches, each photometric object once where so wanted, without E(B-V)
  std::int64_t symmetric = 0;               ///< left after each photometric object was kept once
  std::vector<std::int64_t> after_cut;      ///< left after each cut
  double median_separation_arcsec = 0.0;    ///< of all matches
  std::vector<std::int64_t> separations;    ///< in 20 bins up to the radius
  std::vector<SurveyMatches> by_survey;
};

/// What a run comes to.
struct TrainingTable {
  Table rows;  ///< the product's columns, in the order of the sky
  MatchCounts counts;
  MagnitudeCounts training, reference;
};

/// What a training set is made of.
struct TrainingInputs {
  const MatchOptions& o;
  const Table& sample;  ///< the spectroscopic sample
  const Catalogue& catalogue;
  const MatchPhotometry& photometry;
  const Cuts& cuts;
  std::string id;  ///< the catalogue's column of ids; "" for row numbers
};

/// Columns of a training set but those of the catalogue's magnitudes and of --keep.
/// @param id  the catalogue's column of ids, or null for row numbers
[[nodiscard]] Schema training_schema(const Table& sample, const ColumnInfo* id);
/// Columns of the catalogue that a training set has under their own names: magnitudes, errors, --keep. Throws UsageError for
/// one that is not there, or is called as one of `schema`.
[[nodiscard]] std::vector<std::string> passed_columns(const TrainingInputs& inputs, const Schema& schema);

/// Chooses the nearest photometric object of each spectroscopic one among the candidates of all parts, corrects
/// magnitudes and cuts. Throws DataError when nothing is left.
[[nodiscard]] TrainingTable make_training_set(const TrainingInputs& inputs, const MatchParts& parts);

}  // namespace skyfold
