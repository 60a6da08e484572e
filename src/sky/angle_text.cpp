// Angles as users write them: decimal, sexagesimal, with units.
#include "skyfold/sky/angle_text.hpp"

#include <fmt/core.h>

#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

/// The parts of 12:34:56.7, 12 34 56.7, 12h34m56.7s; nothing for a plain number.
std::vector<std::string> parts_of(std::string text) {
  std::size_t separators = 0;
  for (char& c : text)
    if (c == ':' || c == 'h' || c == 'd' || c == 'm' || c == 's' || c == ' ' || c == '\'' || c == '"') {
      separators += 1;
      c = ':';
    }
  if (separators == 0) return {};
  std::vector<std::string> parts;
  for (const std::string& part : split(text, ':'))
    if (!part.empty()) parts.push_back(part);
  return parts;
}

/// The number that 12:34:56.7 stands for; nothing where it is none.
std::optional<double> sexagesimal(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  const std::vector<std::string> parts = parts_of(std::string(text));
  if (parts.empty() || parts.size() > 3) return std::nullopt;
  double value = 0.0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::optional<double> number = parse_double(parts[i]);
    // A sign within, 60 minutes, a fraction before the last part: a slip.
    const bool is_last = i + 1 == parts.size();
    if (!number || std::isnan(*number) || !(parts[i][0] >= '0' && parts[i][0] <= '9') || (i > 0 && *number >= 60.0) ||
        (!is_last && *number != std::floor(*number)))
      return std::nullopt;
    value += *number / std::pow(60.0, static_cast<double>(i));
  }
  return is_negative ? -value : value;
}

bool is_plain_number(std::string_view text) {
  const std::optional<double> number = parse_double(text);
  return number && std::isfinite(*number);
}

}  // namespace

double parse_right_ascension(std::string_view text, const std::string& what) {
  text = trim(text);
  double degrees = 0.0;
  if (is_plain_number(text)) {
    degrees = *parse_double(text);
  } else {
    const std::optional<double> value = sexagesimal(text);
    if (!value)
      throw UsageError(fmt::format("{}: right ascension '{}' (must be degrees, or hours as 00:42:44.3 or 00h42m44.3s)", what, text));
    // With a d the first number is degrees; else hours, as everywhere in astronomy.
    degrees = text.find('d') != std::string_view::npos ? *value : *value * 15.0;
  }
  if (!is_valid({degrees, 0.0}))
    throw UsageError(fmt::format("{}: right ascension '{}' (must be within -360 and 360 degrees)", what, text));
  return degrees;
}

double parse_declination(std::string_view text, const std::string& what) {
  text = trim(text);
  const std::optional<double> value = is_plain_number(text) ? parse_double(text) : sexagesimal(text);
  if (!value || text.find('h') != std::string_view::npos)
    throw UsageError(fmt::format("{}: declination '{}' (must be degrees, or as +41:16:09 or 41d16m09s)", what, text));
  if (!is_valid({0.0, *value})) throw UsageError(fmt::format("{}: declination '{}' (must be within -90 and 90 degrees)", what, text));
  return *value;
}

double parse_radius(std::string_view text, const std::string& what) {
  struct Unit {
    std::string_view name;
    double degrees;
  };
  static constexpr std::array units = {Unit{"arcsec", 1.0 / 3600.0}, Unit{"asec", 1.0 / 3600.0}, Unit{"mas", 1.0 / 3.6e6},
                                       Unit{"arcmin", 1.0 / 60.0},   Unit{"amin", 1.0 / 60.0},   Unit{"degrees", 1.0},
                                       Unit{"degree", 1.0},          Unit{"deg", 1.0},           Unit{"''", 1.0 / 3600.0},
                                       Unit{"\"", 1.0 / 3600.0},     Unit{"'", 1.0 / 60.0},      Unit{"d", 1.0},
                                       Unit{"\xc2\xb0", 1.0}};
  text = trim(text);
  for (const Unit& unit : units) {
    if (!text.ends_with(unit.name)) continue;
    const std::optional<double> value = parse_double(trim(text.substr(0, text.size() - unit.name.size())));
    if (!value || !std::isfinite(*value) || *value < 0.0) break;
    return *value * unit.degrees;
  }
  if (const std::optional<double> value = parse_double(text); value == 0.0) return 0.0;
  if (is_plain_number(text) && !text.starts_with('-'))
    throw UsageError(fmt::format("{}: radius '{}' has no unit (write {}\", {}' or {}d for arcseconds, arcminutes or degrees)", what, text,
                                 text, text, text));
  throw UsageError(fmt::format("{}: radius '{}' (must be a number >= 0 with a unit: 0.2\", 1', 0.5d)", what, text));
}

}  // namespace skyfold
