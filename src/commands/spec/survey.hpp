#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/core/options.hpp"
#include "skyfold/io/source.hpp"

namespace skyfold {

/// A redshift survey as its registration file describes it.
struct Survey {
  std::string registration;  ///< path of the registration file
  std::string name, version, reference;
  long year = 0;
  long priority = 0;                                           ///< 1 first; 0: its place among --surveys
  std::vector<std::string> files;                              ///< paths
  std::string ra, dec, z, quality, error, object_class, date;  ///< columns; the last four may be ""
  std::string date_format = "auto";
  std::vector<std::string> quality_values;  ///< "4:4": the survey's value and ours
  std::string quality_conditions[5];        ///< [4] is that of quality 4; [0] is not used
  long quality_default = 0;
  std::vector<std::string> class_values;
  std::string is_galaxy, is_star, is_qso;  ///< conditions
  SourceOptions source;
};

/// Classes of objects; `unknown` leaves it to the redshift.
enum class ObjectClass : std::uint8_t { galaxy, star, qso, unknown };
[[nodiscard]] const std::vector<std::string>& class_names();  ///< "galaxy", "star", "qso"

/// Reads a registration file; paths of its tables are relative to its folder. Throws UsageError or IoError that names it.
///
/// @param place  among the surveys of the command, from 1
[[nodiscard]] Survey read_survey(const std::string& path, long place);
/// The surveys of the command, in the order of their priorities. Throws UsageError for two of one name and version.
[[nodiscard]] std::vector<Survey> read_surveys(const std::vector<std::string>& paths);
/// What the registration says, as JSON, for the product.
[[nodiscard]] std::string survey_json(const Survey& survey);

/// An accepted measurement.
struct SurveyRow {
  double ra = 0.0, dec = 0.0;   ///< degrees
  double z = 0.0, z_err = 0.0;  ///< z_err: NaN where not known
  std::int64_t row = 0;         ///< in the survey's tables, one after the other, from 0
  std::uint32_t survey = 0;     ///< place in the order of priority
  std::uint8_t quality = 0;     ///< ours, 0 to 4
  ObjectClass object_class = ObjectClass::unknown;
  double mjd = 0.0;  ///< of the observation; NaN where not known
};

/// What the tables of a survey hold.
struct SurveyRows {
  std::vector<SurveyRow> accepted;
  std::int64_t rows_in = 0;         ///< of the tables
  std::int64_t after_quality = 0;   ///< accepted, also when `accepted` was moved from
  std::int64_t dropped = 0;         ///< bad rows among those of good quality
  std::int64_t by_quality[5] = {};  ///< rows of each quality
  std::vector<std::string> drops;   ///< the first few, for messages
};

/// Reads the rows whose quality is at least `quality_min`.
///
/// @param number         place of the survey in the order of priority
/// @param drop_bad_rows  count rows of good quality without valid position or redshift, instead of throwing
/// Throws DataError that names file, row and column; UsageError for columns that are not there.
[[nodiscard]] SurveyRows read_rows(const Survey& survey, std::uint32_t number, int quality_min, bool drop_bad_rows);

}  // namespace skyfold
