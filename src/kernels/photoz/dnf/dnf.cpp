// The algorithm `dnf`: its options, and what a model of it holds.
#include <cmath>
#include <limits>

#include "../common/model.hpp"
#include "kernel.hpp"
#include "search.hpp"
#include "skyfold/core/statistics.hpp"

namespace skyfold {
namespace {

void describe_options(OptionSet& option, dnf::Options& o) {
  option("dnf.metric", o.metric, "distance: enf Euclidean, anf angular (for more than four bands), dnf their product")
      .one_of({"enf", "anf", "dnf"});
  option("dnf.neighbours", o.neighbours, "training objects that an estimate starts from").range(1, 1e6);
  option("dnf.preselect", o.preselect, "nearest objects in Euclidean distance that may be neighbours; 0: all").range(0, 1e9);
  option("dnf.fit", o.fit, "fit a plane to the neighbours' redshifts; false: mean weighted by 1/distance");
  option("dnf.leave_self_out", o.leave_self_out, "an object of the training set is not its own neighbour");
  option("dnf.id", o.id, "column of the object ids, read with dnf.leave_self_out only");
  option("dnf.kernel", o.kernel, "width of the PDF's kernels: from the neighbours' scatter, or dnf.sigma").one_of({"adaptive", "fixed"});
  option("dnf.sigma", o.sigma, "width of fixed kernels, in redshift").range(1e-6, 10.0);
  option("dnf.sigma_floor", o.sigma_floor, "smallest width of adaptive kernels, in redshift").range(1e-6, 10.0);
}

Table training_table(const TrainingSet& set) {
  const Photometry& photometry = set.photometry;
  const std::size_t n_bands = photometry.n_bands;
  std::vector<std::int32_t> observed(set.z.size());
  // The bands that can be compared, as the estimate sees them, not those that were merely looked at.
  for (std::size_t i = 0; i < observed.size(); ++i) observed[i] = static_cast<std::int32_t>(dnf::usable_bands(photometry, i));
  Table table;
  add_values(table, {"id", Type::i8, 1, "", "meta.id", "identifier", ""}, set.id);
  add_values(table, {"z", Type::f8, 1, "", "src.redshift", "spectroscopic redshift", ""}, set.z);
  add_values(table, {"mag", Type::f8, n_bands, "mag", "phot.mag", "magnitudes; the limit where not detected", ""}, photometry.mag);
  add_values(table, {"mag_err", Type::f8, n_bands, "mag", "stat.error;phot.mag", "their errors; 1 where not detected", ""},
             photometry.mag_err);
  add_values(table, {"observed", Type::i4, 1, "", "meta.code", "bit b set: band b was observed", ""}, observed);
  return table;
}

/// 99th percentile of the Euclidean distance of each training object with all bands to its nearest other one;
/// NaN with fewer than two such objects.
double coverage_distance(const dnf::TrainingRows& rows) {
  const std::uint32_t all = rows.n_bands < 32 ? (std::uint32_t{1} << rows.n_bands) - 1 : ~std::uint32_t{0};
  const dnf::NeighbourIndex index(rows, all);
  std::vector<double> distance;
  if (index.rows() < 2) return std::numeric_limits<double>::quiet_NaN();
  dnf::NeighbourSearch search(dnf::Metric::enf, 1, 0);
  for (const std::uint32_t row : index.row_list()) {  // in the index's order: each search starts from the last
    const std::uint32_t self[] = {row};
    distance.push_back(std::sqrt(search.find(index, &rows.mag[row * rows.n_bands], self).nearest_euclid2));
  }
  return quantile(distance, 0.99);
}

class Dnf final : public PhotozAlgorithm {
 public:
  std::string name() const override { return "dnf"; }
  std::string summary() const override {
    return "directional neighbourhood fitting: a plane through the redshifts of the nearest training objects";
  }
  void describe(OptionSet& option) override { describe_options(option, options_); }
  std::vector<SearchRange> searched_options() const override {
    return {{.option = "dnf.neighbours", .least = 10.0, .greatest = 300.0, .is_logarithmic = true, .is_whole = true},
            {.option = "dnf.metric", .choices = {"enf", "anf", "dnf"}}};
  }

  void train(const TrainingSet& set, TrainingTasks& /*tasks*/, PhotozModel& model) const override {
    check_training_set(set, name(), 2);
    model.algorithm = name();
    // Options travel with the model as text, by the description that parses the command line.
    model.parameters = parameters_of(options_, describe_options);
    model.tables["training"] = training_table(set);
    const double distance[] = {coverage_distance(dnf::training_rows(model.tables.at("training")))};
    Table coverage;
    add_values(coverage,
               {"d1_euclid_99", Type::f8, 1, "mag", "arith.diff;phot.mag",
                "99th percentile of the training objects' distances to their nearest", ""},
               std::span<const double>(distance));
    model.tables["coverage"] = std::move(coverage);
  }

  bool error_is_of_pdf() const override { return false; }
  std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf) const override {
    return std::make_unique<dnf::DnfKernel>(options_of<dnf::Options>(model, describe_options), model, columns, pdf);
  }

 private:
  dnf::Options options_;
};

}  // namespace

std::unique_ptr<PhotozAlgorithm> make_dnf() { return std::make_unique<Dnf>(); }

}  // namespace skyfold
