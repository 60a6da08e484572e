#include "kernel.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include "fit.hpp"
#include "search.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/photoz/flags.hpp"

namespace skyfold::dnf {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr float nan_f4 = std::numeric_limits<float>::quiet_NaN();
constexpr std::int64_t no_id = -1;
constexpr std::size_t queries_per_chunk = 256;
constexpr std::size_t index_budget_bytes = std::size_t{128} << 20;

Schema output_schema(const PdfOptions& pdf) {
  Schema schema = {
      {"z_phot", Type::f8, 1, "", "src.redshift.phot", "photometric redshift", ""},
      {"z_err", Type::f4, 1, "", "stat.error;src.redshift.phot", "error of z_phot: quadrature sum of both parts", ""},
      {"z_err_param", Type::f4, 1, "", "stat.error;src.redshift.phot", "part of z_err caused by magnitude errors", ""},
      {"z_err_fit", Type::f4, 1, "", "stat.error;src.redshift.phot", "part of z_err: scatter of the neighbours", ""},
      {"z_nn", Type::f8, 1, "", "src.redshift", "spectroscopic redshift of the nearest training object", ""},
      {"d1", Type::f4, 1, "", "arith.diff", "distance of the nearest training object in the metric", ""},
      {"d1_euclid", Type::f4, 1, "mag", "arith.diff;phot.mag", "Euclidean distance to the training set", ""},
      {"nn_id", Type::i8, 1, "", "meta.id", "identifier of the nearest training object", "", no_id},
      {"n_neighbours", Type::i4, 1, "", "meta.number", "neighbours that z_phot rests on", ""},
      {"n_bands", Type::i4, 1, "", "meta.number;instr.bandpass", "bands used", ""},
      {"flags", Type::i4, 1, "", "meta.code", "bits that qualify the row; 0: nothing remarkable", ""},
  };
  if (pdf.kind == "interp")
    schema.push_back({pdf_column, Type::f4, static_cast<std::size_t>(pdf.bins), "", "stat.probability;src.redshift.phot",
                      "probability density of the redshift on the grid", ""});
  return schema;
}

/// Bands that count and have a magnitude.
std::uint32_t usable_bands(const Photometry& photometry, std::size_t object) {
  std::uint32_t mask = photometry.observed[object];
  for (std::uint32_t b = 0; b < photometry.n_bands; ++b)
    if (!std::isfinite(photometry.mag[object * photometry.n_bands + b])) mask &= ~(std::uint32_t{1} << b);
  return mask;
}

}  // namespace

Metric metric_from(const std::string& name) { return name == "enf" ? Metric::enf : name == "anf" ? Metric::anf : Metric::dnf; }

TrainingRows training_rows(const Table& training) {
  TrainingRows rows;
  const Column& mag = training.at("mag");
  rows.n_rows = training.rows();
  rows.n_bands = mag.info().width;
  const auto magnitudes = mag.values<double>();
  const auto z = training.at("z").values<double>();
  const auto id = training.at("id").values<std::int64_t>();
  const auto observed = training.at("observed").values<std::int32_t>();
  rows.mag.assign(magnitudes.begin(), magnitudes.end());
  rows.z.assign(z.begin(), z.end());
  rows.id.assign(id.begin(), id.end());
  rows.observed.resize(rows.n_rows);
  for (std::size_t i = 0; i < rows.n_rows; ++i) rows.observed[i] = static_cast<std::uint32_t>(observed[i]);
  return rows;
}

/// The output columns; `pdf` is empty when none is asked for.
struct DnfKernel::Output {
  explicit Output(Table& out)
      : z_phot(out[0].values<double>()),
        z_err(out[1].values<float>()),
        z_err_param(out[2].values<float>()),
        z_err_fit(out[3].values<float>()),
        z_nn(out[4].values<double>()),
        d1(out[5].values<float>()),
        d1_euclid(out[6].values<float>()),
        nn_id(out[7].values<std::int64_t>()),
        n_neighbours(out[8].values<std::int32_t>()),
        n_bands(out[9].values<std::int32_t>()),
        flags(out[10].values<std::int32_t>()) {
    if (out.columns() > 11) pdf = out[11].values<float>();
  }

  void set_missing(std::size_t row, std::int32_t bands, std::int32_t flag, std::size_t bins) const {
    z_phot[row] = z_nn[row] = nan;
    z_err[row] = z_err_param[row] = z_err_fit[row] = d1[row] = d1_euclid[row] = nan_f4;
    nn_id[row] = no_id;
    n_neighbours[row] = 0;
    n_bands[row] = bands;
    flags[row] = flag;
    if (!pdf.empty()) std::fill_n(pdf.begin() + static_cast<std::ptrdiff_t>(row * bins), bins, nan_f4);
  }

  std::span<double> z_phot;
  std::span<float> z_err, z_err_param, z_err_fit;
  std::span<double> z_nn;
  std::span<float> d1, d1_euclid;
  std::span<std::int64_t> nn_id;
  std::span<std::int32_t> n_neighbours, n_bands, flags;
  std::span<float> pdf;
};

/// One object with the bands of its mask.
struct DnfKernel::Object {
  std::size_t row;
  std::int64_t id;
  std::span<const double> mag, mag_err;
};

/// Buffers of one thread.
struct DnfKernel::Worker {
  explicit Worker(const DnfKernel& kernel, std::size_t bands)
      : search(metric_from(kernel.options_.metric), static_cast<std::size_t>(kernel.options_.neighbours),
               static_cast<std::size_t>(kernel.options_.preselect)),
        z(static_cast<std::size_t>(kernel.options_.neighbours)),
        mag(bands),
        mag_err(bands) {
    if (kernel.pdf_.kind == "interp") pdf.emplace(kernel.pdf_);
  }
  NeighbourSearch search;
  LocalFit fit;
  std::optional<GaussianPdf> pdf;
  std::vector<double> z, mag, mag_err;
  std::vector<std::uint32_t> excluded;
};

DnfKernel::DnfKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
    : options_(options),
      pdf_(pdf),
      bands_(model.bands),
      columns_(columns),
      z_min_(model.z_min),
      z_max_(model.z_max),
      coverage_(model.tables.at("coverage").at("d1_euclid_99").values<double>()[0]),
      rows_(training_rows(model.tables.at("training"))),
      indices_(index_budget_bytes,
               [this](std::uint64_t mask) { return std::make_shared<const NeighbourIndex>(rows_, static_cast<std::uint32_t>(mask)); }) {
  if (!options_.leave_self_out) return;
  for (std::uint32_t i = 0; i < rows_.n_rows; ++i) rows_by_id_.emplace_back(rows_.id[i], i);
  std::sort(rows_by_id_.begin(), rows_by_id_.end());
}

std::vector<std::string> DnfKernel::needs() const {
  std::vector<std::string> names = columns_.magnitude;
  names.insert(names.end(), columns_.error.begin(), columns_.error.end());
  if (options_.leave_self_out) names.push_back(options_.id);
  return names;
}

Schema DnfKernel::gives() const { return output_schema(pdf_); }

void DnfKernel::mark_failed(Table& out) const {
  const Output output(out);
  for (std::size_t i = 0; i < out.rows(); ++i) output.set_missing(i, 0, photoz_failed, static_cast<std::size_t>(pdf_.bins));
}

void DnfKernel::run(const Table& in, Table& out, int threads) const {
  Photometry photometry;
  gather_photometry(in, columns_, bands_, bands_.limits, photometry);
  const Output output(out);
  std::vector<std::int64_t> ids;
  if (options_.leave_self_out) {
    const Column& column = in.at(options_.id);
    ids.resize(in.rows());
    for (std::size_t i = 0; i < in.rows(); ++i) ids[i] = column.integer(i);
  }
  std::map<std::uint32_t, std::vector<std::uint32_t>> by_mask;
  for (std::size_t i = 0; i < in.rows(); ++i) by_mask[usable_bands(photometry, i)].push_back(static_cast<std::uint32_t>(i));
  for (auto& [mask, objects] : by_mask) run_mask(mask, std::move(objects), photometry, ids, output, threads);
}

/// Estimates objects that have the same bands, in the order of the index's blocks: successive searches then
/// look at the same memory and start from a good guess.
void DnfKernel::run_mask(std::uint32_t mask, std::vector<std::uint32_t> objects, const Photometry& photometry,
                         std::span<const std::int64_t> ids, const Output& output, int threads) const {
  const std::size_t all_bands = photometry.n_bands;
  const std::shared_ptr<const NeighbourIndex> index = mask == 0 ? nullptr : indices_.get(mask, objects.size());
  if (!index || index->rows() == 0) {
    const std::int32_t reason = mask == 0 ? photoz_no_band : photoz_few_neighbours;
    const bool is_partial = std::popcount(mask) < static_cast<int>(all_bands);
    for (const std::uint32_t row : objects)
      output.set_missing(row, std::popcount(mask), reason | (is_partial ? photoz_missing_band : 0), static_cast<std::size_t>(pdf_.bins));
    return;
  }
  const std::span<const std::uint32_t> bands = index->band_list();
  std::vector<std::pair<std::uint32_t, std::uint32_t>> order(objects.size());
  std::vector<double> mag(bands.size());
  for (std::size_t i = 0; i < objects.size(); ++i) {
    for (std::size_t b = 0; b < bands.size(); ++b) mag[b] = photometry.mag[objects[i] * all_bands + bands[b]];
    order[i] = {index->block_of(mag.data()), objects[i]};
  }
  std::sort(order.begin(), order.end());

  std::vector<std::unique_ptr<Worker>> workers(static_cast<std::size_t>(threads));
  parallel_for(order.size(), queries_per_chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
    std::unique_ptr<Worker>& worker = workers[static_cast<std::size_t>(thread)];
    if (!worker) worker = std::make_unique<Worker>(*this, bands.size());
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t row = order[i].second;
      for (std::size_t b = 0; b < bands.size(); ++b) {
        worker->mag[b] = photometry.mag[row * all_bands + bands[b]];
        worker->mag_err[b] = photometry.mag_err[row * all_bands + bands[b]];
      }
      estimate(*index, {row, ids.empty() ? 0 : ids[row], worker->mag, worker->mag_err}, *worker, output);
    }
  });
}

void DnfKernel::estimate(const NeighbourIndex& index, const Object& object, Worker& worker, const Output& output) const {
  const std::size_t bands = index.bands(), row = object.row, bins = static_cast<std::size_t>(pdf_.bins);
  const Neighbours found = worker.search.find(index, object.mag.data(), training_copies(index, object, worker));
  std::int32_t flags = bands < rows_.n_bands ? photoz_missing_band : 0;
  if (found.n == 0) {
    output.set_missing(row, static_cast<std::int32_t>(bands), flags | photoz_few_neighbours, bins);
    return;
  }
  for (std::size_t i = 0; i < found.n; ++i) worker.z[i] = rows_.z[found.row[i]];
  const std::span<const double> z(worker.z.data(), found.n);
  const Estimate e =
      options_.fit ? worker.fit.fit(found, z, bands, object.mag.data(), object.mag_err.data()) : worker.fit.weighted_mean(found, z);
  const double euclid = std::sqrt(found.nearest_euclid2);
  if (e.is_few) flags |= photoz_few_neighbours;
  if (e.is_deficient) flags |= photoz_rank_deficient;
  if (e.z < z_min_ || e.z > z_max_) flags |= photoz_extrapolated;
  // Mean square distances grow in proportion to the bands that they sum over.
  if (euclid > coverage_ * std::sqrt(static_cast<double>(bands) / static_cast<double>(rows_.n_bands))) flags |= photoz_outside_coverage;
  if (std::isnan(e.err_param2)) flags |= photoz_no_magnitude_error;
  if (worker.pdf) {
    const double mass =
        worker.pdf->fill(e.z, worker.fit.residual(), worker.fit.weight(), kernel_width(e.err_fit, e.n), &output.pdf[row * bins]);
    if (mass < 0.5) flags |= photoz_pdf_off_grid;
  }
  const std::uint32_t nearest = found.row[found.nearest];
  output.z_phot[row] = e.z;
  output.z_err_fit[row] = static_cast<float>(e.err_fit);
  output.z_err_param[row] = static_cast<float>(std::sqrt(e.err_param2));
  output.z_err[row] = static_cast<float>(std::isnan(e.err_param2) ? e.err_fit : std::sqrt(e.err_fit * e.err_fit + e.err_param2));
  output.z_nn[row] = rows_.z[nearest];
  output.nn_id[row] = rows_.id[nearest];
  output.d1[row] = static_cast<float>(std::sqrt(found.distance2[found.nearest]));
  output.d1_euclid[row] = static_cast<float>(euclid);
  output.n_neighbours[row] = static_cast<std::int32_t>(e.n);
  output.n_bands[row] = static_cast<std::int32_t>(bands);
  output.flags[row] = flags;
}

/// Training rows that are the object itself: the same id and the same magnitudes.
std::span<const std::uint32_t> DnfKernel::training_copies(const NeighbourIndex& index, const Object& object, Worker& worker) const {
  worker.excluded.clear();
  if (!options_.leave_self_out) return {};
  auto entry = std::lower_bound(rows_by_id_.begin(), rows_by_id_.end(), std::pair{object.id, std::uint32_t{0}});
  for (; entry != rows_by_id_.end() && entry->first == object.id; ++entry) {
    const std::span<const std::uint32_t> bands = index.band_list();
    bool is_same = true;
    for (std::size_t b = 0; b < bands.size(); ++b)
      is_same = is_same && (rows_.observed[entry->second] >> bands[b] & 1u) != 0 &&
                rows_.mag[entry->second * rows_.n_bands + bands[b]] == object.mag[b];
    if (is_same) worker.excluded.push_back(entry->second);
  }
  return worker.excluded;
}

/// Width of the kernels. Adaptive: Silverman's rule for a Gaussian (1986, Density Estimation, eq. 3.28) with the
/// scatter of the neighbours about the fit.
double DnfKernel::kernel_width(double err_fit, std::size_t n) const {
  if (options_.kernel == "fixed") return options_.sigma;
  const double width = 1.06 * err_fit * std::pow(static_cast<double>(n), -0.2);
  return width > options_.sigma_floor ? width : options_.sigma_floor;  // also for one neighbour: err_fit is NaN
}

}  // namespace skyfold::dnf
