// Bayesian photometric redshifts, Benitez 2000, ApJ 536, 571: fluxes of templates are computed when a model is made, and compared with
// objects in the kernel.
#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "../common/model.hpp"
#include "kernel.hpp"
#include "options.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/kernels/templates/inputs.hpp"
#include "skyfold/kernels/templates/synthetic.hpp"
#include "training.hpp"

namespace skyfold {
namespace {

using bpz::describe_options;

class Bpz final : public PhotozAlgorithm {
 public:
  std::string name() const override { return "bpz"; }
  std::string summary() const override { return "Bayesian template fitting with a prior on type and redshift by magnitude"; }
  void describe(OptionSet& option) override { describe_options(option, options_); }
  bool needs_sample() const override { return options_.shifts || options_.prior == "trained"; }
  bool uses_weights() const override { return options_.prior == "trained"; }

  void read_files(const std::vector<std::string>& bands, const ReadText& read) override {
    templates_ = read_templates(options_.templates, read);
    filters_ = read_filters("bpz", options_.filters, bands, read);
  }

  void train(const TrainingSet& set, TrainingTasks& tasks, PhotozModel& model) const override {
    const std::vector<std::string>& bands = model.bands.bands;
    if (templates_.empty() || filters_.size() != bands.size()) throw UsageError("bpz: no templates and filters (read_files comes first)");
    const auto of_type = bpz::counts_of_types(options_, templates_.size());
    bpz::FluxRules rules = bpz::flux_rules_of(options_, bands.size());
    rules.has_flux_errors = set.has_flux_errors;
    if (options_.chi2 == "reduced" && bands.size() < 2) throw UsageError("--bpz.chi2 reduced: one band leaves no degree of freedom");
    if (options_.prior != "none") static_cast<void>(bpz::prior_band_of(options_, bands));
    const ModelFluxes fluxes = compute_fluxes(tasks);
    check_fluxes(fluxes, templates_, filters_, bands);
    add_values(model.tables["grid"], {"z", Type::f8, 1, "", "src.redshift", "redshifts of the models", ""}, fluxes.z);
    add_values(model.tables["fluxes"],
               {"flux", Type::f8, fluxes.z.size(), "", "phot.flux", "of each template in each band at each redshift, on one scale", ""},
               fluxes.flux);
    const ModelFluxes mixed = interpolated(fluxes, static_cast<std::size_t>(options_.interpolate));
    std::vector<double> shift(bands.size(), 0.0);
    if (options_.shifts) shift = take_shifts(mixed, rules, set, tasks, model);
    set_zero_points(rules, shift, model);
    if (options_.prior == "trained") {
      const bpz::PriorFit fit = bpz::learn_prior(mixed, rules, set, bpz::prior_band_of(options_, bands), of_type, tasks);
      model.tables["prior"] = bpz::table_of(fit.parameters);
      model.record["prior"] = fit.line();
    } else if (options_.prior != "none") {
      model.tables["prior"] = bpz::table_of(bpz::prior_named(options_.prior));
    }
    model.algorithm = name();
    model.parameters = parameters_of(options_, describe_options);
    // A template knows galaxies at all redshifts of the grid, wherever the sample has some.
    model.z_min = fluxes.z.front();
    model.z_max = fluxes.z.back();
    model.record["templates"] = names_of(templates_);
    model.record["filters"] = names_of(filters_);
  }

  std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf) const override {
    return std::make_unique<bpz::BpzKernel>(options_of<bpz::Options>(model, describe_options), model, columns, pdf);
  }

 private:
  /// Learns the shifts, and takes them off by the rules.
  std::vector<double> take_shifts(const ModelFluxes& mixed, bpz::FluxRules& rules, const TrainingSet& set, TrainingTasks& tasks,
                                  PhotozModel& model) const {
    const std::vector<std::string>& bands = model.bands.bands;
    const ZeroPointShifts found = bpz::learn_shifts(mixed, rules, set, {bpz::shifts_band_of(options_, bands), options_.shifts_cap}, tasks);
    for (std::size_t band = 0; band < bands.size(); ++band) rules.offset[band] -= found.shift[band];
    model.record["shifts"] = found.line(bands);
    if (const std::string warning = found.warning(bands); !warning.empty()) model.record["shifts_warning"] = warning;
    return found.shift;
  }

  void set_zero_points(const bpz::FluxRules& rules, const std::vector<double>& shift, PhotozModel& model) const {
    Table& zeropoints = model.tables["zeropoints"];
    add_values(zeropoints, {"offset", Type::f8, 1, "mag", "", "added to the magnitudes of each band, the shift among it", ""},
               rules.offset);
    std::vector<double> errors = options_.zp_error;
    errors.resize(shift.size(), errors.size() == 1 ? errors[0] : 0.0);
    add_values(zeropoints, {"error", Type::f8, 1, "mag", "", "added to their errors in quadrature", ""}, errors);
    if (options_.shifts) add_values(zeropoints, {"shift", Type::f8, 1, "mag", "", "learned from the sample and taken off", ""}, shift);
  }

  /// A template each task, as bytes.
  ModelFluxes compute_fluxes(TrainingTasks& tasks) const {
    ModelFluxes all{templates_.size(), filters_.size(), bpz::grid_of(options_), {}};
    const std::size_t n = filters_.size() * all.z.size();
    const Igm igm = options_.igm == "madau" ? Igm::madau1995 : Igm::none;
    const auto parts = tasks.run("fluxes", templates_.size(), [&](std::size_t task, int threads) {
      const ModelFluxes one = model_fluxes(std::span(templates_).subspan(task, 1), filters_, all.z, igm, threads);
      return std::string(reinterpret_cast<const char*>(one.flux.data()), n * sizeof(double));
    });
    all.flux.resize(templates_.size() * n);
    for (std::size_t t = 0; t < parts.size(); ++t) std::memcpy(&all.flux[t * n], parts[t].data(), n * sizeof(double));
    return all;
  }

  bpz::Options options_;
  std::vector<Curve> templates_, filters_;
};

}  // namespace

std::unique_ptr<PhotozAlgorithm> make_bpz() { return std::make_unique<Bpz>(); }

}  // namespace skyfold
