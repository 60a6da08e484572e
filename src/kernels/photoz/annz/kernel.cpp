// Estimates by a committee of networks: chunks of objects through all nets and back, which gives how z follows the magnitudes.
#include "kernel.hpp"

#include <cmath>

#include "../common/model.hpp"
#include "../common/network_objects.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold::annz {
namespace {

Schema output_schema() {
  return {photoz_column::z_phot(), photoz_column::z_err("from magnitude errors, spread of the nets and nearest-neighbour errors"),
          photoz_column::n_bands("bands observed"), photoz_column::flags()};
}

}  // namespace

network::Shape shape_of(const Options& o, const network::Inputs& inputs) {
  network::Shape shape{{inputs.size()}, network::Activation::logistic};
  if (o.hidden.empty()) shape.units.insert(shape.units.end(), 2, 2 * inputs.layer().size());
  for (const double n : o.hidden) shape.units.push_back(static_cast<std::size_t>(n));
  shape.units.push_back(1);
  return shape;
}

/// Buffers of one thread.
struct AnnzKernel::Worker {
  explicit Worker(const AnnzKernel& kernel, std::size_t bands)
      : committee(kernel.shape_, kernel.weights_, kernel.slopes_, bands), pdf(kernel.pdf()) {}
  [[nodiscard]] std::span<double> input() noexcept { return committee.input(); }
  void run() { committee.run(); }

  Committee committee;
  PdfWriter pdf;
  Mixture mixture;
};

AnnzKernel::AnnzKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
    : PhotozKernel(model, columns, pdf, output_schema(), 1),
      inputs_(options.features, model.bands.bands),
      shape_(shape_of(options, inputs_)),
      weights_(values_of<double>(model.tables.at("nets"), "weights")),
      usual_scatter_(model.tables.at("error").at("usual_scatter").number(0)),
      scale_(model.tables.at("error").at("scale").number(0)) {
  inputs_.restore(model.tables.at("inputs"));
  slopes_ = inputs_.slopes();
  if (options.neighbours > 0) scatter_.emplace(model.tables.at("scatter"), static_cast<std::size_t>(options.neighbours));
  // From a file: what does not fit would be read as other weights.
  if (weights_.size() != shape_.weights() * static_cast<std::size_t>(options.nets))
    throw DataError("the model's nets are not of the size that its parameters tell (damaged)");
}

void AnnzKernel::run(const Table& in, Table& out, int threads) const {
  const Photometry photometry = photometry_of(in);
  Features features;
  inputs_.layer().gather(photometry, features);
  const EstimateColumns output(out);
  std::vector<double> scatter(in.rows(), usual_scatter_);
  if (scatter_) {
    Features places = features;
    inputs_.make_places(places);
    scatter_->estimate_by_cell(places, NearestNeighbourErrors::Measure::absolute, scatter, threads);
  }
  estimate_by_networks(
      inputs_, photometry, features, output, threads, [&] { return std::make_unique<Worker>(*this, photometry.n_bands); },
      [&](std::size_t row, std::size_t place, std::int32_t flags, Worker& worker) {
        estimate(photometry, row, place, scatter[row], flags, worker, output);
      });
}

void AnnzKernel::estimate(const Photometry& photometry, std::size_t row, std::size_t object, double scatter, std::int32_t flags,
                          Worker& worker, const EstimateColumns& output) const {
  const double z = worker.committee.z(object);
  // Where no known object has these features, the usual one stands for theirs.
  if (std::isnan(scatter)) {
    scatter = usual_scatter_;
    flags |= photoz_few_neighbours;
  }
  const double* error = &photometry.mag_err[row * photometry.n_bands];
  const double z_err = scale_ * std::sqrt(worker.committee.variance(object, error, photometry.observed[row]) + scatter * scatter);
  constexpr double whole = 1.0;
  worker.mixture.set(std::span(&z, 1), std::span(&z_err, 1), std::span(&whole, 1));
  flags |= range_flags(z) | worker.pdf.write(worker.mixture, row, output);
  output.z_phot[row] = z;
  output.z_err[row] = static_cast<float>(z_err);
  output.flags[row] = flags;
}

}  // namespace skyfold::annz
