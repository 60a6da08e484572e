#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pass.hpp"
#include "sample.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/kernels/kernel.hpp"

namespace skyfold {

/// Estimated redshifts of a sample by one model or from one product; rows are those of the sample.
struct Estimates {
  std::string name, algorithm, path;                  ///< name: unique, of the file; algorithm: "" when unknown
  std::string calibration;                            ///< what training told of the model's; "none"; "" for estimates of a table
  std::vector<double> z_phot, z_err, pit, cde, odds;  ///< NaN where there is none
  bool has_pdf = false;
  // Of the usable objects of the sample:
  std::int64_t missing = 0;      ///< not in the product
  std::int64_t failed = 0;       ///< z_phot is not a number
  std::int64_t no_error = 0;     ///< of those with an estimate, z_err is not a positive number
  std::int64_t no_pdf = 0;       ///< of those with an estimate, the PDF is not a density
  std::int64_t off_grid = 0;     ///< of those with a PDF, z_spec is outside its grid
  std::int64_t measured = 0;     ///< with an estimate: what the metrics are of
  std::int64_t in_training = 0;  ///< ids that the model was trained with
};

/// A model that is ready to estimate the sample.
struct ReadyModel {
  std::string path;
  PhotozModel model;
  std::unique_ptr<Kernel> kernel;
  PdfOptions pdf;           ///< that the kernel gives
  Corrections corrections;  ///< that the sample's magnitudes need for it
};
/// Reads the models; without kernels yet. Throws DataError for a product of another class.
[[nodiscard]] std::vector<ReadyModel> read_models(const ValidateOptions& o);
/// Makes the models' kernels, their bands resolved in the sample's columns; each with the PDFs that photoz gives with the same options.
void make_kernels(const ValidateOptions& o, std::vector<ReadyModel>& models);

/// Estimates the sample with a model, in a pass over the sample; collective.
/// @param number  of the estimates in the run, from 0
[[nodiscard]] Estimates estimate_sample(const ValidateOptions& o, const ReadyModel& model, const ValidationSample& sample,
                                        const ValidatePasses& passes, std::size_t number);
/// Takes the estimates of the sample's objects from a table, in a pass over the table; collective. Throws DataError for an id that
/// occurs twice, and for objects without a row unless they are to be counted.
[[nodiscard]] Estimates read_estimates(const ValidateOptions& o, const std::string& path, const ValidationSample& sample,
                                       const ValidatePasses& passes, std::size_t number);

}  // namespace skyfold
