// The algorithm `trainz`: every object gets the redshift distribution of the training set. It knows nothing of magnitudes, so that
// whatever does know something must do better.
#include <bit>

#include "../common/binned_pdf.hpp"
#include "../common/model.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/photoz/flags.hpp"

namespace skyfold {
namespace {

struct TrainzOptions {
  long bins = 100;
  std::string point = "median";
};

void describe_options(OptionSet& option, TrainzOptions& o) {
  option("trainz.bins", o.bins, "bins of the redshift distribution, over the range of the training redshifts").range(1, 100000);
  option("trainz.point", o.point, "what z_phot is of the distribution").one_of({"median", "mode", "mean"});
}

class TrainzKernel final : public PhotozKernel {
 public:
  TrainzKernel(const TrainzOptions& o, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
      : PhotozKernel(model, columns, pdf,
                     {photoz_column::z_phot(), photoz_column::z_err("half of the central 68.3 % interval of the distribution"),
                      photoz_column::n_bands("bands observed"), photoz_column::flags()}),
        distribution_(binned_pdf(model.tables.at("nz"))),
        z_phot_(point_of(distribution_, o.point)),
        z_err_(central_half_width(distribution_)) {
    if (pdf.kind == "interp") grid_ = pdf_grid(pdf);
  }

  void run(const Table& in, Table& out, int threads) const override {
    const Photometry photometry = photometry_of(in);
    const EstimateColumns output(out);
    parallel_for(in.rows(), 1024, threads, [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t row = begin; row < end; ++row) {
        const int bands = std::popcount(photometry.observed[row]);
        output.z_phot[row] = z_phot_;
        output.z_err[row] = static_cast<float>(z_err_);
        output.n_bands[row] = bands;
        // An object without any band has the same estimate: no band is used.
        output.flags[row] = (bands < static_cast<int>(photometry.n_bands) ? photoz_missing_band : 0);
        if (!grid_.empty()) output.flags[row] |= distribution_.write(grid_, row, output);
      }
    });
  }

 private:
  BinnedPdf distribution_;
  double z_phot_, z_err_;
  std::vector<double> grid_;
};

class Trainz final : public PhotozAlgorithm {
 public:
  std::string name() const override { return "trainz"; }
  std::string summary() const override { return "the training set's redshift distribution for every object: what others must beat"; }
  void describe(OptionSet& option) override { describe_options(option, options_); }
  bool uses_weights() const override { return true; }

  void train(const TrainingSet& set, TrainingTasks& /*tasks*/, PhotozModel& model) const override {
    check_training_set(set, name(), 1);
    model.algorithm = name();
    model.parameters = parameters_of(options_, describe_options);
    model.tables["nz"] = redshift_distribution(set, options_.bins, "trainz.bins");
  }

  std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf) const override {
    return std::make_unique<TrainzKernel>(options_of<TrainzOptions>(model, describe_options), model, columns, pdf);
  }

 private:
  TrainzOptions options_;
};

}  // namespace

std::unique_ptr<PhotozAlgorithm> make_trainz() { return std::make_unique<Trainz>(); }

}  // namespace skyfold
