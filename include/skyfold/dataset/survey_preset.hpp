#pragma once

#include <string>
#include <vector>

#include "skyfold/dataset/model_photometry.hpp"

namespace skyfold {

/// What is known of a survey's photometry: names, bands, limits, sentinels, zero points, extinction coefficients and the cut for objects
/// that count once. An INI file (config/surveys/photometry), which users extend by files of their own.
struct SurveyPreset {
  std::string path;
  BandOptions bands;
  FluxOptions flux;
  std::vector<std::string> coefficients;
  std::string where;  ///< condition; "": none
};

/// The preset of a name, beside the program, or of a path (which has a slash or ends in .ini). Throws UsageError for a name that is none,
/// with those that there are.
[[nodiscard]] SurveyPreset survey_preset(const std::string& survey);

/// The option --survey.
void describe_survey(OptionSet& option, std::string& survey);
/// A preset as it was taken: its file, which is an input, and its condition.
struct TakenSurvey {
  std::string path, where;
};
/// Puts what a preset knows where the user has said nothing; "" as the survey does nothing. Coefficients stand in only where a column or
/// map of E(B-V) is named.
[[nodiscard]] TakenSurvey take_survey(const std::string& survey, BandOptions& bands, FluxOptions& flux, ExtinctionOptions& extinction);
/// The same for a table that a model is used on: the bands are the model's.
[[nodiscard]] TakenSurvey take_survey(const std::string& survey, ModelBandOptions& o);

/// The preset's condition, where a table has its columns; else "".
/// @param line  is given what to say about it
[[nodiscard]] std::string condition_for(const TakenSurvey& survey, const Schema& schema, const std::string& path, std::string& line);

}  // namespace skyfold
