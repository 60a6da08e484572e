// Directional neighbourhood fitting of the objects of a block: see docs/dnf.md for the method and its paper.
#include "kernel.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "../common/model.hpp"
#include "../common/objects.hpp"
#include "fit.hpp"
#include "search.hpp"
#include "skyfold/kernels/photoz/flags.hpp"

namespace skyfold::dnf {
namespace {

constexpr std::size_t index_budget_bytes = std::size_t{128} << 20;

Schema output_schema() {
  return {
      photoz_column::z_phot(),
      photoz_column::z_err("error of z_phot: quadrature sum of both parts"),
      {"z_err_param", Type::f4, 1, "", "stat.error;src.redshift.phot", "part of z_err caused by magnitude errors", ""},
      {"z_err_fit", Type::f4, 1, "", "stat.error;src.redshift.phot", "part of z_err: scatter of the neighbours", ""},
      photoz_column::z_nn(),
      photoz_column::d1(),
      {"d1_euclid", Type::f4, 1, "mag", "arith.diff;phot.mag", "Euclidean distance to the training set", ""},
      photoz_column::nn_id(),
      photoz_column::n_neighbours(),
      photoz_column::n_bands("bands used"),
      photoz_column::flags(),
  };
}

}  // namespace

Metric metric_from(const std::string& name) { return name == "enf" ? Metric::enf : name == "anf" ? Metric::anf : Metric::dnf; }

std::uint32_t usable_bands(const Photometry& photometry, std::size_t object) {
  std::uint32_t mask = photometry.observed[object];
  for (std::uint32_t b = 0; b < photometry.n_bands; ++b)
    // A non-detection without a limit has a state, but no number to compare.
    if (!std::isfinite(photometry.mag[object * photometry.n_bands + b])) mask &= ~(std::uint32_t{1} << b);
  return mask;
}

TrainingRows training_rows(const Table& training) {
  TrainingRows rows;
  rows.n_rows = training.rows();
  rows.n_bands = training.at("mag").info().width;
  const auto mag = training.at("mag").values<double>();
  rows.mag.assign(mag.begin(), mag.end());
  rows.z = values_of<double>(training, "z");
  rows.id = values_of<std::int64_t>(training, "id");
  for (const std::int32_t mask : values_of<std::int32_t>(training, "observed")) rows.observed.push_back(static_cast<std::uint32_t>(mask));
  return rows;
}

struct DnfKernel::Output : EstimateColumns {
  explicit Output(Table& out)
      : EstimateColumns(out),
        z_err_param(out.at("z_err_param").values<float>()),
        z_err_fit(out.at("z_err_fit").values<float>()),
        d1_euclid(out.at("d1_euclid").values<float>()) {}
  std::span<float> z_err_param, z_err_fit, d1_euclid;
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
        mag_err(bands),
        pdf(kernel.pdf()) {}
  NeighbourSearch search;
  LocalFit fit;
  std::vector<double> z, mag, mag_err;
  PdfWriter pdf;
  std::vector<std::uint32_t> excluded;
};

DnfKernel::DnfKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
    : PhotozKernel(model, columns, pdf, output_schema()),
      options_(options),
      coverage_(model.tables.at("coverage").at("d1_euclid_99").values<double>()[0]),
      rows_(training_rows(model.tables.at("training"))),
      indices_(index_budget_bytes,
               [this](std::uint64_t mask) { return std::make_shared<const NeighbourIndex>(rows_, static_cast<std::uint32_t>(mask)); }) {
  if (!options_.leave_self_out) return;
  // Ids are no places: a sorted list finds the rows of one, of which there may be several.
  for (std::uint32_t i = 0; i < rows_.n_rows; ++i) rows_by_id_.emplace_back(rows_.id[i], i);
  std::sort(rows_by_id_.begin(), rows_by_id_.end());
}

std::vector<std::string> DnfKernel::needs() const {
  std::vector<std::string> names = PhotozKernel::needs();
  if (options_.leave_self_out) names.push_back(options_.id);
  return names;
}

void DnfKernel::run(const Table& in, Table& out, int threads) const {
  const Photometry photometry = photometry_of(in);
  const Output output(out);
  std::vector<std::int64_t> ids(options_.leave_self_out ? in.rows() : 0);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = in.at(options_.id).integer(i);
  const auto by_mask = objects_by_mask(in.rows(), [&](std::size_t row) { return usable_bands(photometry, row); });
  for (const auto& [mask, objects] : by_mask) run_mask(mask, objects, photometry, ids, output, threads);
}

/// Estimates objects that have the same bands.
void DnfKernel::run_mask(std::uint32_t mask, const std::vector<std::uint32_t>& objects, const Photometry& photometry,
                         std::span<const std::int64_t> ids, const Output& output, int threads) const {
  const std::size_t all_bands = photometry.n_bands;
  // One index for each combination of bands: distances with missing bands would be of another space.
  const std::shared_ptr<const NeighbourIndex> index = mask == 0 ? nullptr : indices_.get(mask, objects.size());
  if (!index || index->rows() == 0) {
    const std::int32_t reason = mask == 0 ? photoz_no_band : photoz_few_neighbours;
    const bool is_partial = std::popcount(mask) < static_cast<int>(all_bands);
    for (const std::uint32_t row : objects) output.set_missing(row, std::popcount(mask), reason | (is_partial ? photoz_missing_band : 0));
    return;
  }
  const std::span<const std::uint32_t> bands = index->band_list();
  std::vector<double> mag(bands.size());
  // Only the bands of the mask, side by side, as the index has them.
  const auto take = [&](const auto& from, std::size_t row, std::vector<double>& to) {
    for (std::size_t b = 0; b < bands.size(); ++b) to[b] = from[row * all_bands + bands[b]];
  };
  const auto place_of = [&](std::size_t row) {
    take(photometry.mag, row, mag);
    return index->block_of(mag.data());
  };
  estimate_by_place(
      objects, threads, place_of, [&] { return std::make_unique<Worker>(*this, bands.size()); },
      [&](std::size_t row, Worker& worker) {
        take(photometry.mag, row, worker.mag);
        take(photometry.mag_err, row, worker.mag_err);
        estimate(*index, {row, ids.empty() ? 0 : ids[row], worker.mag, worker.mag_err}, worker, output);
      });
}

void DnfKernel::estimate(const NeighbourIndex& index, const Object& object, Worker& worker, const Output& output) const {
  const std::size_t bands = index.bands(), row = object.row;
  const Neighbours found = worker.search.find(index, object.mag.data(), training_copies(index, object, worker));
  std::int32_t flags = bands < rows_.n_bands ? photoz_missing_band : 0;
  if (found.n == 0) {
    output.set_missing(row, static_cast<std::int32_t>(bands), flags | photoz_few_neighbours);
    return;
  }
  for (std::size_t i = 0; i < found.n; ++i) worker.z[i] = rows_.z[found.row[i]];
  const std::span<const double> z(worker.z.data(), found.n);
  const Estimate e =
      options_.fit ? worker.fit.fit(found, z, bands, object.mag.data(), object.mag_err.data()) : worker.fit.weighted_mean(found, z);
  const double euclid = std::sqrt(found.nearest_euclid2);
  if (e.is_few) flags |= photoz_few_neighbours;
  if (e.is_deficient) flags |= photoz_rank_deficient;
  flags |= range_flags(e.z);
  // Mean square distances grow in proportion to the bands that they sum over.
  // Farther than the training set's own objects are from each other.
  if (euclid > coverage_ * std::sqrt(static_cast<double>(bands) / static_cast<double>(rows_.n_bands))) flags |= photoz_outside_coverage;
  if (std::isnan(e.err_param2)) flags |= photoz_no_magnitude_error;
  flags |= worker.pdf.write_grid(e.z, worker.fit.residual(), worker.fit.weight(), kernel_width(e.err_fit, e.n), row, output);
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
