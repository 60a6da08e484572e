// Reading of spectra and filters without stopping at the first mistake, and numbers that describe them.
#include "library.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <functional>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/kernels/templates/builtin.hpp"
#include "skyfold/kernels/templates/filter_name.hpp"

namespace skyfold::templates {
namespace {

bool is_one_of(const std::vector<std::string>& names, const std::string& name) { return std::ranges::find(names, name) != names.end(); }

/// Points that repeat a wavelength, and the direction, by the first numbers of the lines.
void look_at_order(std::string_view text, Item& item) {
  std::optional<double> before;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = trim(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.starts_with('#')) continue;
    const auto wavelength = parse_double(line.substr(0, line.find_first_of(" \t,")));
    if (!wavelength) continue;
    if (before && *wavelength == *before) ++item.repeated;
    if (before && *wavelength < *before) item.is_decreasing = true;
    before = wavelength;
  }
}

/// Reads one; what is wrong with it becomes its fault. A name that is none is a mistake of the command, not of a file.
void try_to_read(Item& item, const std::function<void()>& read) {
  try {
    read();
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    item.fault = error.what();
    item.fault_code = error.code();
  }
}

std::vector<std::string> files_in(const std::string& folder, std::initializer_list<const char*> endings, std::vector<std::string>& unread) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string ending = lower(entry.path().extension().string());
    const bool is_curve = std::ranges::any_of(endings, [&](const char* known) { return ending == known; });
    (is_curve ? files : unread).push_back(entry.path().string());
  }
  std::ranges::sort(files);
  std::ranges::sort(unread);
  if (files.empty())
    throw UsageError(
        fmt::format("{}: no files with the endings {}", folder, join(std::vector<std::string>(endings.begin(), endings.end()), " ")));
  return files;
}

std::vector<std::string> spectrum_files(const std::string& name, Library& library, std::vector<std::string>& used) {
  if (std::filesystem::is_directory(name)) return files_in(name, {".sed", ".dat", ".spec", ".ascii", ".txt", ".ecsv"}, library.unread);
  used.push_back(name);
  return parse_list(read_file(name), name);
}

void read_spectra(const std::string& name, Library& library, std::vector<std::string>& used) {
  if (is_one_of(builtin_template_sets(), name)) {
    for (Curve& curve : builtin_templates(name)) {
      Item& item = library.spectra.emplace_back();
      item.source = "built in";
      item.curve = std::move(curve);
    }
    return;
  }
  for (const std::string& path : spectrum_files(name, library, used)) {
    Item& item = library.spectra.emplace_back();
    item.source = path;
    try_to_read(item, [&] {
      const std::string text = read_file(path);
      used.push_back(path);
      look_at_order(text, item);
      item.curve = parse_curve(text, path);
    });
  }
}

void read_filter(const std::string& band, const std::string& name, Library& library, std::vector<std::string>& used) {
  Item& item = library.filters.emplace_back();
  item.band = band;
  item.source = name;
  try_to_read(item, [&] {
    const FilterName parts = filter_name(name);
    const std::string text = read_file(parts.path);
    used.push_back(parts.path);
    if (parts.number == 0) look_at_order(text, item);
    item.is_energy = parts.is_energy;
    item.curve = parse_named_filter(text, parts);
  });
}

void read_filters(LibraryOptions& o, Library& library, std::vector<std::string>& used) {
  std::vector<std::string> names = o.filters;
  std::vector<std::string>& bands = o.bands.bands;
  if (names.size() == 1 && is_one_of(builtin_filter_sets(), names[0])) {
    if (bands.empty()) bands = builtin_bands(names[0]);
    for (const std::string& band : bands) {
      Item& item = library.filters.emplace_back();
      item.band = band;
      item.source = "built in";
      try_to_read(item, [&] { item.curve = builtin_filter(names[0], band); });
    }
    return;
  }
  if (names.size() == 1 && std::filesystem::is_directory(names[0]))
    names = files_in(names[0], {".res", ".pb", ".filt", ".lowres", ".dat", ".txt", ".ecsv", ".par"}, library.unread);
  if (names.size() == 1 && band_column(names[0], "x") != names[0]) {
    if (bands.empty()) throw UsageError(fmt::format("--filters {}: --bands is needed (which bands?)", names[0]));
    const std::string pattern = names[0];
    names.clear();
    for (const std::string& band : bands) names.push_back(band_column(pattern, band));
  }
  if (bands.empty())
    for (const std::string& name : names) bands.push_back(std::filesystem::path(name).stem().string());
  if (names.size() < bands.size())
    throw UsageError(fmt::format("--filters: {} files for the {} bands {} (band {} has no filter)", names.size(), bands.size(),
                                 join(bands, ","), bands[names.size()]));
  if (names.size() > bands.size())
    throw UsageError(fmt::format("--filters: {} files for the {} bands {}", names.size(), bands.size(), join(bands, ",")));
  for (std::size_t i = 0; i < names.size(); ++i) read_filter(bands[i], names[i], library, used);
}

}  // namespace

void describe(OptionSet& option, LibraryOptions& o) {
  option("templates", o.templates, "spectra: cwwsb (built in), a file that lists files of two columns, or a folder of them");
  option("filters", o.filters,
         "throughputs: lsst or des (built in), files in the order of the bands, one name with {band} in it, or a folder; empty: none");
  describe(option, o.bands);
  option("zmin", o.z_min, "first redshift").range(0.0, 20.0);
  option("zmax", o.z_max, "last redshift").range(0.0, 20.0);
  option("dz", o.z_step, "step of redshifts").range(1e-4, 1.0);
  option("interpolate", o.interpolate, "mixtures between each template and the next").range(0, 50);
  option("igm", o.igm, "hydrogen clouds before the source: none, madau").one_of({"none", "madau"});
}

Library read_library(LibraryOptions& o, std::vector<std::string>& used) {
  if (!(o.z_max > o.z_min)) throw UsageError(fmt::format("--zmin {} --zmax {}: no range of redshifts", o.z_min, o.z_max));
  Library library;
  read_spectra(o.templates, library, used);
  if (!o.filters.empty()) read_filters(o, library, used);
  return library;
}

void require_curves(const Library& library) {
  for (const auto* items : {&library.spectra, &library.filters})
    for (const Item& item : *items)
      if (!item.curve) throw Error(item.fault_code, item.fault);
}

FilterWavelengths wavelengths_of(const Curve& filter) {
  double photons = 0.0, per_lambda = 0.0, second = 0.0, area = 0.0;
  for (std::size_t i = 0; i + 1 < filter.wavelength.size(); ++i) {
    const double a = filter.wavelength[i], b = filter.wavelength[i + 1], ta = filter.value[i], tb = filter.value[i + 1], h = b - a;
    // A polynomial of third degree is integrated by Simpson's rule without error; T / lambda by its own formula.
    const double m = 0.5 * (a + b), tm = 0.5 * (ta + tb);
    area += h * tm;
    photons += h / 6.0 * (a * ta + 4.0 * m * tm + b * tb);
    second += h / 6.0 * (a * a * ta + 4.0 * m * m * tm + b * b * tb);
    const double slope = (tb - ta) / h;
    per_lambda += a > 0.0 ? (ta - slope * a) * std::log(b / a) + slope * h : slope * h;
  }
  return {std::sqrt(photons / per_lambda), second / photons, area / *std::ranges::max_element(filter.value)};
}

double peak_of(const Curve& curve) {
  return curve.wavelength[static_cast<std::size_t>(std::ranges::max_element(curve.value) - curve.value.begin())];
}

Curve used_filter(const Item& filter) { return trimmed(filter.is_energy ? counting_photons(*filter.curve) : *filter.curve); }

}  // namespace skyfold::templates
