#pragma once

#include <optional>
#include <vector>

#include "../common/estimates.hpp"
#include "options.hpp"
#include "posterior.hpp"
#include "prior.hpp"

namespace skyfold::bpz {

/// Fits templates to magnitudes: p(z) of each object, and what is read off it.
class BpzKernel final : public PhotozKernel {
 public:
  BpzKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf);

  void run(const Table& in, Table& out, int threads) const override;

 private:
  struct Worker;
  struct Columns;
  struct Input;
  void take_fluxes(const Input& in, std::size_t object, Worker& worker) const;
  [[nodiscard]] double limit_of(const Input& in, std::size_t object, std::size_t band) const;
  void estimate(std::size_t object, Worker& worker, const Columns& out) const;
  void write(const Estimate& e, std::size_t object, const Columns& out) const;

  Options options_;
  BandOptions bands_;
  BandColumns columns_;
  Models models_;
  std::optional<LogPrior> prior_;
  std::size_t prior_band_ = 0;
  FluxRules rules_;
  std::vector<double> pdf_grid_;
};

}  // namespace skyfold::bpz
