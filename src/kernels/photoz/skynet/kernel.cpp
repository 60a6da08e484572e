// Estimates by classification networks: the mean of all nets' bins is the PDF. See docs/skynet.md.
#include "kernel.hpp"

#include <algorithm>

#include "../common/binned_pdf.hpp"
#include "../common/model.hpp"
#include "../common/network_objects.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold::skynet {
namespace {

using network::chunk;

Schema output_schema() {
  return {photoz_column::z_phot(), photoz_column::z_err("half of the central 68.3 % interval of the PDF"),
          photoz_column::n_bands("bands observed"), photoz_column::flags()};
}

}  // namespace

network::Shape shape_of(const Options& o, std::size_t inputs, std::size_t classes) {
  network::Shape shape;
  shape.units.push_back(inputs);
  for (const double n : o.hidden) shape.units.push_back(static_cast<std::size_t>(n));
  shape.units.push_back(classes);
  return shape;
}

/// Buffers of one thread.
struct SkynetKernel::Worker {
  explicit Worker(const SkynetKernel& of)
      : kernel(of),
        pass(kernel.shape_),
        of_class(kernel.bins_.classes() * chunk),
        fine(kernel.bins_.fine() * chunk),
        of_object(kernel.bins_.fine()),
        pdf({kernel.bins_.edges().begin(), kernel.bins_.edges().end()}) {}

  [[nodiscard]] std::span<double> input() noexcept { return pass.input(); }
  /// Probabilities of the fine bins of a chunk, from all nets.
  void run() {
    std::ranges::fill(fine, 0.0);
    const std::size_t n = kernel.shape_.weights();
    for (std::size_t net = 0; net < kernel.bins_.nets(); ++net) {
      pass.forward(std::span<const double>(kernel.weights_).subspan(net * n, n));
      softmax(pass.output().data(), kernel.bins_.classes(), of_class.data());
      for (std::size_t b = 0; b < kernel.bins_.fine(); ++b) {
        const double share = kernel.bins_.share_of(b, net);
        const double* from = &of_class[kernel.bins_.class_of(b, net) * chunk];
        for (std::size_t o = 0; o < chunk; ++o) fine[b * chunk + o] += share * from[o];
      }
    }
  }
  /// The PDF of an object of the chunk.
  const BinnedPdf& pdf_of(std::size_t object) {
    for (std::size_t b = 0; b < of_object.size(); ++b) of_object[b] = fine[b * chunk + object];
    pdf.set(of_object);
    return pdf;
  }

  const SkynetKernel& kernel;
  network::Pass pass;
  std::vector<double> of_class, fine, of_object;
  BinnedPdf pdf;
};

SkynetKernel::SkynetKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
    : PhotozKernel(model, columns, pdf, output_schema()),
      options_(options),
      inputs_(options.features, model.bands.bands),
      bins_(values_of<double>(model.tables.at("bins"), "edge"), static_cast<std::size_t>(options.nets)),
      shape_(shape_of(options, inputs_.size(), bins_.classes())),
      weights_(values_of<double>(model.tables.at("nets"), "weights")) {
  inputs_.restore(model.tables.at("inputs"));
  // From a file: what does not fit would be read as other weights.
  if (weights_.size() != shape_.weights() * bins_.nets())
    throw DataError("the model's nets are not of the size that its parameters tell (damaged)");
  if (pdf.kind == "interp") grid_ = pdf_grid(pdf);
}

void SkynetKernel::run(const Table& in, Table& out, int threads) const {
  const Photometry photometry = photometry_of(in);
  Features features;
  inputs_.layer().gather(photometry, features);
  const EstimateColumns output(out);
  estimate_by_networks(
      inputs_, photometry, features, output, threads, [&] { return std::make_unique<Worker>(*this); },
      [&](std::size_t row, std::size_t place, std::int32_t flags, Worker& worker) {
        const BinnedPdf& pdf = worker.pdf_of(place);
        const double z = point_of(pdf, options_.point);
        flags |= range_flags(z);
        if (!grid_.empty()) flags |= pdf.write(grid_, row, output);
        output.z_phot[row] = z;
        output.z_err[row] = static_cast<float>(central_half_width(pdf));
        output.flags[row] = flags;
      });
}

}  // namespace skyfold::skynet
