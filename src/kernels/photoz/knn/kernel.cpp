// Estimates from the nearest training objects: see docs/knn.md.
#include "kernel.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "../common/model.hpp"
#include "../common/objects.hpp"
#include "skyfold/kernels/photoz/flags.hpp"

namespace skyfold::knn {
namespace {

constexpr std::size_t index_budget_bytes = std::size_t{128} << 20;
constexpr double one_sigma = 0.158655253931457;  // the normal distribution below -1 sigma

Schema output_schema() {
  return {photoz_column::z_phot(),
          photoz_column::z_err("half of the central 68.3 % interval of the PDF"),
          photoz_column::z_nn(),
          photoz_column::d1(),
          photoz_column::nn_id(),
          photoz_column::n_neighbours(),
          photoz_column::n_bands("bands observed"),
          photoz_column::flags()};
}

}  // namespace

TrainingRows training_rows(const Table& training) {
  TrainingRows rows;
  rows.n_rows = training.rows();
  rows.n_features = training.at("feature").info().width;
  rows.id = values_of<std::int64_t>(training, "id");
  rows.z = values_of<double>(training, "z");
  rows.weight = values_of<double>(training, "weight");
  rows.feature = values_of<double>(training, "feature");
  rows.present.assign(rows.n_rows, 0);
  for (std::size_t i = 0; i < rows.n_rows; ++i)
    // What is there is told by the values: a model file has no masks.
    for (std::size_t f = 0; f < rows.n_features; ++f)
      rows.present[i] |= std::uint64_t{!std::isnan(rows.feature[i * rows.n_features + f])} << f;
  return rows;
}

Table training_table(const TrainingRows& rows) {
  Table table;
  add_values(table, {"id", Type::i8, 1, "", "meta.id", "identifier", ""}, rows.id);
  add_values(table, {"z", Type::f8, 1, "", "src.redshift", "spectroscopic redshift", ""}, rows.z);
  add_values(table, {"weight", Type::f8, 1, "", "stat.weight", "weight of the object, mean 1", ""}, rows.weight);
  add_values(table, {"feature", Type::f8, rows.n_features, "", "", "standardised features; NaN where missing", ""}, rows.feature);
  return table;
}

/// The input rows as the estimate needs them.
struct KnnKernel::Block {
  Photometry photometry;
  Features features;
};

/// Buffers of one thread.
struct KnnKernel::Worker {
  explicit Worker(const KnnKernel& kernel)
      : maker(kernel.rows_, kernel.spacing_.median, kernel.options_.scatter), pdf(kernel.pdf()), place(kernel.layer_.size()) {}
  NeighbourSearch search;
  MixtureMaker maker;
  PdfWriter pdf;
  std::vector<double> place;
};

KnnKernel::KnnKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
    : PhotozKernel(model, columns, pdf, output_schema(), static_cast<std::size_t>(options.neighbours)),
      options_(options),
      point_(options.point == "mode"   ? Point::mode
             : options.point == "mean" ? Point::mean
                                       : Point::median),
      layer_(options.features, model.bands.bands),
      rows_(training_rows(model.tables.at("training"))),
      metric_(rows_.n_features),
      indices_(index_budget_bytes, [this](std::uint64_t mask) { return std::make_shared<const MaskIndex>(rows_, metric_, mask); }) {
  // The layer is made anew from the options, then gets the training set's means: names that differ are noticed there.
  layer_.restore(model.tables.at("features"));
  metric_ = Metric(rows_.n_features, values_of<double>(model.tables.at("metric"), "matrix"));
  const Table& spacing = model.tables.at("spacing");
  spacing_ = {spacing.at("median").number(0), spacing.at("percentile99").number(0)};
}

void KnnKernel::run(const Table& in, Table& out, int threads) const {
  Block block{photometry_of(in), {}};
  layer_.gather(block.photometry, block.features);
  const EstimateColumns output(out);
  // Objects with the same features go together: they share an index, in which distances have the same meaning.
  const auto by_mask = objects_by_mask(in.rows(), [&](std::size_t row) { return std::uint64_t{block.features.present[row]}; });
  for (const auto& [mask, objects] : by_mask) run_mask(mask, objects, block, output, threads);
}

/// A band is missing where it was not observed; a feature can be missing for want of an error alone.
std::int32_t KnnKernel::band_flags(std::size_t object, const Block& block) const {
  std::int32_t flags = 0;
  const std::uint32_t observed = block.photometry.observed[object];
  if (std::popcount(observed) < static_cast<int>(block.photometry.n_bands)) flags |= photoz_missing_band;
  for (std::size_t f = 0; f < layer_.size(); ++f)
    if (layer_.is_error(f) && (observed & layer_.bands_of(f)) != 0 && !(block.features.present[object] >> f & 1))
      flags |= photoz_no_magnitude_error;
  return flags;
}

/// Estimates objects that have the same features.
void KnnKernel::run_mask(std::uint64_t mask, const std::vector<std::uint32_t>& objects, const Block& block, const EstimateColumns& output,
                         int threads) const {
  const std::shared_ptr<const MaskIndex> index = mask == 0 ? nullptr : indices_.get(mask, objects.size());
  const std::size_t width = layer_.size();
  for (const std::uint32_t object : objects) {
    const std::int32_t bands = std::popcount(block.photometry.observed[object]);
    output.n_bands[object] = bands;
    // No training object has these features, or the object has none: a row of missing values, with the reason.
    if (index && index->tree().size() > 0) continue;
    output.set_missing(object, bands, band_flags(object, block) | (bands == 0 ? photoz_no_band : photoz_few_neighbours));
  }
  if (!index || index->tree().size() == 0) return;
  std::vector<double> place(index->dimensions());
  // Objects are taken leaf by leaf: neighbours of one are in the cache for the next.
  const auto place_of = [&](std::size_t object) {
    index->embed(&block.features.value[object * width], place.data());
    return index->tree().leaf_of(place.data());
  };
  estimate_by_place(
      objects, threads, place_of, [&] { return std::make_unique<Worker>(*this); },
      [&](std::size_t object, Worker& worker) {
        index->embed(&block.features.value[object * width], worker.place.data());
        estimate(*index, object, band_flags(object, block), worker, output);
      });
}

void KnnKernel::estimate(const MaskIndex& index, std::size_t object, std::int32_t flags, Worker& worker,
                         const EstimateColumns& output) const {
  const auto wanted = static_cast<std::size_t>(options_.neighbours);
  const std::span<const Neighbour> found = worker.search.find(index.tree(), worker.place.data(), wanted);
  worker.maker.centres(found);
  const Mixture& mixture = worker.maker.widen(options_.sigma);
  const double z = point_ == Point::mode ? mixture.mode() : point_ == Point::mean ? mixture.mean() : mixture.quantile(0.5);
  const double nearest = std::sqrt(found[0].distance2);
  if (found.size() < wanted) flags |= photoz_few_neighbours;
  flags |= range_flags(z);
  // Mean square distances grow in proportion to the features that they sum over.
  if (nearest > spacing_.percentile99 * std::sqrt(static_cast<double>(index.dimensions()) / static_cast<double>(layer_.size())))
    flags |= photoz_outside_coverage;
  // On a grid the kernels are laid about the mean, as residuals.
  flags |= worker.pdf.write(worker.pdf.is_on_grid() ? mixture.mean() : 0.0, mixture.z(), mixture.weight(), mixture.sigma(), object, output);
  output.z_phot[object] = z;
  output.z_err[object] = static_cast<float>(0.5 * (mixture.quantile(1.0 - one_sigma) - mixture.quantile(one_sigma)));
  output.z_nn[object] = rows_.z[found[0].row];
  output.d1[object] = static_cast<float>(nearest);
  output.nn_id[object] = rows_.id[found[0].row];
  output.n_neighbours[object] = static_cast<std::int32_t>(found.size());
  output.flags[object] = flags;
}

}  // namespace skyfold::knn
