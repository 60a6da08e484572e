#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../../neighbours/search.hpp"
#include "../common/estimates.hpp"
#include "colours.hpp"

namespace skyfold::cmnn {

struct Options {
  double quantile = 0.68;          ///< of the chi^2 distribution: its value is the greatest distance of a match
  long least = 25;                 ///< matches; with fewer the nearest are taken, and the error grows
  double least_distance = 1e-4;    ///< nearer is the object itself
  std::string choice = "nearest";  ///< nearest, weighted, random
  std::string id = "id";           ///< column of ids, read where the choice is drawn
  long seed = 1;                   ///< of the draws
};

/// Training objects with the same colours, searched together.
struct ColourGroup {
  std::uint32_t present = 0;
  std::unique_ptr<PointTree> tree;
};

/// Estimates redshifts by training objects whose colours match within the object's errors (Graham et al. 2018, AJ 155, 1).
class CmnnKernel final : public PhotozKernel {
 public:
  CmnnKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf);

  [[nodiscard]] std::vector<std::string> needs() const override;
  void run(const Table& in, Table& out, int threads) const override;

 private:
  struct Worker;
  struct Matches;
  [[nodiscard]] bool draws() const noexcept { return options_.choice != "nearest"; }
  void estimate(std::size_t object, std::uint32_t usable, std::int64_t id, std::int32_t flags, Worker& worker,
                const EstimateColumns& output) const;
  Matches find(Worker& worker, std::uint32_t usable) const;
  [[nodiscard]] std::size_t choose(const std::vector<Neighbour>& matches, std::int64_t id) const;

  Options options_;
  std::size_t n_colours_;
  std::vector<std::int64_t> id_;
  std::vector<double> z_, weight_;
  std::vector<double> threshold_;     ///< by degrees of freedom, shape [n_colours + 1]
  std::vector<std::uint32_t> group_;  ///< of each training row
  std::vector<ColourGroup> groups_;   ///< the one with most objects first
};

}  // namespace skyfold::cmnn
