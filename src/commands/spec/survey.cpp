// A redshift survey: its registration (an INI file that names columns, and translates its flags of quality and class into ours), and
// its rows of good quality, read block by block.
#include "survey.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "dates.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/io/input_names.hpp"
#include "skyfold/kernels/samples/resolve.hpp"
#include "skyfold/kernels/samples/translate.hpp"

namespace skyfold {
namespace {

void describe_survey(OptionSet& option, Survey& s) {
  option("name", s.name, "name of the survey, as it stands in products");
  option("version", s.version, "version of its data");
  option("year", s.year, "year of the data: the most recent measurement of an object is preferred").range(0, 9999);
  option("reference", s.reference, "paper or address to cite");
  option("file", s.files, "tables of one layout, relative to this file");
  option("priority", s.priority, "place in the order of surveys that decides last, 1 first; 0: its place on the command line")
      .range(0, 1e6);
  option("columns.ra", s.ra, "column of right ascensions").unit("deg");
  option("columns.dec", s.dec, "column of declinations").unit("deg");
  option("columns.z", s.z, "column of redshifts");
  option("columns.quality", s.quality, "column of quality flags");
  option("columns.error", s.error, "column of redshift errors; empty: none");
  option("columns.class", s.object_class, "column of classes; empty: none");
  option("columns.date", s.date, "column of the dates of observation; empty: none");
  option("date.format", s.date_format, "what dates are: mjd, jd, year (2015.25) or iso (2015-04-01); auto: iso for texts, mjd for numbers")
      .one_of({"auto", "mjd", "jd", "year", "iso"});
  option("quality.values", s.quality_values, "the survey's flags and ours, 4:4,3:3");
  for (int quality = 4; quality >= 1; --quality)
    option(fmt::format("quality.{}", quality), s.quality_conditions[quality],
           "condition on columns for this quality; tried from 4 to 1, before the values");
  option("quality.default", s.quality_default, "quality where nothing else applies").range(0, 4);
  option("class.values", s.class_values, "the survey's classes and ours, 1:galaxy,2:star,3:qso");
  option("class.galaxy", s.is_galaxy, "condition on columns for a galaxy");
  option("class.star", s.is_star, "condition on columns for a star");
  option("class.qso", s.is_qso, "condition on columns for a QSO");
  describe(option, s.source);
}

void check_survey(const Survey& s) {
  const auto need = [&](bool given, const char* name) {
    if (!given) throw UsageError(fmt::format("{}: {} is missing", s.registration, name));
  };
  need(!s.name.empty(), "name");
  need(!s.files.empty(), "file");
  // Two measurements of equal quality are decided by it, so a survey without a year would lose or win by accident.
  need(s.year > 0, "year");
  need(!s.ra.empty(), "columns.ra");
  need(!s.dec.empty(), "columns.dec");
  need(!s.z.empty(), "columns.z");
  const bool has_conditions = std::any_of(s.quality_conditions, s.quality_conditions + 5, [](const std::string& c) { return !c.empty(); });
  const bool has_values = !s.quality.empty() && !s.quality_values.empty();
  if (!has_conditions && !has_values && s.quality_default == 0)
    throw UsageError(s.registration +
                     ": nothing says which quality is good (columns.quality with quality.values, or conditions quality.4, ...)");
  if (!s.quality_values.empty() && s.quality.empty()) throw UsageError(s.registration + ": quality.values without columns.quality");
  if (!s.class_values.empty() && s.object_class.empty()) throw UsageError(s.registration + ": class.values without columns.class");
}

TranslationRule quality_rule(const Survey& s) {
  const auto values = parse_values(s.quality_values, {}, 0, 4, s.registration + ": quality.values");
  // From 4 down: a row that fits several conditions has the best quality that it fits.
  TranslationRule rule{s.quality, values, {}, static_cast<int>(s.quality_default)};
  for (int quality = 4; quality >= 1; --quality)
    if (!s.quality_conditions[quality].empty()) rule.conditions.emplace_back(s.quality_conditions[quality], quality);
  return rule;
}

/// Without a rule, usual words are understood.
TranslationRule class_rule(const Survey& s, const Schema& schema) {
  const int unknown = static_cast<int>(ObjectClass::unknown);
  TranslationRule rule{s.object_class, parse_values(s.class_values, class_names(), 0, 2, s.registration + ": class.values"), {}, unknown};
  const std::string* conditions[] = {&s.is_galaxy, &s.is_star, &s.is_qso};
  for (int code = 0; code < 3; ++code)
    if (!conditions[code]->empty()) rule.conditions.emplace_back(*conditions[code], code);
  // Only of texts: numbers of classes mean something else in every survey.
  const auto column = find_column(schema, s.object_class);
  if (rule.values.empty() && rule.conditions.empty() && column && schema[*column].type == Type::text)
    rule.values = {{"galaxy", 0}, {"gal", 0}, {"g", 0}, {"star", 1}, {"s", 1}, {"qso", 2}, {"quasar", 2}, {"q", 2}};
  return rule;
}

Dataset open_in_degrees(const Survey& survey, const std::string& path) {
  Dataset dataset(path, survey.source);
  dataset.use_degrees(survey.ra, survey.dec);
  return dataset;
}

/// Reads one table of a survey, block by block.
class TableReader {
 public:
  TableReader(const Survey& survey, std::uint32_t number, const std::string& path, int quality_min, bool drop_bad_rows, SurveyRows& rows)
      : survey_(survey),
        number_(number),
        path_(path),
        quality_min_(quality_min),
        drop_bad_rows_(drop_bad_rows),
        rows_(rows),
        survey_table_(open_in_degrees(survey, path)),
        quality_(quality_rule(survey), survey_table_.schema(), fmt::format("{} ({}): quality", survey.registration, path)),
        class_(class_rule(survey, survey_table_.schema()), survey_table_.schema(), fmt::format("{} ({}): class", survey.registration, path),
               class_names()) {
    for (const std::string* name : {&survey.ra, &survey.dec, &survey.z}) need(*name, Type::f8);
    if (!survey.error.empty()) need(survey.error, Type::f8);
    if (!survey.date.empty()) need_dates();
    // Conditions may name columns that no option does.
    for (const auto* columns : {&quality_.columns(), &class_.columns()})
      for (const std::string& name : *columns) need(name, std::nullopt);
    if (!survey.quality.empty()) need(survey.quality, std::nullopt);
    if (!survey.object_class.empty()) need(survey.object_class, std::nullopt);
  }

  void read() {
    Table table(columns_);
    // Rows of a survey are numbered over all its tables.
    const std::int64_t first_row = rows_.rows_in;
    rows_.accepted.reserve(rows_.accepted.size() +
                           static_cast<std::size_t>(survey_table_.rows()));  // costs address space alone until it is used
    for (const Piece& piece : survey_table_.source().pieces(1 << 18)) {
      // Bad cells come in order of rows, as `take` wants them.
      const std::vector<BadCell> bad = read_piece_and_bad_cells(survey_table_.source(), piece, table);
      take(table, piece.first_row, first_row, bad);
    }
    rows_.rows_in = first_row + survey_table_.rows();
  }

 private:
  void need(const std::string& name, std::optional<Type> type) {
    ColumnInfo column = survey_table_.column(name, survey_.registration);
    if (type) (void)survey_table_.number_column(name, survey_.registration);
    // Whole numbers keep the value that stands for "missing"; doubles have NaN for it.
    if (type && (column.type == Type::f4 || column.type == Type::f8)) column.type = *type;
    if (!find_column(columns_, name)) columns_.push_back(column);
  }

  void need_dates() {
    const bool is_text = survey_table_.column(survey_.date, survey_.registration).type == Type::text;
    need(survey_.date, is_text ? std::nullopt : std::optional(Type::f8));
    date_format_ = survey_.date_format != "auto" ? survey_.date_format : is_text ? "iso" : "mjd";
    if (is_text != (date_format_ == "iso"))
      throw UsageError(fmt::format("{}: date.format = {}, but column {} of {} holds {}", survey_.registration, date_format_, survey_.date,
                                   path_, is_text ? "texts" : "numbers"));
  }

  void take(const Table& table, std::int64_t first_of_piece, std::int64_t first_row, const std::vector<BadCell>& bad) {
    qualities_.resize(table.rows());
    classes_.resize(table.rows());
    // All rows of the block at once: a condition is evaluated over columns.
    quality_.translate(table, qualities_);
    class_.translate(table, classes_);
    const Column &ra = table.at(survey_.ra), &dec = table.at(survey_.dec), &z = table.at(survey_.z);
    const Column* const date = survey_.date.empty() ? nullptr : &table.at(survey_.date);
    const Column* const error = survey_.error.empty() ? nullptr : &table.at(survey_.error);
    // Both lists go by row, so one pass over the bad cells serves the block.
    auto next_bad = bad.begin();
    for (std::size_t i = 0; i < table.rows(); ++i) {
      const std::int64_t row = first_of_piece + static_cast<std::int64_t>(i);
      const BadCell* cell = nullptr;
      // Of several bad cells in a row, one that decides the quality counts most: then nobody knows whether the row matters.
      for (; next_bad != bad.end() && next_bad->row <= row; ++next_bad)
        if (next_bad->row == row && (!cell || decides_quality(next_bad->column))) cell = &*next_bad;
      // Before any row is left out: the report tells how the flags were translated.
      ++rows_.by_quality[qualities_[i]];
      const bool is_unsure = cell && decides_quality(cell->column);
      // What is wrong with a row that would not be used anyway does not matter: surveys mark failures by odd redshifts.
      if (qualities_[i] < quality_min_ && !is_unsure) continue;
      const double values[] = {ra.number(i), dec.number(i), z.number(i)};
      if (cell ? reject(row, cell->column, cell->problem) : !is_good(row, values)) continue;
      const auto mjd = date ? mjd_of(*date, i, date_format_) : std::nan("");
      if (!mjd && reject(row, survey_.date, unreadable_date(*date, i, date_format_))) continue;
      const double z_err = error ? error->number(i) : std::numeric_limits<double>::quiet_NaN();
      // Some surveys count right ascension from -180: into 0 to 360.
      rows_.accepted.push_back({values[0] < 0.0      ? values[0] + 360.0
                                : values[0] >= 360.0 ? values[0] - 360.0
                                                     : values[0],
                                values[1], values[2], is_valid_error(z_err) ? z_err : std::numeric_limits<double>::quiet_NaN(),
                                first_row + row, number_, static_cast<std::uint8_t>(qualities_[i]), static_cast<ObjectClass>(classes_[i]),
                                *mjd});
    }
  }

  bool decides_quality(const std::string& column) const {
    const auto& columns = quality_.columns();
    return std::find(columns.begin(), columns.end(), column) != columns.end();
  }

  /// Says what is wrong with a row of good quality; true, for "left out", where that is wanted.
  bool reject(std::int64_t row, const std::string& column, const std::string& problem) {
    const std::string message = describe_bad_cell(path_, {row, column, problem});
    if (!drop_bad_rows_) throw DataError(message + " (--on-bad-row drop leaves such rows out)");
    ++rows_.dropped;
    // Enough to see what is wrong; the number of all is told beside them.
    if (rows_.drops.size() < 3) rows_.drops.push_back(message);
    return true;
  }

  bool is_good(std::int64_t row, const double (&values)[3]) {
    const auto [ra, dec, z] = values;
    if (!(ra >= -360.0 && ra <= 360.0)) return !reject(row, survey_.ra, describe(ra, "-360 to 360 deg"));
    if (!(dec >= -90.0 && dec <= 90.0)) return !reject(row, survey_.dec, describe(dec, "-90 to 90 deg"));
    // 1 + z must be positive; beyond 20 there is no spectroscopic redshift, so it is a flag or a slip.
    if (!(z > -1.0 && z <= 20.0)) return !reject(row, survey_.z, describe(z, "-1 to 20, for a redshift of good quality"));
    return true;
  }
  static std::string describe(double value, const char* range) {
    return std::isnan(value) ? fmt::format("no value (must be in {})", range) : fmt::format("{} (must be in {})", shortest(value), range);
  }

  const Survey& survey_;
  std::uint32_t number_;
  std::string path_;
  int quality_min_;
  bool drop_bad_rows_;
  SurveyRows& rows_;
  Dataset survey_table_;
  Translator quality_, class_;
  Schema columns_;
  std::string date_format_;
  std::vector<int> qualities_, classes_;
};

}  // namespace

const std::vector<std::string>& class_names() {
  static const std::vector<std::string> names = {"galaxy", "star", "qso"};
  return names;
}

Survey read_survey(const std::string& path, long place) {
  Survey survey;
  OptionSet options;
  describe_survey(options, survey);
  // By the parser of configuration files, so that a name that no registration has is told with its line.
  options.read_ini(path);
  survey.registration = path;
  check_survey(survey);
  if (survey.priority == 0) survey.priority = place;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  // Relative to the registration, which can then be kept and moved with its tables.
  survey.files = whole_names(survey.files, folder.string());
  for (std::string& file : survey.files) file = (folder / file).string();
  return survey;
}

std::vector<Survey> read_surveys(const std::vector<std::string>& paths) {
  std::vector<Survey> surveys;
  for (const std::string& path : paths) surveys.push_back(read_survey(path, std::ssize(surveys) + 1));
  // Equal priorities keep the order of the command line.
  std::stable_sort(surveys.begin(), surveys.end(), [](const Survey& a, const Survey& b) { return a.priority < b.priority; });
  for (std::size_t i = 0; i < surveys.size(); ++i)
    for (std::size_t k = 0; k < i; ++k)
      // Two versions of a survey may stand beside each other; the same one twice would measure each object twice.
      if (surveys[i].name == surveys[k].name && surveys[i].version == surveys[k].version)
        throw UsageError(fmt::format("{}: survey {}{}{} is registered by {} too", surveys[i].registration, surveys[i].name,
                                     surveys[i].version.empty() ? "" : " ", surveys[i].version, surveys[k].registration));
  return surveys;
}

std::string survey_json(const Survey& s) {
  nlohmann::ordered_json json = {
      {"name", s.name}, {"version", s.version}, {"year", s.year}, {"reference", s.reference}, {"priority", s.priority}};
  // Names without folders: provenance is the same wherever the tables lay.
  for (const std::string& file : s.files) json["files"].push_back(std::filesystem::path(file).filename().string());
  json["columns"] = {{"ra", s.ra}, {"dec", s.dec}, {"z", s.z}, {"quality", s.quality}, {"z_err", s.error}, {"class", s.object_class}};
  if (!s.date.empty()) {
    json["columns"]["date"] = s.date;
    json["date_format"] = s.date_format;
  }
  for (const auto& [value, quality] : parse_values(s.quality_values, {}, 0, 4, s.registration)) json["quality"]["values"][value] = quality;
  for (int quality = 4; quality >= 1; --quality)
    if (!s.quality_conditions[quality].empty()) json["quality"]["conditions"][std::to_string(quality)] = s.quality_conditions[quality];
  json["quality"]["default"] = s.quality_default;
  for (const auto& [value, code] : parse_values(s.class_values, class_names(), 0, 2, s.registration))
    json["class"]["values"][value] = class_names()[static_cast<std::size_t>(code)];
  for (const auto& [name, text] : {std::pair{"galaxy", s.is_galaxy}, std::pair{"star", s.is_star}, std::pair{"qso", s.is_qso}})
    if (!text.empty()) json["class"]["conditions"][name] = text;
  return json_text(json);
}

SurveyRows read_rows(const Survey& survey, std::uint32_t number, int quality_min, bool drop_bad_rows) {
  SurveyRows rows;
  for (const std::string& path : survey.files) TableReader(survey, number, path, quality_min, drop_bad_rows, rows).read();
  rows.after_quality = std::ssize(rows.accepted);
  if (rows.rows_in == 0) throw DataError(fmt::format("{}: no rows", survey.files.front()));
  return rows;
}

}  // namespace skyfold
