// What validate puts in its product's log: tables of metrics with their limits, clouds and contours of redshifts, PITs, metrics in bins,
// and a comparison of all models.
#include "report.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "plots.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

using validation::Metric;
using validation::metric_infos;
using validation::n_metrics;

constexpr const char* results_tab = "results";
constexpr const char* comparison_tab = "comparison";
constexpr double tail = 0.002;  // of the values that an axis may leave out
constexpr std::size_t histogram_bins = 60;
constexpr std::int64_t fewest_drawn = 20;
constexpr std::array<const char*, 6> colours = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf"};

std::string colour_of(std::size_t k) { return colours[k % colours.size()]; }
std::string name_of(Metric metric) { return std::string(metric_infos()[validation::place(metric)].name); }

/// What is drawn of one model: its measured objects.
struct Drawn {
  std::vector<double> z_spec, z_phot, z_err, dz, pit;
};

// The same objects as the metrics are of, so that a plot shows what the table beside it measures.
Drawn drawn(const ValidationSample& sample, const Estimates& e) {
  Drawn d;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    if (!sample.is_usable[i] || std::isnan(e.z_phot[i])) continue;
    d.z_spec.push_back(sample.z_spec[i]);
    d.z_phot.push_back(e.z_phot[i]);
    d.z_err.push_back(e.z_err[i]);
    d.dz.push_back(e.z_phot[i] - sample.z_spec[i]);
    if (!std::isnan(e.pit[i])) d.pit.push_back(e.pit[i]);
  }
  // Sorted for the quantiles; no other plot pairs a PIT with the object that it is of.
  std::sort(d.pit.begin(), d.pit.end());
  return d;
}

std::string ranges(AxisRange x, AxisRange y) {
  return fmt::format("set xrange [{:.6g}:{:.6g}]\nset yrange [{:.6g}:{:.6g}]\n", x.low, x.high, y.low, y.high);
}
Series line(double x0, double y0, double x1, double y1, const std::string& title, const std::string& style) {
  return {title, style, {{x0, x1}, {y0, y1}}};
}

/// Adds a plot unless nothing of it could be drawn, which gnuplot takes for an error.
void add(const char* tab, const Plot& plot, Process& process) {
  const auto has_points = [](const Series& series) {
    for (std::size_t i = 0; i < series.columns[0].size(); ++i)
      if (std::isfinite(series.columns[0][i]) && std::isfinite(series.columns[1][i])) return true;
    return false;
  };
  if (!plot.series.empty() && has_points(plot.series.front())) process.add(tab, plot);
}

/// Redshifts, errors, and how they hang together, of one model.
void add_clouds(const std::string& prefix, const std::string& name, const Drawn& d, Process& process) {
  std::vector<double> both = d.z_spec;
  // One range for both redshifts: with square axes the diagonal means agreement, and the histograms can be compared.
  both.insert(both.end(), d.z_phot.begin(), d.z_phot.end());
  // Errors and deviations have longer tails than redshifts, so their axes leave out more.
  const AxisRange z = range_of(both, tail), dz = range_of(d.dz, 0.005), error = range_of(d.z_err, 0.005);
  process.add(results_tab, Plot{prefix + "redshifts",
                                "Redshifts: " + name,
                                "redshift",
                                "objects",
                                "",
                                {histogram_series(d.z_spec, z, histogram_bins, "z_spec", "histeps lw 2 lc rgb '#555555'"),
                                 histogram_series(d.z_phot, z, histogram_bins, "z_phot", "histeps lw 2 lc rgb '#1f77b4'")}});
  process.add(results_tab, Plot{prefix + "errors",
                                "Errors: " + name,
                                "z_err",
                                "objects",
                                "",
                                {histogram_series(d.z_err, error, histogram_bins, "", "histeps lw 2 lc rgb '#1f77b4'")}});
  const std::string palette = "set palette defined (0 '#dce9f5', 1 '#08306b')\nset cblabel 'log10 of objects'\n";
  Plot density{prefix + "density",
               "z_phot against z_spec: " + name,
               "z_spec",
               "z_phot",
               palette + ranges(z, z) + "set key left top\n",
               cloud_series(d.z_spec, d.z_phot, z, z)};
  constexpr std::array shares = {0.5, 0.9};
  for (Series& contour : contour_series(d.z_spec, d.z_phot, z, z, shares)) density.series.push_back(std::move(contour));
  // The diagonal is drawn last, over the cloud.
  density.series.push_back(line(z.low, z.low, z.high, z.high, "", "lines dashtype 2 lc rgb '#333333'"));
  process.add(results_tab, density);
  for (const auto& [what, x_label, values, range] :
       {std::tuple{"dz_of_z", "z_phot", &d.z_phot, z}, std::tuple{"dz_of_error", "z_err", &d.z_err, error}}) {
    Plot plot{prefix + what,
              fmt::format("dz against {}: {}", x_label, name),
              x_label,
              "dz = z_phot - z_spec",
              palette + ranges(range, dz),
              cloud_series(*values, d.dz, range, dz)};
    plot.series.push_back(line(range.low, 0.0, range.high, 0.0, "", "lines dashtype 2 lc rgb '#333333'"));
    add(results_tab, plot, process);
  }
}

Series pit_series(const validation::PitHistogram& histogram, const std::string& title, const std::string& style) {
  Series series{title, style, {{}, {}, {}}};
  const auto bins = static_cast<double>(histogram.share.size());
  for (std::size_t k = 0; k < histogram.share.size(); ++k) {
    series.columns[0].push_back((static_cast<double>(k) + 0.5) / bins);
    // Times the number of bins it is a density, whose expectation is 1 for any number of bins.
    series.columns[1].push_back(histogram.share[k] * bins);
    series.columns[2].push_back(histogram.error[k] * bins);
  }
  return series;
}

/// Quantiles of the PITs against those of the uniform distribution.
Series qq_series(const Drawn& d, const std::string& title, const std::string& style) {
  constexpr std::size_t points = 100;
  Series series{title, style, {{}, {}}};
  for (std::size_t k = 0; k <= points && !d.pit.empty(); ++k) {
    series.columns[0].push_back(static_cast<double>(k) / points);
    // The sorted PITs themselves, without interpolation: with 100 points of thousands of objects the difference is not to be seen.
    series.columns[1].push_back(d.pit[std::min(k * d.pit.size() / points, d.pit.size() - 1)]);
  }
  return series;
}

void add_pits(const std::string& prefix, const std::string& name, const ValidationResult& r, std::size_t model, const Drawn& d,
              Process& process) {
  // From 0, as a cut-off axis would make any histogram look uneven.
  Plot plot{prefix + "pit", "PIT: " + name, "PIT", "density", "set yrange [0:*]\nset xrange [0:1]\nset key bottom\n", {}};
  for (const MeasuredPit& pit : r.validation.pits)
    if (pit.model == model)
      plot.series.push_back(pit_series(pit.histogram, pit.subset,
                                       fmt::format("yerrorbars pt 7 ps 0.5 lc rgb '{}'", pit.subset == "all" ? "#1f77b4" : "#ff7f0e")));
  plot.series.push_back(line(0.0, 1.0, 1.0, 1.0, "uniform", "lines dashtype 2 lc rgb '#333333'"));
  process.add(results_tab, plot);
  process.add(results_tab,
              Plot{prefix + "qq",
                   "Quantiles of the PIT: " + name,
                   "uniform",
                   "PIT",
                   "set xrange [0:1]\nset yrange [0:1]\n",
                   {qq_series(d, "", "lines lw 2 lc rgb '#1f77b4'"), line(0.0, 0.0, 1.0, 1.0, "", "lines dashtype 2 lc rgb '#333333'")}});
}

/// A metric in the bins of a quantity; bins of few objects, whose errors would rule the axis, are in the product alone.
Series binned_series(const ValidationResult& r, std::size_t model, const std::string& subset, const std::string& by, Metric metric,
                     const std::string& title, const std::string& colour) {
  Series series{title, fmt::format("yerrorbars pt 7 ps 0.6 lw 1.3 lc rgb '{}'", colour), {{}, {}, {}}};
  for (const MeasuredSet& set : r.validation.bins) {
    const double value = set.value[validation::place(metric)], error = set.error[validation::place(metric)];
    if (set.model != model || set.subset != subset || set.by != by || set.objects < fewest_drawn || std::isnan(value)) continue;
    // Bins of error are drawn on a logarithmic axis, on which the middle is the geometric mean; the first may begin at 0.
    series.columns[0].push_back(by == "z_err" && set.low > 0.0 ? std::sqrt(set.low * set.high) : 0.5 * (set.low + set.high));
    series.columns[1].push_back(value);
    series.columns[2].push_back(std::isnan(error) ? 0.0 : error);
  }
  return series;
}

/// The horizontal line of a metric's limit.
void add_limit(const ValidationResult& r, Metric metric, Plot& plot) {
  const std::vector<double>& limit = r.options.limits[validation::place(metric)];
  // The line is as long as the points reach: gnuplot widens an axis for a longer one.
  double low = 0.0, high = 1.0;
  bool is_first = true;
  for (const Series& series : plot.series)
    for (const double x : series.columns[0]) {
      low = is_first ? x : std::min(low, x);
      high = is_first ? x : std::max(high, x);
      is_first = false;
    }
  if (!limit.empty()) plot.series.push_back(line(low, limit[0], high, limit[0], "limit", "lines dashtype 3 lw 1.5 lc rgb '#d62728'"));
}

void add_binned(const std::string& prefix, const std::string& name, const ValidationResult& r, std::size_t model, Process& process) {
  // Those that have a requirement or are usual in papers; all others are in the product's table of bins.
  for (const Metric metric : {Metric::mean_bias, Metric::sigma68, Metric::out_2sigma, Metric::out_3sigma, Metric::nmad}) {
    Plot plot{prefix + name_of(metric),
              fmt::format("{} against z_phot: {}", name_of(metric), name),
              "z_phot",
              name_of(metric),
              "set key below\n",
              {}};
    plot.series.push_back(binned_series(r, model, "all", "z_phot", metric, "all", "#1f77b4"));
    plot.series.push_back(binned_series(r, model, "culled", "z_phot", metric, "culled", "#ff7f0e"));
    add_limit(r, metric, plot);
    add(results_tab, plot, process);
  }
}

// There always is one: both subsets are planned for every model.
const MeasuredSet& whole_of(const ValidationResult& r, std::size_t model, const std::string& subset) {
  return *std::find_if(r.validation.whole.begin(), r.validation.whole.end(),
                       [&](const MeasuredSet& set) { return set.model == model && set.subset == subset; });
}

void add_table(const std::string& name, const ValidationResult& r, std::size_t model, Process& process) {
  const MeasuredSet &all = whole_of(r, model, "all"), &culled = whole_of(r, model, "culled");
  LogTable table{"Metrics: " + name,
                 {"metric", "meaning", "all", "culled", "limit", "result"},
                 {},
                 fmt::format("{} objects measured, {} after culling; +- bootstrap errors of {} realisations", grouped(all.objects),
                             grouped(culled.objects), r.options.realisations)};
  for (std::size_t m = 0; m < n_metrics; ++m) {
    // Metrics of PDFs are left out where there are none, but not if a limit is set: then the failure must be seen.
    if (std::isnan(all.value[m]) && r.options.limits[m].empty()) continue;
    std::string limit, result;
    const bool names_subset = r.options.limits_subset == "both";
    for (const JudgedMetric& j : r.validation.judged) {
      if (j.model != model || validation::place(j.metric) != m) continue;
      limit = shortest(j.limit);
      result += fmt::format("{}{}{}", result.empty() ? "" : ", ", names_subset ? j.subset + " " : "",
                            j.pass           ? "pass"
                            : j.within_error ? "missed by less than its error"
                                             : "FAIL");
    }
    table.rows.push_back({std::string(metric_infos()[m].name), std::string(metric_infos()[m].meaning),
                          with_error(all.value[m], all.error[m]), with_error(culled.value[m], culled.error[m]), limit, result});
  }
  process.add(results_tab, table);
}

/// How training calibrated the models: the metrics are of what came of it.
void add_calibrations(const ValidationResult& r, Process& process) {
  LogTable table{
      "Calibration by train", {"model", "calibration"}, {}, "before -> after, on objects of the training set that were held out"};
  for (const Estimates& e : r.models)
    if (!e.calibration.empty()) table.rows.push_back({fmt::format("{} ({})", e.name, e.algorithm), e.calibration});
  if (!table.rows.empty()) process.add(results_tab, table);
}

void compare(const ValidationResult& r, const std::vector<Drawn>& d, Process& process) {
  for (const char* subset : {"all", "culled"}) {
    LogTable table{fmt::format("All models, {} objects", subset), {"metric"}, {}, ""};
    for (const Estimates& e : r.models) table.columns.push_back(e.algorithm.empty() ? e.name : fmt::format("{} ({})", e.name, e.algorithm));
    for (std::size_t m = 0; m < n_metrics; ++m) {
      std::vector<std::string> row = {std::string(metric_infos()[m].name)};
      for (std::size_t k = 0; k < r.models.size(); ++k)
        row.push_back(with_error(whole_of(r, k, subset).value[m], whole_of(r, k, subset).error[m]));
      table.rows.push_back(row);
    }
    process.add(comparison_tab, table);
  }
  // Beside the metrics against redshift one each against magnitude and error: there the models differ most.
  for (const auto& [by, metric] :
       {std::pair{"z_phot", Metric::mean_bias}, std::pair{"z_phot", Metric::sigma68}, std::pair{"z_phot", Metric::nmad},
        std::pair{"z_phot", Metric::out_3sigma}, std::pair{"magnitude", Metric::sigma68}, std::pair{"z_err", Metric::sigma68},
        std::pair{"z_phot", Metric::cde_loss}}) {
    Plot plot{fmt::format("compare_{}_{}", name_of(metric), by),
              fmt::format("{} against {}", name_of(metric), by),
              by,
              name_of(metric),
              std::string(by) == "z_err" ? "set key below\nset logscale x\n" : "set key below\n",
              {}};
    for (std::size_t k = 0; k < r.models.size(); ++k)
      plot.series.push_back(binned_series(r, k, "all", by, metric, r.models[k].name, colour_of(k)));
    if (std::all_of(plot.series.begin(), plot.series.end(), [](const Series& s) { return s.columns[0].empty(); })) continue;
    add_limit(r, metric, plot);
    add(comparison_tab, plot, process);
  }
  Plot qq{"compare_qq", "Quantiles of the PIT", "uniform", "PIT", "set xrange [0:1]\nset yrange [0:1]\nset key left top\n", {}};
  for (std::size_t k = 0; k < r.models.size(); ++k)
    if (!d[k].pit.empty()) qq.series.push_back(qq_series(d[k], r.models[k].name, fmt::format("lines lw 2 lc rgb '{}'", colour_of(k))));
  if (qq.series.empty()) return;
  qq.series.push_back(line(0.0, 0.0, 1.0, 1.0, "", "lines dashtype 2 lc rgb '#333333'"));
  process.add(comparison_tab, qq);
}

void add_facts(const ValidationResult& r, Process& process) {
  process.fact("objects in the sample", grouped(std::ssize(r.sample.ids)));
  process.fact("without a known redshift", grouped(r.sample.no_z_spec));
  process.fact("with a redshift outside the cuts", grouped(r.sample.cut));
  process.fact("without a positive weight", grouped(r.sample.no_weight));
  for (const Estimates& e : r.models)
    process.fact(e.name, fmt::format("{} measured; {} missing, {} failed, {} without error, {} without PDF, {} with z_spec off the PDF's "
                                     "grid, {} in the training set",
                                     grouped(e.measured), grouped(e.missing), grouped(e.failed), grouped(e.no_error), grouped(e.no_pdf),
                                     grouped(e.off_grid), grouped(e.in_training)));
  if (!r.validation.judged.empty()) process.fact("acceptance limits", r.validation.passes() ? "passed" : "FAILED");
}

}  // namespace

void report_validation(const ValidationResult& r, Process& process) {
  add_facts(r, process);
  std::vector<Drawn> all;
  for (std::size_t model = 0; model < r.models.size(); ++model) {
    const Estimates& e = r.models[model];
    const Drawn& d = all.emplace_back(drawn(r.sample, e));
    // Names of models may be anything; file names of plots are numbered instead.
    const std::string prefix = fmt::format("m{}_", model + 1),
                      name = e.algorithm.empty() ? e.name : fmt::format("{} ({})", e.name, e.algorithm);
    add_table(name, r, model, process);
    add_clouds(prefix, name, d, process);
    if (!d.pit.empty()) add_pits(prefix, name, r, model, d, process);
    add_binned(prefix, name, r, model, process);
  }
  add_calibrations(r, process);
  compare(r, all, process);
}

}  // namespace skyfold
