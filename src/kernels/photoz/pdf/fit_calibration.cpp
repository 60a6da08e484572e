// How a calibration is found, and whether it helps: fitted to what PDFs said of held-out objects, judged on those that it was not fitted
// to.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "../common/estimates.hpp"
#include "calibration.hpp"
#include "grid_choice.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/photoz/calibration.hpp"
#include "uniform_pdf.hpp"

namespace skyfold {
namespace {

constexpr double most_floor = 0.2;
constexpr double least_gap = 0.002;   // between places of the map: densities grow by at most 25
constexpr double pit_outlier = 1e-4;  // as validate has it
constexpr double one_sigma = 0.682689492137086;
constexpr std::size_t objects_per_bin = 2000, most_bins = 5;
constexpr double tolerated_ks = 0.002;   // by which bins of width may make PITs worse
constexpr double tolerated_cde = 0.005;  // of its size: what a sample of some thousand objects does not tell apart

struct Weighted {
  double value, weight;
};
/// Values at which the cumulated weight, half of each value's own on either side, reaches the shares; ends are the least and the greatest.
std::vector<double> weighted_quantiles(std::vector<Weighted> values, std::span<const double> shares) {
  std::ranges::sort(values, {}, &Weighted::value);
  double total = 0.0;
  for (const Weighted& v : values) total += v.weight;
  std::vector<double> found;
  double before = 0.0;
  std::size_t i = 0;
  for (const double share : shares) {
    while (i + 1 < values.size() && before + 0.5 * values[i].weight < share * total) before += values[i++].weight;
    const double here = before + 0.5 * values[i].weight;
    if (i == 0 || here <= share * total) {
      found.push_back(values[i].value);
      continue;
    }
    const double last = before - 0.5 * values[i - 1].weight, t = (share * total - last) / (here - last);
    found.push_back(values[i - 1].value + t * (values[i].value - values[i - 1].value));
  }
  return found;
}

std::vector<double> levels() {
  std::vector<double> level;
  for (std::size_t k = 0; k < Calibration::knots; ++k)
    level.push_back(static_cast<double>(k) / static_cast<double>(Calibration::knots - 1));
  return level;
}

/// The share of the distribution of all redshifts for which the densities at the known ones are most likely: the likelihood is
/// concave, so its slope has one root.
double likeliest_floor(std::span<const SeenTruth> objects, const Calibration& calibration) {
  const auto slope = [&](double floor) {
    double sum = 0.0;
    for (const SeenTruth& o : objects) {
      const double all = calibration.all_density(o.z), mixed = (1.0 - floor) * o.density + floor * all;
      if (mixed > 0.0) sum += o.weight * (all - o.density) / mixed;
    }
    return sum;
  };
  // At 0 itself objects of no density count without end; a floor of less than one object in a million is none.
  double low = 1e-6, high = most_floor;
  if (!(slope(low) > 0.0)) return 0.0;
  if (slope(high) > 0.0) return high;
  for (int step = 0; step < 40; ++step) {
    const double middle = 0.5 * (low + high);
    (slope(middle) > 0.0 ? low : high) = middle;
  }
  return low;
}

/// Keeps places increasing, from 0 to 1, at least a gap apart.
void separate(std::vector<double>& places) {
  const std::size_t last = places.size() - 1;
  places.front() = 0.0;
  places.back() = 1.0;
  for (std::size_t k = 1; k < last; ++k) places[k] = std::max(places[k], places[k - 1] + least_gap);
  for (std::size_t k = last; k-- > 1;) places[k] = std::min(places[k], places[k + 1] - least_gap);
}

/// What is kept of an object's PDF for all steps.
struct Judged {
  std::vector<SeenTruth> truth;
  std::vector<std::size_t> row;  ///< of the estimates
  std::vector<double> width;     ///< half of the central 68.3 % interval
};

/// PDFs of these widths, and the distribution of all redshifts among them (see Calibration::all_z).
struct WidthBin {
  double above, up_to;
  std::vector<double> all_z = {};

  [[nodiscard]] bool holds(double width) const noexcept { return width > above && !(width > up_to); }
};

class Judgement {
 public:
  Judgement(const HeldOutEstimates& held_out, const PhotozModel& model, int threads)
      : held_out_(held_out), model_(model), threads_(threads), own_error_(!make_photoz_algorithm(model.algorithm)->error_is_of_pdf()) {}

  CalibrationReport run() {
    look();
    CalibrationReport report;
    report.objects = judged_.truth.size();
    if (judged_.truth.size() < held_out_.parts * 20) {
      report.before = report.after = {nan_, nan_, nan_, nan_};
      report.text = fmt::format("not calibrated: {} held-out objects have a PDF (too few)", judged_.truth.size());
      return report;
    }
    report.before = quality(std::vector<Calibration>(held_out_.parts, Calibration::identity()), false).of_all;
    Tried tried = attempt(1);
    // In bins of width where there are objects enough, and where the loss is less by more than its error.
    if (const std::size_t bins = std::min(judged_.truth.size() / objects_per_bin, most_bins); bins > 1)
      if (Tried binned = attempt(bins); pays(binned, tried)) tried = std::move(binned);
    report.after = tried.quality.of_all;
    report.calibration = std::move(tried.calibration);
    const double loss = report.after.cde - report.before.cde;
    report.helps = report.after.pit_ks < report.before.pit_ks && !(loss > tolerated_cde * std::abs(report.before.cde));
    if (!report.helps) withhold(report, tried.by_part);
    report.text = text_of(report);
    return report;
  }

 private:
  static constexpr double nan_ = std::numeric_limits<double>::quiet_NaN();

  struct Measured {
    PdfQuality of_all;
    std::vector<double> cde;  ///< by row
  };
  /// A way to calibrate: all objects, and each part by the others.
  struct Tried {
    Calibration calibration;
    std::vector<Calibration> by_part;
    Measured quality;
  };
  Tried attempt(std::size_t bins) const {
    const std::vector<WidthBin> widths = width_bins(bins);
    Tried tried;
    for (std::size_t part = 0; part < held_out_.parts; ++part) tried.by_part.push_back(fit(widths, part));
    tried.quality = quality(tried.by_part, true);
    tried.calibration = fit(widths, held_out_.parts);
    return tried;
  }

  bool pays(const Tried& some, const Tried& simpler) const {
    double weights = 0.0, squares_of_weights = 0.0, sum = 0.0, squares = 0.0;
    for (std::size_t i = 0; i < judged_.row.size(); ++i) {
      const std::size_t row = judged_.row[i];
      const double gain = simpler.quality.cde[row] - some.quality.cde[row], w = judged_.truth[i].weight;
      if (!std::isfinite(gain)) continue;
      weights += w, squares_of_weights += w * w, sum += w * gain, squares += w * gain * gain;
    }
    const double mean = sum / weights, variance = squares / weights - mean * mean;
    return mean > std::sqrt(std::max(0.0, variance) * squares_of_weights) / weights &&
           some.quality.of_all.pit_ks <= simpler.quality.of_all.pit_ks + tolerated_ks;
  }

  /// PDFs at the known redshifts.
  void look() {
    std::vector<SeenTruth> truth(held_out_.z.size());
    std::vector<std::uint8_t> has_pdf(truth.size(), 0);
    std::vector<double> width(truth.size(), 0.0);
    each_pdf(Calibration::identity(), [&](RedshiftPdf& pdf, std::size_t row) {
      const double z = held_out_.z[row];
      has_pdf[row] = 1;
      width[row] = central_half_width(pdf);
      truth[row] = {std::clamp(pdf.cumulative(z), 0.0, 1.0), pdf.density(z), z, held_out_.weight.empty() ? 1.0 : held_out_.weight[row]};
    });
    for (std::size_t row = 0; row < truth.size(); ++row)
      if (has_pdf[row] != 0 && truth[row].weight > 0.0)
        judged_.truth.push_back(truth[row]), judged_.row.push_back(row), judged_.width.push_back(width[row]);
  }

  template <class Use>
  void each_pdf(const Calibration& by, const Use& use, std::size_t part = none_) const {
    std::vector<std::unique_ptr<RedshiftPdf>> pdfs(static_cast<std::size_t>(threads_));
    parallel_for(held_out_.z.size(), 64, threads_, [&](std::size_t begin, std::size_t end, int thread) {
      auto& pdf = pdfs[static_cast<std::size_t>(thread)];
      if (!pdf) pdf = calibrated_pdf(by, make_uniform_pdf(held_out_.columns.schema(), held_out_.pdf));
      for (std::size_t row = begin; row < end; ++row)
        if ((part == none_ || held_out_.part[row] == part) && pdf->set(held_out_.columns, row)) use(*pdf, row);
    });
  }

  /// Bins that hold as many objects each.
  std::vector<WidthBin> width_bins(std::size_t bins) const {
    std::vector<Weighted> widths;
    for (const double width : judged_.width) widths.push_back({width, 1.0});
    std::vector<double> shares;
    for (std::size_t k = 1; k < bins; ++k) shares.push_back(static_cast<double>(k) / static_cast<double>(bins));
    std::vector<double> edges = weighted_quantiles(std::move(widths), shares);
    edges.push_back(std::numeric_limits<double>::infinity());
    std::vector<WidthBin> found;
    for (const double edge : edges) {
      found.push_back({found.empty() ? -1.0 : found.back().up_to, edge});
      found.back().all_z = all_redshifts(found.back());
    }
    return found;
  }

  std::vector<double> all_redshifts(const WidthBin& bin) const {
    std::vector<Weighted> z;
    for (std::size_t i = 0; i < judged_.truth.size(); ++i)
      if (bin.holds(judged_.width[i])) z.push_back({judged_.truth[i].z, judged_.truth[i].weight});
    // PDFs of one width are a bin, and leave another one empty.
    if (z.empty()) z.push_back({judged_.truth.front().z, 1.0});
    std::vector<double> all = weighted_quantiles(std::move(z), levels());
    // Equal redshifts of many objects would be a density without end.
    for (std::size_t k = 1; k < all.size(); ++k) all[k] = std::max(all[k], all[k - 1] + 1e-4);
    all.front() = std::min(all.front(), std::max(model_.z_min, -0.99));
    all.back() = std::max(all.back(), model_.z_max);
    return all;
  }

  /// Of all objects but those of a part.
  Calibration fit(const std::vector<WidthBin>& widths, std::size_t without) const {
    const double error_scale = own_error_ ? own_error_scale(without) : 0.0;
    std::vector<Calibration> bins;
    for (const WidthBin& bin : widths) {
      std::vector<SeenTruth> some;
      for (std::size_t i = 0; i < judged_.truth.size(); ++i)
        if (held_out_.part[judged_.row[i]] != without && bin.holds(judged_.width[i])) some.push_back(judged_.truth[i]);
      bins.push_back(some.empty() ? Calibration::identity() : fit_calibration(some, bin.all_z));
      bins.back().all_z = bin.all_z;
      bins.back().widest = bin.up_to;
      bins.back().error_scale = error_scale;
    }
    Calibration calibration = std::move(bins.front());
    calibration.wider.assign(std::make_move_iterator(bins.begin() + 1), std::make_move_iterator(bins.end()));
    return calibration;
  }

  /// What makes 68.3 % of the objects lie within an error that is not of the PDF.
  double own_error_scale(std::size_t without) const {
    std::vector<Weighted> ratio;
    for (std::size_t i = 0; i < judged_.row.size(); ++i) {
      const std::size_t row = judged_.row[i];
      const double r = std::abs(column("z_phot", row) - held_out_.z[row]) / column("z_err", row);
      if (held_out_.part[row] != without && std::isfinite(r)) ratio.push_back({r, judged_.truth[i].weight});
    }
    const double share[] = {one_sigma};
    const double scale = ratio.empty() ? 1.0 : weighted_quantiles(std::move(ratio), share).front();
    return scale > 0.0 ? scale : 1.0;
  }

  double column(const char* name, std::size_t row) const { return held_out_.columns.at(name).number(row); }

  /// A part by its calibration; with `is_calibrated`, points and errors follow.
  Measured quality(const std::vector<Calibration>& by_part, bool is_calibrated) const {
    std::vector<double> pit(held_out_.z.size(), nan_), cde(pit), within(pit);
    for (std::size_t part = 0; part < by_part.size(); ++part) {
      const CalibratedPoint point(model_, by_part[part]);
      each_pdf(
          by_part[part],
          [&](RedshiftPdf& pdf, std::size_t row) {
            const double z = held_out_.z[row];
            pit[row] = pdf.cumulative(z);
            double z_phot = column("z_phot", row);
            auto z_err = static_cast<float>(column("z_err", row));
            if (is_calibrated) point.correct(&pdf, z_phot, z_err);
            if (std::isfinite(z_phot) && z_err >= 0.0f) within[row] = std::abs(z_phot - z) <= z_err ? 1.0 : 0.0;
            cde[row] = pdf.squared_integral() - 2.0 * pdf.density(z);
          },
          part);
    }
    return {summed(pit, cde, within), cde};
  }

  PdfQuality summed(const std::vector<double>& pit, const std::vector<double>& cde, const std::vector<double>& within) const {
    std::vector<Weighted> pits;
    double cde_sum = 0.0, cde_weight = 0.0, in = 0.0, with_error = 0.0, out = 0.0, total = 0.0;
    for (std::size_t i = 0; i < judged_.row.size(); ++i) {
      const std::size_t row = judged_.row[i];
      const double w = judged_.truth[i].weight;
      pits.push_back({pit[row], w});
      total += w;
      if (pit[row] < pit_outlier || pit[row] > 1.0 - pit_outlier) out += w;
      if (std::isfinite(cde[row])) cde_sum += w * cde[row], cde_weight += w;
      if (std::isfinite(within[row])) in += w * within[row], with_error += w;
    }
    std::ranges::sort(pits, {}, &Weighted::value);
    double ks = 0.0, before = 0.0;
    for (const Weighted& v : pits) {
      ks = std::max(ks, std::abs(before / total - v.value));
      before += v.weight;
      ks = std::max(ks, std::abs(before / total - v.value));
    }
    return {cde_weight > 0.0 ? cde_sum / cde_weight : nan_, ks, out / total, with_error > 0.0 ? in / with_error : nan_};
  }

  /// PDFs stay; an error that is not of them is calibrated all the same.
  void withhold(CalibrationReport& report, std::vector<Calibration>& by_part) const {
    const double scale = report.calibration.error_scale;
    report.calibration = Calibration::identity();
    report.calibration.error_scale = scale;
    for (Calibration& part : by_part) {
      const double its = part.error_scale;
      part = Calibration::identity();
      part.error_scale = its;
    }
    report.after = own_error_ ? quality(by_part, true).of_all : report.before;
  }

  std::string text_of(const CalibrationReport& r) const {
    if (!r.helps && !own_error_)
      return fmt::format("not calibrated, it does not help: on {} held-out objects CDE loss {:.3f}, PIT KS {:.3f}, within z_err {:.1f} %",
                         r.objects, r.before.cde, r.before.pit_ks, 100.0 * r.before.within_err);
    return fmt::format(
        "calibrated{}{} on {} held-out objects: CDE loss {:.3f} -> {:.3f}, PIT KS {:.3f} -> {:.3f}, PITs at 0 or 1 {:.2f} -> "
        "{:.2f} %, within z_err {:.1f} -> {:.1f} %",
        r.helps ? "" : " (errors alone, PDFs gain nothing)",
        r.calibration.wider.empty() ? "" : fmt::format(" in {} bins of width", r.calibration.wider.size() + 1), r.objects, r.before.cde,
        r.after.cde, r.before.pit_ks, r.after.pit_ks, 100.0 * r.before.pit_out, 100.0 * r.after.pit_out, 100.0 * r.before.within_err,
        100.0 * r.after.within_err);
  }

  static constexpr std::size_t none_ = std::numeric_limits<std::size_t>::max();
  const HeldOutEstimates& held_out_;
  const PhotozModel& model_;
  int threads_;
  bool own_error_;
  Judged judged_;
};

}  // namespace

Calibration fit_calibration(std::span<const SeenTruth> objects, const std::vector<double>& all_z) {
  Calibration calibration = Calibration::identity();
  calibration.all_z = all_z;
  calibration.floor = likeliest_floor(objects, calibration);
  std::vector<Weighted> pits;
  double sum = 0.0, squares = 0.0;
  for (const SeenTruth& o : objects) {
    pits.push_back({(1.0 - calibration.floor) * o.below + calibration.floor * calibration.all_below(o.z), o.weight});
    sum += o.weight;
    squares += o.weight * o.weight;
  }
  const std::vector<double> level = levels(), found = weighted_quantiles(std::move(pits), level);
  double deviation = 0.0, noise = 0.0;
  for (std::size_t k = 1; k + 1 < level.size(); ++k) {
    deviation += (found[k] - level[k]) * (found[k] - level[k]);
    noise += level[k] * (1.0 - level[k]) * squares / (sum * sum);
  }
  const double kept = deviation > noise ? 1.0 - noise / deviation : 0.0;
  for (std::size_t k = 1; k + 1 < level.size(); ++k) calibration.pit[k] = level[k] + kept * (found[k] - level[k]);
  if (kept > 0.0) separate(calibration.pit);
  return calibration;
}

CalibrationReport calibrate(const HeldOutEstimates& held_out, const PhotozModel& model, int threads) {
  CalibrationReport report = Judgement(held_out, model, threads).run();
  if (report.objects == 0) return report;
  const GridChoice grid = choose_grid(held_out, report.calibration, model, threads);
  report.grid_step = grid.step;
  report.text += fmt::format("; on {} redshifts PDFs lose {:.3f} of CDE loss", grid.points, std::max(0.0, grid.lost));
  return report;
}

}  // namespace skyfold
