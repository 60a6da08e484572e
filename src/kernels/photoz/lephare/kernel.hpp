#pragma once

#include <optional>
#include <vector>

#include "../common/estimates.hpp"
#include "absolute.hpp"
#include "fit.hpp"

namespace skyfold::lephare {

/// Fits galaxies, quasars and stars to magnitudes: the best models, p(z) of a galaxy, what the best one is like.
class LephareKernel final : public PhotozKernel {
 public:
  LephareKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf);

  void run(const Table& in, Table& out, int threads) const override;

 private:
  struct Worker;
  struct Columns;
  void take_fluxes(const Table& in, const Photometry& photometry, std::size_t object, Worker& worker) const;
  void estimate(std::size_t object, Worker& worker, const Columns& out) const;
  void write_probability(const Best& best, std::size_t object, Worker& worker, const Columns& out) const;
  void write_galaxy(const Best& best, std::size_t object, const Worker& worker, const Columns& out) const;
  [[nodiscard]] double dimming_to(const Best& best, std::size_t band) const;
  void write_classes(const Best& best, std::size_t object, Worker& worker, const Columns& out) const;

  Options options_;
  BandOptions bands_;
  BandColumns columns_;
  std::vector<Model> galaxies_;  ///< without their fluxes
  std::vector<std::size_t> types_, qso_templates_;
  Grid grid_, qso_, stars_;
  AbsoluteLimits limits_, no_limits_;
  std::vector<std::size_t> prior_bands_;    ///< empty: no prior
  std::vector<std::size_t> absolute_from_;  ///< band whose difference from the model moves an absolute magnitude, [z][bands]; empty: none
  std::vector<double> offset_, error_;      ///< of zero points, mag and part of the flux, [bands]
  SmoothDistance distance_;
  std::vector<double> pdf_grid_;
};

}  // namespace skyfold::lephare
