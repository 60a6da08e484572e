// Counts over a product for its log: histograms of redshifts and errors, and how many objects have which flag.
#include "results.hpp"

#include <fmt/core.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/kernels/photoz/flags.hpp"

namespace skyfold {
namespace {

struct FlagName {
  std::int32_t bit;
  const char* meaning;
};
constexpr std::array<FlagName, 9> flag_names = {{{photoz_missing_band, "a band was not observed"},
                                                 {photoz_no_band, "no band is usable"},
                                                 {photoz_few_neighbours, "too few neighbours"},
                                                 {photoz_rank_deficient, "the neighbours do not determine a fit"},
                                                 {photoz_extrapolated, "outside the range of the training redshifts"},
                                                 {photoz_outside_coverage, "far from the training set"},
                                                 {photoz_no_magnitude_error, "a band has no error"},
                                                 {photoz_pdf_off_grid, "less than half of the PDF lies on the grid"},
                                                 {photoz_failed, "the computation failed"}}};

/// A histogram of fixed bins from 0; what lies outside is counted apart.
struct Histogram {
  double width;
  std::size_t bins;

  [[nodiscard]] std::size_t place(double value) const noexcept {  // the last one: outside, or NaN
    const double bin = value / width;
    return bin >= 0.0 && bin < static_cast<double>(bins) ? static_cast<std::size_t>(bin) : bins;
  }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return bins + 1; }

  [[nodiscard]] Series series(std::span<const std::int64_t> counts) const {
    std::size_t last = bins;
    // The bins are made for any survey; a plot ends where this one does.
    while (last > 1 && counts[last - 1] == 0) --last;
    std::vector<double> x, y;
    for (std::size_t i = 0; i < last; ++i) {
      x.push_back((static_cast<double>(i) + 0.5) * width);
      y.push_back(static_cast<double>(counts[i]));
    }
    return {"", "boxes lc rgb '#1f5fa8'", {x, y}};
  }
};
constexpr Histogram redshifts{0.02, 500}, errors{0.005, 400};

// Places in the counts: both histograms, the bits of flag_names, objects without any flag, objects with some.
constexpr std::size_t errors_at = redshifts.size(), flags_at = errors_at + errors.size();
constexpr std::size_t unflagged_at = flags_at + flag_names.size(), places = unflagged_at + 2;

/// Of PDFs on a grid; 0 for others.
double grid_step(const PdfOptions& pdf) {
  if (pdf.kind != "interp" && pdf.kind != "hist" && pdf.kind != "sparse") return 0.0;
  return (pdf.zmax - pdf.zmin) / static_cast<double>(pdf.kind == "hist" ? pdf.bins : pdf.bins - 1);
}

}  // namespace

PhotozCounts::PhotozCounts() : counts_(places) {}

void PhotozCounts::add(double z_phot, double z_err, std::int64_t flags) {
  ++counts_[redshifts.place(z_phot)];
  ++counts_[errors_at + errors.place(z_err)];
  // Whole numbers only, so that the sum over ranks is the same in any order.
  ++counts_[unflagged_at + (flags != 0 ? 1 : 0)];
  // An object counts for each of its flags, so these add up to more than the objects.
  for (std::size_t k = 0; k < flag_names.size(); ++k) counts_[flags_at + k] += (flags & flag_names[k].bit) != 0;
}

void PhotozCounts::describe(const std::string& name, bool has_flags, Process& process) const {
  const std::span counts(counts_);
  const std::string of_model = name.empty() ? "" : name + ": ", ending = name.empty() ? "" : "_" + name;
  if (has_flags) describe_flags(of_model, process);
  const std::string settings = "set xrange [0:*]\nset yrange [0:*]";
  process.add("results", Plot{"n_of_z" + ending,
                              of_model + "Photometric redshifts",
                              "z_phot",
                              fmt::format("objects in {}", redshifts.width),
                              settings,
                              {redshifts.series(counts.first(redshifts.size()))}});
  process.add("results", Plot{"errors" + ending,
                              of_model + "Errors",
                              "z_err",
                              fmt::format("objects in {}", errors.width),
                              settings,
                              {errors.series(counts.subspan(errors_at, errors.size()))}});
}

void PhotozCounts::describe_flags(const std::string& of_model, Process& process) const {
  const std::span counts(counts_);
  process.fact(of_model + "objects without any flag", grouped(counts[unflagged_at]));
  LogTable flags{of_model + "Flags", {"bit", "meaning", "objects"}, {}, "An object may have several."};
  for (std::size_t k = 0; k < flag_names.size(); ++k)
    if (counts[flags_at + k] > 0)
      flags.rows.push_back({std::to_string(flag_names[k].bit), flag_names[k].meaning, grouped(counts[flags_at + k])});
  // An empty table would leave open whether flags were counted at all.
  if (flags.rows.empty())
    process.add("results", of_model + "No object has a flag.");
  else
    process.add("results", flags);
}

ModelResults::ModelResults(const PhotozForm& form, std::string title, const std::string& prefix) : title_(std::move(title)) {
  const auto column = [&](const std::string& name) { return name.empty() || prefix.empty() ? name : prefix + "_" + name; };
  z_phot_ = column(form.z_phot), z_err_ = column(form.z_err), z_err_high_ = column(form.z_err_high), flags_ = column(form.flags);
}

void ModelResults::add(const RowReader& product, RowRange block, const Column* truth) {
  Table rows;
  for (const std::string& name : {z_phot_, z_err_, z_err_high_, flags_})
    if (!name.empty()) rows.add(product.schema()[*find_column(product.schema(), name)]);
  product.read(block, rows);
  const Column *z = rows.find(z_phot_), *err = rows.find(z_err_), *high = rows.find(z_err_high_), *flags = rows.find(flags_);
  const double step = grid_step(pdf_);
  const bool has_range = step > 0.0 || pdf_.kind == "packed";
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    double z_err = std::numeric_limits<double>::quiet_NaN();
    if (err) z_err = high ? 0.5 * (high->number(i) - err->number(i)) : err->number(i);
    counts_.add(z->number(i), z_err, flags ? flags->integer(i) : 0);
    if (has_range && std::isfinite(z->number(i))) {
      ++losses_[0];
      losses_[1] += flags && (flags->integer(i) & photoz_pdf_off_grid) != 0;
      losses_[2] += z_err < step;
    }
    const double z_spec = truth ? truth->number(i) : 0.0;
    if (z_spec > 0.0) sums_.add(z->number(i), z_spec, z_err);  // 0: a star, < 0: unknown
  }
}

void ModelResults::watch(const PdfOptions& pdf) { pdf_ = pdf; }

void ModelResults::tell_losses(Process& process) const {
  const std::string of_model = title_.empty() ? "" : title_ + ": ";
  const auto tell = [&](std::int64_t objects, const std::string& what) {
    if (objects == 0) return;
    const std::string line = fmt::format("{} of {} objects have {}", grouped(objects), grouped(losses_[0]), what);
    log_warning(of_model + line);
    process.fact(of_model + "PDFs that lose", line);
  };
  tell(losses_[1], fmt::format("less than half of their PDF between {} and {} (the rest is lost: --pdf.zmin, --pdf.zmax)",
                               shortest(pdf_.zmin), shortest(pdf_.zmax)));
  tell(losses_[2], fmt::format("an error below {:.4f}, the step of the grid (their PDFs are too wide: more --pdf.bins, or --pdf packed)",
                               grid_step(pdf_)));
}

std::string ModelResults::describe(Process& process) const {
  tell_losses(process);
  counts_.describe(title_, !flags_.empty(), process);
  const PhotozQuality quality = sums_.quality();
  if (quality.objects == 0) return "";
  const std::string of_model = title_.empty() ? "" : title_ + ": ";
  process.fact(of_model + "against known redshifts", describe_quality(quality));
  return of_model + describe_quality(quality);
}

}  // namespace skyfold
