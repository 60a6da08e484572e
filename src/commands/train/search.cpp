// Random search over hyper-parameters (Bergstra & Bengio 2012, JMLR 13, 281): in a few dimensions of which one or two matter it finds as
// good a setting as a grid of many more trials, and its trials are independent: tasks for ranks and threads.
#include "search.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "fold_training.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/part_values.hpp"
#include "skyfold/kernels/validate/pdf_measures.hpp"
#include "skyfold/kernels/validate/quality.hpp"

namespace skyfold {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double judged_share = 0.25;
constexpr std::size_t most_judged = 20'000;        // the loss of so many is known to a per cent, and their PDFs take 40 MB
constexpr std::uint32_t part_stream = 0x74756e65;  // "tune"

std::string drawn(const SearchRange& range, std::uint64_t seed, std::size_t trial) {
  const double u = ObjectRandom(seed, trial, static_cast<std::uint32_t>(hash_text(range.option))).uniform();
  if (!range.choices.empty()) return range.choices[static_cast<std::size_t>(u * static_cast<double>(range.choices.size()))];
  // Whole numbers: each has a cell of its own width, also the two at the ends.
  const double low = range.least, high = range.greatest + (range.is_whole ? 1.0 : 0.0);
  const double value = range.is_logarithmic ? low * std::pow(high / low, u) : low + u * (high - low);
  return range.is_whole ? fmt::format("{}", static_cast<long>(std::min(std::floor(value), range.greatest))) : fmt::format("{:.4g}", value);
}

std::vector<Trial> draw_trials(const std::vector<SearchRange>& ranges, const OptionSet& given, std::size_t n, std::uint64_t seed) {
  std::vector<Trial> trials(n + 1);
  for (std::size_t trial = 0; trial <= n; ++trial)
    for (const SearchRange& range : ranges)
      trials[trial].values.push_back(trial == 0 ? given.value(range.option) : drawn(range, seed, trial));
  return trials;
}

/// Rows to train on, and rows to judge by.
struct Division {
  std::vector<std::size_t> fit, judged;
};
Division divide(const TrainingSet& set) {
  std::vector<std::pair<double, std::size_t>> held_out;
  Division division;
  for (std::size_t i = 0; i < set.id.size(); ++i) {
    const double u = ObjectRandom(set.seed, static_cast<std::uint64_t>(set.id[i]), part_stream).uniform();
    if (u < judged_share)
      held_out.emplace_back(u, i);
    else
      division.fit.push_back(i);
  }
  std::ranges::sort(held_out);
  for (std::size_t k = 0; k < std::min(held_out.size(), most_judged); ++k) division.judged.push_back(held_out[k].second);
  std::ranges::sort(division.judged);
  if (division.fit.empty() || division.judged.empty())
    throw DataError(fmt::format("{} training objects (too few to hold some out for --tune)", set.z.size()));
  return division;
}

/// Fills the losses of a trial. Objects without an estimate count as badly wrong: a setting must not win by leaving the hard ones out.
void judge(const TrainingSet& judged, const Table& estimates, const PdfOptions& pdf, bool is_weighted, Trial& trial) {
  QualitySums sums;
  double cde = 0.0, weights = 0.0;
  const auto density = make_redshift_pdf(estimates.schema(), pdf);
  for (std::size_t i = 0; i < judged.z.size(); ++i) {
    const double z_phot = estimates.at("z_phot").number(i), z = judged.z[i];
    sums.add(std::isfinite(z_phot) ? z_phot : z + (1.0 + z), z, nan);
    const double weight = is_weighted ? judged.weight[i] : 1.0;
    if (density->set(estimates, i)) cde += weight * validation::measure(*density, z, z_phot, 0.0).cde;
    weights += weight;
  }
  trial.nmad = sums.quality().nmad;
  trial.cde = weights > 0.0 ? cde / weights : nan;
}

std::string bytes_of(const Trial& trial) {
  PartWriter writer;
  writer.list(std::vector<double>{trial.cde, trial.nmad});
  writer.list(std::vector<char>(trial.problem.begin(), trial.problem.end()));
  return writer.bytes();
}
void take(const std::string& bytes, Trial& trial) {
  PartReader reader(bytes);
  const std::vector<double> losses = reader.list<double>();
  const std::vector<char> problem = reader.list<char>();
  reader.end();
  trial.cde = losses.at(0);
  trial.nmad = losses.at(1);
  trial.problem.assign(problem.begin(), problem.end());
}

void choose(Search& search) {
  std::optional<std::size_t> best;
  for (std::size_t trial = 0; trial < search.trials.size(); ++trial)
    if (std::isfinite(search.loss(trial)) && (!best || search.loss(trial) < search.loss(*best))) best = trial;
  if (best) {
    search.best = *best;
    return;
  }
  const std::string& problem = search.trials.front().problem;
  throw DataError(fmt::format("{}: no trial of --tune gives a loss by --tune.by {} ({})", search.algorithm, search.by,
                              problem.empty() ? "no estimates" : problem));
}

std::string setting(const Search& search, std::size_t trial) {
  std::vector<std::string> texts;
  for (std::size_t k = 0; k < search.ranges.size(); ++k)
    texts.push_back(fmt::format("{} = {}", search.ranges[k].option, search.trials[trial].values[k]));
  return join(texts, ", ");
}

std::string text_of(double value) { return std::isfinite(value) ? fmt::format("{:.4f}", value) : ""; }

LogTable trials_table(const Search& search) {
  LogTable table{fmt::format("{}: trials of --tune", search.algorithm),
                 {"trial"},
                 {},
                 fmt::format("Trained on {} objects, judged by {} others, by {}. Trial 0 has the options as given; trial {} was taken.",
                             grouped(static_cast<long long>(search.fit_objects)), grouped(static_cast<long long>(search.judged_objects)),
                             search.by == "nmad" ? "NMAD" : "CDE loss", search.best)};
  for (const SearchRange& range : search.ranges) table.columns.push_back(range.option);
  for (const char* name : {"CDE loss", "NMAD", "problem"}) table.columns.emplace_back(name);
  std::vector<std::size_t> order(search.trials.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  // The best first; those that failed last.
  std::ranges::stable_sort(
      order, {}, [&](std::size_t i) { return std::isfinite(search.loss(i)) ? search.loss(i) : std::numeric_limits<double>::infinity(); });
  for (const std::size_t i : order) {
    const Trial& trial = search.trials[i];
    std::vector<std::string> row = {std::to_string(i)};
    row.insert(row.end(), trial.values.begin(), trial.values.end());
    row.insert(row.end(), {text_of(trial.cde), text_of(trial.nmad), trial.problem});
    table.rows.push_back(std::move(row));
  }
  return table;
}

/// The loss against something that each trial has; the trial that was taken and the options as given stand out.
Plot loss_plot(const Search& search, const std::string& name, const std::string& title, const std::string& x_label,
               const std::vector<double>& x, const std::string& settings) {
  Plot plot{name,
            title,
            x_label,
            search.by == "nmad" ? "NMAD" : "CDE loss",
            "set key below\nset offsets graph 0.03, graph 0.03, graph 0.05, graph 0.05\n" + settings,
            {}};
  const auto add = [&](const std::string& key, const std::string& style, const std::vector<std::size_t>& trials) {
    Series series{key, style, {{}, {}}};
    for (const std::size_t i : trials)
      if (std::isfinite(search.loss(i)) && std::isfinite(x[i]))
        series.columns[0].push_back(x[i]), series.columns[1].push_back(search.loss(i));
    if (!series.columns[0].empty()) plot.series.push_back(std::move(series));
  };
  std::vector<std::size_t> all(search.trials.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  add("trials", "points pt 7 ps 0.6 lc rgb '#9ab6d8'", all);
  add("as given", "points pt 5 ps 1.2 lc rgb '#555555'", {0});
  add("taken", "points pt 7 ps 1.2 lc rgb '#c0392b'", {search.best});
  return plot;
}

double number_of(const std::string& text) {
  try {
    return std::stod(text);
  } catch (const std::exception&) {  // "auto", or no value
    return nan;
  }
}

}  // namespace

std::vector<SearchRange> open_ranges(const PhotozAlgorithm& algorithm, const OptionSet& given) {
  std::vector<SearchRange> ranges = algorithm.searched_options();
  const auto fresh = make_photoz_algorithm(algorithm.name());
  OptionSet defaults;
  fresh->describe(defaults);
  // By their values, since a run that is repeated from its record is given all options.
  std::erase_if(ranges, [&](const SearchRange& range) { return given.value(range.option) != defaults.value(range.option); });
  return ranges;
}

void check_tune(const TrainOptions& o, const OptionSet& given) {
  if (o.tune.trials == 0) return;
  for (const std::string& name : o.algorithms)
    if (!open_ranges(*make_photoz_algorithm(name), given).empty()) return;
  throw UsageError(fmt::format("--tune: nothing to search in {} (options with another value than the default are left as they are)",
                               join(o.algorithms, ", ")));
}

std::unique_ptr<PhotozAlgorithm> algorithm_of(const std::string& name, const OptionSet& given, const std::vector<SearchRange>& ranges,
                                              const Trial& trial) {
  auto algorithm = make_photoz_algorithm(name);
  OptionSet own;
  algorithm->describe(own);
  std::vector<std::string> words;
  for (const std::string& option : own.names()) {
    const auto range = std::ranges::find(ranges, option, &SearchRange::option);
    words.push_back(fmt::format(
        "--{}={}", option, range == ranges.end() ? given.value(option) : trial.values[static_cast<std::size_t>(range - ranges.begin())]));
  }
  own.read_command_line(words);
  return algorithm;
}

Search search_options(const PhotozAlgorithm& algorithm, const OptionSet& given, const TrainingSet& set, const PhotozModel& described,
                      const TuneOptions& o, TrainingTasks& tasks) {
  Search search{.algorithm = algorithm.name(), .by = o.by, .ranges = open_ranges(algorithm, given), .trials = {}};
  search.trials = draw_trials(search.ranges, given, static_cast<std::size_t>(o.trials), set.seed);
  const Division division = divide(set);
  const TrainingSet all_fit = subset_of(set, division.fit), judged = subset_of(set, division.judged);
  search.fit_objects = division.fit.size();
  search.judged_objects = division.judged.size();
  PdfOptions pdf = pdf_by_model();
  pdf.kind = "interp";
  pdf = resolved_pdf(pdf, described);
  const bool is_weighted = algorithm.uses_weights() && !set.weight.empty();
  const std::vector<std::string> results = tasks.run("trials", search.trials.size(), [&](std::size_t number, int threads) {
    Trial trial = search.trials[number];
    TrainingSet fit = all_fit;
    fit.threads = threads;
    LocalTasks within(threads,
                      [&](const std::string&, std::size_t, double done, double loss) { tasks.tell("trials", number, done, loss); });
    try {
      const auto its = algorithm_of(search.algorithm, given, search.ranges, trial);
      judge(judged, train_and_estimate(*its, fit, judged, described, pdf, within), pdf, is_weighted, trial);
    } catch (const DataError& error) {  // this setting does not suit these data: another one may
      trial.cde = trial.nmad = nan;
      trial.problem = error.what();
    }
    return bytes_of(trial);
  });
  for (std::size_t i = 0; i < results.size(); ++i) take(results[i], search.trials[i]);
  choose(search);
  return search;
}

std::string describe_search(const Search& search) {
  const std::string measure = search.by == "nmad" ? "NMAD" : "CDE loss";
  return fmt::format("{} trials: {} {} with {} ({} as given)", search.trials.size() - 1, measure, text_of(search.loss(search.best)),
                     search.best == 0 ? "the options as given" : setting(search, search.best),
                     std::isfinite(search.loss(0)) ? text_of(search.loss(0)) : "failed");
}

void tell_search(const Search& search, Process& process) {
  process.add("tuning", trials_table(search));
  for (std::size_t k = 0; k < search.ranges.size(); ++k) {
    const SearchRange& range = search.ranges[k];
    if (!range.choices.empty()) continue;
    std::vector<double> x;
    for (const Trial& trial : search.trials) x.push_back(number_of(trial.values[k]));
    // A value like 0 that means "chosen" cannot stand on a logarithmic axis.
    if (range.is_logarithmic)
      for (double& value : x) value = value > 0.0 ? value : nan;
    process.add("tuning", loss_plot(search, fmt::format("tune_{}_{}", search.algorithm, k), range.option, range.option, x,
                                    range.is_logarithmic ? "set logscale x" : ""));
  }
  std::vector<double> number, best;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < search.trials.size(); ++i) {
    number.push_back(static_cast<double>(i));
    if (std::isfinite(search.loss(i))) least = std::min(least, search.loss(i));
    best.push_back(std::isfinite(least) ? least : nan);
  }
  Plot plot = loss_plot(search, fmt::format("tune_{}", search.algorithm), fmt::format("{}: loss of each trial", search.algorithm), "trial",
                        number, "");
  plot.series.push_back({"best so far", "steps lw 2 lc rgb '#1f5fa8'", {number, best}});
  process.add("tuning", plot);
}

}  // namespace skyfold
