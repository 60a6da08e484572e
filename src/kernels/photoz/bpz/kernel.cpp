// Redshifts by templates: magnitudes become fluxes, fluxes a posterior: see docs/bpz.md.
#include "kernel.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>

#include "../../common/simd.hpp"
#include "../common/model.hpp"
#include "../common/polygon_pdf.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/photoz/flags.hpp"
#include "skyfold/kernels/templates/synthetic.hpp"
#include "skyfold/table/fluxes.hpp"

namespace skyfold::bpz {
namespace {

constexpr double faintest = 99.0;  // stands for the prior's magnitude where that was not detected, as in BPZ
constexpr std::size_t objects_per_chunk = 64;

Schema output_schema(bool is_reduced) {
  const auto limit = [](const char* name, const char* text) {
    return ColumnInfo{name, Type::f4, 1, "", "stat.error;src.redshift.phot", text, ""};
  };
  const auto type = [](const char* name, const char* text) { return ColumnInfo{name, Type::f4, 1, "", "src.spType", text, ""}; };
  const auto redshift = [](const char* name, const char* text) { return ColumnInfo{name, Type::f8, 1, "", "src.redshift.phot", text, ""}; };
  return {photoz_column::z_phot(),
          photoz_column::z_err("half of the 68 % interval, which is not narrower than bpz.min_rms (1 + z)"),
          limit("z_68_low", "lower end of the 68 % interval"),
          limit("z_68_high", "its upper end"),
          limit("z_90_low", "lower end of the 90 % interval"),
          limit("z_90_high", "its upper end"),
          limit("z_95_low", "lower end of the 95 % interval"),
          limit("z_95_high", "its upper end"),
          limit("z_99_low", "lower end of the 99 % interval"),
          limit("z_99_high", "its upper end"),
          type("t_b", "template at z_phot, from 1; fractions between two of them"),
          {"odds", Type::f4, 1, "", "stat.probability",
           "probability that z lies within so many bpz.min_rms (1 + z) of z_phot that a "
           "normal distribution has bpz.odds there",
           ""},
          redshift("z_2", "peak of the second hill of p(z); NaN: there is one hill"),
          limit("z_2_low", "minimum before it"),
          limit("z_2_high", "minimum behind it"),
          type("t_2", "template at z_2"),
          {"p_2", Type::f4, 1, "", "stat.probability", "part of the probability that lies in the second hill", ""},
          redshift("z_ml", "redshift of the least chi-square, without the prior"),
          type("t_ml", "its template"),
          {"chi2", Type::f4, 1, "", "stat.fit.chi2",
           is_reduced ? "the least chi-square, over the number of bands less 1" : "the least chi-square", ""},
          photoz_column::n_bands("bands observed"),
          photoz_column::flags()};
}

Models models_from(const PhotozModel& model, std::size_t interpolate) {
  const Table& fluxes = model.tables.at("fluxes");
  ModelFluxes plain{fluxes.rows() / model.bands.bands.size(), model.bands.bands.size(), values_of<double>(model.tables.at("grid"), "z"),
                    values_of<double>(fluxes, "flux")};
  const ModelFluxes all = interpolated(plain, interpolate);
  Models models{all.templates, all.bands, padded(all.z.size()), all.z, {}};
  models.flux.assign(all.templates * all.bands * models.stride, 0.0);
  for (std::size_t row = 0; row < all.templates * all.bands; ++row)
    std::copy_n(&all.flux[row * all.z.size()], all.z.size(), &models.flux[row * models.stride]);
  return models;
}

}  // namespace

/// The columns that other codes do not have.
struct BpzKernel::Columns {
  explicit Columns(Table& out) : shared(out), z_ml(out.at("z_ml").values<double>()), z_2(out.at("z_2").values<double>()) {
    const auto get = [&](const char* name) { return out.at(name).values<float>(); };
    t_b = get("t_b"), odds = get("odds"), t_ml = get("t_ml"), chi2 = get("chi2");
    z_2_low = get("z_2_low"), z_2_high = get("z_2_high"), t_2 = get("t_2"), p_2 = get("p_2");
    const char* names[] = {"z_68_low", "z_68_high", "z_90_low", "z_90_high", "z_95_low", "z_95_high", "z_99_low", "z_99_high"};
    for (std::size_t i = 0; i < limits.size(); ++i) limits[i] = {get(names[2 * i]), get(names[2 * i + 1])};
  }
  EstimateColumns shared;
  std::span<double> z_ml, z_2;
  std::span<float> t_b, odds, t_ml, chi2, z_2_low, z_2_high, t_2, p_2;
  std::array<std::array<std::span<float>, 2>, interval_levels.size()> limits;
};

/// A block of objects. The photometry has limits in place of what was not detected: the table tells which is which.
struct BpzKernel::Input {
  Input(const Table& in, Photometry&& gathered, const BandColumns& columns) : photometry(std::move(gathered)) {
    for (std::size_t band = 0; band < columns.magnitude.size(); ++band) {
      magnitude.push_back(&in.at(columns.magnitude[band]));
      error.push_back(&in.at(columns.error[band]));
    }
  }
  Photometry photometry;
  std::vector<const Column*> magnitude, error;  ///< [bands]
};

/// Buffers of one thread.
struct BpzKernel::Worker {
  explicit Worker(const BpzKernel& kernel)
      : posterior(kernel.models_, rules_of(kernel.options_)),
        flux(kernel.models_.bands),
        error(flux.size()),
        priors(kernel.models_.templates) {}
  Posterior posterior;
  std::vector<double> flux, error;
  double magnitude = 0.0;  ///< of the prior; NaN: none
  std::int32_t flags = 0, bands = 0, used = 0;
  std::vector<const double*> priors;
};

BpzKernel::BpzKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
    : PhotozKernel(model, columns, pdf, output_schema(options.chi2 == "reduced")),
      options_(options),
      bands_(model.bands),
      columns_(columns),
      models_(models_from(model, static_cast<std::size_t>(options.interpolate))) {
  if (columns.error.empty()) throw DataError("bpz needs errors of the magnitudes (a fit weighs bands by them)");
  if (const auto found = model.tables.find("prior"); found != model.tables.end()) {
    const auto n = model.tables.at("fluxes").rows() / models_.bands;
    prior_.emplace(prior_from(found->second), counts_of_types(options, n), static_cast<std::size_t>(options.interpolate), models_.z,
                   models_.stride);
    prior_band_ = prior_band_of(options, bands_.bands);
  }
  rules_ = flux_rules_of(options, bands_.bands.size());
  rules_.has_flux_errors = columns.errors_are_limits;
  // What training has found is in the model's table alone.
  rules_.offset = values_of<double>(model.tables.at("zeropoints"), "offset");
  if (pdf.kind == "interp") pdf_grid_ = pdf_grid(pdf);
}

void BpzKernel::run(const Table& in, Table& out, int threads) const {
  const Input input(in, photometry_of(in), columns_);
  const Columns columns(out);
  std::vector<std::unique_ptr<Worker>> workers(static_cast<std::size_t>(threads));
  parallel_for(in.rows(), objects_per_chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
    auto& worker = workers[static_cast<std::size_t>(thread)];
    if (!worker) worker = std::make_unique<Worker>(*this);
    for (std::size_t object = begin; object < end; ++object) {
      take_fluxes(input, object, *worker);
      estimate(object, *worker, columns);
    }
  });
}

/// Its own limit, else that of the survey; NaN where neither is known.
double BpzKernel::limit_of(const Input& in, std::size_t object, std::size_t band) const {
  const double own =
      columns_.errors_are_limits || options_.own_limits ? in.error[band]->number(object) : std::numeric_limits<double>::quiet_NaN();
  if (own > 0.0 && std::isfinite(own)) return own;
  return bands_.limits.empty() ? std::numeric_limits<double>::quiet_NaN() : bands_.limits[band];
}

/// A band without an error, or without a limit where it was not detected, cannot be weighed.
void BpzKernel::take_fluxes(const Input& in, std::size_t object, Worker& worker) const {
  worker.flags = worker.bands = worker.used = 0;
  worker.magnitude = std::numeric_limits<double>::quiet_NaN();
  for (std::size_t band = 0; band < models_.bands; ++band) {
    worker.flux[band] = worker.error[band] = 0.0;
    if (!(in.photometry.observed[object] >> band & 1)) {
      worker.flags |= photoz_missing_band;
      continue;
    }
    ++worker.bands;
    const double magnitude = in.magnitude[band]->number(object), mag_error = in.photometry.mag_err[object * models_.bands + band];
    const bool is_detected = band_state(magnitude, bands_) == BandState::observed;
    // The magnitude as it is, without the offset: as in BPZ, where it is a column of its own.
    if (prior_ && band == prior_band_) worker.magnitude = is_detected ? magnitude : faintest;
    const double limit = is_detected ? 0.0 : limit_of(in, object, band);
    if (is_detected ? std::isnan(mag_error) : std::isnan(limit)) {
      worker.flags |= is_detected ? photoz_no_magnitude_error : photoz_missing_band;
      continue;
    }
    const MeasuredFlux measured =
        is_detected ? detected_flux(rules_, band, magnitude, mag_error)
                    : undetected_flux(rules_, band, limit, columns_.errors_are_limits ? negative_significance(magnitude) : 0.0);
    worker.flux[band] = measured.flux;
    worker.error[band] = measured.error;
    ++worker.used;
  }
}

void BpzKernel::estimate(std::size_t object, Worker& worker, const Columns& out) const {
  const bool is_fitted = worker.used > 0 && std::ranges::any_of(worker.flux, [](double flux) { return flux > 0.0; });
  // Of non-detections alone nothing follows.
  if (!is_fitted) return out.shared.set_missing(object, worker.bands, worker.flags | photoz_no_band);
  const bool has_prior = prior_ && !std::isnan(worker.magnitude);
  for (std::size_t t = 0; t < models_.templates && has_prior; ++t) worker.priors[t] = prior_->row(worker.magnitude, t);
  const Estimate e =
      worker.posterior.estimate(worker.flux, worker.error, std::span(worker.priors).first(has_prior ? models_.templates : 0));
  write(e, object, out);
  if (!pdf_grid_.empty())
    worker.flags |= write_polygon(models_.z, worker.posterior.probability(), pdf_grid_, &out.shared.pdf[object * pdf_grid_.size()]);
  out.shared.n_bands[object] = worker.bands;
  out.shared.flags[object] = worker.flags;
}

void BpzKernel::write(const Estimate& e, std::size_t object, const Columns& out) const {
  constexpr float none = std::numeric_limits<float>::quiet_NaN();
  const double per_template = 1.0 / static_cast<double>(options_.interpolate + 1);
  const auto type = [&](std::size_t t) { return static_cast<float>(1.0 + static_cast<double>(t) * per_template); };
  out.shared.z_phot[object] = models_.z[e.z_b];
  out.shared.z_err[object] = static_cast<float>(0.5 * (e.limits[0][1] - e.limits[0][0]));
  for (std::size_t i = 0; i < e.limits.size(); ++i)
    for (std::size_t end = 0; end < 2; ++end) out.limits[i][end][object] = static_cast<float>(e.limits[i][end]);
  out.t_b[object] = e.has_type ? type(e.t_b) : none;
  out.odds[object] = static_cast<float>(e.odds);
  out.z_ml[object] = models_.z[e.z_ml];
  out.t_ml[object] = type(e.t_ml);
  out.chi2[object] = static_cast<float>(options_.chi2 == "reduced" ? e.chi2 / static_cast<double>(models_.bands - 1) : e.chi2);
  out.z_2[object] = e.second ? models_.z[e.second->z] : std::numeric_limits<double>::quiet_NaN();
  out.z_2_low[object] = e.second ? static_cast<float>(models_.z[e.second->low]) : none;
  out.z_2_high[object] = e.second ? static_cast<float>(models_.z[e.second->high]) : none;
  out.t_2[object] = e.second && e.second->has_type ? type(e.second->t) : none;
  out.p_2[object] = e.second ? static_cast<float>(e.second->probability) : 0.0F;
}

}  // namespace skyfold::bpz
