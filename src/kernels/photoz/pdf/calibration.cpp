// Calibration of PDFs by what they said of objects whose redshifts are known: a floor under every PDF, and a map of its distribution
// function (Bordoloi, Lilly & Amara 2010, MNRAS 406, 881, with quantiles in place of bins).
#include "calibration.hpp"

#include <algorithm>
#include <cmath>

#include "../common/estimates.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

constexpr double knot(std::size_t k) { return static_cast<double>(k) / static_cast<double>(Calibration::knots - 1); }

/// The piece of increasing places that a value is in.
std::size_t piece_of(const std::vector<double>& places, double value) noexcept {
  return static_cast<std::size_t>(std::upper_bound(places.begin() + 1, places.end() - 1, value) - places.begin()) - 1;
}

bool increases(const std::vector<double>& values) {
  if (!std::ranges::all_of(values, [](double v) { return std::isfinite(v); })) return false;
  return std::ranges::adjacent_find(values, [](double a, double b) { return !(a < b); }) == values.end();
}

class CalibratedPdf final : public RedshiftPdf {
 public:
  CalibratedPdf(const Calibration& calibration, std::unique_ptr<RedshiftPdf> pdf) : by_(calibration), inner_(std::move(pdf)) {}

  bool set(const Table& rows, std::size_t row) override {
    is_sampled_ = false;
    return inner_->set(rows, row);
  }

  double density(double z) const override { return by_.slope(below(z)) * plain_density(z); }
  double cumulative(double z) const override { return by_.map(below(z)); }

  double quantile(double p) const override {
    const double u = by_.inverse(p);
    if (by_.floor == 0.0) return inner_->quantile(u);
    // What lies below without the floor differs by at most its share.
    const double rest = 1.0 - by_.floor, least = (u - by_.floor) / rest, most = u / rest;
    const auto [first, last] = support();
    double low = least > 0.0 ? inner_->quantile(least) : first, high = most < 1.0 ? inner_->quantile(most) : last;
    double z = u > 0.0 && u < 1.0 ? std::clamp(inner_->quantile(u), low, high) : 0.5 * (low + high);
    for (int step = 0; step < 100 && high - low > 1e-9; ++step) {
      const double excess = below(z) - u;
      (excess > 0.0 ? high : low) = z;
      double next = z - excess / plain_density(z);
      if (!(next > low && next < high)) next = 0.5 * (low + high);
      if (std::abs(next - z) < 1e-9) return next;
      z = next;
    }
    return z;
  }

  double mean() const override {
    sample_once();
    double sum = 0.0;
    for (std::size_t i = 0; i < z_.size(); ++i) sum += probability_[i] * z_[i];
    return sum;
  }

  /// The density jumps where the map bends, so its greatest value is looked for at all places of the sample, and at the old mode.
  double mode() const override {
    sample_once();
    double best = inner_->mode(), highest = density(best);
    for (const double z : z_)
      if (const double here = density(z); here > highest || (here == highest && z < best)) highest = here, best = z;
    return best;
  }

  double square_about(double z) const override {
    sample_once();
    double sum = 0.0;
    for (std::size_t i = 0; i < z_.size(); ++i) sum += probability_[i] * (z_[i] - z) * (z_[i] - z);
    return sum;
  }

  double squared_integral() const override {
    // Where the floor is alone the density is that of all redshifts, whose steps are coarse; the sum in the middles of cells is
    // as good as the PDF is smooth.
    const auto [first, last] = support();
    const double cells = std::clamp(std::ceil((last - first) / (0.4 * fine)), 100.0, 10000.0), step = (last - first) / cells;
    double sum = 0.0;
    for (double i = 0.0; i < cells; ++i) {
      const double here = density(first + (i + 0.5) * step);
      sum += here * here;
    }
    return sum * step;
  }

  std::pair<double, double> support() const override {
    auto [first, last] = inner_->support();
    if (by_.floor > 0.0) first = std::min(first, by_.all_z.front()), last = std::max(last, by_.all_z.back());
    return {first, last};
  }

  std::pair<double, double> range() const override { return inner_->range(); }

  void sample(std::vector<double>& z, std::vector<double>& probability) const override {
    sample_once();
    z = z_;
    probability = probability_;
  }

 private:
  static constexpr double fine = 0.0025;

  [[nodiscard]] double below(double z) const { return by_.floor == 0.0 ? inner_->cumulative(z) : plain_below(z); }
  [[nodiscard]] double plain_below(double z) const {
    return std::clamp((1.0 - by_.floor) * inner_->cumulative(z) + by_.floor * by_.all_below(z), 0.0, 1.0);
  }
  [[nodiscard]] double plain_density(double z) const {
    return by_.floor == 0.0 ? inner_->density(z) : (1.0 - by_.floor) * inner_->density(z) + by_.floor * by_.all_density(z);
  }

  void sample_once() const {
    if (is_sampled_) return;
    is_sampled_ = true;
    z_.clear();
    probability_.clear();
    const auto [first, last] = support();
    const double cells = std::clamp(std::ceil((last - first) / (2.0 * fine)), 50.0, 4000.0), step = (last - first) / cells;
    double before = 0.0;
    for (double i = 1.0; i <= cells; ++i) {
      const double after = i == cells ? 1.0 : cumulative(first + i * step);
      if (after > before) z_.push_back(first + (i - 0.5) * step), probability_.push_back(after - before);
      before = after;
    }
  }

  Calibration by_;
  std::unique_ptr<RedshiftPdf> inner_;
  mutable bool is_sampled_ = false;
  mutable std::vector<double> z_, probability_;
};

}  // namespace

Calibration Calibration::identity() {
  Calibration calibration;
  for (std::size_t k = 0; k < knots; ++k) {
    calibration.pit.push_back(knot(k));
    calibration.all_z.push_back(knot(k));
  }
  return calibration;
}

bool Calibration::map_is_identity() const noexcept {
  for (std::size_t k = 0; k < knots; ++k)
    if (pit[k] != knot(k)) return false;
  return true;
}

double Calibration::all_below(double z) const noexcept {
  if (!(z > all_z.front())) return 0.0;
  if (!(z < all_z.back())) return 1.0;
  const std::size_t k = piece_of(all_z, z);
  return knot(k) + (z - all_z[k]) / (all_z[k + 1] - all_z[k]) * knot(1);
}
double Calibration::all_density(double z) const noexcept {
  if (!(z > all_z.front() && z < all_z.back())) return 0.0;
  const std::size_t k = piece_of(all_z, z);
  return knot(1) / (all_z[k + 1] - all_z[k]);
}

double Calibration::map(double u) const noexcept {
  const std::size_t k = piece_of(pit, u);
  return std::clamp(knot(k) + (u - pit[k]) / (pit[k + 1] - pit[k]) * knot(1), 0.0, 1.0);
}
double Calibration::slope(double u) const noexcept {
  const std::size_t k = piece_of(pit, u);
  return knot(1) / (pit[k + 1] - pit[k]);
}
double Calibration::inverse(double p) const noexcept {
  const auto k = static_cast<std::size_t>(std::clamp(p * static_cast<double>(knots - 1), 0.0, static_cast<double>(knots - 2)));
  return std::clamp(pit[k] + (p - knot(k)) / knot(1) * (pit[k + 1] - pit[k]), 0.0, 1.0);
}

Table Calibration::table() const {
  Table table({{"level", Type::f8, 1, "", "", "of the calibrated distribution function"},
               {"pit", Type::f8, 1, "", "", "value of the algorithm's distribution function, with the floor, that has this level"},
               {"all_z", Type::f8, 1, "", "", "redshift below which this share of all objects is"},
               {"floor", Type::f8, 1, "", "", "share of the distribution of all objects in every PDF"},
               {"error_scale", Type::f8, 1, "", "", "factor of z_err; 0: z_err is of the PDF"}},
              knots);
  for (std::size_t k = 0; k < knots; ++k) {
    table[0].values<double>()[k] = knot(k);
    table[1].values<double>()[k] = pit[k];
    table[2].values<double>()[k] = all_z[k];
    table[3].values<double>()[k] = floor;
    table[4].values<double>()[k] = error_scale;
  }
  return table;
}

Calibration::Calibration(const Table& table) {
  const auto values = [&](const char* name) {
    if (!table.find(name) || table.rows() != knots) throw DataError("the model's calibration is not one of this version (train it again)");
    const auto column = table.at(name).values<double>();
    return std::vector<double>(column.begin(), column.end());
  };
  pit = values("pit");
  all_z = values("all_z");
  floor = values("floor").front();
  error_scale = values("error_scale").front();
  if (!increases(pit) || !increases(all_z) || pit.front() != 0.0 || pit.back() != 1.0 || !(floor >= 0.0 && floor < 1.0) ||
      !(error_scale >= 0.0))
    throw DataError("the model's calibration is no increasing map (damaged)");
}

bool is_calibrated(const PhotozModel& model) { return model.tables.contains(calibration_table); }

std::unique_ptr<RedshiftPdf> calibrated_pdf(const Calibration& calibration, std::unique_ptr<RedshiftPdf> pdf) {
  if (calibration.is_identity()) return pdf;
  return std::make_unique<CalibratedPdf>(calibration, std::move(pdf));
}

CalibratedPoint::CalibratedPoint(const PhotozModel& model, const Calibration& calibration) : error_scale_(calibration.error_scale) {
  const auto found = model.parameters.find(model.algorithm + ".point");
  if (found != model.parameters.end() && (found->second == "mean" || found->second == "mode" || found->second == "median"))
    point_ = found->second;
}
void CalibratedPoint::correct(const RedshiftPdf* pdf, double& z_phot, float& z_err) const {
  if (error_scale_ > 0.0)
    z_err = static_cast<float>(error_scale_ * static_cast<double>(z_err));
  else if (pdf)
    z_err = static_cast<float>(central_half_width(*pdf));
  if (pdf && !point_.empty()) z_phot = point_of(*pdf, point_);
}

}  // namespace skyfold
