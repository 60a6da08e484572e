#pragma once

#include <memory>
#include <vector>

#include "estimates.hpp"
#include "feature_rows.hpp"
#include "index_cache.hpp"
#include "skyfold/table/features.hpp"

namespace skyfold {

/// The kernel of algorithms that estimate from the nearest training objects in features: groups the objects of a block by the features
/// that they have, finds their neighbours, and fills the columns that tell of them (z_nn, d1, nn_id, n_neighbours, n_bands, flags).
class NeighbourKernel : public PhotozKernel {
 public:
  void run(const Table& in, Table& out, int threads) const final;

 protected:
  /// An object and its neighbours.
  struct Neighbourhood {
    std::size_t object;                     ///< its row
    const double* feature;                  ///< standardised, shape [n_features]
    std::uint64_t mask;                     ///< the features that it has
    std::span<const Neighbour> neighbours;  ///< at least one, nearest first; rows of `rows()`
  };
  /// What an algorithm makes of neighbours; holds the buffers of one thread.
  class Estimator {
   public:
    virtual ~Estimator() = default;
    /// Fills z_phot, z_err, PDFs and columns of its own. Returns flags to add; those of the redshift's range are added by the kernel.
    virtual std::int32_t estimate(const Neighbourhood& of, const EstimateColumns& out) = 0;
  };
  [[nodiscard]] virtual std::unique_ptr<Estimator> make_estimator(Table& out) const = 0;

  /// Reads the tables `training`, `features`, `metric` and `spacing` of the model.
  /// @param schema  of the columns beside those that this kernel fills
  NeighbourKernel(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf, const FeatureOptions& features,
                  std::size_t neighbours, const char* error, Schema schema = {}, std::size_t gaussians = 0);

  [[nodiscard]] const FeatureLayer& layer() const noexcept { return layer_; }
  [[nodiscard]] const FeatureRows& rows() const noexcept { return rows_; }
  [[nodiscard]] const Spacing& spacing() const noexcept { return spacing_; }

 private:
  struct Worker;
  struct Block;
  void run_mask(std::uint64_t mask, const std::vector<std::uint32_t>& objects, const Block& block, Table& out,
                const EstimateColumns& output, int threads) const;
  void estimate(const FeatureIndex& index, std::size_t object, std::uint64_t mask, const Block& block, Worker& worker,
                const EstimateColumns& output) const;

  std::size_t neighbours_;
  FeatureLayer layer_;
  FeatureRows rows_;
  FeatureMetric metric_;
  Spacing spacing_;
  mutable IndexCache<FeatureIndex> indices_;  ///< by the mask of features
};

}  // namespace skyfold
