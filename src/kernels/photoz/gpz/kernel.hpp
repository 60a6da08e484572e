#pragma once

#include <memory>

#include "../../network/inputs.hpp"
#include "../common/estimates.hpp"
#include "predictor.hpp"

namespace skyfold::gpz {

struct Options {
  FeatureOptions features;
  long basis = 100;       ///< basis functions
  long iterations = 300;  ///< at most
  long patience = 60;     ///< iterations without progress on the held-out part that end the fit
  double held_out = 0.2;  ///< part of the training set by which the best iteration is chosen
  long rows = 50'000;     ///< most objects that shapes and noise are fitted to; weights are of all
  long fits = 1;          ///< from other starts, of which the best is kept
};

/// Features of an object of which some are missing: what is expected of them given the others, for a normal distribution.
class MissingFeatures {
 public:
  /// @param mean, covariance  of all features, shape [n], [n x n]
  MissingFeatures(std::vector<double> mean, std::vector<double> covariance) : mean_(std::move(mean)), covariance_(std::move(covariance)) {}

  /// For the objects with the features of a mask.
  struct Rule {
    std::vector<std::size_t> there, missing;
    std::vector<double> regression;  ///< [missing x there]
    std::vector<double> covariance;  ///< of the missing ones given the others, [missing x missing]
  };
  [[nodiscard]] Rule rule(std::uint64_t mask) const;
  /// Fills the missing features of a chunk in, shape [features x chunk].
  void fill(const Rule& rule, std::span<double> feature) const;

 private:
  std::vector<double> mean_, covariance_;
};

/// Estimates redshifts by a sparse Gaussian process.
class GpzKernel final : public PhotozKernel {
 public:
  GpzKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf);

  void run(const Table& in, Table& out, int threads) const override;

 private:
  struct Worker;
  struct Block;
  void run_chunk(std::span<const std::uint32_t> rows, const MissingFeatures::Rule& rule, const Block& block, Worker& worker,
                 const EstimateColumns& output) const;

  network::Inputs inputs_;
  Layout layout_;
  double mean_z_;
  Predictor predictor_;
  MissingFeatures missing_;
};

}  // namespace skyfold::gpz
