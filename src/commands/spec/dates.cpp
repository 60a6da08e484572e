// Dates of observation as redshift surveys write them.
#include "dates.hpp"

#include <fmt/core.h>

#include <charconv>
#include <chrono>
#include <cmath>

#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

// Limits that tell a date in another format: a Julian date read as MJD, or a year read as one, lies far outside.
constexpr double mjd_1900 = 15'020.0, mjd_2100 = 88'069.0, mjd_1970 = 40'587.0;

/// Takes a number of exactly `digits` digits, and the character behind it where one is named.
bool take(std::string_view& text, std::size_t digits, int& value, std::string_view behind) {
  if (text.size() < digits) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc() || end != text.data() + digits || value < 0) return false;
  text.remove_prefix(digits);
  if (behind.empty()) return true;
  if (text.empty() || behind.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// Seconds of "12:30", "12:30:00" or "12:30:00.5".
std::optional<double> time_of_day(std::string_view text) {
  int hours = 0, minutes = 0;
  double seconds = 0.0;
  if (!take(text, 2, hours, ":") || !take(text, 2, minutes, "") || hours > 24 || minutes > 59) return std::nullopt;
  if (!text.empty()) {
    if (text.front() != ':' || text.size() < 3) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size() || !(seconds >= 0.0 && seconds < 61.0)) return std::nullopt;
  }
  const double time = 3600.0 * hours + 60.0 * minutes + seconds;
  return hours < 24 || time == 86'400.0 ? std::optional(time) : std::nullopt;  // 24:00 is the end of the day
}

std::optional<double> mjd_of_iso(std::string_view text) {
  if (!text.empty() && text.back() == 'Z') text.remove_suffix(1);
  int year = 0, month = 0, day = 0;
  if (!take(text, 4, year, "-") || !take(text, 2, month, "-") || !take(text, 2, day, "")) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  // Also a 30th of February, which a calculation by months would take.
  if (!date.ok()) return std::nullopt;
  double seconds = 0.0;
  if (!text.empty()) {
    const auto time = text.front() == 'T' || text.front() == ' ' ? time_of_day(text.substr(1)) : std::nullopt;
    if (!time) return std::nullopt;
    seconds = *time;
  }
  return mjd_1970 + static_cast<double>(std::chrono::sys_days(date).time_since_epoch().count()) + seconds / 86'400.0;
}

std::optional<double> in_mjd(double value, const std::string& format) {
  if (format == "jd") return value - 2'400'000.5;
  // Julian years of 365.25 days since J2000.0 (IAU), which is MJD 51544.5.
  if (format == "year") return 51'544.5 + (value - 2000.0) * 365.25;
  return value;
}

}  // namespace

std::optional<double> mjd_of(const Column& column, std::size_t row, const std::string& format) {
  std::optional<double> mjd;
  if (column.info().type == Type::text) {
    const std::string_view text = trim(column.text(row));
    // No date is no error: it then decides nothing.
    // Not every survey dates all of its spectra.
    if (text.empty()) return std::nan("");
    mjd = mjd_of_iso(text);
  } else {
    if (std::isnan(column.number(row))) return std::nan("");
    mjd = in_mjd(column.number(row), format);
  }
  // Julian dates, years and days since another epoch all fall outside when they are taken for each other.
  return mjd && *mjd >= mjd_1900 && *mjd <= mjd_2100 ? mjd : std::nullopt;
}

std::string unreadable_date(const Column& column, std::size_t row, const std::string& format) {
  const std::string value = column.info().type == Type::text ? fmt::format("'{}'", column.text(row)) : shortest(column.number(row));
  return fmt::format("{} is no date between 1900 and 2100 as {} (say what dates are with date.format)", value, format);
}

}  // namespace skyfold
