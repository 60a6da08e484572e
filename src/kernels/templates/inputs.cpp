// Spectra and filters that options name: built in, or texts that the command reads.
#include "skyfold/kernels/templates/inputs.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/kernels/templates/builtin.hpp"
#include "skyfold/kernels/templates/filter_name.hpp"
#include "skyfold/table/photometry.hpp"

namespace skyfold {
namespace {

bool is_builtin(const std::vector<std::string>& sets, const std::string& name) { return std::ranges::find(sets, name) != sets.end(); }

}  // namespace

std::vector<Curve> read_templates(const std::string& name, const ReadCurveText& read) {
  if (is_builtin(builtin_template_sets(), name)) return builtin_templates(name);
  std::vector<Curve> curves;
  for (const std::string& path : parse_list(read(name), name)) {
    curves.push_back(parse_curve(read(path), path));
    for (std::size_t i = 0; i < curves.back().value.size(); ++i)
      if (curves.back().value[i] < 0.0)
        throw DataError(
            fmt::format("{}: flux {} at {} angstrom (must be >= 0)", path, curves.back().value[i], curves.back().wavelength[i]));
  }
  return curves;
}

std::vector<Curve> read_filters(const std::string& section, std::vector<std::string> names, const std::vector<std::string>& bands,
                                const ReadCurveText& read) {
  std::vector<Curve> curves;
  if (names.size() == 1 && is_builtin(builtin_filter_sets(), names[0])) {
    for (const std::string& band : bands) curves.push_back(builtin_filter(names[0], band));
    return curves;
  }
  if (names.empty())
    throw UsageError(
        fmt::format("{0} needs --{0}.filters: {1}, or a file for each of the bands {2} (a template has no colours without them)", section,
                    join(builtin_filter_sets(), ", "), join(bands, ",")));
  if (names.size() == 1 && band_column(names[0], "x") != names[0]) {
    const std::string pattern = names[0];
    names.clear();
    for (const std::string& band : bands) names.push_back(band_column(pattern, band));
  }
  if (names.size() != bands.size())
    throw UsageError(fmt::format("--{}.filters: {} files for the {} bands {}", section, names.size(), bands.size(), join(bands, ",")));
  for (const std::string& text : names) {
    const FilterName name = filter_name(text);
    curves.push_back(read_named_filter(read(name.path), name));
  }
  return curves;
}

std::string names_of(const std::vector<Curve>& curves) {
  std::vector<std::string> names;
  for (const Curve& curve : curves) names.push_back(curve.name);
  return join(names, ",");
}

void check_fluxes(const ModelFluxes& fluxes, const std::vector<Curve>& templates, const std::vector<Curve>& filters,
                  const std::vector<std::string>& bands) {
  const std::size_t n = fluxes.z.size();
  for (std::size_t row = 0; row < fluxes.flux.size() / n; ++row) {
    const auto begin = fluxes.flux.begin() + static_cast<std::ptrdiff_t>(row * n);
    if (std::all_of(begin, begin + static_cast<std::ptrdiff_t>(n), [](double flux) { return flux <= 0.0; }))
      throw DataError(fmt::format("template {} has no flux in band {} (filter {}) at any redshift of {} to {}: are both in angstrom?",
                                  templates[row / bands.size()].name, bands[row % bands.size()], filters[row % bands.size()].name,
                                  fluxes.z.front(), fluxes.z.back()));
  }
}

}  // namespace skyfold
