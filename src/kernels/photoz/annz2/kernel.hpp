#pragma once

#include <string>
#include <vector>

#include "../../network/inputs.hpp"
#include "../common/estimates.hpp"
#include "../common/nearest_errors.hpp"
#include "ensemble.hpp"

namespace skyfold::annz2 {

/// Errors that are no numbers, as where no held-out object has an object's features, become the usual ones; none is less than 0.001:
/// neighbours of one redshift do not make an estimate exact.
/// @param scatter  of the models for one object, shape [models]
/// @returns false when the usual ones were needed
bool complete_errors(std::span<double> scatter, std::span<const double> usual);

/// Estimates redshifts by the best model, and by the weighted sum of all models' Gaussians.
class Annz2Kernel final : public PhotozKernel {
 public:
  Annz2Kernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf);

  void run(const Table& in, Table& out, int threads) const override;

 private:
  struct Worker;
  struct Output;
  void estimate(std::size_t row, std::size_t place, std::span<double> scatter, double farthest, std::int32_t flags, Worker& worker,
                const Output& output) const;

  network::Inputs inputs_;
  Transforms transforms_;
  Ensemble ensemble_;
  NearestNeighbourErrors errors_;
  double reach_;  ///< 99 % of the held-out objects have their neighbours within it
  std::string point_;
};

}  // namespace skyfold::annz2
