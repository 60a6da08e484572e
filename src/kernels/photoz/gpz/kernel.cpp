// Estimates by a sparse Gaussian process: see docs/gpz.md.
#include "kernel.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "../../common/eigen.hpp"
#include "../common/model.hpp"
#include "../common/objects.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/photoz/band_flags.hpp"

namespace skyfold::gpz {
namespace {

using network::chunk;
using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

ColumnInfo part_column(const char* name, const char* description) {
  return {name, Type::f4, 1, "", "stat.error;src.redshift.phot", description, ""};
}

}  // namespace

MissingFeatures::Rule MissingFeatures::rule(std::uint64_t mask) const {
  Rule rule;
  std::vector<Eigen::Index> in, out;
  for (std::size_t f = 0; f < mean_.size(); ++f) {
    (mask >> f & 1 ? rule.there : rule.missing).push_back(f);
    (mask >> f & 1 ? in : out).push_back(static_cast<Eigen::Index>(f));
  }
  const auto n = static_cast<Eigen::Index>(mean_.size());
  const Eigen::Map<const RowMatrix> all(covariance_.data(), n, n);
  // Nothing to predict, or nothing to predict it by: Eigen's solvers want matrices that are not empty.
  if (out.empty()) return rule;
  if (in.empty()) {
    rule.covariance.assign(covariance_.begin(), covariance_.end());
    return rule;
  }
  Eigen::MatrixXd known = all(in, in);
  // Features that do not vary, or that others determine, must not stop it.
  known.diagonal().array() += 1e-9;
  const RowMatrix regression = known.ldlt().solve(all(in, out).eval()).transpose();
  const RowMatrix rest = all(out, out) - regression * all(in, out);
  rule.regression.assign(regression.data(), regression.data() + regression.size());
  rule.covariance.assign(rest.data(), rest.data() + rest.size());
  return rule;
}

void MissingFeatures::fill(const Rule& rule, std::span<double> feature) const {
  for (std::size_t i = 0; i < rule.missing.size(); ++i)
    for (std::size_t o = 0; o < chunk; ++o) {
      double value = mean_[rule.missing[i]];
      for (std::size_t k = 0; k < rule.there.size(); ++k)
        value += rule.regression[i * rule.there.size() + k] * (feature[rule.there[k] * chunk + o] - mean_[rule.there[k]]);
      feature[rule.missing[i] * chunk + o] = value;
    }
}

/// The input rows as the estimate needs them.
struct GpzKernel::Block {
  Photometry photometry;
  Features features;
  std::span<float> err_model, err_noise;
};

/// Buffers of one thread.
struct GpzKernel::Worker {
  Worker(const GpzKernel& kernel)
      : input(kernel.inputs_.size() * chunk),
        buffers(kernel.layout_),
        mean(chunk),
        model(chunk),
        noise(chunk),
        pdf(kernel.pdf()),
        one(kernel.layout_.features),
        gradient(kernel.layout_.features) {}
  std::vector<double> input;
  Predictor::Buffers buffers;
  std::vector<double> mean, model, noise;
  PdfWriter pdf;
  std::vector<double> one, gradient;
};

GpzKernel::GpzKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
    : PhotozKernel(model, columns, pdf,
                   {photoz_column::z_phot(), photoz_column::z_err("standard deviation of the PDF"),
                    part_column("z_err_model", "part of z_err that more training objects would remove"),
                    part_column("z_err_noise", "part of z_err that is the scatter of such objects"),
                    photoz_column::n_bands("bands observed"), photoz_column::flags()},
                   1),
      inputs_(options.features, model.bands.bands),
      layout_{static_cast<std::size_t>(options.basis), inputs_.layer().size()},
      mean_z_(model.tables.at("mean").at("z").number(0)),
      predictor_(layout_, values_of<double>(model.tables.at("parameters"), "value"),
                 {values_of<double>(model.tables.at("weights"), "mean"), values_of<double>(model.tables.at("weights"), "root")}),
      missing_(values_of<double>(model.tables.at("distribution"), "mean"),
               values_of<double>(model.tables.at("distribution"), "covariance")) {
  inputs_.restore(model.tables.at("features"));
}

void GpzKernel::run(const Table& in, Table& out, int threads) const {
  Block block{photometry_of(in), {}, out.at("z_err_model").values<float>(), out.at("z_err_noise").values<float>()};
  inputs_.layer().gather(block.photometry, block.features);
  const EstimateColumns output(out);
  const auto by_mask = objects_by_mask(in.rows(), [&](std::size_t row) { return std::uint64_t{block.features.present[row]}; });
  for (const auto& [mask, rows] : by_mask) {
    const MissingFeatures::Rule rule = missing_.rule(mask);
    std::vector<std::unique_ptr<Worker>> workers(static_cast<std::size_t>(threads));
    parallel_for(rows.size(), 8 * chunk, threads, [&, &rows = rows](std::size_t begin, std::size_t end, int thread) {
      auto& worker = workers[static_cast<std::size_t>(thread)];
      if (!worker) worker = std::make_unique<Worker>(*this);
      for (std::size_t first = begin; first < end; first += chunk)
        run_chunk(std::span(rows).subspan(first, std::min(chunk, end - first)), rule, block, *worker, output);
    });
  }
}

/// Objects with the same features.
void GpzKernel::run_chunk(std::span<const std::uint32_t> rows, const MissingFeatures::Rule& rule, const Block& block, Worker& worker,
                          const EstimateColumns& output) const {
  const std::size_t d = layout_.features;
  if (rule.there.empty()) {
    for (const std::uint32_t row : rows) {
      const std::int32_t bands = std::popcount(block.photometry.observed[row]);
      output.set_missing(row, bands,
                         band_flags(inputs_.layer(), block.photometry, row) | (bands == 0 ? photoz_no_band : photoz_few_neighbours));
    }
    return;
  }
  inputs_.fill(block.features, block.photometry.observed, rows, worker.input);
  const std::span<double> feature = std::span(worker.input).first(d * chunk);
  missing_.fill(rule, feature);
  predictor_.predict(feature, worker.buffers, worker.mean, worker.model, worker.noise);
  for (std::size_t o = 0; o < rows.size(); ++o) {
    const std::size_t row = rows[o];
    if (!rule.missing.empty()) {
      for (std::size_t f = 0; f < d; ++f) worker.one[f] = feature[f * chunk + o];
      predictor_.gradient(worker.one, worker.gradient);
      // To first order: what is not known of the missing features is not known of the function.
      const std::size_t n = rule.missing.size();
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = 0; k < n; ++k)
          worker.model[o] += rule.covariance[i * n + k] * worker.gradient[rule.missing[i]] * worker.gradient[rule.missing[k]];
    }
    const double z = mean_z_ + worker.mean[o], variance = std::max(worker.model[o], 0.0) + worker.noise[o], error = std::sqrt(variance);
    const double one = 1.0;
    output.z_phot[row] = z;
    output.z_err[row] = static_cast<float>(error);
    block.err_model[row] = static_cast<float>(std::sqrt(std::max(worker.model[o], 0.0)));
    block.err_noise[row] = static_cast<float>(std::sqrt(worker.noise[o]));
    output.n_bands[row] = std::popcount(block.photometry.observed[row]);
    output.flags[row] = band_flags(inputs_.layer(), block.photometry, row) | range_flags(z) |
                        (inputs_.is_outside(block.features, row) ? photoz_outside_coverage : 0) |
                        worker.pdf.write(z, std::span(&z, 1), std::span(&one, 1), error, row, output);
  }
}

}  // namespace skyfold::gpz
