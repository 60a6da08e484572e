#pragma once

#include <string>

namespace skyfold {

class OptionSet;

/// What synthetic survey to make (docs/mock.md says how).
struct MockOptions {
  long objects = 1'000'000;       ///< rows of the catalogue, exactly
  long seed = 1;                  ///< another seed is another sky
  std::string survey = "des-y1";  ///< bands, depths and tiles
  double spectroscopic = 0.0;     ///< part of the objects with a spectroscopic redshift; 0: no training sample
  double star_fraction = 0.15;    ///< part of the objects that are stars
  double depth_scatter = 0.15;    ///< standard deviation of the depth from tile to tile, mag
  double colour_scatter = 0.03;   ///< scatter of an object's magnitudes about its spectrum, mag
  double clustering = 1.0;        ///< amplitude of the density field; 0: no clustering
};
void describe(OptionSet& option, MockOptions& o);

/// Throws UsageError for options that `describe`'s ranges cannot judge (an unknown survey, too many objects).
void check(const MockOptions& o);

}  // namespace skyfold
