// Estimates by classification networks: the mean of all nets' bins is the PDF. See docs/skynet.md.
#include "kernel.hpp"

#include <algorithm>
#include <bit>

#include "../common/binned_pdf.hpp"
#include "../common/model.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/photoz/flags.hpp"

namespace skyfold::skynet {
namespace {

using network::chunk;

constexpr double one_sigma = 0.158655253931457;  // the normal distribution below -1 sigma
constexpr std::size_t chunks_per_task = 16;

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
  explicit Worker(const SkynetKernel& kernel)
      : pass(kernel.shape_),
        of_class(kernel.bins_.classes() * chunk),
        fine(kernel.bins_.fine() * chunk),
        of_object(kernel.bins_.fine()),
        pdf({kernel.bins_.edges().begin(), kernel.bins_.edges().end()}) {}

  /// Probabilities of the fine bins of a chunk, from all nets.
  void run(const SkynetKernel& kernel) {
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
  std::vector<std::uint32_t> rows;
  for (std::uint32_t row = 0; row < in.rows(); ++row) {
    if (photometry.observed[row] != 0)
      rows.push_back(row);
    else
      output.set_missing(row, 0, photoz_missing_band | photoz_no_band);
  }
  std::vector<std::unique_ptr<Worker>> workers(static_cast<std::size_t>(threads));
  parallel_for(rows.size(), chunks_per_task * chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
    auto& worker = workers[static_cast<std::size_t>(thread)];
    if (!worker) worker = std::make_unique<Worker>(*this);
    for (; begin < end; begin += chunk) {
      const auto some = std::span<const std::uint32_t>(rows).subspan(begin, std::min(chunk, end - begin));
      inputs_.fill(features, photometry.observed, some, worker->pass.input());
      worker->run(*this);
      for (std::size_t o = 0; o < some.size(); ++o) {
        const BinnedPdf& pdf = worker->pdf_of(o);
        const double z = options_.point == "mean" ? pdf.mean() : options_.point == "mode" ? pdf.mode() : pdf.quantile(0.5);
        std::int32_t flags = inputs_.flags(photometry, features, some[o]) | range_flags(z);
        if (!grid_.empty()) flags |= pdf.write(grid_, some[o], output);
        output.z_phot[some[o]] = z;
        output.z_err[some[o]] = static_cast<float>(0.5 * (pdf.quantile(1.0 - one_sigma) - pdf.quantile(one_sigma)));
        output.n_bands[some[o]] = std::popcount(photometry.observed[some[o]]);
        output.flags[some[o]] = flags;
      }
    }
  });
}

}  // namespace skyfold::skynet
