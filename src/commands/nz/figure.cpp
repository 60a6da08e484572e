// The figure of nz and its report: n(z) by points and by stacked PDFs, and their difference to known redshifts.
#include "figure.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "skyfold/core/text.hpp"
#include "skyfold/registry/gnuplot.hpp"

namespace skyfold {
namespace {

using nz::Estimator;

// Told apart by the colour-blind, too (Okabe & Ito 2008), the palest left out.
constexpr std::array<const char*, 7> colours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"};
constexpr std::array<int, 3> dashes = {1, 2, 4};  // beyond seven bins these, too

std::string style_of(std::size_t bin) {
  return fmt::format("lw 2 lc rgb '{}' dt {}", colours[bin % colours.size()], dashes[bin / colours.size() % dashes.size()]);
}

/// Bootstrap error of each cell.
std::vector<double> errors_of(const NzResult& r, std::size_t e, std::size_t b, int minus) {
  std::vector<double> errors;
  for (std::size_t k = 0; k < r.layout().cells.count; ++k)
    errors.push_back(r.n.measure([&](const nz::Distributions::View& n) {
                          return n(e, b)[k] - (minus < 0 ? 0.0 : n(static_cast<std::size_t>(minus), b)[k]);
                        })
                         .bootstrap);
  return errors;
}

/// What the stack is held against, and how it is called.
std::pair<int, std::string> compared(const NzResult& r) {
  if (const int truth = r.place_of(Estimator::truth); truth >= 0) return {truth, "stack - known redshifts"};
  if (const int training = r.place_of(Estimator::training); training >= 0) return {training, "stack - training"};
  return {r.place_of(Estimator::point), "stack - points"};
}

/// The range of cells in which anything is.
std::pair<double, double> range_of(const NzResult& r) {
  const nz::RedshiftCells& cells = r.layout().cells;
  std::size_t first = cells.count, last = 0;
  // Not of known redshifts: one outlier would make room for itself.
  for (const Estimator estimator : {Estimator::stack, Estimator::point})
    for (std::size_t b = 0; b < r.layout().bins.size(); ++b) {
      const auto n = r.n.n(static_cast<std::size_t>(r.place_of(estimator)), b);
      const double most = *std::ranges::max_element(n);
      for (std::size_t k = 0; k < n.size(); ++k)
        if (n[k] > 0.01 * most) first = std::min(first, k), last = std::max(last, k + 1);
    }
  return first < last ? std::pair(cells.edge(first), cells.edge(last)) : std::pair(cells.low, cells.edge(cells.count));
}

/// A panel: data blocks, and what is drawn of them.
struct Panel {
  std::string data, plots;
};

/// @param minus  estimator that is taken off; -1 for none
void add_lines(const NzResult& r, std::size_t e, int minus, bool has_band, const std::string& name, bool has_key, Panel& panel) {
  const bool is_histogram = r.layout().estimators[e] == Estimator::point && minus < 0;
  for (std::size_t b = 0; b < r.layout().bins.size(); ++b) {
    const std::vector<double> errors = has_band ? errors_of(r, e, b, minus) : std::vector<double>();
    panel.data += fmt::format("${}{} << EOD\n", name, b);
    const auto n = r.n.n(e, b);
    for (std::size_t k = 0; k < n.size(); ++k) {
      double value = n[k] - (minus < 0 ? 0.0 : r.n.n(static_cast<std::size_t>(minus), b)[k]);
      // Steps begin and end at 0, but do not run along the axis: they would cover each other there.
      const bool is_far = n[k] == 0.0 && (k == 0 || n[k - 1] == 0.0) && (k + 1 == n.size() || n[k + 1] == 0.0);
      if (is_histogram && is_far) value = std::numeric_limits<double>::quiet_NaN();
      const double error = has_band && std::isfinite(errors[k]) ? errors[k] : 0.0;
      panel.data += std::isfinite(value)
                        ? fmt::format("{:.6g} {:.6g} {:.6g} {:.6g}\n", r.layout().cells.middle(k), value, value - error, value + error)
                        : std::string("NaN NaN NaN NaN\n");
    }
    panel.data += "EOD\n";
    if (has_band)
      panel.plots += fmt::format("${}{} using 1:3:4 with filledcurves fs transparent solid 0.25 noborder lc rgb '{}' notitle, ", name, b,
                                 colours[b % colours.size()]);
    panel.plots += fmt::format("${}{} using 1:2 with {} {} {}, ", name, b, is_histogram ? "histeps" : "lines", style_of(b),
                               has_key ? "title " + gnuplot_text(r.layout().bins.label(b)) : std::string("notitle"));
  }
}

Plot log_plot(const NzResult& r, std::size_t e, int minus, const std::string& name, const std::string& title, const std::string& y_label) {
  const auto [low, high] = range_of(r);
  Plot plot{name, title, "redshift", y_label, fmt::format("set key below\nset xrange [{:.6g}:{:.6g}]\n", low, high), {}};
  for (std::size_t b = 0; b < r.layout().bins.size(); ++b) {
    Series series{r.layout().bins.label(b), "lines " + style_of(b), {{}, {}}};
    for (std::size_t k = 0; k < r.layout().cells.count; ++k) {
      series.columns[0].push_back(r.layout().cells.middle(k));
      series.columns[1].push_back(r.n.n(e, b)[k] - (minus < 0 ? 0.0 : r.n.n(static_cast<std::size_t>(minus), b)[k]));
    }
    plot.series.push_back(std::move(series));
  }
  return plot;
}

std::string with_errors(const nz::Measured& m) {
  if (std::isnan(m.value)) return "-";
  std::string text = fmt::format("{:.4f}", m.value);
  if (!std::isnan(m.bootstrap)) text += fmt::format(" +- {:.4f}", m.bootstrap);
  if (!std::isnan(m.jackknife)) text += fmt::format(" (jackknife {:.4f})", m.jackknife);
  return text;
}

}  // namespace

void draw_nz(const NzResult& r, const std::string& path) {
  const auto [minus, title] = compared(r);
  const auto point = static_cast<std::size_t>(r.place_of(Estimator::point)), stack = static_cast<std::size_t>(r.place_of(Estimator::stack));
  std::array<Panel, 3> panels;
  const bool has_errors = r.layout().realisations > 1;
  add_lines(r, point, -1, false, "point", false, panels[0]);
  add_lines(r, stack, -1, has_errors, "stack", false, panels[1]);
  add_lines(r, stack, minus, has_errors, "rest", true, panels[2]);
  const std::array<std::string, 3> labels = {"n(z), points", "n(z), stacked PDFs", title};
  const auto [low, high] = range_of(r);
  const std::size_t key_rows = (r.layout().bins.size() + 2) / 3;
  // The key has a strip of its own below the axes, as high as it has rows: it covers nothing.
  const double height = 766.0 + 22.0 * static_cast<double>(key_rows), bottom = (50.0 + 22.0 * static_cast<double>(key_rows)) / height;
  const double panel = (1.0 - bottom - 0.02) / 3.0;
  std::string script = panels[0].data + panels[1].data + panels[2].data;
  script += fmt::format(
      "set multiplot\nset grid lc rgb '#dddddd'\nset lmargin at screen 0.11\nset rmargin at screen 0.97\n"
      "set xrange [{:.6g}:{:.6g}]\nset style fill solid 0.4\nset ytics nomirror\n",
      low, high);
  for (std::size_t i = 0; i < 3; ++i) {
    const double top = 0.98 - panel * static_cast<double>(i);
    script += fmt::format("set tmargin at screen {:.4f}\nset bmargin at screen {:.4f}\nset ylabel {} offset 0.5,0\n", top,
                          top - panel + 0.025, gnuplot_text(labels[i]));
    script += i < 2 ? "set format x ''\nset yrange [0:*]\nunset key\n"
                    : fmt::format(
                          "set format x '%g'\nset xlabel 'redshift z'\nset yrange [*:*]\nset xzeroaxis lw 1 lc rgb '#333333'\n"
                          "set key at screen 0.54,{:.4f} center bottom horizontal maxcols 3 samplen 2\n",
                          8.0 / height);
    script += "plot " + panels[i].plots.substr(0, panels[i].plots.size() - 2) + "\n";
  }
  draw_svg(GnuplotScript{760, static_cast<int>(height), 13, script + "unset multiplot\n"}, path);
}

void report_nz(const NzResult& r, Process& process) {
  process.fact("objects in the bins", grouped([&] {
                 long long sum = 0;
                 for (const std::int64_t n : r.sums.objects) sum += n;
                 return sum;
               }()));
  constexpr std::array<const char*, 5> reasons = {"without a row in the catalogue", "that do not meet the condition",
                                                  "without a positive weight", "in no bin", "without a PDF"};
  for (std::size_t i = 0; i < reasons.size(); ++i)
    if (r.sums.left_out[i] > 0) process.fact(std::string("objects ") + reasons[i], grouped(r.sums.left_out[i]));
  LogTable table{"n(z) in bins", {"estimator", "bin", "objects", "mean", "width", "shift", "stretch", "beyond the cells [%]"}, {}, ""};
  for (const BinNumbers& n : r.numbers)
    table.rows.push_back({std::string(nz::name_of(r.layout().estimators[n.estimator])), r.layout().bins.label(n.bin),
                          grouped(r.sums.objects[n.bin]), with_errors(n.mean), with_errors(n.width), with_errors(n.shift),
                          with_errors(n.stretch), fmt::format("{:.3f}", 100.0 * r.outside(n.estimator, n.bin))});
  table.note = r.reference.empty() ? "no reference for shift and stretch" : "shift and stretch relative to " + r.reference;
  process.add("results", table);
  const auto [minus, title] = compared(r);
  const auto stack = static_cast<std::size_t>(r.place_of(Estimator::stack));
  process.add("results", log_plot(r, static_cast<std::size_t>(r.place_of(Estimator::point)), -1, "points", "Point estimates", "n(z)"));
  process.add("results", log_plot(r, stack, -1, "stack", "Stacked PDFs", "n(z)"));
  process.add("results", log_plot(r, stack, minus, "difference", title, "difference of n(z)"));
}

namespace {

/// Which of the two is to be trusted, and why.
std::string judgement(const NzResult& r, std::size_t bin) {
  const TrainingJudgement& judged = r.judged[bin];
  if (!judged.is_binned && r.layout().bins.size() > 1)
    return fmt::format("stack: the training sample has no {}, so that weights reach across the edges of bins", r.layout().bins.column);
  if (std::isnan(judged.noise)) return "not judged: the noise of training is from --bootstrap.realisations";
  return fmt::format("{}: training differs from stack by {:.3f} (integral), and has {:.3f} of noise itself", nz::name_of(judged.trusted),
                     judged.difference, judged.noise);
}

}  // namespace

std::string nz_summary(const NzResult& r) {
  std::string text;
  const auto& bins = r.layout().bins;
  for (std::size_t b = 0; b < bins.size(); ++b) {
    text += fmt::format("bin {} ({}): {} objects\n", b + 1, bins.label(b), grouped(r.sums.objects[b]));
    for (const BinNumbers& n : r.numbers) {
      if (n.bin != b) continue;
      text += fmt::format("  {:<9} mean {}, width {}", nz::name_of(r.layout().estimators[n.estimator]), with_errors(n.mean),
                          with_errors(n.width));
      if (!std::isnan(n.shift.value)) text += fmt::format(", shift {}, stretch {}", with_errors(n.shift), with_errors(n.stretch));
      if (const double lost = r.outside(n.estimator, b); lost > 0.0) text += fmt::format(", {:.3f} % beyond the cells", 100.0 * lost);
      text += '\n';
    }
    if (!r.judged.empty()) text += fmt::format("  {:<9} {}\n", "trust", judgement(r, b));
  }
  return text;
}

}  // namespace skyfold
