// Calibration of PDFs by what they said of objects whose redshifts are known: a floor under every PDF, and a map of its distribution
// function (Bordoloi, Lilly & Amara 2010, MNRAS 406, 881, with quantiles in place of bins).
#include "calibration.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "../../common/simd.hpp"
#include "../common/estimates.hpp"
#include "../common/point.hpp"
#include "skyfold/core/error.hpp"
#include "uniform_pdf.hpp"

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

/// Finds pieces of increasing places for many values at once, without a branch: a table of equal bins says where to begin.
class PieceTable {
 public:
  explicit PieceTable(const std::vector<double>& places)
      : places_(places), next_(places.begin() + 1, places.end()), first_(places.front()), per_(bins / (places.back() - places.front())) {
    next_.back() = std::numeric_limits<double>::infinity();
    // A place that is rounded into the bin beside its own finds its piece as well: steps only go up.
    for (std::size_t bin = 0; bin < bins; ++bin) {
      const double from = first_ + (static_cast<double>(bin) - 0.01) / per_, to = first_ + (static_cast<double>(bin) + 1.01) / per_;
      begin_.push_back(static_cast<std::int32_t>(piece_of(places, from)));
      steps_ = std::max(steps_, static_cast<std::int32_t>(piece_of(places, to)) - begin_.back());
    }
  }
  /// @param pieces  filled, shape [n]
  SKYFOLD_INLINE void find(const double* values, std::size_t n, std::int32_t* pieces) const {
    const std::int32_t* const table = begin_.data();
    const double *const next = next_.data(), first = first_, per = per_;
    for (std::size_t i = 0; i < n; ++i)
      pieces[i] = table[static_cast<std::int32_t>(std::clamp((values[i] - first) * per, 0.0, bins - 1.0))];
    for (std::int32_t step = 0; step < steps_; ++step)
      for (std::size_t i = 0; i < n; ++i) pieces[i] += static_cast<std::int32_t>(next[pieces[i]] <= values[i]);
  }
  [[nodiscard]] const double* places() const noexcept { return places_.data(); }

 private:
  static constexpr std::size_t bins = 1024;

  std::vector<double> places_, next_;
  double first_, per_;
  std::vector<std::int32_t> begin_;
  std::int32_t steps_ = 0;
};

/// What is the same at all knots.
struct Knots {
  Knots() {
    for (std::size_t k = 0; k < Calibration::knots; ++k) level[k] = knot(k);
  }
  std::array<double, Calibration::knots> level{};
};
const Knots all_knots;

/// What the floor puts below redshifts.
SKYFOLD_CLONES
void fill_floor(const Calibration& by, const PieceTable& all_z, const double* widths, const double* levels, const double* z, std::size_t n,
                std::int32_t* pieces, double* floor) {
  all_z.find(z, n, pieces);
  const double *const places = all_z.places(), front = by.all_z.front(), back = by.all_z.back(), share = by.floor, step = knot(1);
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t k = pieces[i];
    const double inside = levels[k] + (z[i] - places[k]) / widths[k] * step;
    floor[i] = share * (z[i] > front ? (z[i] < back ? inside : 1.0) : 0.0);
  }
}
/// @param floor  null for none; @param rest  what is not the floor
SKYFOLD_CLONES
void map_all(const PieceTable& pit, const double* slopes, const double* levels, const double* floor, double rest, std::size_t n,
             std::int32_t* pieces, double* values) {
  if (floor)
    for (std::size_t i = 0; i < n; ++i) values[i] = std::clamp(rest * values[i] + floor[i], 0.0, 1.0);
  pit.find(values, n, pieces);
  const double* const places = pit.places();
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t k = pieces[i];
    values[i] = std::clamp(levels[k] + (values[i] - places[k]) * slopes[k], 0.0, 1.0);
  }
}

/// A calibration with what is computed of it once.
struct Prepared {
  explicit Prepared(const Calibration& calibration) : by(calibration), pit(by.pit), all_z(by.all_z) {
    for (std::size_t k = 0; k + 1 < by.pit.size(); ++k) {
      slope.push_back(knot(1) / (by.pit[k + 1] - by.pit[k]));
      width.push_back(by.all_z[k + 1] - by.all_z[k]);
    }
  }
  /// From what the algorithm's PDF has below redshifts to what the calibrated one has.
  void apply(std::span<const double> z, std::span<double> values) {
    const std::size_t n = z.size();
    pieces.resize(n);
    const double* const floor_of_z = by.floor > 0.0 ? floor_below(z).data() : nullptr;
    map_all(pit, slope.data(), all_knots.level.data(), floor_of_z, 1.0 - by.floor, n, pieces.data(), values.data());
  }

  Calibration by;

 private:
  /// What the floor puts below redshifts; conversions ask for the same ones of all objects.
  const std::vector<double>& floor_below(std::span<const double> z) {
    if (std::ranges::equal(z, asked)) return floor;
    asked.assign(z.begin(), z.end());
    floor.resize(z.size());
    fill_floor(by, all_z, width.data(), all_knots.level.data(), z.data(), z.size(), pieces.data(), floor.data());
    return floor;
  }

  PieceTable pit, all_z;
  std::vector<double> slope, width;  ///< of the pieces of the map; of those of all redshifts
  std::vector<std::int32_t> pieces;
  std::vector<double> asked, floor;
};

class CalibratedPdf final : public RedshiftPdf {
 public:
  CalibratedPdf(const Calibration& calibration, std::unique_ptr<RedshiftPdf> pdf)
      : inner_(std::move(pdf)), uniform_(dynamic_cast<const UniformPdf*>(inner_.get())) {
    all_.push_back(std::make_unique<Prepared>(calibration));
    for (const Calibration& wider : calibration.wider) all_.push_back(std::make_unique<Prepared>(wider));
    mine_ = all_.front().get();
  }

  bool set(const Table& rows, std::size_t row) override {
    is_sampled_ = false;
    if (!inner_->set(rows, row)) return false;
    if (all_.size() == 1) return true;
    const double width = central_half_width(*inner_);
    std::size_t k = 0;
    while (k + 1 < all_.size() && width > all_[k]->by.widest) ++k;
    mine_ = all_[k].get();
    return true;
  }

  double density(double z) const override { return by().slope(below(z)) * plain_density(z); }
  double cumulative(double z) const override { return by().map(below(z)); }

  void cumulatives(std::span<const double> z, std::span<double> values) const override {
    inner_->cumulatives(z, values);
    mine_->apply(z, values);
  }

  double quantile(double p) const override {
    const double u = by().inverse(p);
    if (by().floor == 0.0) return inner_->quantile(u);
    auto [low, high] = support();
    double z = u > 0.0 && u < 1.0 ? std::clamp(inner_->quantile(u), low, high) : 0.5 * (low + high);
    for (int step = 0; step < 100 && high - low > 1e-9; ++step) {
      const auto [here, density] = look(z);
      const double excess = here - u;
      (excess > 0.0 ? high : low) = z;
      double next = z - excess / density;
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
    if (by().floor > 0.0) first = std::min(first, by().all_z.front()), last = std::max(last, by().all_z.back());
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

  [[nodiscard]] double below(double z) const { return by().floor == 0.0 ? inner_->cumulative(z) : plain_below(z); }
  [[nodiscard]] double plain_below(double z) const {
    return std::clamp((1.0 - by().floor) * inner_->cumulative(z) + by().floor * by().all_below(z), 0.0, 1.0);
  }
  [[nodiscard]] double plain_density(double z) const {
    return by().floor == 0.0 ? inner_->density(z) : (1.0 - by().floor) * inner_->density(z) + by().floor * by().all_density(z);
  }

  /// `plain_below` and `plain_density` at once.
  [[nodiscard]] std::pair<double, double> look(double z) const {
    const auto [below, density] = uniform_ ? uniform_->look(z) : std::pair(inner_->cumulative(z), inner_->density(z));
    const Calibration& mine = by();
    const double front = mine.all_z.front(), back = mine.all_z.back(), rest = 1.0 - mine.floor;
    double all = z > front ? 1.0 : 0.0, all_density = 0.0;
    if (z > front && z < back) {
      const std::size_t k = piece_of(mine.all_z, z);
      const double width = mine.all_z[k + 1] - mine.all_z[k];
      all = knot(k) + (z - mine.all_z[k]) / width * knot(1);
      all_density = knot(1) / width;
    }
    return {std::clamp(rest * below + mine.floor * all, 0.0, 1.0), rest * density + mine.floor * all_density};
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

  [[nodiscard]] const Calibration& by() const noexcept { return mine_->by; }

  std::unique_ptr<RedshiftPdf> inner_;
  const UniformPdf* uniform_;  ///< the same, or null
  std::vector<std::unique_ptr<Prepared>> all_;
  Prepared* mine_;  ///< of all, that of the object
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
  return std::clamp(knot(k) + (u - pit[k]) * (knot(1) / (pit[k + 1] - pit[k])), 0.0, 1.0);
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
               {"error_scale", Type::f8, 1, "", "", "factor of z_err; 0: z_err is of the PDF"},
               {"widest", Type::f8, 1, "", "", "half of the central 68.3 % interval up to which PDFs are calibrated so"}},
              knots * (1 + wider.size()));
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::size_t k = row % knots;
    const Calibration& by = row < knots ? *this : wider[row / knots - 1];
    const double values[] = {knot(k), by.pit[k], by.all_z[k], by.floor, by.error_scale, by.widest};
    for (std::size_t c = 0; c < std::size(values); ++c) table[c].values<double>()[row] = values[c];
  }
  return table;
}

Calibration::Calibration(const Table& table) {
  for (const char* name : {"pit", "all_z", "floor", "error_scale"})
    if (!table.find(name) || table.rows() == 0 || table.rows() % knots != 0)
      throw DataError("the model's calibration is not one of this version (train it again)");
  for (std::size_t first = 0; first < table.rows(); first += knots) {
    const auto values = [&](const char* name) {
      const auto column = table.at(name).values<double>().subspan(first, knots);
      return std::vector<double>(column.begin(), column.end());
    };
    Calibration part;
    part.pit = values("pit");
    part.all_z = values("all_z");
    part.floor = values("floor").front();
    part.error_scale = values("error_scale").front();
    if (table.find("widest")) part.widest = values("widest").front();
    if (!increases(part.pit) || !increases(part.all_z) || part.pit.front() != 0.0 || part.pit.back() != 1.0 ||
        !(part.floor >= 0.0 && part.floor < 1.0) || !(part.error_scale >= 0.0) || !(part.widest > 0.0))
      throw DataError("the model's calibration is no increasing map (damaged)");
    if (first == 0)
      *this = std::move(part);
    else
      wider.push_back(std::move(part));
  }
}

bool is_calibrated(const PhotozModel& model) { return model.tables.contains(calibration_table); }

std::unique_ptr<RedshiftPdf> calibrated_pdf(const Calibration& calibration, std::unique_ptr<RedshiftPdf> pdf) {
  if (calibration.is_identity()) return pdf;
  return std::make_unique<CalibratedPdf>(calibration, std::move(pdf));
}

CalibratedPoint::CalibratedPoint(const PhotozModel& model, const Calibration& calibration) : error_scale_(calibration.error_scale) {
  const auto found = model.parameters.find(model.algorithm + ".point");
  if (found == model.parameters.end()) return;
  for (const char* of_pdf : {"mean", "mode", "median", "risk", "core"})
    if (found->second == of_pdf) point_ = of_pdf;
}
void CalibratedPoint::correct(const RedshiftPdf* pdf, double& z_phot, float& z_err) const {
  if (error_scale_ > 0.0)
    z_err = static_cast<float>(error_scale_ * static_cast<double>(z_err));
  else if (pdf)
    z_err = static_cast<float>(central_half_width(*pdf));
  if (pdf && !point_.empty()) z_phot = point_of_pdf(*pdf, point_);
}

}  // namespace skyfold
