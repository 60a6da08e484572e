// From the rows of a block to each object's nearest training objects, and what the neighbours alone say; what they make a redshift of
// is the algorithm's.
#include "neighbour_kernel.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "model.hpp"
#include "objects.hpp"
#include "skyfold/kernels/photoz/band_flags.hpp"

namespace skyfold {
namespace {

constexpr std::size_t index_budget_bytes = std::size_t{128} << 20;

Schema output_schema(const char* error, Schema own) {
  Schema schema = {photoz_column::z_phot(), photoz_column::z_err(error), photoz_column::z_nn(),
                   photoz_column::d1(),     photoz_column::nn_id(),      photoz_column::n_neighbours()};
  for (ColumnInfo& column : own) schema.push_back(std::move(column));
  schema.push_back(photoz_column::n_bands("bands observed"));
  schema.push_back(photoz_column::flags());
  return schema;
}

}  // namespace

/// The input rows as the estimate needs them.
struct NeighbourKernel::Block {
  Photometry photometry;
  Features features;
};

/// Buffers of one thread.
struct NeighbourKernel::Worker {
  Worker(const NeighbourKernel& kernel, Table& out) : estimator(kernel.make_estimator(out)), place(kernel.layer_.size()) {}
  NeighbourSearch search;
  std::unique_ptr<Estimator> estimator;
  std::vector<double> place;
};

NeighbourKernel::NeighbourKernel(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf,
                                 const FeatureOptions& features, std::size_t neighbours, const char* error, Schema schema,
                                 std::size_t gaussians)
    : PhotozKernel(model, columns, pdf, output_schema(error, std::move(schema)), gaussians),
      neighbours_(neighbours),
      layer_(features, model.bands.bands),
      rows_(feature_rows(model.tables.at("training"))),
      metric_(rows_.n_features),
      indices_(index_budget_bytes, [this](std::uint64_t mask) { return std::make_shared<const FeatureIndex>(rows_, metric_, mask); }) {
  // The layer is made anew from the options, then gets the training set's means: names that differ are noticed there.
  layer_.restore(model.tables.at("features"));
  metric_ = FeatureMetric(rows_.n_features, values_of<double>(model.tables.at("metric"), "matrix"));
  const Table& spacing = model.tables.at("spacing");
  spacing_ = {spacing.at("median").number(0), spacing.at("percentile99").number(0)};
}

void NeighbourKernel::run(const Table& in, Table& out, int threads) const {
  Block block{photometry_of(in), {}};
  layer_.gather(block.photometry, block.features);
  const EstimateColumns output(out);
  // Objects with the same features go together: they share an index, in which distances have the same meaning.
  const auto by_mask = objects_by_mask(in.rows(), [&](std::size_t row) { return std::uint64_t{block.features.present[row]}; });
  for (const auto& [mask, objects] : by_mask) run_mask(mask, objects, block, out, output, threads);
}

/// Estimates objects that have the same features.
void NeighbourKernel::run_mask(std::uint64_t mask, const std::vector<std::uint32_t>& objects, const Block& block, Table& out,
                               const EstimateColumns& output, int threads) const {
  const std::shared_ptr<const FeatureIndex> index = mask == 0 ? nullptr : indices_.get(mask, objects.size());
  const std::size_t width = layer_.size();
  for (const std::uint32_t object : objects) {
    const std::int32_t bands = std::popcount(block.photometry.observed[object]);
    output.n_bands[object] = bands;
    // No training object has these features, or the object has none: a row of missing values, with the reason.
    if (index && index->tree().size() > 0) continue;
    output.set_missing(object, bands, band_flags(layer_, block.photometry, object) | (bands == 0 ? photoz_no_band : photoz_few_neighbours));
  }
  if (!index || index->tree().size() == 0) return;
  std::vector<double> place(index->dimensions());
  // Objects are taken leaf by leaf: neighbours of one are in the cache for the next.
  const auto place_of = [&](std::size_t object) {
    index->embed(&block.features.value[object * width], place.data());
    return index->tree().leaf_of(place.data());
  };
  estimate_by_place(
      objects, threads, place_of, [&] { return std::make_unique<Worker>(*this, out); },
      [&](std::size_t object, Worker& worker) { estimate(*index, object, mask, block, worker, output); });
}

void NeighbourKernel::estimate(const FeatureIndex& index, std::size_t object, std::uint64_t mask, const Block& block, Worker& worker,
                               const EstimateColumns& output) const {
  const double* feature = &block.features.value[object * layer_.size()];
  index.embed(feature, worker.place.data());
  const std::span<const Neighbour> found = worker.search.find(index.tree(), worker.place.data(), neighbours_);
  const double nearest = std::sqrt(found[0].distance2);
  output.z_nn[object] = rows_.z[found[0].row];
  output.d1[object] = static_cast<float>(nearest);
  output.nn_id[object] = rows_.id[found[0].row];
  output.n_neighbours[object] = static_cast<std::int32_t>(found.size());
  std::int32_t flags = band_flags(layer_, block.photometry, object);
  if (found.size() < neighbours_) flags |= photoz_few_neighbours;
  // Mean square distances grow in proportion to the features that they sum over.
  if (nearest > spacing_.percentile99 * std::sqrt(static_cast<double>(index.dimensions()) / static_cast<double>(layer_.size())))
    flags |= photoz_outside_coverage;
  flags |= worker.estimator->estimate({object, feature, mask, found}, output);
  output.flags[object] = flags | range_flags(output.z_phot[object]);
}

}  // namespace skyfold
