#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../common/estimates.hpp"
#include "../common/index_cache.hpp"
#include "neighbours.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold::dnf {

struct Options {
  std::string metric = "anf";
  long neighbours = 80;
  long preselect = 4000;
  bool fit = true;
  bool leave_self_out = false;
  std::string id = "id";
  std::string kernel = "adaptive";
  double sigma = 0.05;
  double sigma_floor = 0.005;
};

[[nodiscard]] Metric metric_from(const std::string& name);
/// Bands of an object that count and have a magnitude, a bit for each.
[[nodiscard]] std::uint32_t usable_bands(const Photometry& photometry, std::size_t object);
/// The training rows of a model's table `training`.
[[nodiscard]] TrainingRows training_rows(const Table& training);

/// Directional neighbourhood fitting (De Vicente, Sanchez & Sevilla-Noarbe 2016, MNRAS 459, 3078).
class DnfKernel final : public PhotozKernel {
 public:
  DnfKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf);

  [[nodiscard]] std::vector<std::string> needs() const override;
  void run(const Table& in, Table& out, int threads) const override;

 private:
  struct Output;
  struct Worker;
  struct Object;
  void run_mask(std::uint32_t mask, const std::vector<std::uint32_t>& objects, const Photometry& photometry,
                std::span<const std::int64_t> ids, const Output& output, int threads) const;
  void estimate(const NeighbourIndex& index, const Object& object, Worker& worker, const Output& output) const;
  std::span<const std::uint32_t> training_copies(const NeighbourIndex& index, const Object& object, Worker& worker) const;
  double kernel_width(double err_fit, std::size_t n) const;

  Options options_;
  double coverage_;  ///< mag; NaN: unknown
  TrainingRows rows_;
  std::vector<std::pair<std::int64_t, std::uint32_t>> rows_by_id_;  ///< sorted; only with leave_self_out
  mutable IndexCache<NeighbourIndex> indices_;                      ///< by band mask
};

}  // namespace skyfold::dnf
