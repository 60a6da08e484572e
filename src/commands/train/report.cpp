// What train tells of its training set and models: cuts, distributions of redshifts, magnitudes and colours of the sets, limits,
// coverage and weights; on the terminal and in the models' log.
#include "report.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "skyfold/core/log.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/registry/gnuplot.hpp"

namespace skyfold {
namespace {

constexpr double magnitude_bin = 0.2, colour_bin = 0.1, redshift_bin = 0.05;

std::string percent(std::int64_t part, std::int64_t whole) {
  return fmt::format("{:.1f} %", whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0.0);
}

std::string limits_text(const PhotozModel& model) {
  if (model.bands.limits.empty()) return "none";
  std::vector<std::string> limits;
  for (std::size_t band = 0; band < model.bands.bands.size(); ++band)
    limits.push_back(fmt::format("{} {:.2f}", model.bands.bands[band], model.bands.limits[band]));
  return join(limits, ", ");
}

/// Effective number of objects of weights: (sum w)^2 / sum w^2.
double effective_number(const std::vector<double>& weight) {
  double sum = 0.0, squares = 0.0;
  for (const double w : weight) sum += w, squares += w * w;
  return squares > 0.0 ? sum * sum / squares : 0.0;
}

/// A set of objects whose distributions are shown.
struct Shown {
  std::string name;
  PhotometricDistributions photometry;
  std::vector<double> z, weight;  ///< no z: unknown; no weights: all 1
};

std::vector<Shown> shown_sets(const TrainReport& r) {
  const std::vector<std::string>& bands = r.options.bands.bands;
  std::vector<Shown> sets;
  const auto add = [&](const std::string& name, const std::vector<std::size_t>& rows, const std::vector<double>& weight) {
    if (rows.empty()) return;
    const TrainingSet objects = training_set(r.sample, rows, {});  // limits would pile up
    sets.push_back({name, PhotometricDistributions(bands), objects.z, weight});
    // Non-detections stay out of the distributions: at the limits they would make a peak.
    sets.back().photometry.add(objects.photometry, weight);
  };
  add("training", r.subsets.training, {});
  add("held out", r.subsets.held_out, {});
  if (r.reference && r.options.weights.method != "none") add("training, weighted", r.subsets.training, r.reference->weight);
  if (r.reference && r.options.weights.validation) add("held out, weighted", r.subsets.held_out, r.reference->held_out_weight);
  // The reference has been streamed past: its distributions are all that is left of it.
  if (r.reference) sets.push_back({"reference", r.reference->distributions, {}, {}});
  return sets;
}

Plot redshift_plot(const std::vector<Shown>& sets, const std::string& column) {
  Plot plot{"n_of_z", "Redshift distributions", column, "density", "set key top right", {}};
  for (const Shown& set : sets) {
    if (set.z.empty()) continue;
    std::vector<double> x, density;
    double total = 0.0;
    for (std::size_t i = 0; i < set.z.size(); ++i) {
      const auto bin = static_cast<std::size_t>(std::max(set.z[i], 0.0) / redshift_bin);
      // Bins are made as far as redshifts reach; each set ends where its objects do.
      for (; density.size() <= bin; density.push_back(0.0)) x.push_back((static_cast<double>(density.size()) + 0.5) * redshift_bin);
      const double w = set.weight.empty() ? 1.0 : set.weight[i];
      density[bin] += w;
      total += w;
    }
    // Densities, so that sets of different sizes can be laid over each other.
    for (double& value : density) value /= total * redshift_bin;
    plot.series.push_back({set.name, "histeps lw 2", {x, density}});
  }
  return plot;
}

Plot photometry_plot(const std::vector<Shown>& sets, std::size_t quantity) {
  const std::string& name = sets.front().photometry.names()[quantity];
  const bool is_colour = sets.front().photometry.is_colour(quantity);
  Plot plot{fmt::format("{}_{}", is_colour ? "colour" : "magnitude", quantity), name, name + " [mag]", "density", "set key top left", {}};
  for (const Shown& set : sets) {
    const auto curve = set.photometry.curve(quantity, is_colour ? colour_bin : magnitude_bin);
    if (!curve.x.empty()) plot.series.push_back({set.name, "histeps lw 2", {curve.x, curve.density}});
  }
  return plot;
}

LogTable distributions_table(const std::vector<Shown>& sets) {
  LogTable table{"Distributions: median (16 % to 84 %)", {"quantity"}, {}, "Detected magnitudes and colours, mag."};
  for (const Shown& set : sets) table.columns.push_back(set.name);
  std::vector<std::string> row = {"redshift"};
  for (const Shown& set : sets)
    // Quantiles of weighted samples are another thing than those of their objects, and would be misread.
    row.push_back(set.z.empty() || !set.weight.empty()
                      ? ""
                      : fmt::format("{:.3f} ({:.3f} to {:.3f})", median(set.z), quantile(set.z, 0.16), quantile(set.z, 0.84)));
  table.rows.push_back(row);
  for (std::size_t q = 0; q < sets.front().photometry.names().size(); ++q) {
    row = {sets.front().photometry.names()[q]};
    for (const Shown& set : sets)
      row.push_back(set.photometry.total(q) > 0.0 ? fmt::format("{:.2f} ({:.2f} to {:.2f})", set.photometry.quantile(q, 0.5),
                                                                set.photometry.quantile(q, 0.16), set.photometry.quantile(q, 0.84))
                                                  : "");
    table.rows.push_back(row);
  }
  return table;
}

LogTable cuts_table(const TrainReport& r) {
  LogTable table{"Objects", {"step", "objects", "share of the sample"}, {}, ""};
  const auto size = static_cast<std::int64_t>(r.sample.size());
  const auto add = [&](const std::string& step, std::size_t count) {
    table.rows.push_back({step, grouped(static_cast<long long>(count)), percent(static_cast<std::int64_t>(count), size)});
  };
  add("in the sample", r.sample.size());
  for (const auto& [what, count] : r.subsets.cuts) add("removed by " + what, count);
  add("for training", r.subsets.training.size());
  add("held out", r.subsets.held_out.size());
  return table;
}

std::string calibration_of(const PhotozModel& model) {
  const auto found = model.record.find("calibration");
  return found == model.record.end() ? "none" : found->second;
}

LogTable models_table(const TrainReport& r) {
  LogTable table{"Models", {"algorithm", "file", "parameters", "calibration"}, {}, ""};
  for (std::size_t i = 0; i < r.models.size(); ++i) {
    std::vector<std::string> parameters;
    for (const auto& [name, value] : r.models[i].parameters) parameters.push_back(name.substr(name.find('.') + 1) + " = " + value);
    table.rows.push_back({r.models[i].algorithm, r.paths.models[i], join(parameters, "; "), calibration_of(r.models[i])});
  }
  return table;
}

/// What the features of a model are worth, where its algorithm has measured it.
Plot importance_plot(const PhotozModel& model, const Table& table) {
  Plot plot{"importance_" + model.algorithm,
            "Importance of the features: " + model.algorithm,
            "",
            "mean |dz|/(1+z) added when exchanged",
            "set style fill solid 0.5\nset boxwidth 0.8\nset xtics rotate by -60\nset xtics (",
            {}};
  std::vector<double> x, y;
  for (std::size_t f = 0; f < table.rows(); ++f) {
    x.push_back(static_cast<double>(f));
    y.push_back(table.at("permuted_error").number(f) - table.at("error").number(f));
    plot.settings += fmt::format("{}{} {}", f == 0 ? "" : ", ", gnuplot_text(std::string(table.at("feature").text(f))), f);
  }
  plot.settings += ")";
  plot.series.push_back({"", "boxes", {x, y}});
  return plot;
}

/// What models of templates have learned, and what is to be known of it.
void tell_learned(const std::vector<PhotozModel>& models) {
  for (const PhotozModel& model : models) {
    for (const char* what : {"shifts", "prior", "template_error"})
      if (const auto found = model.record.find(what); found != model.record.end())
        fmt::print("{:<10} {} of {}\n", what, found->second, model.algorithm);
    if (const auto found = model.record.find("shifts_warning"); found != model.record.end())
      log_warning(fmt::format("{}: shifts of zero points: {}", model.algorithm, found->second));
  }
}

}  // namespace

void print_summary(const TrainReport& r) {
  const PhotozModel& model = r.models.front();
  if (r.sample.size() == 0) {
    fmt::print("no sample: bands {}, redshifts {} to {}; nothing is learned, nothing measured\n", join(model.bands.bands, ","),
               shortest(model.z_min), shortest(model.z_max));
    if (model.bands.limits.empty())
      fmt::print(
          "no limits (--bands.limits): a band that was not detected is left out, unless the catalogue has fluxes or limits of its own\n");
    for (const std::string& path : r.paths.models) fmt::print("wrote {}\n", path);
    return;
  }
  fmt::print("sample     {:>10} objects\n", grouped(static_cast<long long>(r.sample.size())));
  for (const auto& [what, count] : r.subsets.cuts) fmt::print("  cut      {:>10} by {}\n", grouped(static_cast<long long>(count)), what);
  fmt::print("training   {:>10} objects, {} to {} in {}\n", grouped(std::ssize(r.subsets.training)), shortest(model.z_min),
             shortest(model.z_max), model.redshift);
  fmt::print("limits     {} mag\n", limits_text(model));
  if (r.reference) {
    fmt::print("reference  {:>10} objects, {} of those with all of {} inside at least one training ball\n", grouped(r.reference->objects),
               percent(r.reference->covered, r.reference->counted), join(r.reference->space, ","));
    if (r.options.weights.method != "none")
      fmt::print("weights    {:>10} effective objects\n", grouped(static_cast<long long>(effective_number(r.reference->weight))));
  }
  tell_learned(r.models);
  for (const PhotozModel& m : r.models)
    if (m.record.contains("members")) fmt::print("{:<10} {}\n", m.algorithm, m.record.at("members"));
  for (const PhotozModel& m : r.models)
    if (m.record.contains("calibration")) fmt::print("{:<10} {}\n", m.algorithm, calibration_of(m));
  for (const std::string& path : r.paths.models) fmt::print("wrote {}\n", path);
  if (!r.subsets.held_out.empty())
    fmt::print("wrote {}: {} objects held out for validation\n", r.paths.validation, grouped(std::ssize(r.subsets.held_out)));
  for (std::size_t i = 0; i < r.paths.held_out.size(); ++i)
    fmt::print("wrote {}{}: {} objects estimated by models that they did not train\n", r.paths.held_out[i],
               r.paths.held_out_pdf.empty() ? "" : ", " + r.paths.held_out_pdf[i], grouped(std::ssize(r.subsets.training)));
  for (const std::string& path : {r.paths.subset, r.paths.coverage, r.paths.weighted_sample})
    if (!path.empty()) fmt::print("wrote {}\n", path);
}

void tell_process(const TrainReport& r, Process& process) {
  process.fact("objects in the sample", grouped(static_cast<long long>(r.sample.size())));
  process.fact("objects in training", grouped(std::ssize(r.subsets.training)));
  process.fact("objects held out", grouped(std::ssize(r.subsets.held_out)));
  process.fact("bands", join(r.options.bands.bands, ", "));
  process.fact("limiting magnitudes", limits_text(r.models.front()));
  process.fact("training redshifts", fmt::format("{} to {}", shortest(r.models.front().z_min), shortest(r.models.front().z_max)));
  for (const PhotozModel& model : r.models)
    for (const char* what : {"shifts", "prior", "template_error"})
      if (const auto found = model.record.find(what); found != model.record.end())
        process.fact(fmt::format("{} of {}", what, model.algorithm), found->second);
  if (r.reference) {
    process.fact("reference objects", grouped(r.reference->objects));
    process.fact("coverage", fmt::format("{} of the reference objects with {} lie inside at least one training ball",
                                         percent(r.reference->covered, r.reference->counted), join(r.reference->space, ", ")));
    if (r.options.weights.method != "none")
      process.fact("effective training objects", fmt::format("{:.1f}", effective_number(r.reference->weight)));
  }
  if (r.sample.size() == 0) return process.add("results", models_table(r));
  const std::vector<Shown> sets = shown_sets(r);
  process.add("results", cuts_table(r));
  process.add("results", models_table(r));
  process.add("results", redshift_plot(sets, r.models.front().redshift));
  for (const PhotozModel& model : r.models)
    if (const auto table = model.tables.find("importance"); table != model.tables.end())
      process.add("results", importance_plot(model, table->second));
  process.add("distributions", distributions_table(sets));
  for (std::size_t q = 0; q < sets.front().photometry.names().size(); ++q) process.add("distributions", photometry_plot(sets, q));
}

}  // namespace skyfold
