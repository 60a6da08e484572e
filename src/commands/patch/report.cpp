// What patch tells of its measurements: medians, flags, comparisons with catalogued fluxes, and the text form of earlier programs.
#include "report.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <tuple>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/row_file.hpp"

namespace skyfold {
namespace {

/// A measurement whose flux a catalogue may hold too, with the usual names of that column in small letters.
struct Comparable {
  const char *measure, *column;
  std::array<const char*, 5> names;
};
constexpr std::array comparables = {Comparable{"aperture", "aper_flux", {"aperflux", "flux_aper", "flux"}},
                                    Comparable{"psf", "psf_flux", {"psfflux", "flux_psf", "flux"}},
                                    Comparable{"gauss", "gau_flux", {"gauflux", "flux_gauss", "flux"}},
                                    Comparable{"mean", "mean", {"detflux", "aperflux", "psfflux", "gauflux", "flux"}}};

bool is_measured(const Comparable& c, const PatchOptions& measure) {
  return measure.measures(c.measure) || (std::string_view(c.measure) == "mean" && measure.measures("disc"));
}

/// Jy of a catalogue's flux unit; nothing for another unit.
std::optional<double> jansky_of(const std::string& unit) {
  for (const auto& [name, size] : {std::pair{"Jy", 1.0}, {"mJy", 1e-3}, {"uJy", 1e-6}, {"MJy", 1e6}, {"kJy", 1e3}})
    if (trim(unit) == name) return size;
  return std::nullopt;
}

std::vector<double> read_column(const RowReader& product, const std::string& name) {
  Table table({product.schema()[*find_column(product.schema(), name)]});
  product.read({0, product.rows()}, table);
  std::vector<double> values(table.rows());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = table[0].number(i);
  return values;
}

std::vector<double> finite(const std::vector<double>& values) {
  std::vector<double> kept;
  // Sources without a value, such as masked ones, would make the median NaN.
  std::copy_if(values.begin(), values.end(), std::back_inserter(kept), [](double value) { return std::isfinite(value); });
  return kept;
}

std::string given_column(const Comparable& c, const PatchCompareOptions& o) {
  const std::string measure = c.measure;
  return measure == "aperture" ? o.aperture : measure == "psf" ? o.psf : measure == "gauss" ? o.gauss : o.mean;
}

/// The maps that the catalogue's fluxes belong to; none when that is not known.
std::vector<std::size_t> compared_maps(const PatchSources& sources, const PatchMaps& maps, const PatchCompareOptions& o) {
  std::vector<std::size_t> compared;
  // With several maps nobody can tell which of them a column "flux" of the catalogue belongs to, and a guess would compare nonsense.
  const bool is_known = maps.size() == 1 || !sources.own_map.empty();
  for (std::size_t i = 0; i < maps.size(); ++i)
    if (o.channel.empty() ? is_known : maps.label(i) == o.channel) compared.push_back(i);
  if (compared.empty() && !o.channel.empty()) throw UsageError(fmt::format("compare.channel = {} (no map is of that channel)", o.channel));
  return compared;
}

/// A column of the catalogue beside one of the product.
struct ComparedColumn {
  std::string measure, name, measured;
  double jansky = 1.0;  ///< of its unit
};

std::string usual_column(const Schema& schema, const Comparable& c) {
  std::vector<std::string> names;
  for (const char* name : c.names)
    if (name != nullptr) names.emplace_back(name);
  return known_column(schema, names);
}

/// The columns that can be compared.
///
/// @param has_map  it is known which map they belong to
std::vector<ComparedColumn> compared_columns(const Schema& schema, bool has_map, const PatchOptions& measure,
                                             const PatchCompareOptions& o) {
  std::vector<ComparedColumn> compared;
  for (const Comparable& c : comparables) {
    std::string name = given_column(c, o);
    const std::string option = fmt::format("compare.{}", c.measure);
    const bool is_given = !name.empty(), is_done = is_measured(c, measure);
    if (!is_done) refuse_idle_options(fmt::format("{} in --measure", c.measure).c_str(), {{option.c_str(), is_given}});
    if (!has_map) refuse_idle_options("--compare.channel", {{option.c_str(), is_given}});
    if (is_given && !find_column(schema, name)) throw UsageError(fmt::format("no column '{}' (named by --{})", name, option));
    if (!is_given) name = usual_column(schema, c);
    if (!is_done || !has_map || name.empty()) continue;
    const std::string unit = schema[*find_column(schema, name)].unit;
    const std::optional<double> jansky = jansky_of(unit);
    // A guessed column in another unit is passed over, a named one refused.
    if (!jansky && is_given)
      throw UsageError(fmt::format("column {} has unit '{}' (named by --{}; must be a flux in Jy)", name, unit, option));
    if (jansky) compared.push_back({c.measure, name, c.column, *jansky});
  }
  return compared;
}

/// Means are no fluxes: one over the median of them per catalogued flux makes them comparable.
double jansky_per_unit(const std::vector<double>& means, const std::vector<double>& catalogued) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < means.size(); ++i)
    if (means[i] > 0.0 && catalogued[i] > 0.0) ratios.push_back(means[i] / catalogued[i]);
  // Of this ratio, so that its median is 1 afterwards, for an even number of sources, too.
  return ratios.empty() ? std::nan("") : 1.0 / median(ratios);
}

FluxPair pair_of(const ComparedColumn& c, std::size_t map, const PatchMaps& maps, std::vector<double> measured, const Column& catalogued) {
  FluxPair pair{c.measure, c.name, map, maps.size() > 1 ? maps.label(map) : "", std::move(measured), {}, {}, 1.0, "Jy"};
  for (std::size_t i = 0; i < pair.measured.size(); ++i) pair.catalogued.push_back(catalogued.number(i) * c.jansky);
  if (pair.is_normalised()) {
    pair.jansky = jansky_per_unit(pair.measured, pair.catalogued);
    pair.unit = maps.map(map).unit;
    for (double& value : pair.measured) value *= pair.jansky;
  }
  pair.comparison = compare_fluxes(pair.measured, pair.catalogued);
  return pair;
}

std::string describe_pair(const FluxPair& pair, const PatchSources& sources, const std::string& label) {
  constexpr std::size_t shown = 5;
  const FluxComparison& c = pair.comparison;
  std::string text = fmt::format(
      "{}: {}{} against {} of the catalogue: {} sources, median ratio {:.4f}, scatter {:.4f}, rank correlation {:.4f}, {} outliers\n",
      label, pair.measure, pair.is_normalised() ? " x " + factor_of(pair) : "", pair.column, grouped(static_cast<long long>(c.n)),
      c.median_ratio, c.scatter, c.spearman, c.outliers.size());
  for (std::size_t i = 0; i < std::min(shown, c.outliers.size()); ++i) {
    const std::size_t row = c.outliers[i];
    text += fmt::format("  outlier {}: {:.4g} Jy, catalogue {:.4g} Jy\n", name_of_source(sources, row), pair.measured[row],
                        pair.catalogued[row]);
  }
  return text;
}

/// How many rows have flags, and which.
std::string flagged_text(const std::vector<double>& flags) {
  constexpr std::pair<int, const char*> reasons[] = {{patch_no_position, "no position"},
                                                     {patch_disc_coverage, "disc"},
                                                     {patch_aperture_coverage, "aperture"},
                                                     {patch_psf_coverage, "PSF"},
                                                     {patch_gauss_coverage, "Gaussian"},
                                                     {patch_gauss_failed, "Gaussian fit"},
                                                     {patch_polarisation_coverage, "polarisation"},
                                                     {patch_failed, "failed"}};
  const auto with = [&](int bits) {
    return std::count_if(flags.begin(), flags.end(), [&](double flag) { return (static_cast<int>(flag) & bits) != 0; });
  };
  std::string parts;
  for (const auto& [bit, name] : reasons)
    if (const auto n = with(bit); n > 0) parts += fmt::format("{}{} {}", parts.empty() ? " (" : ", ", name, grouped(n));
  return fmt::format("{} flagged{}", grouped(with(~0)), parts.empty() ? "" : parts + ")");
}

}  // namespace

void describe(OptionSet& option, PatchCompareOptions& o) {
  option("compare.channel", o.channel, "channel of the catalogue's own fluxes; empty: that of the only map").layout();
  option("compare.aperture", o.aperture, "catalogue's column to compare aperture fluxes with; empty: guessed").layout();
  option("compare.psf", o.psf, "catalogue's column to compare fluxes of the fitted beam with; empty: guessed").layout();
  option("compare.gauss", o.gauss, "catalogue's column to compare fluxes of the fitted Gaussian with; empty: guessed").layout();
  option("compare.mean", o.mean, "catalogue's column to compare means of the disc with, up to a factor; empty: guessed").layout();
}

std::string factor_of(const FluxPair& pair) {
  return fmt::format("{:.5g} Jy{}", pair.jansky, pair.unit.empty() ? "" : " per " + pair.unit);
}

std::string name_of_source(const PatchSources& sources, std::size_t row) {
  // Without ids sources are called by their row in the user's table.
  const Column& column = sources.id.empty() ? sources.table.at("row") : sources.table.at(sources.id);
  return column.info().type == Type::text ? std::string(trim(column.text(row))) : std::to_string(column.integer(row));
}

void check_compared(const PatchSources& sources, const PatchMaps& maps, const PatchOptions& measure, const PatchCompareOptions& o) {
  (void)compared_columns(sources.table.schema(), !compared_maps(sources, maps, o).empty(), measure, o);
}

std::vector<double> product_column(const std::string& product, const std::string& name) {
  return read_column(RowReader(product, "/object", ZoneCheck::off), name);
}

std::vector<double> measured_on(const std::string& product, const PatchSources& sources, const PatchMaps& maps, std::size_t map,
                                const std::string& quantity) {
  const RowReader reader(product, "/object", ZoneCheck::off);
  if (sources.own_map.empty()) return read_column(reader, quantity + maps.map(map).suffix);
  std::vector<double> values = read_column(reader, quantity);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (sources.own_map[i] != static_cast<std::int32_t>(map)) values[i] = std::nan("");
  return values;
}

std::vector<FluxPair> flux_pairs(const std::string& product, const PatchSources& sources, const PatchMaps& maps,
                                 const PatchOptions& measure, const PatchCompareOptions& o) {
  const std::vector<std::size_t> compared = compared_maps(sources, maps, o);
  std::vector<FluxPair> pairs;
  for (const ComparedColumn& c : compared_columns(sources.table.schema(), !compared.empty(), measure, o))
    for (const std::size_t map : compared)
      pairs.push_back(pair_of(c, map, maps, measured_on(product, sources, maps, map, c.measured), sources.table.at(c.name)));
  return pairs;
}

std::string patch_summary(const std::string& product, const PatchSources& sources, const PatchMaps& maps, const PatchOptions& measure,
                          const std::vector<FluxPair>& pairs) {
  const RowReader reader(product, "/object", ZoneCheck::off);
  std::string text;
  for (std::size_t i = 0; i < maps.size(); ++i) {
    const PatchMap& map = maps.map(i);
    // Of a source on another map the flag is NaN here.
    const std::vector<double> flags = finite(measured_on(product, sources, maps, i, "flags"));
    text += fmt::format("{}: {} sources, {}", maps.label(i), grouped(std::ssize(flags)), flagged_text(flags));
    const auto add = [&](const char* column, const std::string& unit) {
      if (!find_column(reader.schema(), column + map.suffix)) return;
      text += fmt::format(", median {} {:.5g}{}", column, median(finite(measured_on(product, sources, maps, i, column))),
                          unit.empty() ? "" : " " + unit);
    };
    if (measure.measures("mean") || measure.measures("disc")) add("mean", map.unit);
    for (const char* column : {"aper_flux", "psf_flux", "gau_flux", "pol_flux"}) add(column, "Jy");
    add("gau_offset", "arcsec");
    text += "\n";
    for (const FluxPair& pair : pairs)
      if (pair.map == i) text += describe_pair(pair, sources, maps.label(i));
  }
  return text;
}

namespace {

struct TextLine {
  std::string key;
  std::int64_t row = 0;  ///< of the user's table
  double mean = 0.0;
};

/// Lines of sources that are measured on their own maps, by key as the original's are.
std::vector<TextLine> merged_lines(const PatchSources& sources, const PatchMaps& maps, const std::vector<double>& means) {
  std::vector<TextLine> lines;
  for (std::size_t i = 0; i < means.size(); ++i)
    lines.push_back({name_of_source(sources, i), sources.table.at("row").integer(i), means[i]});
  std::vector<std::string> names;
  for (const TextLine& line : lines) names.push_back(line.key);
  std::sort(names.begin(), names.end());
  // Planck's names have the channel; where those of two catalogues are the same, it is added.
  if (std::adjacent_find(names.begin(), names.end()) != names.end())
    for (std::size_t i = 0; i < lines.size(); ++i) lines[i].key += "_" + maps.label(static_cast<std::size_t>(sources.own_map[i]));
  std::stable_sort(lines.begin(), lines.end(),
                   [](const TextLine& a, const TextLine& b) { return std::tie(a.key, a.row) < std::tie(b.key, b.row); });
  return lines;
}

/// Lines map by map, in the order of the user's table: the product is in that of the sky.
std::vector<TextLine> lines_by_map(const std::string& product, const PatchSources& sources, const PatchMaps& maps) {
  std::vector<TextLine> lines;
  for (std::size_t map = 0; map < maps.size(); ++map) {
    const std::vector<double> means = measured_on(product, sources, maps, map, "mean");
    const auto first = std::ssize(lines);
    for (std::size_t i = 0; i < means.size(); ++i)
      lines.push_back(
          {name_of_source(sources, i) + (maps.size() > 1 ? "_" + maps.label(map) : ""), sources.table.at("row").integer(i), means[i]});
    std::stable_sort(lines.begin() + first, lines.end(), [](const TextLine& a, const TextLine& b) { return a.row < b.row; });
  }
  return lines;
}

}  // namespace

void write_patch_text(const std::string& path, const std::string& product, const PatchSources& sources, const PatchMaps& maps,
                      const PatchOptions& measure) {
  const std::vector<TextLine> lines =
      sources.own_map.empty() ? lines_by_map(product, sources, maps) : merged_lines(sources, maps, product_column(product, "mean"));
  FileAppender file(path);
  std::string text;
  for (const TextLine& line : lines) text += fmt::format("{}_{}arcminmean\t{:.5e}\n", line.key, shortest(measure.radius_arcmin), line.mean);
  file.add(text);
  file.finish();
}

}  // namespace skyfold
