// Which objects get a spectroscopic redshift: bright ones nearly all, faint ones rarely, red and distant ones less, as surveys do.
// So the training sample differs from the catalogue in the way that real ones do.
#include "skyfold/kernels/mock/spectroscopy.hpp"

#include <algorithm>
#include <cmath>

#include "skyfold/kernels/mock/deviates.hpp"

namespace skyfold {
namespace {

/// 1 well above zero, 0 well below, one half at 0.
double logistic(double x) noexcept { return 1.0 / (1.0 + std::exp(-x)); }

/// How eagerly surveys take an object, on a scale that the selection's size sets.
class Eagerness {
 public:
  explicit Eagerness(const Table& t)
      : g_(t[mock_column::mag].values<float>()),
        i_(t[mock_column::mag + mock_i_band].values<float>()),
        z_spec_(t[mock_column::z_spec].values<float>()),
        is_star_(t[mock_column::is_star].values<std::uint8_t>()) {}

  [[nodiscard]] double operator()(std::size_t row) const noexcept {
    const double i = static_cast<double>(i_[row]), z = static_cast<double>(z_spec_[row]);
    if (i > 90.0) return 0.0;
    const double bright = 10.0 * logistic((18.8 - i) / 0.15);
    const double g_minus_i = std::clamp(static_cast<double>(g_[row]) - i, 0.0, 4.0);  // g not detected: red
    const double blue = 0.4 + 0.6 * logistic((1.4 - g_minus_i) / 0.3);
    const double deep = logistic((22.4 - i) / 0.35) * blue * (z > 1.4 ? 0.2 : 1.0);
    return (bright + deep) * (is_star_[row] != 0 ? 0.02 : 1.0);
  }

 private:
  std::span<const float> g_, i_, z_spec_;
  std::span<const std::uint8_t> is_star_;
};

std::vector<double> sample_eagerness(const MockSurvey& survey) {
  constexpr std::size_t max_cells = 32;
  const std::size_t stride = (survey.cells().size() + max_cells - 1) / max_cells;
  std::vector<double> sample;
  Table objects(MockSurvey::schema());
  for (std::size_t cell = 0; cell < survey.cells().size(); cell += stride) {
    survey.generate(cell, objects);
    const Eagerness eagerness(objects);
    for (std::size_t row = 0; row < objects.rows(); ++row) sample.push_back(eagerness(row));
  }
  return sample;
}

double selected_fraction(const std::vector<double>& eagerness, double scale) noexcept {
  double sum = 0.0;
  for (const double e : eagerness) sum += std::min(1.0, scale * e);
  return sum / static_cast<double>(eagerness.size());
}

}  // namespace

SpectroscopicSelection::SpectroscopicSelection(const MockSurvey& survey, double fraction) : seed_(survey.options().seed) {
  const auto eagerness = sample_eagerness(survey);
  double low = 0.0, high = 1e6;
  // Halving: the selected part grows with the scale, though with no formula for it.
  for (int step = 0; step < 60; ++step) {
    const double middle = 0.5 * (low + high);
    (selected_fraction(eagerness, middle) < fraction ? low : high) = middle;
  }
  scale_ = low;
}

std::vector<std::size_t> SpectroscopicSelection::selected(const Table& objects) const {
  const Eagerness eagerness(objects);
  const auto id = objects[mock_column::id].values<std::int64_t>();
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < objects.rows(); ++row) {
    // By the object's id: the selection does not depend on how the catalogue is cut.
    auto random = mock_random(seed_, id[row], MockStream::spectroscopy);
    if (open_uniform(random) < scale_ * eagerness(row)) rows.push_back(row);
  }
  return rows;
}

}  // namespace skyfold
