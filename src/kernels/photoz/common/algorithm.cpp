// The list of photo-z algorithms, and the options of their PDFs. A new algorithm has an entry here.
#include "skyfold/kernels/photoz/algorithm.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/kernels/photoz/calibration.hpp"
#include "skyfold/kernels/photoz/pdf_conversion.hpp"

namespace skyfold {

// Each is in its own folder.
std::unique_ptr<PhotozAlgorithm> make_annz();
std::unique_ptr<PhotozAlgorithm> make_annz2();
std::unique_ptr<PhotozAlgorithm> make_arborz();
std::unique_ptr<PhotozAlgorithm> make_bpz();
std::unique_ptr<PhotozAlgorithm> make_cmnn();
std::unique_ptr<PhotozAlgorithm> make_combine();
std::unique_ptr<PhotozAlgorithm> make_dnf();
std::unique_ptr<PhotozAlgorithm> make_gpz();
std::unique_ptr<PhotozAlgorithm> make_knn();
std::unique_ptr<PhotozAlgorithm> make_lephare();
std::unique_ptr<PhotozAlgorithm> make_mdn();
std::unique_ptr<PhotozAlgorithm> make_pofz();
std::unique_ptr<PhotozAlgorithm> make_skynet();
std::unique_ptr<PhotozAlgorithm> make_tpz();
std::unique_ptr<PhotozAlgorithm> make_trainz();

namespace {

constexpr double grid_start_by_model = -1.0;
constexpr long grid_points_by_model = 301, most_grid_points = 100'000;

struct Entry {
  const char* name;
  std::unique_ptr<PhotozAlgorithm> (*make)();
};
// One a line.
// clang-format off
constexpr Entry algorithms[] = {
    {"annz", make_annz},
    {"annz2", make_annz2},
    {"arborz", make_arborz},
    {"bpz", make_bpz},
    {"cmnn", make_cmnn},
    {"combine", make_combine},
    {"dnf", make_dnf},
    {"gpz", make_gpz},
    {"knn", make_knn},
    {"lephare", make_lephare},
    {"mdn", make_mdn},
    {"pofz", make_pofz},
    {"skynet", make_skynet},
    {"tpz", make_tpz},
    {"trainz", make_trainz},
};
// clang-format on

long points_by_model(const PdfOptions& pdf, const PhotozModel& model) {
  const auto grid = model.tables.find(grid_table);
  if (grid == model.tables.end()) return grid_points_by_model;
  const double step = grid->second.rows() == 1 && grid->second.find("step") ? grid->second.at("step").number(0) : 0.0;
  if (!(step > 0.0)) throw DataError("the model's grid of PDFs has no step (damaged)");
  return std::clamp(1 + std::lround((pdf.zmax - pdf.zmin) / step), 2L, most_grid_points);
}

}  // namespace

PdfOptions pdf_by_model() {
  PdfOptions o;
  o.zmin = grid_start_by_model, o.zmax = 0.0, o.bins = 0;
  return o;
}

void describe(OptionSet& option, PdfOptions& o) {
  option("pdf", o.kind,
         "form of the redshift PDFs: none, interp (values on a grid), hist (bins), quant (quantiles), mixmod (mixtures of Gaussians), norm "
         "(one Gaussian), packed (bytes), sparse (few Gaussians of a dictionary)")
      .one_of({"none", "interp", "hist", "quant", "mixmod", "norm", "packed", "sparse"});
  option("pdf.zmin", o.zmin, "first redshift of the grid; -1: by the model's range").range(-1.0, 100.0);
  option("pdf.zmax", o.zmax, "last redshift of the grid; 0: by the model's range").range(0.0, 100.0);
  option("pdf.bins", o.bins, "grid points, both ends included; of hist: bins; 0: by the model, of sparse: 1001").range(0, most_grid_points);
  describe_pdf_sizes(option, o);
}

void describe_pdf_sizes(OptionSet& option, PdfOptions& o) {
  option("pdf.quantiles", o.quantiles, "quantiles of quant").range(3, 1000);
  option("pdf.gaussians", o.gaussians, "Gaussians of mixmod, fitted to the PDFs of an algorithm that has no mixtures").range(1, 64);
  option("pdf.bytes", o.bytes, "bytes of a packed PDF").range(32, 1000);
  option("pdf.bases", o.bases, "Gaussians of a sparse PDF, 4 bytes each").range(1, 64);
}

PdfOptions resolved_pdf(const PdfOptions& o, const PhotozModel& model) {
  PdfOptions pdf = o;
  // A tenth, in steps of 0.1: the grid must not depend on the last digits of one redshift.
  const double margin = 0.1 * std::max(model.z_max, 0.0);
  if (pdf.zmin == grid_start_by_model) pdf.zmin = std::max(0.0, std::floor((model.z_min - margin) * 10.0) / 10.0);
  if (pdf.zmin < 0.0) throw UsageError(fmt::format("pdf.zmin = {} (a redshift, or -1 for the model's range)", o.zmin));
  if (pdf.zmax == 0.0) pdf.zmax = std::max(pdf.zmin + 0.1, std::ceil(std::max(model.z_max, 0.0) * 11.0) / 10.0);
  if (pdf.bins == 0) pdf.bins = pdf.kind == "sparse" ? sparse_grid_points : points_by_model(pdf, model);
  (void)pdf_grid(pdf);
  return pdf;
}

std::vector<double> pdf_grid(const PdfOptions& o) {
  if (o.bins < 2) throw UsageError(fmt::format("pdf.bins = {} (a grid needs both ends)", o.bins));
  if (!(o.zmax > o.zmin)) throw UsageError(fmt::format("pdf.zmax = {} (must be above pdf.zmin = {})", o.zmax, o.zmin));
  std::vector<double> grid(static_cast<std::size_t>(o.bins));
  const double step = (o.zmax - o.zmin) / static_cast<double>(o.bins - 1);
  for (std::size_t i = 0; i < grid.size(); ++i) grid[i] = o.zmin + step * static_cast<double>(i);
  // Exactly, whatever the sum of the steps gives.
  grid.back() = o.zmax;
  return grid;
}

std::vector<std::string> photoz_algorithm_names() {
  std::vector<std::string> names;
  for (const Entry& entry : algorithms) names.emplace_back(entry.name);
  return names;
}

std::unique_ptr<PhotozAlgorithm> make_photoz_algorithm(const std::string& name) {
  for (const Entry& entry : algorithms)
    if (name == entry.name) return entry.make();
  const std::vector<std::string> names = photoz_algorithm_names();
  const std::string nearest = nearest_name(name, names);
  throw UsageError(fmt::format("unknown photo-z algorithm '{}' (there are: {}){}", name, join(names, ", "),
                               nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
}

}  // namespace skyfold
