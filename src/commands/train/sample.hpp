#pragma once

#include <string>
#include <vector>

#include "options.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/table/corrections.hpp"
#include "skyfold/table/photometry.hpp"

namespace skyfold {

/// Objects with photometry, gathered from files: row i of each member is one object.
struct TrainSample {
  BandColumns band_columns;  ///< names in the files
  Photometry photometry;     ///< `undetected` where not detected
  std::vector<double> z;
  std::vector<std::int64_t> id;           ///< row numbers where the files have no ids
  std::vector<std::uint8_t> is_selected;  ///< 1 where cuts.select holds, or there is none
  CorrectionRecord recorded;              ///< what has been done to the magnitudes in the files
  CorrectionRecord corrections;           ///< what has been done to those that are learned from, here or before
  Table columns;  ///< of a sample that is a product of skyfold all; what was read, where it is corrected here; else none

  [[nodiscard]] std::size_t size() const noexcept { return z.size(); }
  [[nodiscard]] bool is_detected(std::size_t i, std::size_t band) const noexcept {
    return photometry.mag[i * photometry.n_bands + band] != undetected;
  }
};

/// Reads the sample; fills the guesses of bands, redshift and id into `o`.
/// Throws UsageError for columns that are not there or not guessed, DataError for cells that cannot be
/// read, and for ids that are missing or of several objects.
[[nodiscard]] TrainSample read_sample(TrainOptions& o);

/// No objects, but the bands and what is done to their magnitudes, as the options say. Throws UsageError where they do not say it all.
[[nodiscard]] TrainSample without_objects(const TrainOptions& o);

/// Column of ids of an input: the one named, or one of the usual names; "" when there is none of whole numbers, or for none. Real
/// numbers are ids when all are whole. Throws UsageError for a name that is not there, DataError for one that has no whole numbers.
[[nodiscard]] std::string id_column(const Dataset& dataset, const std::string& wanted);

}  // namespace skyfold
