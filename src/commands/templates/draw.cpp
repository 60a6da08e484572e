// Pictures of spectra, filters, and colours against redshift.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "library.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/registry/gnuplot.hpp"

namespace skyfold::templates {
namespace {

/// Okabe & Ito's colours, told apart by colour-blind eyes; lines differ by their dashes, too.
constexpr std::array<const char*, 8> colours = {"#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#000000", "#8c6d31"};
constexpr std::size_t most_points = 3000, most_named = 16;

/// Of line i of n: colours and dashes while they can be told apart, then the palette along the list.
std::string style_of(std::size_t i, std::size_t n) {
  if (n <= most_named) return fmt::format("lc rgb '{}' dashtype {} lw 1.6", colours[i % colours.size()], 1 + i / colours.size());
  return fmt::format("lc palette frac {:.4f} lw 1.1", static_cast<double>(i) / static_cast<double>(n - 1));
}

std::string palette_for(std::size_t n) {
  if (n <= most_named) return "";
  return fmt::format(
      "set palette defined (0 '#440154', 0.25 '#3b528b', 0.5 '#21918c', 0.75 '#5ec962', 1 '#fde725')\nset cbrange [1:{}]\nset cblabel "
      "'template'\n",
      n);
}

std::string block(const std::string& name, const std::vector<double>& x, const std::vector<double>& y) {
  std::string text = fmt::format("${} << EOD\n", name);
  for (std::size_t i = 0; i < x.size(); ++i) text += std::isfinite(y[i]) ? fmt::format("{:.6g} {:.6g}\n", x[i], y[i]) : std::string("\n");
  if (x.empty()) text += "NaN NaN\n";
  return text + "EOD\n";
}

/// Every k-th point, so that a picture has at most some thousand; ends stay.
Curve thinned(const Curve& curve, std::size_t most) {
  const std::size_t step = std::max<std::size_t>(1, curve.wavelength.size() / most);
  Curve few{curve.name, {}, {}};
  for (std::size_t i = 0; i < curve.wavelength.size(); ++i)
    if (i % step == 0 || i + 1 == curve.wavelength.size()) {
      few.wavelength.push_back(curve.wavelength[i]);
      few.value.push_back(curve.value[i]);
    }
  return few;
}

/// Value around 5500 angstrom, where all have light; else the peak.
double norm_of(const Curve& sed) {
  const auto at = std::ranges::lower_bound(sed.wavelength, 5500.0) - sed.wavelength.begin();
  if (at > 0 && at < std::ssize(sed.wavelength) && sed.value[static_cast<std::size_t>(at)] > 0.0)
    return sed.value[static_cast<std::size_t>(at)];
  return *std::ranges::max_element(sed.value);
}

std::string title_of(const std::string& name, std::size_t n) {
  return n <= most_named ? "title " + gnuplot_text(name) : std::string("notitle");
}

}  // namespace

void draw_spectra(const Library& library, const std::string& path) {
  std::string data, plot;
  double low = std::numeric_limits<double>::infinity(), high = 0.0;
  const std::size_t n = library.spectra.size();
  for (std::size_t i = 0; i < n; ++i) {
    Curve sed = thinned(*library.spectra[i].curve, 1500);
    const double norm = norm_of(sed);
    for (double& value : sed.value) value = value > 0.0 ? value / norm : std::numeric_limits<double>::quiet_NaN();
    low = std::min(low, std::max(sed.wavelength.front(), 100.0));
    high = std::max(high, sed.wavelength.back());
    data += block(fmt::format("s{}", i), sed.wavelength, sed.value);
    plot += fmt::format("{}$s{} using 1:2 with lines {} {}", i == 0 ? "plot " : ", \\\n ", i, style_of(i, n), title_of(sed.name, n));
  }
  // The ends of spectra tell nothing about photometry: far from the optical, they would press all else together.
  low = std::max(low, 800.0);
  high = std::clamp(high, 2.0 * low, 40000.0);
  const std::string settings = fmt::format(
      "set logscale xy\nset xrange [{:.5g}:{:.5g}]\nset yrange [0.01:200]\nset format y '%g'\nset xtics "
      "(1000,2000,3000,5000,10000,20000,30000)\nset tics out nomirror\n"
      "set xlabel 'rest-frame wavelength [angstrom]'\nset ylabel 'f_lambda, of 1 at 5500 angstrom' noenhanced\nset key outside right "
      "top\n{}",
      low, high, palette_for(n));
  draw_svg(GnuplotScript{860, 480, 13, data + settings + plot + "\n"}, path);
}

void draw_filters(const Library& library, const std::string& path) {
  std::string data, plot;
  const std::size_t n = library.filters.size();
  for (std::size_t i = 0; i < n; ++i) {
    Curve filter = thinned(used_filter(library.filters[i]), 800);
    const double peak = *std::ranges::max_element(filter.value);
    for (double& value : filter.value) value /= peak;
    data += block(fmt::format("f{}", i), filter.wavelength, filter.value);
    plot += fmt::format("{}$f{} using 1:2 with lines {} {}", i == 0 ? "plot " : ", \\\n ", i, style_of(i, n),
                        title_of(library.filters[i].band, n));
  }
  draw_svg(GnuplotScript{860, 400, 13,
                         data +
                             "set xlabel 'wavelength [angstrom]'\nset ylabel 'throughput of photons / its peak'\nset yrange [0:1.05]\nset "
                             "tics out nomirror\n"
                             "set key outside right top\n" +
                             palette_for(n) + (n > most_named ? "set cblabel 'filter'\n" : "") + plot + "\n"},
           path);
}

namespace {

/// A panel's range: what the objects span, else the templates; a colour that shoots up where a band goes dark would hide all else.
std::pair<double, double> range_of_panel(const std::vector<double>& points, const std::vector<double>& lines) {
  std::vector<double> values;
  for (const double value : points)
    if (std::isfinite(value)) values.push_back(value);
  double part = 0.005;
  if (values.size() < 20) {
    part = 0.02;
    for (const double value : lines)
      if (std::isfinite(value)) values.push_back(value);
  }
  if (values.empty()) return {-1.0, 1.0};
  const double low = quantile(values, part), high = quantile(values, 1.0 - part), margin = 0.1 * (high - low) + 0.15;
  return {low - margin, high + margin};
}

/// The key has a strip of its own below all panels, so that it covers nothing; "" for too many templates.
std::string key_of_colours(const Library& library, bool has_points) {
  const std::size_t named = library.spectra.size();
  std::string key;
  if (named > most_named) return key;
  for (std::size_t t = 0; t < named; ++t)
    key +=
        fmt::format("{}NaN with lines {} title {}", t == 0 ? "plot " : ", ", style_of(t, named), gnuplot_text(library.spectra[t].name()));
  if (has_points) key += ", NaN with points pt 7 ps 0.5 lc rgb '#a0a0a0' title 'objects'";
  return key;
}

}  // namespace

void draw_colours(const Library& library, const ModelFluxes& models, const std::vector<std::string>& bands, const Points& points,
                  const std::string& path) {
  const std::size_t panels = bands.size() - 1, columns = std::min<std::size_t>(panels, 2), rows = (panels + columns - 1) / columns;
  const std::size_t n_z = models.z.size(), n = models.templates, step = points.z.size() / most_points + 1;
  // Mixtures are drawn thin and grey between the templates that they mix.
  const std::size_t mixtures = n > library.spectra.size() ? (n - 1) / (library.spectra.size() - 1) - 1 : 0, stride = mixtures + 1;
  std::string data, plots;
  for (std::size_t panel = 0; panel < panels; ++panel) {
    std::vector<double> x, y, all;
    for (std::size_t i = 0; i < points.z.size(); i += step) {
      if (!std::isfinite(points.colour[panel][i])) continue;
      x.push_back(points.z[i]);
      y.push_back(points.colour[panel][i]);
    }
    const std::string observed = fmt::format("p{}", panel);
    data += block(observed, x, y);
    std::string plot = fmt::format("plot ${} using 1:2 with points pt 7 ps 0.18 lc rgb '#a0a0a0' notitle", observed);
    for (std::size_t t = 0; t < n; ++t) {
      std::vector<double> colour(n_z);
      for (std::size_t k = 0; k < n_z; ++k) {
        const double blue = models.flux[(t * bands.size() + panel) * n_z + k], red = models.flux[(t * bands.size() + panel + 1) * n_z + k];
        colour[k] = blue > 0.0 && red > 0.0 ? -2.5 * std::log10(blue / red) : std::numeric_limits<double>::quiet_NaN();
      }
      all.insert(all.end(), colour.begin(), colour.end());
      data += block(fmt::format("c{}_{}", panel, t), models.z, colour);
      const std::string style = t % stride == 0 ? style_of(t / stride, library.spectra.size()) : "lc rgb '#c8c8c8' lw 0.5";
      plot += fmt::format(", \\\n $c{}_{} using 1:2 with lines {} notitle", panel, t, style);
    }
    const auto [low, high] = range_of_panel(y, all);
    plots += fmt::format("set yrange [{:.3f}:{:.3f}]\nset ylabel {}\n{}\n", low, high,
                         gnuplot_text(bands[panel] + " - " + bands[panel + 1] + " [mag]"), plot);
  }
  const std::size_t named = library.spectra.size();
  const std::string key = key_of_colours(library, !points.z.empty());
  const int strip = named <= most_named ? 70 : 20, height = 250 * static_cast<int>(rows) + strip;
  const double bottom = static_cast<double>(strip) / height;
  std::string script = data + palette_for(named) + (named > most_named ? "unset colorbox\n" : "");
  script += fmt::format("set xrange [{:.4g}:{:.4g}]\nset tics out nomirror\nset xlabel 'redshift'\n", models.z.front(), models.z.back());
  script += "set lmargin 9\nset rmargin 2\nset multiplot\n";
  std::size_t panel = 0, at = 0;
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t column = 0; column < columns && panel < panels; ++column, ++panel) {
      const std::size_t end = panel + 1 < panels ? plots.find("set yrange", at + 1) : plots.size();
      script +=
          fmt::format("set origin {:.4f},{:.4f}\nset size {:.4f},{:.4f}\n", static_cast<double>(column) / static_cast<double>(columns),
                      bottom + (1.0 - bottom) * static_cast<double>(rows - 1 - row) / static_cast<double>(rows),
                      1.0 / static_cast<double>(columns), (1.0 - bottom) / static_cast<double>(rows));
      script += plots.substr(at, end - at);
      at = end;
    }
  if (!key.empty())
    script += fmt::format(
        "set origin 0,0\nset size 1,{:.4f}\nset lmargin 0\nset rmargin 0\nset tmargin 0\nset bmargin 0\nunset tics\nunset border\nunset "
        "xlabel\nunset ylabel\n"
        "set yrange [0:1]\nset key center center horizontal maxrows 3\n{}\n",
        bottom, key);
  draw_svg(GnuplotScript{440 * static_cast<int>(columns), height, 12, script + "unset multiplot\n"}, path);
}

}  // namespace skyfold::templates
