#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skyfold/kernels/kernel.hpp"
#include "skyfold/kernels/photoz/training_tasks.hpp"
#include "skyfold/table/corrections.hpp"
#include "skyfold/table/photometry.hpp"

namespace skyfold {

class OptionSet;
struct HeldOutEstimates;

/// Objects with known redshift.
struct TrainingSet {
  std::vector<std::int64_t> id;     ///< [n]
  std::vector<double> z;            ///< [n], spectroscopic redshift
  Photometry photometry;            ///< [n x n_bands]
  std::vector<double> weight = {};  ///< [n], >= 0, any scale; empty: all equal. Algorithms for which weights mean nothing leave them out
  std::uint64_t seed = 1;           ///< of draws that training makes, by id
  int threads = 1;                  ///< to use; the model does not depend on it
  bool has_flux_errors = false;     ///< magnitudes come from fluxes, and their errors are 2.5 / ln 10 e / f
};

/// Everything that estimation needs, as plain data: a model file holds just this.
struct PhotozModel {
  std::string algorithm;
  BandOptions bands;                               ///< with names, patterns and limits filled in
  std::string redshift;                            ///< name of the training sample's redshift column
  double z_min = 0.0, z_max = 0.0;                 ///< range of the training redshifts
  std::map<std::string, std::string> parameters;   ///< the algorithm's options, as their configuration text
  std::map<std::string, Table> tables;             ///< the algorithm's arrays, by group name
  std::map<std::string, std::string> record = {};  ///< where it comes from, for people: cuts, configuration, training_hash, ...
  CorrectionRecord corrections = {};               ///< of the training sample's magnitudes; its bands are those of `bands`, or none
  /// Estimates of objects that no part of the model saw, where a training makes them anyway; for its calibration, not kept in files.
  std::shared_ptr<const HeldOutEstimates> held_out = nullptr;
};

/// Form of the PDFs; section `pdf` of the configuration.
struct PdfOptions {
  /// none, native (as the algorithm has it: mixmod, or interp on a fine grid), interp (values on a grid), hist (probabilities of bins),
  /// quant (quantiles), mixmod (sums of Gaussians), norm (one Gaussian), packed (bytes), sparse (few Gaussians of a
  /// dictionary; see docs/pdf.md)
  std::string kind = "none";
  double zmin = 0.0, zmax = 2.0;  ///< of the grid
  long bins = 100;                ///< grid points, zmin and zmax included; of hist: bins between zmin and zmax
  long quantiles = 41;            ///< of quant
  long gaussians = 6;             ///< of a mixture that is fitted to the PDF of an algorithm that has none
  long bytes = 52;                ///< of a packed PDF
  long bases = 10;                ///< of a sparse PDF
  bool only_pdf = false;          ///< for kernels inside others: z_phot and z_err will be replaced, so any number does for them
};
/// Options whose grid the model decides: zmin = -1, zmax = 0 and bins = 0 stand for that.
[[nodiscard]] PdfOptions pdf_by_model();
void describe(OptionSet& option, PdfOptions& o);
/// The options with a grid that follows the model's range of redshifts where they leave it to the model: a tenth of the greatest redshift
/// beyond it on either side, in steps of 0.1, but not below 0; as many points as the model's calibration found to be enough, else 301.
/// Throws UsageError for a grid that is none.
[[nodiscard]] PdfOptions resolved_pdf(const PdfOptions& o, const PhotozModel& model);
/// Points of the grid of sparse PDFs where nothing is said: Gaussians of the dictionary are as narrow as its step.
inline constexpr long sparse_grid_points = 1001;
/// The grid, shape [bins].
[[nodiscard]] std::vector<double> pdf_grid(const PdfOptions& o);

/// Name of the output column that holds the PDF on the grid (f4, width = bins, unit integral by trapezes).
inline constexpr const char* pdf_column = "pdf";
/// Names of the output columns of a PDF that is a mixture of Gaussians: centres, standard deviations, weights (f4, width = most
/// Gaussians of any object; those that are not needed have the weight 0; the weights' sum is 1).
inline constexpr const char* pdf_means_column = "pdf_means";
inline constexpr const char* pdf_stds_column = "pdf_stds";
inline constexpr const char* pdf_weights_column = "pdf_weights";

/// An option of an algorithm that a search over hyper-parameters may vary, and between what.
struct SearchRange {
  std::string option;                     ///< full name, "knn.scatter"
  double least = 0.0, greatest = 0.0;     ///< both ends included; unused with `choices`
  bool is_logarithmic = false;            ///< drawn evenly in the logarithm; least > 0
  bool is_whole = false;                  ///< drawn as a whole number
  std::vector<std::string> choices = {};  ///< texts of which one is drawn; empty: a number in the range
};

/// The content of a file that an option names: kernels know no files, the command reads it and makes it an input of the run.
using ReadText = std::function<std::string(const std::string& path)>;

/// A photo-z algorithm: its options, how it trains, how it estimates. One .cpp file and one line in the list.
class PhotozAlgorithm {
 public:
  virtual ~PhotozAlgorithm() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  [[nodiscard]] virtual std::string summary() const = 0;
  /// Adds this algorithm's options (section named after it); values land in this object.
  virtual void describe(OptionSet& option) = 0;
  /// True when training heeds TrainingSet::weight.
  [[nodiscard]] virtual bool uses_weights() const { return false; }
  /// False when it can make a model of its options alone: `train` is then given an empty set, with bands alone.
  [[nodiscard]] virtual bool needs_sample() const { return true; }
  /// True when z_err is half of the central 68.3 % interval of the PDF, or will be once that is calibrated; false for algorithms whose
  /// error has a meaning of its own: calibration then gives it a factor.
  [[nodiscard]] virtual bool error_is_of_pdf() const { return true; }
  /// Algorithms that this one is made of, whose options count for it.
  [[nodiscard]] virtual std::vector<std::string> members() const { return {}; }
  /// All algorithms of a command with the options as given, among which one finds its members; they outlive it.
  virtual void take_members(const std::vector<std::unique_ptr<PhotozAlgorithm>>& /*all*/) {}
  /// Reads the files that its options name; called once before `train`, with the names of the bands.
  virtual void read_files(const std::vector<std::string>& /*bands*/, const ReadText& /*read*/) {}
  /// Fills `model.parameters` and `model.tables`; bands, limits, redshift range are filled in by the caller.
  /// Throws DataError when the set is too small.
  ///
  /// @param tasks  does what takes long, in numbered pieces; collective, as TrainingTasks::run says
  virtual void train(const TrainingSet& set, TrainingTasks& tasks, PhotozModel& model) const = 0;
  /// Options that `train --tune` searches; none where there is nothing to choose.
  [[nodiscard]] virtual std::vector<SearchRange> searched_options() const { return {}; }
  /// True when its PDFs are mixtures of Gaussians: it then gives the form mixmod, which loses nothing.
  [[nodiscard]] virtual bool has_mixtures(const PhotozModel& /*model*/) const { return false; }
  /// The kernel that estimates with a model of this algorithm on magnitude and error columns `columns`, with PDFs as none, interp on a
  /// grid that is given, or mixmod where the algorithm has mixtures. Commands use photoz_estimator() (estimator.hpp), which gives all
  /// forms.
  [[nodiscard]] virtual std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns,
                                                          const PdfOptions& pdf) const = 0;
};

/// Names of all algorithms.
[[nodiscard]] std::vector<std::string> photoz_algorithm_names();
/// A new instance with default options. Throws UsageError for an unknown name.
[[nodiscard]] std::unique_ptr<PhotozAlgorithm> make_photoz_algorithm(const std::string& name);

}  // namespace skyfold
