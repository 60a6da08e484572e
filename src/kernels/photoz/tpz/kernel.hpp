#pragma once

#include <memory>
#include <vector>

#include "../common/binned_pdf.hpp"
#include "../common/estimates.hpp"
#include "../common/feature_range.hpp"
#include "rows.hpp"
#include "shares.hpp"
#include "skyfold/table/features.hpp"

namespace skyfold::tpz {

/// Trees as tables of a model (`trees`, `nodes`, `leaf_rows`), and back. Trees are taken apart as they are written.
void put_trees(std::vector<forest::Tree>&& trees, PhotozModel& model);
[[nodiscard]] std::vector<forest::Tree> trees_of(const PhotozModel& model);

/// The PDF of the published recipe: a histogram of the redshifts in the leaves, cut, smoothed, cut again.
class LeafHistogram {
 public:
  LeafHistogram(std::span<const double> z, const Options& o);
  const BinnedPdf& make(std::span<const Share> shares);

 private:
  std::span<const double> z_;
  double z_min_, per_bin_;
  std::vector<double> kernel_, count_, smooth_;
  BinnedPdf pdf_;
};

/// Estimates redshifts from the training objects that are in the same leaves.
class TpzKernel final : public PhotozKernel {
 public:
  TpzKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf);
  void run(const Table& in, Table& out, int threads) const override;

 private:
  struct Worker;
  struct Output;
  void estimate(std::span<const Share> shares, std::size_t object, std::int32_t flags, Worker& worker, const Output& output) const;

  Options options_;
  FeatureLayer layer_;
  FeatureRange range_;
  std::vector<forest::Tree> trees_;
  std::vector<double> z_;
  std::vector<float> weight_;
};

}  // namespace skyfold::tpz
