// What match tells: the steps of the selection and what each leaves, and training set and catalogue in the same plots.
#include "report.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>

#include "skyfold/commands/text_table.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr const char* without_ebv = "matches without E(B-V)";

/// Steps of the selection and what each leaves.
std::vector<std::pair<std::string, std::int64_t>> steps_of(const TrainingInputs& in, const MatchCounts& counts) {
  std::vector<std::pair<std::string, std::int64_t>> steps = {
      {"spectroscopic objects", counts.spectroscopic},
      {fmt::format("with a photometric object within {} arcsec", shortest(in.o.radius_arcsec)), counts.matched}};
  // In the order in which they are done: each number is what is left for the next step.
  if (in.o.symmetric) steps.emplace_back("each photometric object once", counts.symmetric);
  for (std::size_t i = 0; i < counts.after_cut.size(); ++i) {
    const Cut& cut = in.cuts.list()[i];
    steps.emplace_back(cut.drops ? "without " + cut.name : cut.name, counts.after_cut[i]);
  }
  return steps;
}

/// Counts over their sum and the width of a bin, so that samples of different sizes can be compared.
std::vector<double> density(std::vector<double> counts, double width) {
  const double sum = std::accumulate(counts.begin(), counts.end(), 0.0) * width;
  for (double& value : counts) value = sum > 0.0 ? value / sum : 0.0;
  return counts;
}

/// Two histograms in one plot, without the empty bins at both ends.
Plot comparison(const std::string& name, const std::string& label, double low, double width, const std::vector<double>& training,
                const std::vector<double>& reference) {
  Plot plot{name, label, label, "share per unit", "set key left", {}};
  // Cut at the ends of both together, so that the two have the same bins.
  std::size_t begin = training.size(), end = 0;
  for (std::size_t i = 0; i < training.size(); ++i)
    if (training[i] > 0.0 || reference[i] > 0.0) {
      begin = std::min(begin, i);
      end = i + 1;
    }
  std::vector<double> centres;
  for (std::size_t i = begin; i < end; ++i) centres.push_back(low + (static_cast<double>(i) + 0.5) * width);
  const auto part = [&](const std::vector<double>& counts) {
    const std::vector<double> all = density(counts, width);
    // Both are empty: no object has a magnitude in this band.
    if (begin >= end) return std::vector<double>();
    return std::vector<double>(all.begin() + static_cast<std::ptrdiff_t>(begin), all.begin() + static_cast<std::ptrdiff_t>(end));
  };
  plot.series.push_back({"photometric objects", "histeps", {centres, part(reference)}});
  plot.series.push_back({"training set", "histeps lw 2", {centres, part(training)}});
  return plot;
}

/// Usable in the name of a plot.
std::string plain(const std::string& band, std::size_t place) {
  // Its place goes first: bands that differ in a sign only would otherwise share a file.
  std::string name = std::to_string(place) + "_";
  for (const char c : lower(band)) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

std::string multiplicities(const std::vector<std::int64_t>& counts) {
  std::vector<std::string> parts;
  for (std::size_t n = 0; n < counts.size(); ++n)
    if (counts[n] > 0) parts.push_back(fmt::format("{}: {}", n + 1, grouped(counts[n])));
  return join(parts, ", ");
}

/// Table A.4 of the Portal: what each survey gave.
LogTable table_by_survey(const MatchCounts& counts) {
  LogTable table{"By survey", {"survey", "spectroscopic", "matched", "%", "training set", "% of set", "z mean", "z min", "z max"}, {}, ""};
  std::int64_t all = 0;
  for (const SurveyMatches& s : counts.by_survey) all += s.training;
  const auto percent = [](std::int64_t part, std::int64_t whole) {
    return fmt::format("{:.2f}", whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0.0);
  };
  const auto redshift = [](const SurveyMatches& s, double z) { return s.training > 0 ? fmt::format("{:.4f}", z) : std::string("-"); };
  for (const SurveyMatches& s : counts.by_survey)
    table.rows.push_back({s.survey, grouped(s.spectroscopic), grouped(s.matched), percent(s.matched, s.spectroscopic), grouped(s.training),
                          percent(s.training, all), redshift(s, s.z_mean), redshift(s, s.z_min), redshift(s, s.z_max)});
  return table;
}

}  // namespace

std::string describe_selection(const TrainingInputs& in) {
  const std::string radius = shortest(in.o.radius_arcsec);
  std::vector<std::string> lines = {fmt::format("nearest photometric object within {} arcsec of each spectroscopic object", radius)};
  if (in.o.symmetric) lines.push_back("each photometric object once, for the nearest of its spectroscopic objects");
  for (const std::string& line : in.photometry.corrections().lines()) lines.push_back(line);
  for (const Cut& cut : in.cuts.list()) lines.push_back(cut.drops ? "without " + cut.name : "where " + cut.name);
  return join(lines, "\n");
}

std::string describe_training(const TrainingInputs& in, const TrainingTable& training) {
  const MatchCounts& counts = training.counts;
  std::string text = fmt::format("photometric objects {:>14}\n", grouped(counts.photometric));
  for (const auto& [what, left] : steps_of(in, counts)) text += fmt::format("  {:>14} {}\n", grouped(left), what);
  if (counts.by_survey.size() > 1) text += as_text(table_by_survey(counts));
  text += fmt::format("median separation {:.4f} arcsec\n", counts.median_separation_arcsec);
  text += fmt::format("photometric objects within the radius of a spectroscopic one: {}\n", multiplicities(counts.candidates_of));
  text += fmt::format("spectroscopic objects to a photometric one: {}\n", multiplicities(counts.shared_by));
  for (const std::string& line : in.photometry.corrections().lines()) text += line + "\n";
  if (in.photometry.corrections().has_extinction())
    text +=
        fmt::format("{}: {} of {}, whose magnitudes are missing\n", without_ebv, grouped(counts.without_ebv), grouped(counts.symmetric));
  return text;
}

void log_training(Process& process, const TrainingInputs& in, const TrainingTable& training) {
  const MatchCounts& counts = training.counts;
  process.fact("photometric objects", grouped(counts.photometric));
  LogTable steps{"Selection", {"step", "objects left"}, {}, describe_selection(in)};
  for (const auto& [what, left] : steps_of(in, counts)) {
    steps.rows.push_back({what, grouped(left)});
    process.fact(what, grouped(left));
  }
  if (in.photometry.corrections().has_extinction()) process.fact(without_ebv, grouped(counts.without_ebv));
  process.add("results", steps);
  process.add("results", table_by_survey(counts));
  LogTable multiple{
      "Multiplicities", {"n", "spectroscopic objects with n candidates", "photometric objects of n spectroscopic ones"}, {}, ""};
  const auto at = [](const std::vector<std::int64_t>& values, std::size_t n) {
    return n < values.size() ? grouped(values[n]) : std::string("0");
  };
  // The two lists may differ in length; what one of them lacks is 0.
  for (std::size_t n = 0; n < std::max(counts.candidates_of.size(), counts.shared_by.size()); ++n)
    multiple.rows.push_back({std::to_string(n + 1), at(counts.candidates_of, n), at(counts.shared_by, n)});
  process.add("results", multiple);
  const double width = in.o.radius_arcsec / static_cast<double>(counts.separations.size());
  Series separations{"", "histeps", {{}, {}}};
  for (std::size_t i = 0; i < counts.separations.size(); ++i) {
    separations.columns[0].push_back((static_cast<double>(i) + 0.5) * width);
    separations.columns[1].push_back(static_cast<double>(counts.separations[i]));
  }
  process.add("results", Plot{"separations", "Separations of matches", "separation [arcsec]", "matches", "set nokey", {separations}});
  const auto& bands = in.o.bands.bands;
  for (std::size_t band = 0; band < bands.size(); ++band)
    process.add("results", comparison("mag_" + plain(bands[band], band), bands[band] + " [mag]", MagnitudeCounts::mag_low,
                                      MagnitudeCounts::mag_width, training.training.magnitude(band), training.reference.magnitude(band)));
  for (std::size_t band = 0; band + 1 < bands.size(); ++band)
    process.add("results", comparison("colour_" + plain(bands[band] + bands[band + 1], band),
                                      fmt::format("{} - {} [mag]", bands[band], bands[band + 1]), MagnitudeCounts::colour_low,
                                      MagnitudeCounts::colour_width, training.training.colour(band), training.reference.colour(band)));
}

}  // namespace skyfold
