// Options of the synthetic survey.
#include "skyfold/kernels/mock/options.hpp"

#include <fmt/core.h>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"

namespace skyfold {
namespace {

constexpr long max_objects = 1'000'000'000;

}  // namespace

void describe(OptionSet& option, MockOptions& o) {
  option("objects", o.objects, "objects of the catalogue, exactly").range(1, max_objects);
  option("seed", o.seed, "another seed makes another sky").range(0, 9e15);
  option("survey", o.survey, "bands, depths and tiles").one_of({"des-y1"});
  option("spectroscopic", o.spectroscopic, "part of the objects with a spectroscopic redshift, a training sample").range(0.0, 0.5);
  option("mock.star_fraction", o.star_fraction, "part of the objects that are stars").range(0.0, 1.0);
  option("mock.depth_scatter", o.depth_scatter, "standard deviation of the depth from tile to tile").unit("mag").range(0.0, 0.5);
  option("mock.colour_scatter", o.colour_scatter, "scatter of an object's magnitudes about its spectrum").unit("mag").range(0.0, 0.5);
  option("mock.clustering", o.clustering, "amplitude of the clustering, 0 for none").range(0.0, 4.0);
}

void check(const MockOptions& o) {
  if (o.survey != "des-y1") throw UsageError(fmt::format("survey = {} (the only mock survey is des-y1)", o.survey));
  // Checked again: the library is also used without the command line.
  if (o.objects < 1 || o.objects > max_objects)
    throw UsageError(
        fmt::format("objects = {} (must be in 1..{}: a larger survey would outgrow its region of the sky)", o.objects, max_objects));
}

}  // namespace skyfold
