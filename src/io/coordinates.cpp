// Coordinates in degrees, whatever unit the input gives (LSST's have radians, older ones hours): a catalogue read in the wrong one gives
// positions that look right and are not. What is converted is said; what is no unit of angle is refused.
#include "skyfold/io/coordinates.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <numbers>
#include <stdexcept>
#include <utility>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "source_notes.hpp"
#include "source_wrapped.hpp"

namespace skyfold {
namespace {

constexpr double radian = 180.0 / std::numbers::pi;

struct AngleUnit {
  double degrees;
  std::vector<std::string_view> names;  ///< in small letters
};

const std::array<AngleUnit, 10>& angle_units() {
  static const std::array<AngleUnit, 10> units = {{
      {1.0,
       {"", "deg", "degs", "degree", "degrees", "decimal degree", "decimal degrees", "ddeg", "\xc2\xb0", "none", "null", "-", "--", "---",
        "unitless"}},
      {radian, {"rad", "rads", "radian", "radians"}},
      {15.0, {"h", "hr", "hrs", "hour", "hours", "hourangle", "hour angle", "decimal hours"}},
      {1.0 / 60.0, {"arcmin", "arcmins", "arcminute", "arcminutes", "amin", "'"}},
      {1.0 / 3600.0, {"arcsec", "arcsecs", "arcsecond", "arcseconds", "asec", "\"", "''"}},
      {1.0 / 3.6e6, {"mas", "marcsec", "milliarcsec", "milliarcsecond", "milliarcseconds"}},
      {1.0 / 3.6e9, {"uas", "uarcsec", "microarcsec", "microarcsecond", "microarcseconds"}},
      {radian / 1e3, {"mrad", "milliradian", "milliradians"}},
      {radian / 1e6, {"urad", "microradian", "microradians"}},
      {1e-3, {"mdeg", "millidegree", "millidegrees"}},
  }};
  return units;
}

/// Small letters, without blanks and brackets around: [deg], (deg).
std::string plain(std::string_view unit) {
  unit = trim(unit);
  if (unit.size() >= 2 && ((unit.front() == '[' && unit.back() == ']') || (unit.front() == '(' && unit.back() == ')')))
    unit = trim(unit.substr(1, unit.size() - 2));
  return lower(unit);
}

/// The words of a unit without those that name a frame: "deg (J2000.0)" is "deg".
std::string without_frame(const std::string& unit) {
  std::string words, word;
  const auto end_word = [&] {
    const bool is_frame =
        word == "icrs" || word == "fk5" || word == "j2000" || word == "2000" || word == "0" || word == "epoch" || word == "equinox";
    if (!word.empty() && !is_frame) words += (words.empty() ? "" : " ") + word;
    word.clear();
  };
  for (const char c : unit) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
    if (is_letter)
      word += c;
    else if (std::string_view(" ,;.()[]_").find(c) != std::string_view::npos)
      end_word();
    else
      return unit;  // a quotient, a power: no plain unit
  }
  end_word();
  return words;
}

/// What makes degrees of a column.
struct Conversion {
  std::size_t column = 0;
  double factor = 1.0;
};

class InDegrees final : public WrappedSource {
 public:
  InDegrees(std::unique_ptr<Source> source, std::vector<Conversion> conversions)
      : WrappedSource(std::move(source)), conversions_(std::move(conversions)) {
    for (std::size_t i = 0; i < source_->schema().size(); ++i) take(i, source_->schema()[i]);
    for (const Conversion& conversion : conversions_) {
      // A double, whatever the file has: 1e-7 of a degree is what a float of right ascension loses.
      schema_[conversion.column].type = Type::f8;
      schema_[conversion.column].unit = "deg";
      schema_[conversion.column].null.reset();
    }
  }

  void read(const Piece& piece, Table& out, std::vector<BadCell>& bad) const override {
    source_->read(piece, out, bad);
    for (std::size_t i = 0; i < out.columns(); ++i)
      for (const Conversion& conversion : conversions_)
        if (out[i].info().source == schema_[conversion.column].name) convert(out[i], conversion.factor);
  }

 private:
  static void convert(Column& column, double factor) {
    if (column.info().type != Type::f8) throw std::logic_error("coordinates are converted as doubles");
    for (double& value : column.values<double>()) value *= factor;
  }

  std::vector<Conversion> conversions_;
};

constexpr const char* option_name = "input.coordinates";

/// The unit that the user gives for the longitude (0) or the latitude (1); "" for none.
std::string given_unit(const SourceOptions& o, std::size_t which) {
  if (o.coordinates.size() > 2)
    throw UsageError(
        fmt::format("--{} = {} (one unit, or that of the longitude and that of the latitude)", option_name, join(o.coordinates, ",")));
  if (o.coordinates.empty()) return "";
  const std::string& unit = o.coordinates.size() == 2 ? o.coordinates[which] : o.coordinates[0];
  if (unit.empty() || !degrees_per(unit))
    throw UsageError(fmt::format("--{} = {} (must be deg, rad, hour, arcmin, arcsec or mas)", option_name, unit));
  return unit;
}

/// Degrees per unit of a column.
double factor_of(const Source& source, const ColumnInfo& column, const std::string& given) {
  const std::string unit = given.empty() ? column.unit : given;
  const std::optional<double> factor = degrees_per(unit);
  if (!factor)
    throw DataError(
        fmt::format("{}: column {} has unit '{}', which is no unit of angle that is known (coordinates are degrees, or are "
                    "converted to them: --{} gives the unit, such as deg, rad or hour)",
                    source.path(), column.name, column.unit, option_name));
  // The user decides, since files are wrong at times; but a contradiction is said, since users are, too.
  const bool contradicts = !given.empty() && !plain(column.unit).empty() && degrees_per(column.unit) != factor;
  if (contradicts)
    note_once(fmt::format("{}: column {} is taken in '{}' (--{}), though the file says '{}'", source.path(), column.name, given,
                          option_name, column.unit));
  if (*factor != 1.0) note_once(fmt::format("{}: column {} is converted from {} to degrees", source.path(), column.name, unit));
  return *factor;
}

}  // namespace

std::optional<double> degrees_per(std::string_view unit) {
  const std::string whole = plain(unit);
  // As it stands first: "hour angle" has a blank that is part of it.
  for (const std::string& name : {whole, without_frame(whole)})
    for (const AngleUnit& known : angle_units())
      if (std::find(known.names.begin(), known.names.end(), name) != known.names.end()) return known.degrees;
  return std::nullopt;
}

std::unique_ptr<Source> in_degrees(std::unique_ptr<Source> source, const std::string& lon, const std::string& lat, const SourceOptions& o) {
  std::vector<Conversion> conversions;
  const std::pair<std::string, std::string> columns[] = {{lon, given_unit(o, 0)}, {lat, given_unit(o, 1)}};
  for (const auto& [name, given] : columns) {
    const auto index = find_column(source->schema(), name);
    if (!index) continue;
    const ColumnInfo& column = source->schema()[*index];
    if (column.type == Type::text || column.width != 1) continue;  // whoever needs numbers says so
    const double factor = factor_of(*source, column, given);
    if (factor != 1.0) conversions.push_back({*index, factor});
  }
  // No wrapper, and no pass over the values, where there is nothing to convert.
  if (conversions.empty()) return source;
  return std::make_unique<InDegrees>(std::move(source), std::move(conversions));
}

}  // namespace skyfold
