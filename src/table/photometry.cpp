// From columns to magnitudes, errors and the state of each band: observed, not detected, or not observed. Knows the names and the
// stand-in values (99, -99, 37.5) of the large surveys.
#include "skyfold/table/photometry.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "band_names.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/table/band_remarks.hpp"
#include "skyfold/table/known_columns.hpp"

namespace skyfold {
namespace {

constexpr double sentinel_tolerance = 0.1;  // pipelines write 37.5 as 37.4521 or 37.51
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

bool is_near_any(double value, const std::vector<double>& sentinels) {
  return std::any_of(sentinels.begin(), sentinels.end(), [&](double sentinel) { return std::abs(value - sentinel) <= sentinel_tolerance; });
}

std::unordered_set<std::string> names_of(const Schema& schema) {
  std::unordered_set<std::string> names;
  for (const ColumnInfo& column : schema) names.insert(column.name);
  return names;
}

/// Fills in what the user left open: from the first convention with at least three bands in the table, else from names that belong
/// together.
void guess_convention(BandOptions& o, const Schema& schema, const std::string& source) {
  const auto names = names_of(schema);
  const auto has = [&](const std::string& pattern, const std::string& band) { return names.contains(band_column(pattern, band)); };
  for (const known_columns::Magnitudes& convention : known_columns::magnitudes) {
    const std::string error = o.error.empty() ? convention.error : o.error;
    std::vector<std::string> found;
    for (const std::string& band : o.bands.empty() ? convention.bands : o.bands)
      if (has(convention.magnitude, band) && has(error, band)) found.push_back(band);
    // Fewer than three bands in common are a coincidence of names.
    if (found.size() < (o.bands.empty() ? 3 : o.bands.size())) continue;
    o.bands = found;
    o.magnitude = convention.magnitude;
    o.error = error;
    return;
  }
  const std::vector<BandPair> pairs = band_pairs(schema, o.bands, o.error);
  if (pairs.empty())
    throw UsageError(source + ": no known names of magnitude columns with errors (give --bands, --bands.magnitude and --bands.error)");
  o.bands = pairs.front().bands;
  o.magnitude = pairs.front().magnitude;
  o.error = pairs.front().error;
}

void check_column(const Schema& schema, const std::string& name, const std::string& source) {
  const auto index = find_column(schema, name);
  if (!index) {
    std::vector<std::string> names;
    for (const ColumnInfo& column : schema) names.push_back(column.name);
    const std::string nearest = nearest_name(name, names);
    throw UsageError(fmt::format("{}: no column '{}'{} (named by --bands)", source, name,
                                 nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest)));
  }
  if (schema[*index].type == Type::text || schema[*index].width != 1)
    throw DataError(fmt::format("{}: column {} is not a column of numbers (a magnitude is needed)", source, name));
}

/// Values of one column as doubles, a tight loop per type.
template <class Use>
void for_each_number(const Column& column, std::size_t rows, Use use) {
  if (column.info().type == Type::f4) {
    const auto values = column.values<float>();
    for (std::size_t i = 0; i < rows; ++i) use(i, static_cast<double>(values[i]));
  } else {
    for (std::size_t i = 0; i < rows; ++i) use(i, column.number(i));
  }
}

constexpr double limit_error = 1.0;

/// A non-detection has the limiting magnitude, its own where that is known, and an error of one magnitude: fainter than that is all we
/// know. As long as there are no limits, its own is kept in place of the error.
///
/// @param own      NaN where not known
/// @param of_band  null as long as there are none
void set_limit(double own, const double* of_band, double& mag, double& mag_err) {
  mag = !of_band ? undetected : std::isnan(own) ? *of_band : own;
  mag_err = !of_band && !std::isnan(own) ? own : limit_error;
}

/// No column may be that of two bands.
void check_repeated(const std::vector<std::string>& columns, const char* option, const std::string& pattern) {
  for (std::size_t i = 1; i < columns.size(); ++i)
    if (std::find(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(i), columns[i]) !=
        columns.begin() + static_cast<std::ptrdiff_t>(i))
      throw UsageError(
          fmt::format("--{} = {}: column {} is that of two bands (bands are named once, {{band}} or {{BAND}} stands for the band)", option,
                      pattern, columns[i]));
}

}  // namespace

std::string band_column(const std::string& pattern, const std::string& band) {
  std::string name = pattern;
  for (const auto& [mark, text] : {std::pair{std::string("{band}"), band}, std::pair{std::string("{BAND}"), upper(band)}})
    for (std::size_t at = name.find(mark); at != std::string::npos; at = name.find(mark, at + text.size()))
      // The search goes on behind the text: a band whose name holds the mark must not be replaced for ever.
      name.replace(at, mark.size(), text);
  return name;
}

std::vector<std::string> bands_named(const std::string& pattern, const Schema& schema) {
  std::vector<std::string> bands, columns;
  for (const char* band : {"u", "g", "r", "i", "z", "y", "Y", "J", "H", "K"}) {
    const std::string column = band_column(pattern, band);
    if (!find_column(schema, column) || std::find(columns.begin(), columns.end(), column) != columns.end()) continue;
    bands.emplace_back(band);
    columns.push_back(column);
  }
  return bands;
}

void describe(OptionSet& option, BandOptions& o) {
  option("bands", o.bands, "bands, blue to red; empty: recognised by the names of the columns");
  option("bands.magnitude", o.magnitude, "name of the magnitude columns, {band} or {BAND} standing for the band");
  option("bands.error", o.error, "name of the magnitude error columns").unit("mag");
  option("bands.nondetection", o.nondetection, "magnitudes that mean observed but not detected (+-0.1; so does > 90)");
  option("bands.missing", o.missing, "magnitudes that mean not observed (+-0.1; so do NaN and < -90)");
  option("bands.nan", o.nan, "what NaN means").one_of({"missing", "nondetection"});
  option("bands.inf", o.inf, "what infinity means").one_of({"nondetection", "missing"});
  option("bands.limits", o.limits, "limiting magnitude of each band, for non-detections; empty: from the training set").unit("mag");
}

BandState band_state(double magnitude, const BandOptions& o) noexcept {
  // Missing before undetected: a value that the user named as missing counts as such, whatever its size.
  if (!(magnitude >= -90.0) || is_near_any(magnitude, o.missing))
    return std::isnan(magnitude) && o.nan == "nondetection" ? BandState::not_detected : BandState::not_observed;
  if (magnitude > 90.0 || is_near_any(magnitude, o.nondetection))
    return std::isinf(magnitude) && o.inf == "missing" ? BandState::not_observed : BandState::not_detected;
  return BandState::observed;
}

BandColumns resolve_bands(BandOptions& o, const Schema& schema, const std::string& source) {
  if (o.magnitude.empty()) guess_convention(o, schema, source);
  if (o.bands.empty()) throw UsageError("--bands is missing (--bands.magnitude says how columns are called, not which bands)");
  if (o.bands.size() > 32) throw UsageError(fmt::format("--bands: {} bands (at most 32)", o.bands.size()));
  if (!o.limits.empty() && o.limits.size() != o.bands.size())
    throw UsageError(fmt::format("--bands.limits: {} values for {} bands", o.limits.size(), o.bands.size()));
  BandColumns columns;
  for (const std::string& band : o.bands) {
    columns.magnitude.push_back(band_column(o.magnitude, band));
    check_column(schema, columns.magnitude.back(), source);
    if (o.error.empty()) continue;
    columns.error.push_back(band_column(o.error, band));
    check_column(schema, columns.error.back(), source);
  }
  check_repeated(columns.magnitude, "bands.magnitude", o.magnitude);
  check_repeated(columns.error, "bands.error", o.error);
  return columns;
}

std::vector<std::string> band_remarks(const BandOptions& o, const Schema& schema) {
  constexpr std::size_t most = 5;
  std::vector<std::string> remarks, others;
  for (const BandPair& pair : band_pairs(schema, {}, "")) {
    if (pair.magnitude != o.magnitude) {
      others.push_back(fmt::format("{} with {}", pair.magnitude, pair.error));
      continue;
    }
    std::vector<std::string> left_out;
    for (const std::string& band : pair.without_error)
      if (std::find(o.bands.begin(), o.bands.end(), band) == o.bands.end()) left_out.push_back(band);
    if (!left_out.empty())
      remarks.push_back(fmt::format("bands {} of {} are left out: they have no errors {}", join(left_out, ","), o.magnitude, o.error));
  }
  if (others.size() > most) others.resize(most);
  if (!others.empty())
    remarks.push_back(fmt::format("other magnitudes are there: {} (--bands.magnitude and --bands.error choose)", join(others, "; ")));
  return remarks;
}

void gather_photometry(const Table& table, const BandColumns& columns, const BandOptions& bands, std::span<const double> limits,
                       Photometry& out) {
  const std::size_t n = table.rows(), n_bands = columns.magnitude.size();
  out.n_objects = n;
  out.n_bands = n_bands;
  out.mag.resize(n * n_bands);
  out.mag_err.assign(n * n_bands, nan);
  out.observed.assign(n, 0);
  for (std::size_t band = 0; band < n_bands; ++band) {
    const std::uint32_t bit = std::uint32_t{1} << band;
    if (!columns.error.empty())
      for_each_number(table.at(columns.error[band]), n, [&](std::size_t i, double error) {
        // Errors of 0, below, and NaN are unknown: the cell keeps its NaN.
        if (error > 0.0) out.mag_err[i * n_bands + band] = error;
      });
    for_each_number(table.at(columns.magnitude[band]), n, [&](std::size_t i, double mag) {
      const BandState state = band_state(mag, bands);
      const std::size_t cell = i * n_bands + band;
      out.mag[cell] = state == BandState::observed ? mag : nan;
      if (state == BandState::not_detected)
        set_limit(columns.errors_are_limits ? out.mag_err[cell] : nan, limits.empty() ? nullptr : &limits[band], out.mag[cell],
                  out.mag_err[cell]);
      else if (state == BandState::not_observed)
        out.mag_err[cell] = nan;
      if (state != BandState::not_observed) out.observed[i] |= bit;
    });
  }
}

void apply_limits(Photometry& photometry, std::span<const double> limits) {
  for (std::size_t cell = 0; cell < photometry.mag.size() && !limits.empty(); ++cell) {
    if (photometry.mag[cell] != undetected) continue;
    const double own = photometry.mag_err[cell];
    set_limit(own == limit_error ? nan : own, &limits[cell % photometry.n_bands], photometry.mag[cell], photometry.mag_err[cell]);
  }
}

}  // namespace skyfold
