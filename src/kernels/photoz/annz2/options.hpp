#pragma once

#include <string>
#include <vector>

#include "skyfold/table/features.hpp"

namespace skyfold::annz2 {

struct Options {
  FeatureOptions features = {.terms = {"reference", "colours", "errors"}, .reference = ""};
  long models = 50;
  std::vector<std::string> kinds = {"network", "trees"};
  long rows = 100000;     ///< most objects that a model is trained on
  long iterations = 0;    ///< most of a net's training; 0: by the number of objects
  long correct = 0;       ///< trees of the second stage; 0: none
  long neighbours = 100;  ///< of the nearest-neighbour errors
  long tries = 4000;      ///< weights that are tried
  double hide = 0.02;     ///< share of the objects some of whose bands are hidden
  std::string rank = "all", point = "median";
};
void describe_options(OptionSet& option, Options& o);

}  // namespace skyfold::annz2
