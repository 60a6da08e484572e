// Redshifts by templates: magnitudes become fluxes, fluxes the best model of each kind: see docs/lephare.md.
#include "kernel.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numbers>

#include "../../templates/chi_square.hpp"
#include "../common/model.hpp"
#include "../common/polygon_pdf.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/photoz/flags.hpp"
#include "skyfold/kernels/photoz/redshift_pdf.hpp"
#include "skyfold/table/fluxes.hpp"

namespace skyfold::lephare {
namespace {

constexpr double per_magnitude = std::numbers::ln10 / 2.5;  // part of the flux
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t objects_per_chunk = 64;
constexpr double greatest_error_of_absolute = 0.3;  // mag, as in LePhare
enum Class : std::int32_t { galaxy = 0, star = 1, qso = 2 };

const char* const of_z[] = {"z_best_68_low", "z_best_68_high", "z_best_90_low", "z_best_90_high", "z_best_99_low", "z_best_99_high",
                            "z_68_low",      "z_68_high",      "z_90_low",      "z_90_high",      "z_99_low",      "z_99_high",
                            "z_med",         "z_mode",         "z_second",      "p_second"};
const char* const of_z_text[] = {"lower end where chi-square is greater by 1 than the least",
                                 "upper end",
                                 "by 2.71",
                                 "upper end",
                                 "by 6.63",
                                 "upper end",
                                 "lower end of the central 68 % of p(z)",
                                 "upper end",
                                 "of 90 %",
                                 "upper end",
                                 "of 99 %",
                                 "upper end",
                                 "median of p(z)",
                                 "mode of p(z)",
                                 "highest point of the second hill of p(z)",
                                 "probability of that hill"};
const char* const of_model[] = {"chi2", "template", "ebv", "law", "lines", "nuv_r", "r_k"};
const char* const of_model_text[] = {"chi-square of the best galaxy, without the prior",
                                     "its template, from 1",
                                     "its E(B-V)",
                                     "its law of dust among lephare.dust, from 1; 0: no dust",
                                     "factor to its emission lines",
                                     "its colour NUV - r at rest",
                                     "its colour r - K at rest"};

Schema output_schema(const Options& o, const std::vector<std::string>& bands) {
  const auto number = [](const std::string& name, const char* unit, const char* ucd, const std::string& text) {
    return ColumnInfo{name, Type::f4, 1, unit, ucd, text, ""};
  };
  Schema schema = {photoz_column::z_phot(),
                   photoz_column::z_err("half of the central 68 % of p(z)"),
                   {"z_best", Type::f8, 1, "", "src.redshift.phot", "redshift of the least chi-square, prior included", ""}};
  for (std::size_t i = 0; i < std::size(of_z); ++i) schema.push_back(number(of_z[i], "", "src.redshift.phot", of_z_text[i]));
  for (std::size_t i = 0; i < std::size(of_model); ++i)
    schema.push_back(number(of_model[i], i == 2 || i > 4 ? "mag" : "", "", of_model_text[i]));
  for (const std::string& band : bands)
    schema.push_back(number("mabs_" + band, "mag", "phot.mag", "absolute magnitude of the best galaxy in " + band));
  schema.push_back({"class", Type::i4, 1, "", "src.class", "whose chi-square is least: 0 galaxy, 1 star, 2 quasar", "", -1});
  if (o.stars != "none") {
    schema.push_back(number("chi2_star", "", "stat.fit.chi2", "chi-square of the best star"));
    schema.push_back(number("star", "", "", "its template, from 1"));
  }
  if (o.qso != "none") {
    schema.push_back(number("chi2_qso", "", "stat.fit.chi2", "chi-square of the best quasar"));
    schema.push_back(number("qso", "", "", "its template, from 1"));
    schema.push_back(number("z_qso", "", "src.redshift.phot", "its redshift"));
  }
  schema.push_back(photoz_column::n_bands("bands observed"));
  schema.push_back(photoz_column::flags());
  return schema;
}

/// Else the template alone tells the absolute magnitude.
bool is_well_measured(const Observed& object, std::size_t band) {
  const double flux = object.flux[band], error = object.error[band];
  return flux > 0.0 && error > 0.0 && error <= greatest_error_of_absolute * per_magnitude * flux;
}

double flux_of(double magnitude) { return std::pow(10.0, -0.4 * magnitude); }

std::vector<Model> library_of(const PhotozModel& model, const char* name) {
  const auto found = model.tables.find(name);
  return found == model.tables.end() ? std::vector<Model>() : models_from(found->second);
}

/// Stars as if they were redshifts of one model: one row of vectors for all.
Grid star_grid(const std::vector<Model>& stars, std::size_t bands) {
  Model all;
  all.flux.resize(bands * stars.size());
  std::vector<double> numbers;
  for (std::size_t i = 0; i < stars.size(); ++i) {
    numbers.push_back(static_cast<double>(i));
    for (std::size_t band = 0; band < bands; ++band) all.flux[band * stars.size() + i] = stars[i].flux[band];
  }
  return grid_from({all}, bands, numbers);
}

}  // namespace

/// The columns that other codes do not have.
struct LephareKernel::Columns {
  Columns(Table& out, const std::vector<std::string>& bands)
      : shared(out), z_best(out.at("z_best").values<double>()), kind(out.at("class").values<std::int32_t>()) {
    const auto get = [&](const std::string& name) { return out.find(name) ? out.at(name).values<float>() : std::span<float>(); };
    for (std::size_t i = 0; i < redshift.size(); ++i) redshift[i] = get(of_z[i]);
    for (std::size_t i = 0; i < best.size(); ++i) best[i] = get(of_model[i]);
    for (const std::string& band : bands) absolute.push_back(get("mabs_" + band));
    chi2_star = get("chi2_star"), star_template = get("star");
    chi2_qso = get("chi2_qso"), qso_template = get("qso"), z_qso = get("z_qso");
  }
  EstimateColumns shared;
  std::span<double> z_best;
  std::span<std::int32_t> kind;
  std::array<std::span<float>, std::size(of_z)> redshift;
  std::array<std::span<float>, std::size(of_model)> best;
  std::vector<std::span<float>> absolute;
  std::span<float> chi2_star, star_template, chi2_qso, qso_template, z_qso;
};

/// Buffers of one thread.
struct LephareKernel::Worker {
  explicit Worker(const LephareKernel& k)
      : galaxies(k.grid_, k.limits_), quasars(k.qso_, k.no_limits_), stars(k.stars_, k.no_limits_), prior(k.grid_.z, k.grid_.stride) {
    const std::vector<double> none(k.grid_.bands);
    object = {none, none, none, false};
    detected = none;
  }
  Fit galaxies, quasars, stars;
  RedshiftPrior prior;
  Observed object;
  std::vector<double> detected;  ///< magnitudes; NaN where it was not
  double magnitude = nan;        ///< of the prior; NaN: none
  std::int32_t flags = 0, bands = 0;
  bool is_fitted = false;
  std::vector<double> cumulative;
  std::vector<float> density;
};

LephareKernel::LephareKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
    : PhotozKernel(model, columns, pdf, output_schema(options, model.bands.bands)),
      options_(options),
      bands_(model.bands),
      columns_(columns),
      galaxies_(library_of(model, "galaxies")) {
  if (columns.error.empty()) throw DataError("lephare needs errors of the magnitudes (a fit weighs bands by them)");
  const std::size_t bands = bands_.bands.size();
  const auto z = values_of<double>(model.tables.at("grid"), "z");
  grid_ = grid_from(galaxies_, bands, z);
  const std::vector<Model> quasars = library_of(model, "quasars"), stars = library_of(model, "stars");
  qso_ = grid_from(quasars, bands, z);
  if (!stars.empty()) stars_ = star_grid(stars, bands);
  for (const Model& quasar : quasars) qso_templates_.push_back(quasar.seed);
  if (!options.absolute_limits.empty())
    limits_ = absolute_limits(galaxies_, band_of("lephare.absolute_band", options.absolute_band, bands_.bands), absolute_limits_of(options),
                              options.cosmology, grid_);
  for (Model& galaxy : galaxies_) {
    types_.push_back(type_of(galaxy.nuv_k));
    galaxy.flux = {};
  }
  if (options.prior != "none") prior_bands_ = prior_bands_of(options, bands_.bands);
  absolute_from_ = bands_of_absolute(options, bands_.bands, galaxies_, grid_);
  offset_ = values_of<double>(model.tables.at("zeropoints"), "offset");
  for (const double error : values_of<double>(model.tables.at("zeropoints"), "error")) error_.push_back(per_magnitude * error);
  distance_ = SmoothDistance(options.cosmology, z.back());
  if (pdf.kind == "interp") pdf_grid_ = pdf_grid(pdf);
}

void LephareKernel::run(const Table& in, Table& out, int threads) const {
  const Photometry photometry = photometry_of(in);
  const Columns columns(out, bands_.bands);
  std::vector<std::unique_ptr<Worker>> workers(static_cast<std::size_t>(threads));
  parallel_for(in.rows(), objects_per_chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
    auto& worker = workers[static_cast<std::size_t>(thread)];
    if (!worker) worker = std::make_unique<Worker>(*this);
    for (std::size_t object = begin; object < end; ++object) {
      take_fluxes(in, photometry, object, *worker);
      estimate(object, *worker, columns);
    }
  });
}

void LephareKernel::take_fluxes(const Table& in, const Photometry& photometry, std::size_t object, Worker& worker) const {
  Observed& seen = worker.object;
  worker.flags = worker.bands = 0;
  worker.magnitude = nan;
  worker.is_fitted = seen.has_limits = false;
  for (std::size_t band = 0; band < grid_.bands; ++band) {
    const std::size_t cell = object * grid_.bands + band;
    seen.flux[band] = seen.error[band] = 0.0;
    seen.limit[band] = infinity;
    worker.detected[band] = nan;
    if (!(photometry.observed[object] >> band & 1)) {
      worker.flags |= photoz_missing_band;
      continue;
    }
    ++worker.bands;
    const double magnitude = photometry.mag[cell] + offset_[band], mag_error = photometry.mag_err[cell], flux = flux_of(magnitude);
    // The photometry has limits in place of what was not detected: the table tells which is which.
    const double raw = in.at(columns_.magnitude[band]).number(object);
    if (band_state(raw, bands_) != BandState::observed) {
      // Without a limit nothing is known of it.
      if (photometry.mag[cell] >= undetected) worker.flags |= photoz_missing_band;
      if (photometry.mag[cell] >= undetected) continue;
      if (options_.nondetections == "fit") seen.error[band] = flux * options_.err_factor;
      if (options_.nondetections == "fit" && columns_.errors_are_limits) seen.flux[band] = flux * negative_significance(raw);
      if (options_.nondetections == "reject") seen.limit[band] = flux, seen.has_limits = true;
      continue;
    }
    worker.detected[band] = magnitude;
    if (std::isnan(mag_error)) {
      worker.flags |= photoz_no_magnitude_error;
      continue;
    }
    seen.flux[band] = flux;
    seen.error[band] = flux * std::hypot(per_magnitude * mag_error, error_[band]) * options_.err_factor;
    worker.is_fitted = true;
  }
}

void LephareKernel::estimate(std::size_t object, Worker& worker, const Columns& out) const {
  // Of non-detections alone nothing follows.
  if (!worker.is_fitted) return out.shared.set_missing(object, worker.bands, worker.flags | photoz_no_band);
  for (const std::size_t band : prior_bands_)
    if (std::isnan(worker.magnitude)) worker.magnitude = worker.detected[band];
  const bool has_prior = !std::isnan(worker.magnitude);
  if (has_prior) worker.prior.set(worker.magnitude);
  const Best best = worker.galaxies.best(worker.object, has_prior ? &worker.prior : nullptr, types_);
  if (!best.is_there) return out.shared.set_missing(object, worker.bands, worker.flags | photoz_no_band);
  out.z_best[object] = best.z;
  write_probability(best, object, worker, out);
  write_galaxy(best, object, worker, out);
  write_classes(best, object, worker, out);
  out.shared.n_bands[object] = worker.bands;
  out.shared.flags[object] = worker.flags;
}

/// Intervals, median, mode, hills, and the PDF.
void LephareKernel::write_probability(const Best& best, std::size_t object, Worker& worker, const Columns& out) const {
  const std::vector<double>& z = grid_.z;
  const auto set = [&](std::size_t column, double value) { out.redshift[column][object] = static_cast<float>(value); };
  const auto set_both = [&](std::size_t column, double low, double high) { set(column, low), set(column + 1, high); };
  for (std::size_t i = 0; i < delta_chi2.size(); ++i) {
    const auto interval = worker.galaxies.interval(delta_chi2[i]);
    set_both(2 * i, interval[0], interval[1]);
  }
  const std::span<const double> p = worker.galaxies.probability(options_.pdf == "bay");
  fill_cumulative(p, worker.cumulative);
  const auto quantile = [&](double q) { return quantile_of(z, worker.cumulative, q); };
  for (std::size_t i = 0; i < credible.size(); ++i)
    set_both(6 + 2 * i, quantile(0.5 - 0.5 * credible[i]), quantile(0.5 + 0.5 * credible[i]));
  const double median = quantile(0.5), mode = z[static_cast<std::size_t>(std::ranges::max_element(p) - p.begin())];
  set_both(12, median, mode);
  worker.density.assign(p.begin(), p.end());
  const PdfMode second = two_modes(z, worker.density).second;
  set_both(14, second.z, second.area);
  out.shared.z_phot[object] = options_.point == "best" ? best.z : options_.point == "mode" ? mode : median;
  out.shared.z_err[object] = static_cast<float>(0.5 * (quantile(0.84) - quantile(0.16)));
  if (!pdf_grid_.empty()) worker.flags |= write_polygon(z, p, pdf_grid_, &out.shared.pdf[object * pdf_grid_.size()]);
}

void LephareKernel::write_galaxy(const Best& best, std::size_t object, const Worker& worker, const Columns& out) const {
  const Model& model = galaxies_[best.model];
  const std::array<double, std::size(of_model)> values = {best.chi2,        static_cast<double>(model.seed + 1),
                                                          model.ebv,        static_cast<double>(model.law + 1),
                                                          model.lines,      model.nuv - model.r,
                                                          model.r - model.k};
  for (std::size_t i = 0; i < values.size(); ++i) out.best[i][object] = static_cast<float>(values[i]);
  // The distance is that of z_best; the amplitude is that of the point of the grid, and so is what goes with it.
  const double distance = distance_.modulus(best.z), by_template = distance + 2.5 * std::log10(1.0 + grid_.z[best.at]);
  for (std::size_t band = 0; band < grid_.bands; ++band) {
    double magnitude = -2.5 * std::log10(best.scale * model.rest[band]) - by_template;
    if (!absolute_from_.empty()) {
      const std::size_t from = absolute_from_[best.at * grid_.bands + band];
      if (is_well_measured(worker.object, from))
        magnitude = -2.5 * std::log10(worker.object.flux[from] * model.rest[band]) - dimming_to(best, from) - distance;
    }
    out.absolute[band][object] = static_cast<float>(std::isfinite(magnitude) ? magnitude : nan);
  }
}

/// 2.5 log10 of (1 + z) over the best model's flux in a band at z_best, linearly between points of the grid.
double LephareKernel::dimming_to(const Best& best, std::size_t band) const {
  const double* flux = &grid_.flux[(best.model * grid_.bands + band) * grid_.stride];
  const auto value = [&](std::size_t i) { return 2.5 * std::log10((1.0 + grid_.z[i]) / flux[i]); };
  const std::size_t other = best.z > grid_.z[best.at] ? std::min(best.at + 1, grid_.z.size() - 1) : best.at == 0 ? 0 : best.at - 1;
  if (other == best.at || !(flux[other] > 0.0)) return value(best.at);
  const double part = (best.z - grid_.z[best.at]) / (grid_.z[other] - grid_.z[best.at]);
  return (1.0 - part) * value(best.at) + part * value(other);
}

void LephareKernel::write_classes(const Best& best, std::size_t object, Worker& worker, const Columns& out) const {
  double least = best.chi2;
  out.kind[object] = galaxy;
  if (!out.chi2_star.empty()) {
    const Best found = worker.stars.best(worker.object, nullptr, {});
    out.chi2_star[object] = static_cast<float>(found.is_there ? found.chi2 : nan);
    out.star_template[object] = static_cast<float>(found.is_there ? static_cast<double>(found.at + 1) : nan);
    if (found.is_there && found.chi2 < least) least = found.chi2, out.kind[object] = star;
  }
  if (!out.chi2_qso.empty()) {
    const Best found = worker.quasars.best(worker.object, nullptr, {});
    out.chi2_qso[object] = static_cast<float>(found.is_there ? found.chi2 : nan);
    out.qso_template[object] = static_cast<float>(found.is_there ? static_cast<double>(qso_templates_[found.model] + 1) : nan);
    out.z_qso[object] = static_cast<float>(found.is_there ? found.z : nan);
    if (found.is_there && found.chi2 < least) out.kind[object] = qso;
  }
}

}  // namespace skyfold::lephare
