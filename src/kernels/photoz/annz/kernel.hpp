#pragma once

#include <optional>
#include <vector>

#include "../../network/inputs.hpp"
#include "../common/estimates.hpp"
#include "../common/nearest_errors.hpp"
#include "committee.hpp"

namespace skyfold::annz {

struct Options {
  FeatureOptions features = {.terms = {"reference", "colours", "errors"}, .reference = ""};
  std::vector<double> hidden;  ///< whole numbers; empty: two layers of twice the number of features
  long nets = 4;
  long iterations = 0;    ///< most of a net's training; 0: by the number of objects
  long neighbours = 100;  ///< of the nearest-neighbour errors; 0: the same scatter for all
  double hide = 0.02;
};
[[nodiscard]] network::Shape shape_of(const Options& o, const network::Inputs& inputs);

/// Estimates redshifts by the mean of networks, with the errors of the magnitudes, of the nets and of similar objects.
class AnnzKernel final : public PhotozKernel {
 public:
  AnnzKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf);

  void run(const Table& in, Table& out, int threads) const override;

 private:
  struct Worker;
  void estimate(const Photometry& photometry, std::size_t row, std::size_t object, double scatter, std::int32_t flags, Worker& worker,
                const EstimateColumns& output) const;

  network::Inputs inputs_;
  network::Shape shape_;
  std::vector<double> weights_, slopes_;
  std::optional<NearestNeighbourErrors> scatter_;  ///< none: the same for all
  double usual_scatter_, scale_;
};

}  // namespace skyfold::annz
