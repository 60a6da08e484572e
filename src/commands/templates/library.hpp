#pragma once

#include <optional>
#include <string>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/kernels/templates/curve.hpp"
#include "skyfold/kernels/templates/synthetic.hpp"
#include "skyfold/table/photometry.hpp"

/// Spectra and filters as they are, for who wants to look at them.
namespace skyfold::templates {

/// As the options of bpz and lephare, which have the name of the algorithm before them.
struct LibraryOptions {
  std::string templates = "cwwsb";
  std::vector<std::string> filters;
  BandOptions bands;
  double z_min = 0.01, z_max = 3.5, z_step = 0.05;
  long interpolate = 0;
  std::string igm = "none";
};
void describe(OptionSet& option, LibraryOptions& o);

/// A spectrum or a filter.
struct Item {
  std::string band;            ///< of a filter
  std::string source;          ///< file, or "built in"
  std::optional<Curve> curve;  ///< before anything is cut off; none where the file is no curve
  std::string fault;           ///< why there is none: one line
  ExitCode fault_code = ExitCode::data;
  std::size_t repeated = 0;  ///< points at the wavelength of the one before
  bool is_decreasing = false, is_energy = false;
  [[nodiscard]] std::string name() const { return curve ? curve->name : source; }
};
struct Library {
  std::vector<Item> spectra, filters;
  std::vector<std::string> unread;  ///< files of folders whose endings are not those of curves
};

/// Reads all that can be read; what cannot is told by the item. Throws UsageError for a name that is none, and
/// IoError where a list itself is none.
///
/// @param used  is given the files that were read
[[nodiscard]] Library read_library(LibraryOptions& o, std::vector<std::string>& used);
/// Throws the first fault, for who needs curves.
void require_curves(const Library& library);

/// Wavelengths of a throughput of photons, angstrom.
struct FilterWavelengths {
  double pivot;      ///< sqrt(int T lam dlam / int T dlam / lam)
  double effective;  ///< int T lam^2 dlam / int T lam dlam: the mean of the photons of a source of constant f_lambda
  double width;      ///< int T dlam / peak
};
/// Exact for polygons.
[[nodiscard]] FilterWavelengths wavelengths_of(const Curve& filter);
/// Wavelength of the greatest value.
[[nodiscard]] double peak_of(const Curve& curve);
/// A filter as estimates use it: of photons, trimmed.
[[nodiscard]] Curve used_filter(const Item& filter);

/// What is wrong, or may be, a line each.
struct Finding {
  bool is_wrong;  ///< else a warning
  std::string text;
};
[[nodiscard]] std::vector<Finding> check(const Library& library, const LibraryOptions& o);

/// Objects with magnitudes and redshifts.
struct Points {
  std::vector<double> z;
  std::vector<std::vector<double>> colour;  ///< [bands - 1][object]; NaN where a band was not detected
};
/// Draws three pictures: BASE.seds.svg, BASE.filters.svg, BASE.colours.svg.
void draw_spectra(const Library& library, const std::string& path);
void draw_filters(const Library& library, const std::string& path);
void draw_colours(const Library& library, const ModelFluxes& models, const std::vector<std::string>& bands, const Points& points,
                  const std::string& path);

}  // namespace skyfold::templates
