#pragma once

#include <string>
#include <vector>

#include "../common/estimates.hpp"
#include "classifier.hpp"

namespace skyfold::skynet {

struct Options {
  FeatureOptions features = {.terms = {"reference", "colours", "errors"}, .reference = ""};
  std::vector<double> hidden = {20, 40, 40};  ///< whole numbers
  long bins = 50;                             ///< classes of a net
  long nets = 4;                              ///< each with its classes shifted by a part of their width
  long epochs = 0;                            ///< 0: by the size of the training set
  double rate = 5e-3;
  double l2 = 1e-4;
  double hide = 0.02, noise = 0.3;
  std::string point = "median";  ///< median, mode, mean
};
[[nodiscard]] network::Shape shape_of(const Options& o, std::size_t inputs, std::size_t classes);

/// Estimates redshifts by networks that tell sliding bins apart.
class SkynetKernel final : public PhotozKernel {
 public:
  SkynetKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf);

  void run(const Table& in, Table& out, int threads) const override;

 private:
  struct Worker;
  Options options_;
  network::Inputs inputs_;
  SlidingBins bins_;
  network::Shape shape_;
  std::vector<double> weights_, grid_;
};

}  // namespace skyfold::skynet
