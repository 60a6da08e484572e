// Presets of surveys: found beside the program, read by the description of the options that they stand in for.
#include "skyfold/dataset/survey_preset.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/catalog_tag.hpp"
#include "skyfold/table/expression.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

/// PREFIX/bin/skyfold has them in PREFIX/share/skyfold/surveys, where it was installed and where it was built.
fs::path preset_folder() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return program.parent_path().parent_path() / "share" / "skyfold" / "surveys";
}

std::vector<std::string> known_surveys() {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(preset_folder(), error))
    if (entry.path().extension() == ".ini") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string preset_path(const std::string& survey) {
  if (survey.find('/') != std::string::npos || survey.ends_with(".ini")) return survey;
  const std::vector<std::string> names = known_surveys();
  if (std::find(names.begin(), names.end(), survey) != names.end()) return (preset_folder() / (survey + ".ini")).string();
  const std::string nearest = nearest_name(survey, names);
  throw UsageError(fmt::format("--survey {}: no such preset{} (there are: {}; or the path of a file)", survey,
                               nearest.empty() ? "" : ", did you mean '" + nearest + "'?", names.empty() ? "none" : join(names, ", ")));
}

template <class T>
void take(const T& from, const T& usual, T& to) {
  if (to == usual) to = from;
}

}  // namespace

void describe_survey(OptionSet& option, std::string& survey) {
  option("survey", survey,
         "what is known of a survey's photometry: name of a preset, path of a file like those of config/surveys/photometry, or a catalogue "
         "tag "
         "of RAIL, FILE.yaml or FILE.yaml:TAG");
}

SurveyPreset survey_preset(const std::string& survey) {
  if (is_catalog_tag(survey)) return catalog_tag_preset(survey);
  SurveyPreset preset;
  preset.path = preset_path(survey);
  OptionSet options;
  describe(options, preset.bands);
  describe(options, preset.flux);
  options("extinction.coefficients", preset.coefficients, "extinction of each band over E(B-V)");
  options("where", preset.where, "condition for objects that count once");
  options.read_ini(preset.path);
  return preset;
}

TakenSurvey take_survey(const std::string& survey, BandOptions& bands, FluxOptions& flux, ExtinctionOptions& extinction) {
  if (survey.empty()) return {};
  const SurveyPreset preset = survey_preset(survey);
  const BandOptions usual;
  const bool has_names = !bands.magnitude.empty() || !bands.error.empty() || flux.is_set();
  // Limits and softenings are those of the preset's bands.
  const bool has_bands = bands.bands.empty() || bands.bands == preset.bands.bands;
  take(preset.bands.bands, usual.bands, bands.bands);
  if (!has_names) {
    bands.magnitude = preset.bands.magnitude;
    bands.error = preset.bands.error;
    flux = preset.flux;
    if (!has_bands && !preset.flux.hyperbolic.empty())
      throw UsageError(fmt::format("--bands: other bands than those of {}, which has a softening for each of {}", preset.path,
                                   join(preset.bands.bands, ",")));
  }
  take(preset.bands.nondetection, usual.nondetection, bands.nondetection);
  take(preset.bands.missing, usual.missing, bands.missing);
  take(preset.bands.nan, usual.nan, bands.nan);
  take(preset.bands.inf, usual.inf, bands.inf);
  if (has_bands) take(preset.bands.limits, usual.limits, bands.limits);
  const bool wants_extinction = !extinction.column.empty() || !extinction.map.empty();
  if (wants_extinction && extinction.coefficients.empty()) extinction.coefficients = preset.coefficients;
  return {preset.path, preset.where};
}

TakenSurvey take_survey(const std::string& survey, ModelBandOptions& o) {
  if (survey.empty()) return {};
  const SurveyPreset preset = survey_preset(survey);
  if (o.magnitude.empty() && o.error.empty() && !o.flux.is_set()) {
    o.magnitude = preset.flux.flux.empty() ? preset.bands.magnitude : "";
    o.error = preset.flux.flux.empty() ? preset.bands.error : "";
    o.flux = preset.flux;
  }
  const BandOptions usual;
  if (o.nondetection.empty() && preset.bands.nondetection != usual.nondetection) o.nondetection = preset.bands.nondetection;
  if (o.missing.empty() && preset.bands.missing != usual.missing) o.missing = preset.bands.missing;
  if (o.nan.empty() && preset.bands.nan != usual.nan) o.nan = preset.bands.nan;
  if (o.inf.empty() && preset.bands.inf != usual.inf) o.inf = preset.bands.inf;
  return {preset.path, preset.where};
}

std::string condition_for(const TakenSurvey& survey, const Schema& schema, const std::string& path, std::string& line) {
  if (trim(survey.where).empty()) return "";
  try {
    (void)Condition(survey.where, schema, path);
  } catch (const UsageError& error) {
    // A table without the column has been cut before, perhaps; what cannot be read is wrong in any table.
    if (std::string(error.what()).find("no column") == std::string::npos) throw;
    line = fmt::format("the condition '{}' of {} is left out: {}", survey.where, survey.path, error.what());
    return "";
  }
  line = fmt::format("objects with {}, by {}", survey.where, survey.path);
  return survey.where;
}

}  // namespace skyfold
