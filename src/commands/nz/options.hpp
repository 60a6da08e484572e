#pragma once

#include <string>
#include <vector>

#include "skyfold/core/options.hpp"
#include "skyfold/io/source.hpp"

namespace skyfold {

/// Options of `nz`.
struct NzOptions {
  std::string pdf, catalogue, bins, where, weights, point, truth, training, reference;
  std::string output, text, fits, plot;
  std::string estimator = "stack", join = "auto", missing = "error";
  std::string id, ra, dec;
  double zmin = 0.0, zmax = 0.0, width = 0.01;
  long realisations = 100, seed = 1, nside = 8;
  std::string training_redshift, training_weight = "weight", training_id, training_seen = "alike";
  std::vector<std::string>
      training_space;  ///< numbers of both tables in which objects are counted about training objects; empty: they are not
  long training_neighbours = 5;
  SourceOptions source;
};
void describe(OptionSet& option, NzOptions& o);
/// Throws UsageError for values that do not go together.
void check(const NzOptions& o);

}  // namespace skyfold
