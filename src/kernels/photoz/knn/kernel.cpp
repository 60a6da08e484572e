#include "kernel.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/photoz/flags.hpp"

namespace skyfold::knn {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr float nan_f4 = std::numeric_limits<float>::quiet_NaN();
constexpr std::int64_t no_id = -1;
constexpr std::size_t queries_per_chunk = 256;
constexpr std::size_t index_budget_bytes = std::size_t{128} << 20;
constexpr double one_sigma = 0.158655253931457;  // the normal distribution below -1 sigma

Schema output_schema(const PdfOptions& pdf, std::size_t neighbours) {
  Schema schema = {
      {"z_phot", Type::f8, 1, "", "src.redshift.phot", "photometric redshift", ""},
      {"z_err", Type::f4, 1, "", "stat.error;src.redshift.phot", "half of the central 68.3 % interval of the PDF", ""},
      {"z_nn", Type::f8, 1, "", "src.redshift", "spectroscopic redshift of the nearest training object", ""},
      {"d1", Type::f4, 1, "", "arith.diff", "distance of the nearest training object in the metric", ""},
      {"nn_id", Type::i8, 1, "", "meta.id", "identifier of the nearest training object", "", no_id},
      {"n_neighbours", Type::i4, 1, "", "meta.number", "neighbours that z_phot rests on", ""},
      {"n_bands", Type::i4, 1, "", "meta.number;instr.bandpass", "bands observed", ""},
      {"flags", Type::i4, 1, "", "meta.code", "bits that qualify the row; 0: nothing remarkable", ""},
  };
  const std::string density = "stat.probability;src.redshift.phot";
  if (pdf.kind == "interp")
    schema.push_back(
        {pdf_column, Type::f4, static_cast<std::size_t>(pdf.bins), "", density, "probability density of the redshift on the grid", ""});
  if (pdf.kind == "mixmod") {
    schema.push_back({pdf_means_column, Type::f4, neighbours, "", density, "centres of the PDF's Gaussians", ""});
    schema.push_back({pdf_stds_column, Type::f4, neighbours, "", density, "their standard deviations", ""});
    schema.push_back({pdf_weights_column, Type::f4, neighbours, "", density, "their weights, sum 1", ""});
  }
  return schema;
}

}  // namespace

TrainingRows training_rows(const Table& training) {
  TrainingRows rows;
  const auto copy = [](auto values, auto& out) { out.assign(values.begin(), values.end()); };
  rows.n_rows = training.rows();
  rows.n_features = training.at("feature").info().width;
  copy(training.at("id").values<std::int64_t>(), rows.id);
  copy(training.at("z").values<double>(), rows.z);
  copy(training.at("weight").values<double>(), rows.weight);
  copy(training.at("feature").values<double>(), rows.feature);
  rows.present.assign(rows.n_rows, 0);
  for (std::size_t i = 0; i < rows.n_rows; ++i)
    for (std::size_t f = 0; f < rows.n_features; ++f)
      rows.present[i] |= std::uint64_t{!std::isnan(rows.feature[i * rows.n_features + f])} << f;
  return rows;
}

Table training_table(const TrainingRows& rows) {
  Table table({{"id", Type::i8, 1, "", "meta.id", "identifier", ""},
               {"z", Type::f8, 1, "", "src.redshift", "spectroscopic redshift", ""},
               {"weight", Type::f8, 1, "", "stat.weight", "weight of the object, mean 1", ""},
               {"feature", Type::f8, rows.n_features, "", "", "standardised features; NaN where missing", ""}},
              rows.n_rows);
  std::copy(rows.id.begin(), rows.id.end(), table[0].values<std::int64_t>().begin());
  std::copy(rows.z.begin(), rows.z.end(), table[1].values<double>().begin());
  std::copy(rows.weight.begin(), rows.weight.end(), table[2].values<double>().begin());
  std::copy(rows.feature.begin(), rows.feature.end(), table[3].values<double>().begin());
  return table;
}

/// The output columns; those of PDFs are empty when none are asked for.
struct KnnKernel::Output {
  explicit Output(Table& out)
      : z_phot(out[0].values<double>()),
        z_err(out[1].values<float>()),
        z_nn(out[2].values<double>()),
        d1(out[3].values<float>()),
        nn_id(out[4].values<std::int64_t>()),
        n_neighbours(out[5].values<std::int32_t>()),
        n_bands(out[6].values<std::int32_t>()),
        flags(out[7].values<std::int32_t>()) {
    for (std::size_t i = 8; i < out.columns(); ++i) {
      pdf[i - 8] = out[i].values<float>();
      width[i - 8] = out[i].info().width;
    }
  }

  void set_missing(std::size_t row, std::int32_t bands, std::int32_t flag) const {
    z_phot[row] = z_nn[row] = nan;
    z_err[row] = d1[row] = nan_f4;
    nn_id[row] = no_id;
    n_neighbours[row] = 0;
    n_bands[row] = bands;
    flags[row] = flag;
    for (std::size_t k = 0; k < 3; ++k)
      if (width[k] > 0) std::fill_n(pdf[k].begin() + static_cast<std::ptrdiff_t>(row * width[k]), width[k], nan_f4);
  }

  std::span<double> z_phot;
  std::span<float> z_err;
  std::span<double> z_nn;
  std::span<float> d1;
  std::span<std::int64_t> nn_id;
  std::span<std::int32_t> n_neighbours, n_bands, flags;
  std::span<float> pdf[3];
  std::size_t width[3] = {};
};

/// The input rows as the estimate needs them.
struct KnnKernel::Block {
  Photometry photometry;
  Features features;
};

/// Buffers of one thread.
struct KnnKernel::Worker {
  explicit Worker(const KnnKernel& kernel) : maker(kernel.rows_, kernel.spacing_.median, kernel.options_.scatter) {
    if (kernel.pdf_.kind == "interp") grid.emplace(kernel.pdf_);
  }
  NeighbourSearch search;
  MixtureMaker maker;
  std::optional<GaussianPdf> grid;
  std::vector<double> place, residual;
};

KnnKernel::KnnKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
    : options_(options),
      point_(options.point == "mode"   ? Point::mode
             : options.point == "mean" ? Point::mean
                                       : Point::median),
      pdf_(pdf),
      bands_(model.bands),
      columns_(columns),
      layer_(options.features, model.bands.bands),
      rows_(training_rows(model.tables.at("training"))),
      metric_(rows_.n_features),
      z_min_(model.z_min),
      z_max_(model.z_max),
      indices_(index_budget_bytes, [this](std::uint64_t mask) { return std::make_shared<const MaskIndex>(rows_, metric_, mask); }) {
  layer_.restore(model.tables.at("features"));
  const auto matrix = model.tables.at("metric").at("matrix").values<double>();
  metric_ = Metric(rows_.n_features, {matrix.begin(), matrix.end()});
  const Table& spacing = model.tables.at("spacing");
  spacing_ = {spacing.at("median").number(0), spacing.at("percentile99").number(0)};
}

std::vector<std::string> KnnKernel::needs() const {
  std::vector<std::string> names = columns_.magnitude;
  names.insert(names.end(), columns_.error.begin(), columns_.error.end());
  return names;
}

Schema KnnKernel::gives() const { return output_schema(pdf_, static_cast<std::size_t>(options_.neighbours)); }

void KnnKernel::mark_failed(Table& out) const {
  const Output output(out);
  for (std::size_t i = 0; i < out.rows(); ++i) output.set_missing(i, 0, photoz_failed);
}

void KnnKernel::run(const Table& in, Table& out, int threads) const {
  Block block;
  gather_photometry(in, columns_, bands_, bands_.limits, block.photometry);
  layer_.gather(block.photometry, block.features);
  const Output output(out);
  std::map<std::uint64_t, std::vector<std::uint32_t>> by_mask;
  for (std::size_t i = 0; i < in.rows(); ++i) by_mask[block.features.present[i]].push_back(static_cast<std::uint32_t>(i));
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

/// Estimates objects that have the same features, in the order of the tree's leaves: successive searches then look at the
/// same memory.
void KnnKernel::run_mask(std::uint64_t mask, const std::vector<std::uint32_t>& objects, const Block& block, const Output& output,
                         int threads) const {
  const std::shared_ptr<const MaskIndex> index = mask == 0 ? nullptr : indices_.get(mask, objects.size());
  const std::size_t width = layer_.size();
  for (const std::uint32_t object : objects) {
    const std::int32_t bands = std::popcount(block.photometry.observed[object]);
    output.n_bands[object] = bands;
    if (index && index->tree().size() > 0) continue;
    output.set_missing(object, bands, band_flags(object, block) | (bands == 0 ? photoz_no_band : photoz_few_neighbours));
  }
  if (!index || index->tree().size() == 0) return;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> order(objects.size());
  std::vector<double> place(index->dimensions());
  for (std::size_t i = 0; i < objects.size(); ++i) {
    index->embed(&block.features.value[objects[i] * width], place.data());
    order[i] = {index->tree().leaf_of(place.data()), objects[i]};
  }
  std::sort(order.begin(), order.end());

  std::vector<std::unique_ptr<Worker>> workers(static_cast<std::size_t>(threads));
  parallel_for(order.size(), queries_per_chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
    std::unique_ptr<Worker>& worker = workers[static_cast<std::size_t>(thread)];
    if (!worker) worker = std::make_unique<Worker>(*this);
    worker->place.resize(index->dimensions());
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t object = order[i].second;
      index->embed(&block.features.value[object * width], worker->place.data());
      estimate(*index, object, band_flags(object, block), *worker, output);
    }
  });
}

void KnnKernel::estimate(const MaskIndex& index, std::size_t object, std::int32_t flags, Worker& worker, const Output& output) const {
  const auto wanted = static_cast<std::size_t>(options_.neighbours);
  const std::span<const Neighbour> found = worker.search.find(index.tree(), worker.place.data(), wanted);
  worker.maker.centres(found);
  const Mixture& mixture = worker.maker.widen(options_.sigma);
  const double z = point_ == Point::mode ? mixture.mode() : point_ == Point::mean ? mixture.mean() : mixture.quantile(0.5);
  const double nearest = std::sqrt(found[0].distance2);
  if (found.size() < wanted) flags |= photoz_few_neighbours;
  if (z < z_min_ || z > z_max_) flags |= photoz_extrapolated;
  // Mean square distances grow in proportion to the features that they sum over.
  if (nearest > spacing_.percentile99 * std::sqrt(static_cast<double>(index.dimensions()) / static_cast<double>(layer_.size())))
    flags |= photoz_outside_coverage;
  write_pdf(worker, mixture, object, flags, output);
  output.z_phot[object] = z;
  output.z_err[object] = static_cast<float>(0.5 * (mixture.quantile(1.0 - one_sigma) - mixture.quantile(one_sigma)));
  output.z_nn[object] = rows_.z[found[0].row];
  output.d1[object] = static_cast<float>(nearest);
  output.nn_id[object] = rows_.id[found[0].row];
  output.n_neighbours[object] = static_cast<std::int32_t>(found.size());
  output.flags[object] = flags;
}

void KnnKernel::write_pdf(Worker& worker, const Mixture& mixture, std::size_t object, std::int32_t& flags, const Output& output) const {
  if (worker.grid) {
    const double centre = mixture.mean();
    worker.residual.resize(mixture.size());
    for (std::size_t i = 0; i < mixture.size(); ++i) worker.residual[i] = mixture.z()[i] - centre;
    const double mass =
        worker.grid->fill(centre, worker.residual, mixture.weight(), mixture.sigma(), &output.pdf[0][object * output.width[0]]);
    if (mass < 0.5) flags |= photoz_pdf_off_grid;
  } else if (output.width[0] > 0) {
    const std::size_t width = output.width[0];
    for (std::size_t i = 0; i < width; ++i) {  // a mixture of fewer Gaussians is filled up with some of no weight
      const std::size_t from = std::min(i, mixture.size() - 1);
      output.pdf[0][object * width + i] = static_cast<float>(mixture.z()[from]);
      output.pdf[1][object * width + i] = static_cast<float>(mixture.sigma());
      output.pdf[2][object * width + i] = i < mixture.size() ? static_cast<float>(mixture.weight()[from]) : 0.0f;
    }
  }
}

}  // namespace skyfold::knn
