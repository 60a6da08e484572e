// The summary of validate on the terminal: one column for each model and subset, one line for each metric.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "product.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

using validation::metric_infos;
using validation::n_metrics;

/// Rows of cells with each column as wide as its widest cell; the first to the left, others to the right.
std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c)
      line += c == 0 ? fmt::format("{:<{}}", row[c], widths[c]) : fmt::format("  {:>{}}", row[c], widths[c]);
    // No blanks at the end of a line, where the last columns are empty.
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

// None for a metric without a limit, or of the subset that the limits are not for.
const JudgedMetric* judgement(const Validation& validation, const MeasuredSet& set, std::size_t metric) {
  for (const JudgedMetric& j : validation.judged)
    if (j.model == set.model && j.subset == set.subset && validation::place(j.metric) == metric) return &j;
  return nullptr;
}

std::string counts_of(const ValidationResult& r, const Estimates& e) {
  std::string text;
  for (const auto& [count, what] :
       {std::pair{e.missing, "not in the table"}, std::pair{e.failed, "without z_phot (failed)"}, std::pair{e.no_error, "without z_err"},
        std::pair{e.no_pdf, "without a PDF"}, std::pair{e.off_grid, "with z_spec off the PDF's grid"},
        std::pair{e.in_training, "trained the model: its metrics are too good"}})
    // What is 0 is not told: a summary of a good sample has no lines to skip.
    if (count > 0)
      text += fmt::format("{}: {} of {} objects ({:.2f} %) {}\n", e.name, grouped(count), grouped(r.sample.usable),
                          100.0 * static_cast<double>(count) / static_cast<double>(r.sample.usable), what);
  return text;
}

}  // namespace

std::string with_error(double value, double error) {
  if (!std::isfinite(value)) return "-";
  // An error of 0 is one of too few objects or realisations, not of a perfect value; it is not shown.
  if (!(error > 0.0) || !std::isfinite(error)) return fmt::format("{:.5g}", value);
  // Two digits of the error decide how many of the value mean anything.
  const int digits = std::clamp(1 - static_cast<int>(std::floor(std::log10(error))), 0, 6);
  return fmt::format("{:.{}f} +- {:.{}f}", value, digits, error, digits);
}

std::string validation_summary(const ValidationResult& r) {
  const ValidationSample& s = r.sample;
  std::string text =
      fmt::format("sample     {:>10} objects, {} with a known redshift in {}\n", grouped(std::ssize(s.ids)), grouped(s.usable), s.redshift);
  if (s.no_z_spec > 0) text += fmt::format("           {:>10} without a known redshift\n", grouped(s.no_z_spec));
  if (s.cut > 0)
    text += fmt::format("           {:>10} with a redshift outside {} to {} (cuts)\n", grouped(s.cut), shortest(r.options.z_min),
                        shortest(r.options.z_max));
  if (s.no_weight > 0) text += fmt::format("           {:>10} without a positive weight in {}\n", grouped(s.no_weight), s.weight);
  for (const Estimates& e : r.models) text += counts_of(r, e);
  std::vector<std::vector<std::string>> rows(3);
  rows[0] = {"model"};
  rows[1] = {"subset"};
  rows[2] = {"objects"};
  for (const MeasuredSet& set : r.validation.whole) {
    rows[0].push_back(r.models[set.model].name);
    rows[1].push_back(set.subset);
    rows[2].push_back(grouped(set.objects));
  }
  for (std::size_t m = 0; m < n_metrics; ++m) {
    if (std::all_of(r.validation.whole.begin(), r.validation.whole.end(), [&](const MeasuredSet& set) { return std::isnan(set.value[m]); }))
      continue;
    std::vector<std::string>& row = rows.emplace_back();
    row.emplace_back(metric_infos()[m].name);
    for (const MeasuredSet& set : r.validation.whole) {
      const JudgedMetric* judged = judgement(r.validation, set, m);
      // Of five characters each, so that the numbers in a column stay below one another.
      row.push_back(with_error(set.value[m], set.error[m]) + (!judged                ? ""
                                                              : judged->pass         ? " ok  "
                                                              : judged->within_error ? " miss"
                                                                                     : " FAIL"));
    }
  }
  text += "\n" + aligned(rows) + "\n";
  for (const Estimates& e : r.models)
    if (!e.calibration.empty()) text += fmt::format("{}: calibration by train: {}\n", e.name, e.calibration);
  for (const JudgedMetric& j : r.validation.judged)
    if (!j.pass)
      text += fmt::format("{} ({}): {} = {:.5g} misses its limit {}{}\n", r.models[j.model].name, j.subset,
                          metric_infos()[validation::place(j.metric)].name, j.value, shortest(j.limit),
                          j.within_error ? fmt::format(" by less than its error {:.2g}", j.error) : "");
  return text;
}

}  // namespace skyfold
