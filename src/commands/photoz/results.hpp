#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skyfold/io/row_file.hpp"
#include "skyfold/kernels/photoz/columns.hpp"
#include "skyfold/kernels/validate/quality.hpp"
#include "skyfold/registry/process.hpp"

namespace skyfold {

/// What a photo-z product holds: objects, flags, histograms of z_phot and of the error. Counts of ranks can be added.
class PhotozCounts {
 public:
  PhotozCounts();
  void add(double z_phot, double z_err, std::int64_t flags);
  /// All counts, to be summed element by element over ranks.
  [[nodiscard]] std::span<std::int64_t> all() noexcept { return counts_; }
  /// Tells the process, for its record and its log.
  /// @param name       of the model among several, else ""
  /// @param has_flags  the product has them
  void describe(const std::string& name, bool has_flags, Process& process) const;

 private:
  void describe_flags(const std::string& of_model, Process& process) const;

  std::vector<std::int64_t> counts_;
};

/// The estimates of one model in a product: their counts, and how good they are where redshifts are known.
class ModelResults {
 public:
  /// @param title   of the model among several, else ""; @param prefix  of its columns, without _
  ModelResults(const PhotozForm& form, std::string title, const std::string& prefix);
  /// What its PDFs lose is counted, too, where they are on a grid.
  void watch(const PdfOptions& pdf);
  /// @param truth  known redshifts of the same objects, or null
  void add(const RowReader& product, RowRange block, const Column* truth);
  /// Whole numbers, to be summed over ranks.
  [[nodiscard]] std::vector<std::span<std::int64_t>> all() { return {counts_.all(), sums_.counts(), losses_}; }
  /// Tells the process; returns the line about quality, "" without known redshifts.
  std::string describe(Process& process) const;

 private:
  void tell_losses(Process& process) const;

  PdfOptions pdf_;
  std::vector<std::int64_t> losses_ = {0, 0, 0};  ///< objects with a PDF; off the grid by more than half; narrower than its step
  std::string title_, z_phot_, z_err_, z_err_high_, flags_;
  PhotozCounts counts_;
  QualitySums sums_;
};

}  // namespace skyfold
