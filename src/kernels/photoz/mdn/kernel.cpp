// Estimates by mixture density networks: chunks of objects through all nets, then the mean of their mixtures. See docs/mdn.md.
#include "kernel.hpp"

#include "../common/model.hpp"
#include "../common/network_objects.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold::mdn {
namespace {

using network::chunk;

constexpr double least_weight = 1e-4;

Schema output_schema() {
  return {photoz_column::z_phot(), photoz_column::z_err("half of the central 68.3 % interval of the PDF"),
          photoz_column::n_bands("bands observed"), photoz_column::flags()};
}

}  // namespace

network::Shape shape_of(const Options& o, std::size_t inputs) {
  network::Shape shape;
  shape.units.push_back(inputs);
  for (const double n : o.hidden) shape.units.push_back(static_cast<std::size_t>(n));
  shape.units.push_back(3 * static_cast<std::size_t>(o.gaussians));
  return shape;
}

Ensemble::Ensemble(const network::Shape& shape, const MixtureOutputs& outputs, std::span<const double> weights)
    : pass_(shape), outputs_(outputs), weights_(weights), n_nets_(weights.size() / shape.weights()), n_weights_(shape.weights()) {
  for (auto* v : {&weight_, &z_, &sigma_}) v->resize(n_nets_ * outputs.gaussians() * chunk);
  for (auto* v : {&some_weight_, &some_z_, &some_sigma_}) v->resize(n_nets_ * outputs.gaussians());
}

void Ensemble::run() {
  const std::size_t size = outputs_.gaussians() * chunk;
  for (std::size_t net = 0; net < n_nets_; ++net) {
    pass_.forward(weights_.subspan(net * n_weights_, n_weights_));
    const auto part = [&](std::vector<double>& v) { return std::span<double>(v).subspan(net * size, size); };
    outputs_.read(pass_.output(), part(weight_), part(z_), part(sigma_));
  }
}

const Mixture& Ensemble::mixture(std::size_t object) {
  const double limit = least_weight * static_cast<double>(n_nets_);
  std::size_t n = 0;
  for (std::size_t k = 0; k < some_z_.size(); ++k) {
    const std::size_t at = k * chunk + object;
    if (weight_[at] < limit) continue;
    some_weight_[n] = weight_[at];
    some_z_[n] = z_[at];
    some_sigma_[n++] = sigma_[at];
  }
  mixture_.set(std::span(some_z_).first(n), std::span(some_sigma_).first(n), std::span(some_weight_).first(n));
  return mixture_;
}

/// Buffers of one thread.
struct MdnKernel::Worker {
  explicit Worker(const MdnKernel& kernel) : ensemble(kernel.shape_, kernel.outputs_, kernel.weights_), pdf(kernel.pdf()) {}
  [[nodiscard]] std::span<double> input() noexcept { return ensemble.input(); }
  void run() { ensemble.run(); }

  Ensemble ensemble;
  PdfWriter pdf;
};

MdnKernel::MdnKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
    : PhotozKernel(model, columns, pdf, output_schema(), static_cast<std::size_t>(options.nets * options.gaussians)),
      options_(options),
      inputs_(options.features, model.bands.bands),
      shape_(shape_of(options, inputs_.size())),
      outputs_(static_cast<std::size_t>(options.gaussians), options.narrowest),
      weights_(values_of<double>(model.tables.at("nets"), "weights")) {
  inputs_.restore(model.tables.at("inputs"));
  // From a file: what does not fit would be read as other weights.
  if (weights_.size() != shape_.weights() * static_cast<std::size_t>(options.nets))
    throw DataError("the model's nets are not of the size that its parameters tell (damaged)");
}

void MdnKernel::run(const Table& in, Table& out, int threads) const {
  const Photometry photometry = photometry_of(in);
  Features features;
  inputs_.layer().gather(photometry, features);
  const EstimateColumns output(out);
  estimate_by_networks(
      inputs_, photometry, features, output, threads, [&] { return std::make_unique<Worker>(*this); },
      [&](std::size_t row, std::size_t place, std::int32_t flags, Worker& worker) {
        estimate(worker.ensemble.mixture(place), row, flags, worker, output);
      });
}

void MdnKernel::estimate(const Mixture& mixture, std::size_t object, std::int32_t flags, Worker& worker,
                         const EstimateColumns& output) const {
  const bool only_pdf = pdf().only_pdf;
  const double z = only_pdf ? mixture.mean() : point_of(mixture, options_.point);
  flags |= range_flags(z) | worker.pdf.write(mixture, object, output);
  output.z_phot[object] = z;
  output.z_err[object] = only_pdf ? 0.0f : static_cast<float>(central_half_width(mixture));
  output.flags[object] = flags;
}

}  // namespace skyfold::mdn
