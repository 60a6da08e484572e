// How many points the grid of a model's PDFs has by default: by what is lost on objects that the model did not see.
#include "grid_choice.hpp"

#include "calibration.hpp"
#include "converter.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/photoz/pdf_layout.hpp"
#include "uniform_pdf.hpp"

namespace skyfold {
namespace {

constexpr long points_tried[] = {301, 401, 501, 601, 801, 1001};
constexpr long far_finer = 4;
constexpr double tolerated = 0.01;

/// PDFs of one thread, on a grid.
class OnGrid {
 public:
  OnGrid(const PdfOptions& grid) : row_(pdf_columns(grid, 1), 1), converter_(grid), pdf_(make_redshift_pdf(row_.schema(), grid)) {}

  double cde_loss(const RedshiftPdf& pdf, double z) {
    (void)converter_.write(pdf, 0, row_);
    return pdf_->set(row_, 0) ? pdf_->squared_integral() - 2.0 * pdf_->density(z) : 0.0;
  }

 private:
  Table row_;
  PdfConverter converter_;
  std::unique_ptr<RedshiftPdf> pdf_;
};

double mean_cde_loss(const HeldOutEstimates& held_out, const Calibration& calibration, const PdfOptions& grid, int threads) {
  struct Worker {
    std::unique_ptr<RedshiftPdf> pdf;
    OnGrid on_grid;
  };
  std::vector<double> loss(held_out.z.size(), 0.0);
  std::vector<std::uint8_t> has_pdf(loss.size(), 0);
  std::vector<std::unique_ptr<Worker>> workers(static_cast<std::size_t>(threads));
  parallel_for(loss.size(), 64, threads, [&](std::size_t begin, std::size_t end, int thread) {
    auto& worker = workers[static_cast<std::size_t>(thread)];
    if (!worker)
      worker = std::make_unique<Worker>(
          Worker{calibrated_pdf(calibration, make_uniform_pdf(held_out.columns.schema(), held_out.pdf)), OnGrid(grid)});
    for (std::size_t row = begin; row < end; ++row) {
      if (!worker->pdf->set(held_out.columns, row)) continue;
      has_pdf[row] = 1;
      loss[row] = worker->on_grid.cde_loss(*worker->pdf, held_out.z[row]);
    }
  });
  double sum = 0.0, weights = 0.0;
  for (std::size_t row = 0; row < loss.size(); ++row) {
    if (has_pdf[row] == 0) continue;
    const double weight = held_out.weight.empty() ? 1.0 : held_out.weight[row];
    sum += weight * loss[row];
    weights += weight;
  }
  return weights > 0.0 ? sum / weights : 0.0;
}

}  // namespace

GridChoice choose_grid(const HeldOutEstimates& held_out, const Calibration& calibration, const PhotozModel& model, int threads) {
  PdfOptions grid = resolved_pdf(pdf_by_model(), model);
  grid.kind = "interp";
  const auto loss_on = [&](long points) {
    grid.bins = points;
    return mean_cde_loss(held_out, calibration, grid, threads);
  };
  const double least = loss_on(far_finer * (*std::rbegin(points_tried) - 1) + 1);
  GridChoice choice;
  for (const long points : points_tried) {
    choice = {points, (grid.zmax - grid.zmin) / static_cast<double>(points - 1), loss_on(points) - least};
    if (choice.lost <= tolerated) break;
  }
  return choice;
}

}  // namespace skyfold
