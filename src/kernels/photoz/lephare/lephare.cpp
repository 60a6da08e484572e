// Redshifts by the least chi-square of templates, dust and lines, as LePhare finds them (Arnouts et al. 2002, MNRAS 329, 355; Ilbert et al.
// 2006, A&A 457, 841; 2009, ApJ 690, 1236): models are computed once, and compared with objects in the kernel.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "../common/model.hpp"
#include "../common/sample.hpp"
#include "kernel.hpp"
#include "shifts.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/kernels/templates/inputs.hpp"
#include "template_error.hpp"

namespace skyfold {
namespace {

using lephare::describe_options;
using lephare::Model;
using lephare::Options;

std::vector<Curve> templates_or_none(const std::string& name, const ReadText& read) {
  return name == "none" ? std::vector<Curve>() : read_templates(name, read);
}

class Lephare final : public PhotozAlgorithm {
 public:
  std::string name() const override { return "lephare"; }
  std::string summary() const override { return "templates with dust and emission lines by least chi-square; galaxies, quasars, stars"; }
  void describe(OptionSet& option) override { describe_options(option, options_); }
  bool needs_sample() const override { return options_.shifts; }

  void read_files(const std::vector<std::string>& bands, const ReadText& read) override {
    templates_ = read_templates(options_.templates, read);
    qso_ = templates_or_none(options_.qso, read);
    stars_ = templates_or_none(options_.stars, read);
    filters_ = read_filters("lephare", options_.filters, bands, read);
  }

  void train(const TrainingSet& set, TrainingTasks& tasks, PhotozModel& model) const override {
    const std::vector<std::string>& bands = model.bands.bands;
    if (templates_.empty() || filters_.size() != bands.size())
      throw UsageError("lephare: no templates and filters (read_files comes first)");
    check_options(bands);
    const auto dust = lephare::dust_of(options_, templates_.size());
    const std::vector<double> z = lephare::grid_of(options_);
    Options plain = options_;
    plain.lines = "none";
    const std::vector<Model> galaxies = compute("galaxies", options_, templates_, dust, z, tasks);
    model.tables["galaxies"] = table_of(galaxies, bands.size());
    if (!qso_.empty()) model.tables["quasars"] = table_of(compute("quasars", plain, qso_, {}, z, tasks), bands.size());
    plain.igm = "none";
    if (!stars_.empty()) model.tables["stars"] = table_of(compute("stars", plain, stars_, {}, {0.0}, tasks), bands.size());
    add_values(model.tables["grid"], {"z", Type::f8, 1, "", "src.redshift", "redshifts of the models", ""}, z);
    set_zero_points(galaxies, z, set, tasks, model);
    model.algorithm = name();
    set_template_error(set, tasks, model);
    model.parameters = parameters_of(options_, describe_options);
    // A template knows galaxies at all redshifts of the grid, wherever the sample has some.
    model.z_min = z.front();
    model.z_max = z.back();
    model.record["templates"] = names_of(templates_);
    model.record["filters"] = names_of(filters_);
    if (!qso_.empty()) model.record["quasars"] = names_of(qso_);
    if (!stars_.empty()) model.record["stars"] = names_of(stars_);
  }

  std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf) const override {
    return std::make_unique<lephare::LephareKernel>(options_of<Options>(model, describe_options), model, columns, pdf);
  }

 private:
  /// Options that only the kernel needs: what is wrong with them is said before models are computed.
  void check_options(const std::vector<std::string>& bands) const {
    if (options_.prior != "none") static_cast<void>(lephare::prior_bands_of(options_, bands));
    if (options_.absolute_from == "fixed")
      static_cast<void>(lephare::band_of("lephare.absolute_reference", options_.absolute_reference, bands));
    if (!options_.absolute_limits.empty()) static_cast<void>(lephare::band_of("lephare.absolute_band", options_.absolute_band, bands));
    static_cast<void>(lephare::absolute_limits_of(options_));
    static_cast<void>(lephare::template_error_of(options_));
    if (options_.shifts) static_cast<void>(lephare::shifts_band_of(options_, bands));
    static_cast<void>(lephare::per_band("lephare.zp_offset", options_.zp_offset, bands.size(), false));
    static_cast<void>(lephare::per_band("lephare.err_scale", options_.err_scale, bands.size(), true));
    if (options_.line_factors.empty()) throw UsageError("--lephare.line_factors: at least one is needed (--lephare.lines none: no lines)");
  }

  /// Offsets and errors that options name, and shifts where they are asked for.
  void set_zero_points(const std::vector<Model>& galaxies, const std::vector<double>& z, const TrainingSet& set, TrainingTasks& tasks,
                       PhotozModel& model) const {
    const std::vector<std::string>& bands = model.bands.bands;
    std::vector<double> offset = lephare::per_band("lephare.zp_offset", options_.zp_offset, bands.size(), false);
    const std::vector<double> error = lephare::per_band("lephare.err_scale", options_.err_scale, bands.size(), true);
    ZeroPointShifts found;
    if (options_.shifts) {
      std::vector<double> whole = error;
      for (double& value : whole) value = std::hypot(value, lephare::template_error_of(options_).value_or(lephare::usual_template_error));
      const ShiftRules rules{lephare::shifts_band_of(options_, bands), options_.shifts_cap};
      found = lephare::learn_shifts(galaxies, z, offset, whole, set, rules, tasks);
      for (std::size_t band = 0; band < bands.size(); ++band) offset[band] -= found.shift[band];
      model.record["shifts"] = found.line(bands);
      if (const std::string warning = found.warning(bands); !warning.empty()) model.record["shifts_warning"] = warning;
    }
    Table& zeropoints = model.tables["zeropoints"];
    add_values(zeropoints, {"offset", Type::f8, 1, "mag", "", "added to the magnitudes of each band, the shift among it", ""}, offset);
    add_values(zeropoints, {"error", Type::f8, 1, "mag", "", "added to their errors in quadrature", ""}, error);
    if (options_.shifts)
      add_values(zeropoints, {"shift", Type::f8, 1, "mag", "", "learned from the sample and taken off", ""}, found.shift);
  }

  /// Adds what galaxies differ by from templates to the errors.
  void set_template_error(const TrainingSet& set, TrainingTasks& tasks, PhotozModel& model) const {
    std::optional<double> error = lephare::template_error_of(options_);
    if (!error && set.z.empty()) {
      error = lephare::usual_template_error;
      model.record["template_error"] = fmt::format("{} mag, the usual (there is no sample to learn it from)", *error);
    } else if (!error) {
      // By galaxies alone.
      Options plain = options_;
      plain.qso = plain.stars = "none";
      PhotozModel trial = model;
      trial.tables.erase("quasars");
      trial.tables.erase("stars");
      trial.parameters = parameters_of(plain, describe_options);
      const lephare::TemplateError found = lephare::learn_template_error(trial, set, tasks);
      error = found.error;
      model.record["template_error"] = found.line();
    }
    lephare::add_template_error(model, *error);
  }

  /// The models of a template each task, as bytes.
  std::vector<Model> compute(const std::string& step, const Options& options, const std::vector<Curve>& seds,
                             const std::vector<lephare::DustRange>& dust, const std::vector<double>& z, TrainingTasks& tasks) const {
    const auto parts = tasks.run(step, seds.size(), [&](std::size_t t, int threads) {
      const auto models = lephare::models_of(options, t, seds[t], dust, filters_, z, threads);
      return bytes_of(lephare::numbers_of_models(models));
    });
    std::vector<Model> models;
    ModelFluxes bare{seds.size(), filters_.size(), z, {}};
    for (const std::string& part : parts) {
      const std::size_t first = models.size();
      add_models(numbers_of(part), filters_.size(), z.size(), models);
      bare.flux.insert(bare.flux.end(), models.at(first).flux.begin(), models.at(first).flux.end());
    }
    std::vector<std::string> bands;
    for (const Curve& filter : filters_) bands.push_back(filter.name);
    check_fluxes(bare, seds, filters_, bands);
    return models;
  }

  Options options_;
  std::vector<Curve> templates_, qso_, stars_, filters_;
};

}  // namespace

std::unique_ptr<PhotozAlgorithm> make_lephare() { return std::make_unique<Lephare>(); }

}  // namespace skyfold
