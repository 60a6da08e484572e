#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "skyfold/kernels/nz/tomography.hpp"
#include "skyfold/kernels/photoz/redshift_pdf.hpp"
#include "skyfold/kernels/samples/weights.hpp"

namespace skyfold::nz {

/// Ways to the redshift distribution of a sample.
enum class Estimator : std::uint8_t {
  stack,     ///< sum of the PDFs
  point,     ///< histogram of point estimates
  draw,      ///< histogram of one draw from each PDF, another one in each realisation
  truth,     ///< histogram of known redshifts
  training,  ///< weighted histogram of a training sample (Lima et al. 2008, MNRAS 390, 118)
};
inline constexpr std::size_t n_estimators = 5;
[[nodiscard]] std::string_view name_of(Estimator estimator) noexcept;

/// What sums are of.
struct SumsLayout {
  TomographicBins bins;
  RedshiftCells cells;
  std::vector<Estimator> estimators;  ///< in their order
  std::size_t realisations = 0;       ///< of the bootstrap
  std::uint64_t seed = 1;             ///< of bootstrap and draws
  std::size_t training = 0;           ///< training objects about which the objects are counted; 0: none are
  bool has_own = false;               ///< objects that are training objects are counted as these, not around them

  /// Result 0 is the sample itself; result k + 1 is realisation k.
  [[nodiscard]] std::size_t results() const noexcept { return realisations + 1; }
  /// Sums of one estimator, bin and result, one for each slot, begin there in Sums::values.
  [[nodiscard]] std::size_t at(std::size_t estimator, std::size_t bin, std::size_t result) const noexcept {
    return ((estimator * bins.size() + bin) * results() + result) * cells.slots();
  }
  [[nodiscard]] std::size_t size() const noexcept { return at(estimators.size(), 0, 0); }
  /// The same for a patch, which has no realisations.
  [[nodiscard]] std::size_t at_patch(std::size_t patch, std::size_t estimator, std::size_t bin) const noexcept {
    return ((patch * estimators.size() + estimator) * bins.size() + bin) * cells.slots();
  }
};

/// Sums of weights by slot of redshift, of some objects. Objects are added in their order, and sums of blocks in the order of the blocks:
/// so they are the same whoever adds.
struct Sums {
  std::vector<double> values;                                         ///< see SumsLayout::at
  std::vector<std::int64_t> patches;                                  ///< pixels that have objects, in the order in which they came up
  std::vector<double> of_patches;                                     ///< see SumsLayout::at_patch
  std::vector<std::int64_t> objects;                                  ///< [bins]
  std::vector<double> weights;                                        ///< [2 x bins]: sum of weights, sum of their squares
  std::vector<std::int64_t> left_out = std::vector<std::int64_t>(5);  ///< by Reason
  std::vector<double> in_balls;                                       ///< [bins x training]: weight of the objects in the ball of each
  std::vector<double> in_no_ball;                                     ///< [bins]
  std::vector<double> own;         ///< [bins x training]: weight of objects that are training objects, where these are told apart
  std::vector<std::int64_t> seen;  ///< one number: how many are

  explicit Sums(const SumsLayout& layout);
  Sums() = default;
  void add(const Sums& other, const SumsLayout& layout);
};

/// Why an object of the table is in no distribution; the first one that holds.
enum class Reason : std::uint8_t { no_row, condition, no_weight, no_bin, no_pdf };

/// What is known of a block of objects besides their PDFs; rows are those of the PDFs.
struct Objects {
  std::vector<std::uint64_t> key;   ///< of validation::bootstrap_key
  std::vector<std::int8_t> reason;  ///< a Reason, or -1 for objects that count
  std::vector<int> bin;             ///< of those that count
  std::vector<double> weight, point, truth;
  std::vector<std::int64_t> patch;  ///< empty without positions
  std::vector<double> space;        ///< row-major: where they are among the training objects; empty where these are not counted about

  void resize(std::size_t n, bool has_patches);
};

/// Balls about training objects in which the objects of each bin are counted.
struct BallsOfBins {
  std::vector<std::shared_ptr<const TrainingBalls>> balls;  ///< [bins]; bins may share theirs
  std::vector<std::vector<std::uint32_t>> rows;             ///< [bins]: the training objects that they are about
  std::vector<std::pair<std::uint64_t, std::uint32_t>>
      keys;  ///< Objects::key of all training objects, ascending, and their rows; may be empty
};

/// Adds up a block.
/// @param pdfs  columns of the PDFs, of the rows of `objects`
/// @param make  a RedshiftPdf for these columns; one for each thread is made
/// @param balls  about training objects; null where none are counted about
[[nodiscard]] Sums add_up(const SumsLayout& layout, Objects& objects, const Table& pdfs,
                          const std::function<std::unique_ptr<RedshiftPdf>()>& make, const BallsOfBins* balls, int threads);

/// A training sample as a distribution: weights at known redshifts.
struct TrainingObjects {
  std::vector<std::uint64_t> key;
  std::vector<int> bin;  ///< -1: none
  std::vector<double> weight, z;
};
/// In each bin those whose balls hold objects of it, weighted by these, and those that are objects of it, where these are told apart.
[[nodiscard]] TrainingObjects weighted_by_balls(const SumsLayout& layout, const Sums& sums, const TrainingObjects& objects);
/// Adds them to the sums of Estimator::training.
void add_training(const SumsLayout& layout, const TrainingObjects& objects, Sums& sums);

}  // namespace skyfold::nz
