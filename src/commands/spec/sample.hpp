#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/kernels/samples/resolve.hpp"
#include "skyfold/table/table.hpp"
#include "survey.hpp"

namespace skyfold {

/// Section `spec` of the configuration.
struct SampleOptions {
  double radius_arcsec = 1.0;
  long quality_min = 3;
  std::string resolve = "best";
  double discrepant = 0.01;
  double z_star = 0.001;
};
void describe(OptionSet& option, SampleOptions& o);

/// A group whose redshifts differ by more than SampleOptions::discrepant.
struct DiscrepantGroup {
  double ra = 0.0, dec = 0.0;
  std::int64_t id = 0;
  std::size_t size = 0;
  double z_min = 0.0, z_max = 0.0, discrepancy = 0.0;
};

/// What a survey gives to the sample.
struct SurveyShare {
  std::int64_t objects = 0;
  double z_sum = 0.0, z_min = 0.0, z_max = 0.0;  ///< of them
};

/// What was found while duplicates were resolved.
struct SampleReport {
  std::int64_t measurements = 0, objects = 0;
  std::int64_t groups = 0;   ///< of two measurements or more
  std::int64_t largest = 1;  ///< members of the largest group
  std::int64_t chained = 0;  ///< groups that are not cliques
  std::vector<SurveyShare> by_survey;
  std::array<std::int64_t, choice_rules> by_rule = {};  ///< groups that each rule decided; `only`: single measurements
  std::vector<DiscrepantGroup> discrepant;              ///< in the order of the sample
};

/// One spectroscopic sample: each object once, in the order of the sky (HEALPix, then survey and row).
struct Sample {
  Table objects;                      ///< the product's columns
  std::vector<std::uint32_t> survey;  ///< by object: place of its survey in the order of priority
  Table members;                      ///< all accepted measurements, by group; only if asked for
  SampleReport report;
};

/// Finds measurements of one object in the accepted rows of all surveys, and resolves them. The result does not depend on
/// threads, nor on the order in which surveys are given where their priorities are.
///
/// @param rows          accepted measurements of all surveys, in any order
/// @param with_members  make the table of measurements too
[[nodiscard]] Sample make_sample(const std::vector<Survey>& surveys, std::vector<SurveyRow> rows, const SampleOptions& o, bool with_members,
                                 int threads);

}  // namespace skyfold
