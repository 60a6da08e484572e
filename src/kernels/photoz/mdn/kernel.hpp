#pragma once

#include <string>
#include <vector>

#include "../common/estimates.hpp"
#include "mixture_net.hpp"

namespace skyfold::mdn {

struct Options {
  FeatureOptions features = {.terms = {"reference", "colours", "errors"}, .reference = ""};
  std::vector<double> hidden = {64, 64};  ///< whole numbers
  long gaussians = 6;                     ///< of each net
  long nets = 4;                          ///< with weights of different seeds; their PDFs are averaged
  double narrowest = 0.0;                 ///< least width of a Gaussian, in redshift; 0: chosen
  long epochs = 0;                        ///< passes over the training set; 0: by its size
  long batch = 128;
  double rate = 2e-3;  ///< of Adam, at the beginning
  double l2 = 1e-5;
  double hide = 0.02;
  double noise = 0.3;
  std::string point = "median";  ///< median, mode, mean
};
[[nodiscard]] network::Shape shape_of(const Options& o, std::size_t inputs);

/// Turns the nets' outputs into the PDF of each object. One per thread.
class Ensemble {
 public:
  /// @param weights  of all nets, one after the other; outlives this
  Ensemble(const network::Shape& shape, const MixtureOutputs& outputs, std::span<const double> weights);

  /// To be filled for a chunk, then `run`.
  [[nodiscard]] std::span<double> input() noexcept { return pass_.input(); }
  void run();
  /// The PDF of an object of the chunk: the mean of the nets' mixtures, without Gaussians of hardly any weight.
  [[nodiscard]] const Mixture& mixture(std::size_t object);

 private:
  network::Pass pass_;
  MixtureOutputs outputs_;
  std::span<const double> weights_;
  std::size_t n_nets_, n_weights_;
  std::vector<double> weight_, z_, sigma_;  ///< [nets x gaussians x chunk]
  std::vector<double> some_weight_, some_z_, some_sigma_;
  Mixture mixture_;
};

/// Estimates redshifts by networks that give mixtures of Gaussians.
class MdnKernel final : public PhotozKernel {
 public:
  /// @param options  with the narrowest width chosen
  MdnKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf);

  void run(const Table& in, Table& out, int threads) const override;

 private:
  struct Worker;
  void estimate(const Mixture& mixture, std::size_t object, std::int32_t flags, Worker& worker, const EstimateColumns& output) const;

  Options options_;
  network::Inputs inputs_;
  network::Shape shape_;
  MixtureOutputs outputs_;
  std::vector<double> weights_;  ///< of all nets
};

}  // namespace skyfold::mdn
