#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// What became of one redshift survey's objects, as table A.4 of the DES Science Portal (Gschwend et al. 2018) has it.
struct SurveyMatches {
  std::string survey;
  std::int64_t spectroscopic = 0;                 ///< objects of the spectroscopic sample
  std::int64_t matched = 0;                       ///< with a photometric object within the radius
  std::int64_t training = 0;                      ///< left in the training set
  double z_mean = 0.0, z_min = 0.0, z_max = 0.0;  ///< of those in the training set; 0 without any
};

/// By name of the survey.
/// @param sample    the spectroscopic sample, with a column `survey`
/// @param matched   rows of it with a match
/// @param training  the training set, with columns `survey` and `z_spec`
[[nodiscard]] std::vector<SurveyMatches> count_by_survey(const Table& sample, const std::vector<std::size_t>& matched,
                                                         const Table& training);

}  // namespace skyfold
