// The statistics of a sky map: from what the user writes to values of rows, and from sums of pixels to columns.
#include "statistics.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

using Measure = MapColumn::Measure;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr const char* option_name = "--stat";

struct MeasureName {
  const char* name;
  Measure measure;
};
constexpr std::array<MeasureName, 6> measure_names = {{{"count", Measure::count},
                                                       {"mean", Measure::mean},
                                                       {"std", Measure::std},
                                                       {"min", Measure::min},
                                                       {"max", Measure::max},
                                                       {"median", Measure::median}}};

/// A name of letters, digits and underscores, of any text.
std::string name_from(const std::string& text) {
  std::string name;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (is_plain)
      name += c;
    else if (!name.empty() && name.back() != '_')
      name += '_';
  }
  while (name.ends_with('_')) name.pop_back();
  return name;
}

/// Of "'a - b'" what is within the quotes: a shell leaves them where they were not needed.
std::string without_quotes(std::string text) {
  text = trim(text);
  if (text.size() > 1 && (text.front() == '\'' || text.front() == '"') && text.back() == text.front())
    text = trim(text.substr(1, text.size() - 2));
  return text;
}

/// A statistic as it is written: MEASURE[:TEXT][ as NAME].
struct Written {
  std::string measure, text, name;
};
Written written(const std::string& text) {
  Written w;
  const std::size_t colon = text.find(':');
  w.measure = lower(trim(text.substr(0, colon)));
  if (colon == std::string::npos) return w;
  w.text = without_quotes(text.substr(colon + 1));
  if (const std::size_t as = lower(w.text).rfind(" as "); as != std::string::npos) {
    w.name = trim(w.text.substr(as + 4));
    w.text = without_quotes(w.text.substr(0, as));
    if (w.name.empty() || name_from(w.name) != w.name)
      throw UsageError(fmt::format("{} {}: '{}' is no name of a column (letters, digits and _)", option_name, text, w.name));
  }
  return w;
}

void use_for(Measure measure, sky_map::ValueUse& use) {
  use.mean = use.mean || measure == Measure::mean || measure == Measure::std;
  use.spread = use.spread || measure == Measure::std;
  use.extremes = use.extremes || measure == Measure::min || measure == Measure::max;
  use.median = use.median || measure == Measure::median;
}

}  // namespace

MapStatistics::MapStatistics(const std::vector<std::string>& texts, const Catalogue& catalogue) : catalogue_(catalogue) {
  const Roles& roles = catalogue.layout().roles;
  if (roles.ra.empty() || roles.dec.empty() || !find_column(catalogue.schema(), healpix_column))
    throw UsageError(catalogue.path() + ": has no positions (a map of the sky needs them)");
  add_column(Measure::mean, {"avg_ra", Type::f8, 1, "deg", "pos.eq.ra;stat.mean", "plain mean of RA, as SQL's avg: across RA 0 it is none"},
             value_of("`" + roles.ra + "`", "", "RA"));
  add_column(Measure::mean, {"avg_dec", Type::f8, 1, "deg", "pos.eq.dec;stat.mean", "mean of Dec"},
             value_of("`" + roles.dec + "`", "", "Dec"));
  if (texts.empty()) throw UsageError(fmt::format("{}: no statistic (count, mean:COLUMN, ...)", option_name));
  for (const std::string& text : texts) add(text);
  layout_.emplace(uses_);
}

void MapStatistics::add(const std::string& text) {
  Written w = written(text);
  if (w.measure == "count" && w.text.empty()) {
    // The count of rows is always there.
    if (first_.empty()) first_ = "n";
    return;
  }
  if (w.text.empty()) throw UsageError(fmt::format("{} {}: of what? (as in {}:mag_i)", option_name, text, w.measure));
  std::string error;
  if (w.measure == "depth10") {
    const std::size_t colon = w.text.rfind(':');
    if (colon != std::string::npos) {
      error = trim(w.text.substr(colon + 1));
      w.text = trim(w.text.substr(0, colon));
    } else {
      error = error_of(w.text, text);
    }
  }
  const auto known = std::ranges::find(measure_names, w.measure, &MeasureName::name);
  if (known == measure_names.end() && w.measure != "depth10")
    throw UsageError(
        fmt::format("{} {}: no statistic '{}' (there are count, mean, std, min, max, median, depth10)", option_name, text, w.measure));
  const Measure measure = w.measure == "depth10" ? Measure::median : known->measure;
  ColumnInfo info{w.name.empty() ? w.measure + "_" + name_from(w.text) : w.name, measure == Measure::count ? Type::i8 : Type::f8};
  const std::size_t value = value_of(w.text, error, fmt::format("{} {}", option_name, text));
  const std::string& column = values_[value].number.plain_column();
  if (!column.empty() && measure != Measure::count) info.unit = catalogue_.schema()[*find_column(catalogue_.schema(), column)].unit;
  info.description = w.measure == "depth10" ? "10-sigma depth of " + w.text : w.measure + " of " + w.text;
  if (first_.empty()) first_ = info.name;
  add_column(measure, std::move(info), value);
}

void MapStatistics::add_column(Measure measure, ColumnInfo info, std::size_t value) {
  for (const char* taken : {"pix", "n", "ra", "dec", healpix_column})
    if (info.name == taken)
      throw UsageError(fmt::format("{}: the table has a column '{}' of its own (say ... as NAME)", option_name, taken));
  for (const MapColumn& other : columns_)
    if (other.info.name == info.name)
      throw UsageError(fmt::format("{}: two statistics would be called '{}' (say ... as NAME)", option_name, info.name));
  use_for(measure, uses_[value]);
  columns_.push_back({measure, std::move(info), value});
}

std::size_t MapStatistics::value_of(const std::string& text, const std::string& error, const std::string& what) {
  MapValue value{NumberExpression(text, catalogue_.schema(), what), std::nullopt};
  if (!error.empty()) value.error.emplace(error, catalogue_.schema(), what);
  for (std::size_t i = 0; i < values_.size(); ++i)
    if (values_[i].number.text() == value.number.text() && (values_[i].error ? values_[i].error->text() : "") == error) return i;
  values_.push_back(std::move(value));
  uses_.emplace_back();
  return values_.size() - 1;
}

/// The column with the error of a magnitude, by its name.
std::string MapStatistics::error_of(const std::string& magnitude, const std::string& what) {
  for (const auto& [word, with_error] : {std::pair{"mag_", "mag_err_"},
                                         {"mag_", "magerr_"},
                                         {"MAG_", "MAG_ERR_"},
                                         {"MAG_", "MAGERR_"},
                                         {"Mag", "MagErr"},
                                         {"mag", "magerr"},
                                         {"MAG", "MAGERR"},
                                         {"mag", "mag_err"}}) {
    const std::size_t at = magnitude.find(word);
    if (at == std::string::npos) continue;
    std::string name = magnitude;
    name.replace(at, std::string(word).size(), with_error);
    if (!find_column(catalogue_.schema(), name)) continue;
    guesses_.push_back(fmt::format("{} {}: errors are column {}", option_name, what, name));
    return name;
  }
  for (const char* ending : {"_err", "err", "_error"})
    if (find_column(catalogue_.schema(), magnitude + ending)) {
      guesses_.push_back(fmt::format("{} {}: errors are column {}{}", option_name, what, magnitude, ending));
      return magnitude + ending;
    }
  throw UsageError(fmt::format("{} {}: which column has its errors? (depth10:{}:COLUMN)", option_name, what, magnitude));
}

Schema MapStatistics::needs() const {
  std::vector<std::string> names;
  for (const MapValue& value : values_) {
    names.insert(names.end(), value.number.columns().begin(), value.number.columns().end());
    if (value.error) names.insert(names.end(), value.error->columns().begin(), value.error->columns().end());
  }
  Schema schema;
  for (const std::string& name : names)
    if (!find_column(schema, name)) schema.push_back(catalogue_.schema()[*find_column(catalogue_.schema(), name)]);
  return schema;
}

Schema map_schema(const MapStatistics& statistics, int order) {
  const std::string nside = std::to_string(std::int64_t{1} << order);
  Schema schema = {{"pix", Type::i8, 1, "", "pos.healpix", "nested HEALPix pixel of NSide " + nside},
                   {"n", Type::i8, 1, "", "meta.number", "rows in the pixel"}};
  for (const MapColumn& column : statistics.columns()) schema.push_back(column.info);
  schema.push_back({"ra", Type::f8, 1, "deg", "pos.eq.ra", "centre of the pixel"});
  schema.push_back({"dec", Type::f8, 1, "deg", "pos.eq.dec", "centre of the pixel"});
  schema.push_back({healpix_column, Type::i8, 1, "", "pos.healpix", "nested HEALPix pixel of the centre, order 29"});
  return schema;
}

void fill_values(const MapValue& value, const Table& rows, std::size_t first_row, std::span<double> out) {
  value.number.evaluate(rows, first_row, out);
  if (!value.error) return;
  std::vector<double> errors(out.size());
  value.error->evaluate(rows, first_row, errors);
  for (std::size_t i = 0; i < out.size(); ++i) {
    // Signal to noise is 2.5 / ln 10 over the error of the magnitude. Between 5 and 20 the sky is most of the noise, so that the
    // magnitude of the same noise at 10 sigma follows from the ratio.
    const double signal = 2.5 / std::log(10.0) / errors[i];
    out[i] = signal >= 5.0 && signal <= 20.0 ? out[i] + 2.5 * std::log10(signal / 10.0) : nan;
  }
}

namespace {

double number_of(const MapColumn& column, const sky_map::SumsLayout& layout, const sky_map::PixelSums& sums, std::size_t pixel) {
  const double* numbers = sums.numbers.data() + pixel * layout.size();
  const sky_map::ValuePlaces& at = layout.places(column.value);
  switch (column.measure) {
    case Measure::count:
      return numbers[at.count];
    case Measure::mean:
      return mean_of(layout, sums, pixel, column.value);
    case Measure::std:
      return deviation_of(layout, sums, pixel, column.value);
    case Measure::min:
      return numbers[at.count] > 0.0 ? numbers[at.least] : nan;
    case Measure::max:
      return numbers[at.count] > 0.0 ? numbers[at.largest] : nan;
    case Measure::median:
      return numbers[at.median];
  }
  return nan;
}

}  // namespace

void fill_rows(const MapStatistics& statistics, int order, const sky_map::PixelSums& sums, std::size_t begin, std::size_t end, Table& out) {
  const std::size_t rows = end - begin;
  out.resize(rows);
  std::copy_n(sums.pixels.begin() + static_cast<std::ptrdiff_t>(begin), rows, out.at("pix").values<std::int64_t>().begin());
  std::copy_n(sums.rows.begin() + static_cast<std::ptrdiff_t>(begin), rows, out.at("n").values<std::int64_t>().begin());
  for (const MapColumn& column : statistics.columns()) {
    Column& to = out.at(column.info.name);
    for (std::size_t i = 0; i < rows; ++i) {
      const double number = number_of(column, statistics.layout(), sums, begin + i);
      if (to.info().type == Type::i8)
        to.values<std::int64_t>()[i] = static_cast<std::int64_t>(number);
      else
        to.values<double>()[i] = number;
    }
  }
  const std::span<double> ra = out.at("ra").values<double>(), dec = out.at("dec").values<double>();
  const std::span<std::int64_t> key = out.at(healpix_column).values<std::int64_t>();
  for (std::size_t i = 0; i < rows; ++i) {
    const Position centre = pixel_centre(sums.pixels[begin + i], order);
    ra[i] = centre.ra;
    dec[i] = centre.dec;
    // Computed from the position, as of every catalogue; for pixels of the last order it is the pixel itself only up to rounding.
    key[i] = healpix29(centre);
  }
}

}  // namespace skyfold
