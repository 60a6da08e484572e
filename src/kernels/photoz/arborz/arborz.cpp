// The algorithm `arborz`: its options, what a model of it holds, and the estimates of a block of objects. See docs/arborz.md.
#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>

#include "../common/binned_pdf.hpp"
#include "../common/estimates.hpp"
#include "../common/feature_range.hpp"
#include "../common/model.hpp"
#include "options.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/photoz/band_flags.hpp"

namespace skyfold {
namespace arborz {

void describe_options(OptionSet& option, Options& o) {
  describe(option, o.features, "arborz");
  option("arborz.bins", o.bins, "redshift bins of equal population").range(2, 1000);
  option("arborz.width", o.width, "a wider bin is cut into equal parts, as far as there are 20 objects for each").range(1e-4, 100.0);
  option("arborz.gap", o.gap, "bins on either side of a bin that are left out of what it is told apart from").range(0, 100);
  option("arborz.trees", o.trees, "boosted trees of each bin").range(1, 10000);
  option("arborz.shrinkage", o.shrinkage, "part of its answer that each tree adds").range(0.001, 1.0);
  option("arborz.calibration", o.calibration,
         "how sums of trees become probabilities: platt (a logistic curve), isotonic (any curve that never falls)")
      .one_of({"platt", "isotonic"});
  option("arborz.point", o.point, "what z_phot is of the PDF").one_of({"median", "mean", "mode"});
}

}  // namespace arborz

namespace {

constexpr std::size_t least_objects = 40, block_objects = 64;

Table bins_table(std::span<const double> edges, const std::vector<arborz::BinClassifier>& bins) {
  std::vector<double> slope, offset;
  std::vector<std::int32_t> end;
  for (const arborz::BinClassifier& bin : bins) {
    slope.push_back(bin.slope);
    offset.push_back(bin.offset);
    end.push_back((end.empty() ? 0 : end.back()) + static_cast<std::int32_t>(bin.trees.size()));
  }
  Table table;
  add_values(table, {"z_low", Type::f8, 1, "", "src.redshift;stat.min", "lower edge of the bin", ""}, edges.first(bins.size()));
  add_values(table, {"z_high", Type::f8, 1, "", "src.redshift;stat.max", "upper edge of the bin", ""}, edges.last(bins.size()));
  add_values(table, {"slope", Type::f8, 1, "", "", "p = 1 / (1 + exp(-(slope sum + offset)))", ""}, slope);
  add_values(table, {"offset", Type::f8, 1, "", "", "likewise", ""}, offset);
  add_values(table, {"end_tree", Type::i4, 1, "", "", "trees of this bin and of those before it", ""}, end);
  return table;
}

Table trees_table(const std::vector<arborz::BinClassifier>& bins) {
  using Tree = forest::SmallTree;
  std::size_t n = 0;
  for (const arborz::BinClassifier& bin : bins) n += bin.trees.size();
  Table table({{"threshold", Type::f4, Tree::nodes, "", "", "of nodes 0 to 6: values up to it go to node 2 k + 1, others to 2 k + 2", ""},
               {"attribute", Type::i4, Tree::nodes, "", "", "feature that node k asks for", ""},
               {"value", Type::f4, Tree::leaves, "", "", "what nodes 7 to 14 add", ""}},
              n);
  std::size_t row = 0;
  for (const arborz::BinClassifier& bin : bins)
    for (const Tree& tree : bin.trees) {
      std::ranges::copy(tree.threshold, table[0].values<float>().begin() + static_cast<std::ptrdiff_t>(row * Tree::nodes));
      std::ranges::copy(tree.attribute, table[1].values<std::int32_t>().begin() + static_cast<std::ptrdiff_t>(row * Tree::nodes));
      std::ranges::copy(tree.value, table[2].values<float>().begin() + static_cast<std::ptrdiff_t>(row * Tree::leaves));
      ++row;
    }
  return table;
}

Table curves_table(const std::vector<arborz::BinClassifier>& bins) {
  std::vector<double> score, probability;
  std::vector<std::int32_t> number;
  for (std::size_t b = 0; b < bins.size(); ++b) {
    score.insert(score.end(), bins[b].curve.score.begin(), bins[b].curve.score.end());
    probability.insert(probability.end(), bins[b].curve.probability.begin(), bins[b].curve.probability.end());
    number.insert(number.end(), bins[b].curve.score.size(), static_cast<std::int32_t>(b));
  }
  Table table;
  add_values(table, {"bin", Type::i4, 1, "", "meta.number", "whose curve it is a point of", ""}, number);
  add_values(table, {"score", Type::f8, 1, "", "", "sum of the trees", ""}, score);
  add_values(table, {"probability", Type::f8, 1, "", "stat.probability", "there; linear between points", ""}, probability);
  return table;
}

/// Gives the bins of a model with isotonic calibration their curves.
void take_curves(const Table& table, std::vector<arborz::BinClassifier>& bins) {
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const auto bin = static_cast<std::size_t>(table.at("bin").integer(i));
    if (bin >= bins.size()) throw DataError("the model has a curve of a bin that it does not have (damaged)");
    bins[bin].curve.score.push_back(table.at("score").number(i));
    bins[bin].curve.probability.push_back(table.at("probability").number(i));
  }
  for (const arborz::BinClassifier& bin : bins)
    if (bin.curve.score.empty()) throw DataError("the model has a bin without a curve (damaged)");
}

std::vector<arborz::BinClassifier> classifiers_of(const PhotozModel& model) {
  using Tree = forest::SmallTree;
  const Table &bins = model.tables.at("bins"), &trees = model.tables.at("trees");
  std::vector<arborz::BinClassifier> classifiers(bins.rows());
  std::size_t row = 0;
  for (std::size_t b = 0; b < bins.rows(); ++b) {
    classifiers[b].slope = bins.at("slope").number(b);
    classifiers[b].offset = bins.at("offset").number(b);
    for (const auto end = static_cast<std::size_t>(bins.at("end_tree").integer(b)); row < end; ++row) {
      Tree& tree = classifiers[b].trees.emplace_back();
      for (std::size_t k = 0; k < Tree::nodes; ++k) {
        tree.threshold[k] = trees.at("threshold").values<float>()[row * Tree::nodes + k];
        tree.attribute[k] = static_cast<std::uint16_t>(trees.at("attribute").values<std::int32_t>()[row * Tree::nodes + k]);
      }
      for (std::size_t k = 0; k < Tree::leaves; ++k) tree.value[k] = trees.at("value").values<float>()[row * Tree::leaves + k];
    }
  }
  return classifiers;
}

std::vector<double> edges_of(const Table& bins) {
  std::vector<double> edges = values_of<double>(bins, "z_low");
  edges.push_back(bins.at("z_high").number(bins.rows() - 1));
  return edges;
}

class ArborzKernel final : public PhotozKernel {
 public:
  ArborzKernel(const arborz::Options& o, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
      : PhotozKernel(model, columns, pdf,
                     {photoz_column::z_phot(), photoz_column::z_err("half of the central 68.3 % interval of the PDF"),
                      photoz_column::n_bands("bands observed"), photoz_column::flags()}),
        options_(o),
        layer_(o.features, model.bands.bands),
        range_(FeatureRange::of(model.tables.at("features"))),
        classifiers_(classifiers_of(model)),
        edges_(edges_of(model.tables.at("bins"))) {
    layer_.restore(model.tables.at("features"));
    if (o.calibration == "isotonic") take_curves(model.tables.at("curves"), classifiers_);
    if (pdf.kind == "interp") grid_ = pdf_grid(pdf);
  }

  void run(const Table& in, Table& out, int threads) const override {
    const Photometry photometry = photometry_of(in);
    const std::vector<float> value = arborz::filled_attributes(photometry, layer_);
    const EstimateColumns output(out);
    std::vector<std::unique_ptr<Worker>> workers(static_cast<std::size_t>(threads));
    parallel_for(in.rows(), block_objects, threads, [&](std::size_t begin, std::size_t end, int thread) {
      std::unique_ptr<Worker>& worker = workers[static_cast<std::size_t>(thread)];
      if (!worker) worker = std::make_unique<Worker>(*this);
      worker->classify(*this, &value[begin * layer_.size()], end - begin);
      for (std::size_t object = begin; object < end; ++object)
        estimate(object, object - begin, photometry, &value[object * layer_.size()], *worker, output);
    });
  }

 private:
  /// Buffers of one thread.
  struct Worker {
    explicit Worker(const ArborzKernel& kernel)
        : value(kernel.layer_.size() * block_objects),
          sum(kernel.classifiers_.size() * block_objects),
          probability(kernel.classifiers_.size()),
          pdf(kernel.edges_) {}

    /// Sums of all bins for a block, attribute by attribute; what is left of the block before does not matter.
    void classify(const ArborzKernel& kernel, const float* attributes, std::size_t n) {
      const std::size_t d = kernel.layer_.size();
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t a = 0; a < d; ++a) value[a * block_objects + i] = attributes[i * d + a];
      for (std::size_t b = 0; b < kernel.classifiers_.size(); ++b)
        forest::boosted_sums(kernel.classifiers_[b].trees, value.data(), block_objects, &sum[b * block_objects]);
    }
    std::vector<float> value, sum;
    std::vector<double> probability;
    BinnedPdf pdf;
  };

  void estimate(std::size_t object, std::size_t place, const Photometry& photometry, const float* value, Worker& worker,
                const EstimateColumns& output) const {
    const std::int32_t bands = std::popcount(photometry.observed[object]);
    std::int32_t flags = band_flags(layer_, photometry, object) | (range_.is_outside(value) ? photoz_outside_coverage : 0);
    if (bands == 0) return output.set_missing(object, 0, flags | photoz_no_band);
    for (std::size_t b = 0; b < classifiers_.size(); ++b)
      worker.probability[b] = classifiers_[b].probability(static_cast<double>(worker.sum[b * block_objects + place]));
    worker.pdf.set(worker.probability);
    const BinnedPdf& pdf = worker.pdf;
    const double z = point_of(pdf, options_.point);
    output.z_phot[object] = z;
    output.z_err[object] = static_cast<float>(central_half_width(pdf));
    output.n_bands[object] = bands;
    if (!grid_.empty()) flags |= pdf.write(grid_, object, output);
    output.flags[object] = flags | range_flags(z);
  }

  arborz::Options options_;
  FeatureLayer layer_;
  FeatureRange range_;
  std::vector<arborz::BinClassifier> classifiers_;
  std::vector<double> edges_, grid_;
};

class Arborz final : public PhotozAlgorithm {
 public:
  std::string name() const override { return "arborz"; }
  std::string summary() const override { return "boosted trees that tell each redshift bin from the rest, calibrated"; }
  void describe(OptionSet& option) override { arborz::describe_options(option, options_); }
  bool uses_weights() const override { return true; }
  std::vector<SearchRange> searched_options() const override {
    return {{.option = "arborz.bins", .least = 20, .greatest = 120, .is_whole = true},
            {.option = "arborz.trees", .least = 50, .greatest = 300, .is_logarithmic = true, .is_whole = true},
            {.option = "arborz.shrinkage", .least = 0.05, .greatest = 1.0, .is_logarithmic = true}};
  }

  void train(const TrainingSet& set, TrainingTasks& tasks, PhotozModel& model) const override {
    check_training_set(set, name(), least_objects);
    std::vector<double> z;
    std::vector<std::uint32_t> used;
    for (std::uint32_t i = 0; i < set.z.size(); ++i) {
      if (set.photometry.observed[i] == 0 || !(set.weight.empty() || set.weight[i] > 0.0)) continue;
      used.push_back(i);
      z.push_back(set.z[i]);
    }
    if (z.size() < least_objects)
      throw DataError(
          fmt::format("the training set has {} objects with a band and weight (arborz needs at least {})", z.size(), least_objects));
    FeatureLayer layer(options_.features, model.bands.bands);
    layer.standardise_by(set.photometry);
    const std::vector<double> edges = arborz::bin_edges(std::move(z), options_);
    const std::vector<arborz::BinClassifier> classifiers = arborz::train_bins(set, layer, edges, options_, tasks);
    model.algorithm = name();
    model.parameters = parameters_of(options_, arborz::describe_options);
    model.tables["features"] = layer.table();
    FeatureRange(arborz::filled_attributes(rows_of(set.photometry, used), layer), layer.size()).add_to(model.tables["features"]);
    model.tables["bins"] = bins_table(edges, classifiers);
    model.tables["trees"] = trees_table(classifiers);
    if (options_.calibration == "isotonic") model.tables["curves"] = curves_table(classifiers);
  }

  std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf) const override {
    return std::make_unique<ArborzKernel>(options_of<arborz::Options>(model, arborz::describe_options), model, columns, pdf);
  }

 private:
  arborz::Options options_;
};

}  // namespace

std::unique_ptr<PhotozAlgorithm> make_arborz() { return std::make_unique<Arborz>(); }

}  // namespace skyfold
