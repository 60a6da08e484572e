// Estimates of the objects of a block: their leaves in all trees, then a PDF of the redshifts in them. See docs/tpz.md.
#include "kernel.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "../common/model.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/photoz/band_flags.hpp"

namespace skyfold::tpz {
namespace {

constexpr double confidence_width = 0.02;            // Carrasco Kind & Brunner 2013, zConf
constexpr double first_cut = 0.2, last_cut = 0.005;  // parts of the histogram's peak, below which it is 0

Schema output_schema(bool is_histogram) {
  Schema schema = {photoz_column::z_phot(),
                   photoz_column::z_err("half of the central 68.3 % interval of the PDF"),
                   {"z_mean", Type::f4, 1, "", "src.redshift.phot;stat.mean", "mean of the PDF", ""},
                   {"z_conf", Type::f4, 1, "", "stat.probability", "part of the PDF within 0.02 (1 + z_phot) of z_phot", ""}};
  if (is_histogram) schema.push_back({"z_mode", Type::f4, 1, "", "src.redshift.phot", "redshift of the PDF's peak", ""});
  schema.push_back(photoz_column::n_bands("bands observed"));
  schema.push_back(photoz_column::flags());
  return schema;
}

}  // namespace

void put_trees(std::vector<forest::Tree>&& trees, PhotozModel& model) {
  std::vector<std::int64_t> first_node = {0}, first_row = {0};
  for (const forest::Tree& tree : trees) {
    first_node.push_back(first_node.back() + std::ssize(tree.nodes));
    first_row.push_back(first_row.back() + std::ssize(tree.rows));
  }
  Table nodes(
      {{"threshold", Type::f4, 1, "", "", "values up to it go to the child", ""},
       {"child", Type::i4, 1, "", "", "node of the smaller values, the other one follows; a leaf is its own child", ""},
       {"attribute", Type::i4, 1, "", "", "2 x feature, + 1: objects without it go to the child", ""},
       {"first_row", Type::i4, 1, "", "", "first of its rows in leaf_rows, those of the tree; they end where the next node's begin", ""}},
      static_cast<std::size_t>(first_node.back()));
  Table rows({{"row", Type::i4, 1, "", "", "training objects in the leaves, by row of `training`", ""}},
             static_cast<std::size_t>(first_row.back()));
  for (std::size_t t = 0; t < trees.size(); ++t) {
    forest::Tree& tree = trees[t];
    const auto first = static_cast<std::size_t>(first_node[t]);
    for (std::size_t k = 0; k < tree.nodes.size(); ++k) {
      nodes[0].values<float>()[first + k] = tree.nodes[k].threshold;
      nodes[1].values<std::int32_t>()[first + k] = static_cast<std::int32_t>(tree.nodes[k].child);
      nodes[2].values<std::int32_t>()[first + k] = 2 * tree.nodes[k].attribute + tree.nodes[k].missing_left;
      nodes[3].values<std::int32_t>()[first + k] = static_cast<std::int32_t>(tree.begin[k]);
    }
    std::copy(tree.rows.begin(), tree.rows.end(), rows[0].values<std::int32_t>().begin() + first_row[t]);
    tree = {};
  }
  Table table;
  add_values(table, {"end_node", Type::i8, 1, "", "", "nodes of this tree and of those before it", ""}, std::span(first_node).subspan(1));
  add_values(table, {"end_row", Type::i8, 1, "", "", "rows of leaves, likewise", ""}, std::span(first_row).subspan(1));
  model.tables["trees"] = std::move(table);
  model.tables["nodes"] = std::move(nodes);
  model.tables["leaf_rows"] = std::move(rows);
}

std::vector<forest::Tree> trees_of(const PhotozModel& model) {
  const Table &table = model.tables.at("trees"), &nodes = model.tables.at("nodes");
  const auto threshold = nodes.at("threshold").values<float>();
  const auto child = nodes.at("child").values<std::int32_t>(), attribute = nodes.at("attribute").values<std::int32_t>(),
             begin = nodes.at("first_row").values<std::int32_t>(), row = model.tables.at("leaf_rows").at("row").values<std::int32_t>();
  std::vector<forest::Tree> trees(table.rows());
  std::size_t first = 0, first_row = 0;
  for (std::size_t t = 0; t < trees.size(); ++t) {
    const auto end = static_cast<std::size_t>(table.at("end_node").integer(t)),
               end_row = static_cast<std::size_t>(table.at("end_row").integer(t));
    forest::Tree& tree = trees[t];
    for (std::size_t k = first; k < end; ++k) {
      tree.nodes.push_back({threshold[k], static_cast<std::uint32_t>(child[k]), static_cast<std::uint16_t>(attribute[k] / 2),
                            static_cast<std::uint16_t>(attribute[k] % 2)});
      tree.begin.push_back(static_cast<std::uint32_t>(begin[k]));
    }
    tree.begin.push_back(static_cast<std::uint32_t>(end_row - first_row));
    tree.rows.assign(row.begin() + static_cast<std::ptrdiff_t>(first_row), row.begin() + static_cast<std::ptrdiff_t>(end_row));
    first = end;
    first_row = end_row;
  }
  return trees;
}

LeafHistogram::LeafHistogram(std::span<const double> z, const Options& o)
    : z_(z),
      z_min_(z.front()),
      per_bin_(static_cast<double>(o.bins) / (z.back() - z.front())),
      count_(static_cast<std::size_t>(o.bins)),
      smooth_(count_.size()),
      pdf_(equal_bins(z.front(), z.back(), o.bins, "tpz.bins")) {
  const auto reach = static_cast<long>(std::floor(3.0 * o.smoothing));
  for (long k = -reach; k <= reach; ++k)
    kernel_.push_back(o.smoothing > 0.0 ? std::exp(-0.5 * std::pow(static_cast<double>(k) / o.smoothing, 2)) : 1.0);
}

const BinnedPdf& LeafHistogram::make(std::span<const Share> shares) {
  const std::size_t n = count_.size(), reach = kernel_.size() / 2;
  std::fill(count_.begin(), count_.end(), 0.0);
  for (const auto& [row, part] : shares) count_[std::min(static_cast<std::size_t>((z_[row] - z_min_) * per_bin_), n - 1)] += part;
  // A bin of just that part stays, however its sum was rounded.
  const double least = (1.0 - 1e-6) * first_cut * *std::max_element(count_.begin(), count_.end());
  std::fill(smooth_.begin(), smooth_.end(), 0.0);
  for (std::size_t b = 0; b < n; ++b) {
    if (count_[b] < least) continue;
    for (std::size_t k = b < reach ? reach - b : 0; k < kernel_.size() && b + k < n + reach; ++k)
      smooth_[b + k - reach] += count_[b] * kernel_[k];
  }
  const double cut = last_cut * *std::max_element(smooth_.begin(), smooth_.end());
  for (double& value : smooth_)
    if (value < cut) value = 0.0;
  pdf_.set(smooth_);
  return pdf_;
}

struct TpzKernel::Output : EstimateColumns {
  explicit Output(Table& out)
      : EstimateColumns(out),
        z_mean(out.at("z_mean").values<float>()),
        z_conf(out.at("z_conf").values<float>()),
        z_mode(out.find("z_mode") ? out.at("z_mode").values<float>() : std::span<float>()) {}
  std::span<float> z_mean, z_conf, z_mode;
};

/// Buffers of one thread.
struct TpzKernel::Worker {
  Worker(const TpzKernel& kernel, bool is_histogram)
      : block(kernel.trees_, kernel.weight_, !is_histogram),
        mixture(kernel.z_),
        histogram(kernel.z_, kernel.options_),
        writer(kernel.pdf()),
        grid(kernel.pdf().kind == "interp" ? pdf_grid(kernel.pdf()) : std::vector<double>()) {}
  LeafBlock block;
  ShareMixture mixture;
  LeafHistogram histogram;
  PdfWriter writer;
  std::vector<double> grid;
};

TpzKernel::TpzKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
    : PhotozKernel(model, columns, pdf, output_schema(options.pdf == "histogram"), options.pdf == "histogram" ? 0 : ShareMixture::most),
      options_(options),
      layer_(options.features, model.bands.bands),
      range_(FeatureRange::of(model.tables.at("features"))),
      trees_(trees_of(model)),
      z_(values_of<double>(model.tables.at("training"), "z")),
      weight_(values_of<float>(model.tables.at("training"), "weight")) {
  layer_.restore(model.tables.at("features"));
}

void TpzKernel::run(const Table& in, Table& out, int threads) const {
  const Photometry photometry = photometry_of(in);
  const std::vector<float> value = attributes_of(photometry, layer_);
  const Output output(out);
  std::vector<std::unique_ptr<Worker>> workers(static_cast<std::size_t>(threads));
  parallel_for(in.rows(), LeafBlock::objects, threads, [&](std::size_t begin, std::size_t end, int thread) {
    std::unique_ptr<Worker>& worker = workers[static_cast<std::size_t>(thread)];
    if (!worker) worker = std::make_unique<Worker>(*this, options_.pdf == "histogram");
    worker->block.find(&value[begin * layer_.size()], end - begin, layer_.size());
    for (std::size_t object = begin; object < end; ++object) {
      const std::int32_t bands = std::popcount(photometry.observed[object]);
      const std::int32_t outside = range_.is_outside(&value[object * layer_.size()]) ? photoz_outside_coverage : 0;
      const std::int32_t flags = band_flags(layer_, photometry, object) | outside;
      output.n_bands[object] = bands;
      if (bands == 0)
        output.set_missing(object, bands, flags | photoz_no_band);
      else
        estimate(worker->block.shares(object - begin), object, flags, *worker, output);
    }
  });
}

void TpzKernel::estimate(std::span<const Share> shares, std::size_t object, std::int32_t flags, Worker& worker,
                         const Output& output) const {
  const auto fill = [&](const auto& pdf) {
    const double mean = pdf.mean();
    const double z = options_.point == "mean" ? mean : options_.point == "mode" ? pdf.mode() : pdf.quantile(0.5);
    const double near = confidence_width * (1.0 + z);
    output.z_phot[object] = z;
    output.z_err[object] = this->pdf().only_pdf ? 0.0f : static_cast<float>(central_half_width(pdf));
    output.z_mean[object] = static_cast<float>(mean);
    output.z_conf[object] = static_cast<float>(pdf.cumulative(z + near) - pdf.cumulative(z - near));
    flags |= range_flags(z);
  };
  if (options_.pdf == "histogram") {
    const BinnedPdf& pdf = worker.histogram.make(shares);
    fill(pdf);
    output.z_mode[object] = static_cast<float>(pdf.mode());
    if (!worker.grid.empty()) flags |= pdf.write(worker.grid, object, output);
  } else {
    const Mixture& pdf = worker.mixture.make(shares, options_.sigma, options_.scatter);
    fill(pdf);
    if (this->pdf().kind != "none") flags |= worker.writer.write(pdf, object, output);
  }
  output.flags[object] = flags;
}

}  // namespace skyfold::tpz
