// Estimates by many models: chunks of objects through all of them, and each model's error from the residuals of similar objects.
#include "kernel.hpp"

#include <cmath>

#include "../common/model.hpp"
#include "../common/network_objects.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold::annz2 {
namespace {

Schema output_schema() {
  return {photoz_column::z_phot(),
          photoz_column::z_err("half of the central 68.3 % interval of the PDF"),
          {"z_best", Type::f8, 1, "", "src.redshift.phot", "redshift of the best model", ""},
          {"z_best_err", Type::f4, 1, "", "stat.error;src.redshift.phot", "its error by nearest neighbours", ""},
          {"z_mean", Type::f8, 1, "", "src.redshift.phot;stat.mean", "mean of the PDF", ""},
          {"z_std", Type::f4, 1, "", "stat.stdev;src.redshift.phot", "standard deviation of the PDF", ""},
          {"in_train", Type::i4, 1, "", "meta.code",
           "1: its neighbours of known redshift are as near as those of 99 % of the held-out objects", "", -1},
          photoz_column::n_bands("bands observed"),
          photoz_column::flags()};
}

/// The table of residuals, once it is known to fit.
const Table& residuals_of(const PhotozModel& model, const Ensemble& ensemble) {
  const Table& table = model.tables.at("scatter");
  if (table.at("residual").info().width != ensemble.members.size())
    throw DataError("the model has residuals of other models than those that answer (damaged)");
  return table;
}

template <class Restored>
Restored restored(Restored made, const Table& table) {
  made.restore(table);
  return made;
}

}  // namespace

bool complete_errors(std::span<double> scatter, std::span<const double> usual) {
  constexpr double least = 1e-3;
  bool is_known = true;
  for (std::size_t m = 0; m < scatter.size(); ++m) {
    if (!std::isfinite(scatter[m])) is_known = false, scatter[m] = usual[m];
    scatter[m] = std::max(scatter[m], least);
  }
  return is_known;
}

/// Buffers of one thread.
struct Annz2Kernel::Worker {
  explicit Worker(const Annz2Kernel& kernel)
      : pass(kernel.transforms_, kernel.ensemble_.members), pdf(kernel.pdf()), z(kernel.ensemble_.in_pdf()), sigma(z), weight(z) {}
  [[nodiscard]] std::span<double> input() noexcept { return pass.input(); }
  void run() { pass.run(); }

  MemberPass pass;
  PdfWriter pdf;
  Mixture mixture;
  std::vector<double> z, sigma, weight;  ///< of the members in the PDF
};

/// Columns beside those of all algorithms.
struct Annz2Kernel::Output {
  explicit Output(Table& out)
      : shared(out),
        z_best(out.at("z_best").values<double>()),
        z_mean(out.at("z_mean").values<double>()),
        z_best_err(out.at("z_best_err").values<float>()),
        z_std(out.at("z_std").values<float>()),
        in_train(out.at("in_train").values<std::int32_t>()) {}
  EstimateColumns shared;
  std::span<double> z_best, z_mean;
  std::span<float> z_best_err, z_std;
  std::span<std::int32_t> in_train;
};

Annz2Kernel::Annz2Kernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
    : PhotozKernel(model, columns, pdf, output_schema(),
                   ensemble_of(model, network::Inputs(options.features, model.bands.bands).size()).in_pdf()),
      inputs_(restored(network::Inputs(options.features, model.bands.bands), model.tables.at("inputs"))),
      transforms_(restored(Transforms(inputs_.size()), model.tables.at("transforms"))),
      ensemble_(ensemble_of(model, inputs_.size())),
      errors_(residuals_of(model, ensemble_), static_cast<std::size_t>(options.neighbours)),
      reach_(model.tables.at("coverage").at("reach").number(0)),
      point_(options.point) {}

void Annz2Kernel::run(const Table& in, Table& out, int threads) const {
  const Photometry photometry = photometry_of(in);
  Features features;
  inputs_.layer().gather(photometry, features);
  const Output output(out);
  const std::size_t members = ensemble_.members.size();
  std::vector<double> scatter(in.rows() * members), farthest(in.rows());
  {
    Features places = features;
    inputs_.make_places(places);
    errors_.estimate(places, NearestNeighbourErrors::Measure::half_width, scatter, threads, farthest);
  }
  estimate_by_networks(
      inputs_, photometry, features, output.shared, threads, [&] { return std::make_unique<Worker>(*this); },
      [&](std::size_t row, std::size_t place, std::int32_t flags, Worker& worker) {
        estimate(row, place, std::span(scatter).subspan(row * members, members), farthest[row], flags, worker, output);
      });
}

void Annz2Kernel::estimate(std::size_t row, std::size_t place, std::span<double> scatter, double farthest, std::int32_t flags,
                           Worker& worker, const Output& output) const {
  if (!complete_errors(scatter, ensemble_.usual)) flags |= photoz_few_neighbours;
  std::size_t n = 0;
  for (std::size_t m = 0; m < scatter.size(); ++m) {
    if (!(ensemble_.weight[m] > 0.0)) continue;
    worker.z[n] = worker.pass.z(m, place);
    worker.sigma[n] = scatter[m];
    worker.weight[n++] = ensemble_.weight[m];
  }
  worker.mixture.set(worker.z, worker.sigma, worker.weight);
  const Mixture& pdf = worker.mixture;
  const double best = worker.pass.z(ensemble_.best, place), mean = pdf.mean();
  double variance = 0.0;
  for (std::size_t i = 0; i < n; ++i)
    variance += pdf.weight()[i] * (pdf.widths()[i] * pdf.widths()[i] + (pdf.z()[i] - mean) * (pdf.z()[i] - mean));
  const double z = point_ == "best" ? best : point_of(pdf, point_);
  // Without neighbours `farthest` is no number, and the object is in no part of the training set.
  const bool is_in_train = farthest <= reach_;
  flags |= range_flags(z) | worker.pdf.write(pdf, row, output.shared) | (is_in_train ? 0 : photoz_outside_coverage);
  output.shared.z_phot[row] = z;
  output.shared.z_err[row] = static_cast<float>(central_half_width(pdf));
  output.z_best[row] = best;
  output.z_best_err[row] = static_cast<float>(scatter[ensemble_.best]);
  output.z_mean[row] = mean;
  output.z_std[row] = static_cast<float>(std::sqrt(variance));
  output.in_train[row] = is_in_train ? 1 : 0;
  output.shared.flags[row] = flags;
}

}  // namespace skyfold::annz2
