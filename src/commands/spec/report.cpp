// What spec tells of a sample: shares of the surveys, what decided between measurements, groups whose redshifts disagree, and
// plots of the sky and of n(z); on the terminal and in the product's log.
#include "report.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "skyfold/commands/text_table.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr double bin_width = 0.05;              // of n(z)
constexpr std::size_t plotted_objects = 5'000;  // of the map of the sky
constexpr std::size_t listed_groups = 100;      // discrepant ones in the log

LogTable survey_table(const std::vector<Survey>& surveys, const std::vector<SurveyRows>& rows, const Sample& sample,
                      const SampleOptions& o) {
  LogTable table{"Surveys",
                 {"survey", "version", "year", "rows in", "after quality", "after duplicates", "% of sample", "z mean", "z min", "z max"},
                 {},
                 fmt::format("Quality >= {}; duplicates within {} arcsec.", o.quality_min, shortest(o.radius_arcsec))};
  for (std::size_t s = 0; s < surveys.size(); ++s) {
    const SurveyShare& share = sample.report.by_survey[s];
    const auto objects = static_cast<double>(share.objects), all = static_cast<double>(sample.report.objects);
    // A survey none of whose measurements was chosen has no mean.
    const auto number = [&](double value) { return share.objects == 0 ? std::string("-") : fmt::format("{:.4f}", value); };
    table.rows.push_back({surveys[s].name, surveys[s].version, std::to_string(surveys[s].year), grouped(rows[s].rows_in),
                          grouped(rows[s].after_quality), grouped(share.objects), fmt::format("{:.2f}", 100.0 * objects / all),
                          number(share.z_sum / objects), number(share.z_min), number(share.z_max)});
  }
  return table;
}

Plot sky_plot(const std::vector<Survey>& surveys, const Sample& sample) {
  Plot plot{
      "sky", "Sample on the sky", "right ascension [deg]", "declination [deg]", "set xrange [360:0]\nset yrange [-90:90]\nset key outside",
      {}};
  const auto ra = sample.objects.at("ra").values<double>(), dec = sample.objects.at("dec").values<double>();
  const auto id = sample.objects.at("id").values<std::int64_t>();
  const double share = std::min(1.0, static_cast<double>(plotted_objects) / static_cast<double>(std::max<std::size_t>(ra.size(), 1)));
  // A hash of the id decides which objects are drawn: the same ones in every run, and no part of the sky more than another.
  const auto limit = static_cast<std::uint64_t>(share * 0x1p63);
  std::vector<Series> series;
  for (const Survey& survey : surveys) series.push_back({survey.name, "points pt 7 ps 0.2", {{}, {}}});
  for (std::size_t i = 0; i < ra.size(); ++i) {
    if (mix64(static_cast<std::uint64_t>(id[i])) >> 1 > limit) continue;
    series[sample.survey[i]].columns[0].push_back(ra[i]);
    series[sample.survey[i]].columns[1].push_back(dec[i]);
  }
  // gnuplot takes a series without points for an error.
  for (Series& one : series)
    if (!one.columns[0].empty()) plot.series.push_back(std::move(one));
  return plot;
}

Plot redshift_plot(const std::vector<Survey>& surveys, const Sample& sample) {
  Plot plot{"n_of_z", "Redshifts of the sample", "redshift", fmt::format("objects in {}", shortest(bin_width)), "set key right", {}};
  const auto z = sample.objects.at("z").values<double>();
  if (z.empty()) return plot;
  // Bins begin at a multiple of their width, so that plots of two samples can be laid over each other.
  const double low = std::floor(*std::min_element(z.begin(), z.end()) / bin_width) * bin_width;
  const auto bins = static_cast<std::size_t>((*std::max_element(z.begin(), z.end()) - low) / bin_width) + 1;
  std::vector<double> centres(bins), all(bins);
  for (std::size_t b = 0; b < bins; ++b) centres[b] = low + (static_cast<double>(b) + 0.5) * bin_width;
  // The largest redshift may lie on the last edge, by rounding.
  const auto bin_of = [&](double value) { return std::min(bins - 1, static_cast<std::size_t>((value - low) / bin_width)); };
  std::vector<std::vector<double>> counts(surveys.size(), std::vector<double>(bins));
  for (std::size_t i = 0; i < z.size(); ++i) {
    const std::size_t bin = bin_of(z[i]);
    ++all[bin];
    ++counts[sample.survey[i]][bin];
  }
  plot.series.push_back({"all", "histeps lw 2", {centres, all}});
  for (std::size_t s = 0; s < surveys.size(); ++s) plot.series.push_back({surveys[s].name, "histeps", {centres, counts[s]}});
  return plot;
}

LogTable rule_table(const SampleReport& report) {
  LogTable table{"What decided", {"rule", "groups"}, {}, "Groups of several measurements, by the rule that left one of them."};
  // Rule 0 is that there was nothing to decide.
  for (std::size_t rule = 1; rule < choice_rules; ++rule)
    table.rows.push_back({std::string(name_of(static_cast<ChoiceRule>(rule))), grouped(report.by_rule[rule])});
  return table;
}

LogTable discrepant_table(const SampleReport& report, const SampleOptions& o) {
  LogTable table{"Discrepant groups",
                 {"id", "ra [deg]", "dec [deg]", "measurements", "z min", "z max", "|dz|/(1+z)"},
                 {},
                 fmt::format("|dz|/(1+z) > {}: {} groups{}", shortest(o.discrepant), grouped(std::ssize(report.discrepant)),
                             report.discrepant.size() > listed_groups ? fmt::format(", of which {} are listed", listed_groups) : "")};
  for (std::size_t i = 0; i < std::min(listed_groups, report.discrepant.size()); ++i) {
    const DiscrepantGroup& g = report.discrepant[i];
    table.rows.push_back({std::to_string(g.id), fmt::format("{:.6f}", g.ra), fmt::format("{:.6f}", g.dec), std::to_string(g.size),
                          fmt::format("{:.5f}", g.z_min), fmt::format("{:.5f}", g.z_max), fmt::format("{:.5f}", g.discrepancy)});
  }
  return table;
}

}  // namespace

std::string describe_sample(const std::vector<Survey>& surveys, const std::vector<SurveyRows>& rows, const Sample& sample,
                            const SampleOptions& o) {
  const SampleReport& r = sample.report;
  std::string text = as_text(survey_table(surveys, rows, sample, o));
  text += fmt::format("measurements {:>12}\nobjects      {:>12}, {} of several measurements (at most {})\n", grouped(r.measurements),
                      grouped(r.objects), grouped(r.groups), grouped(r.largest));
  std::vector<std::string> rules;
  for (std::size_t rule = 1; rule < choice_rules; ++rule)
    rules.push_back(fmt::format("{} {}", grouped(r.by_rule[rule]), name_of(static_cast<ChoiceRule>(rule))));
  text += fmt::format("decided by    {}\n", join(rules, ", "));
  // A sign of a radius that is too large for how crowded the surveys are.
  text += fmt::format("chains        {} groups with members farther apart than {} arcsec\n", grouped(r.chained), shortest(o.radius_arcsec));
  text += fmt::format("discrepant    {} groups with |dz|/(1+z) > {}\n", grouped(std::ssize(r.discrepant)), shortest(o.discrepant));
  std::int64_t dropped = 0;
  for (const SurveyRows& survey : rows) dropped += survey.dropped;
  if (dropped > 0) text += fmt::format("left out      {} bad rows\n", grouped(dropped));
  return text;
}

void log_sample(Process& process, const std::vector<Survey>& surveys, const std::vector<SurveyRows>& rows, const Sample& sample,
                const SampleOptions& o) {
  const SampleReport& r = sample.report;
  process.fact("measurements of good quality", grouped(r.measurements));
  process.fact("objects", grouped(r.objects));
  process.fact("objects of several measurements", grouped(r.groups));
  process.fact("groups that are no cliques", grouped(r.chained));
  process.fact("discrepant groups", grouped(std::ssize(r.discrepant)));
  process.add("results", survey_table(surveys, rows, sample, o));
  process.add("results", sky_plot(surveys, sample));
  process.add("results", redshift_plot(surveys, sample));
  process.add("results", rule_table(r));
  process.add("results", discrepant_table(r, o));
}

}  // namespace skyfold
