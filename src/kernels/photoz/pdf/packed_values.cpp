// Densities at the ends of cells that are nearest to a PDF by least squares, and their roots in bytes.
#include "packed_values.hpp"

#include <algorithm>
#include <cmath>

#include "../../common/simd.hpp"

namespace skyfold {
namespace {

constexpr double peak = 255.0;

SKYFOLD_INLINE Lanes load(const double* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}
SKYFOLD_INLINE void store(const Lanes& lanes, double* to) { std::memcpy(to, &lanes, sizeof lanes); }
SKYFOLD_INLINE Lanes greater(const Lanes& a, const Lanes& b) { return a < b ? b : a; }
SKYFOLD_INLINE Lanes smaller(const Lanes& a, const Lanes& b) { return b < a ? b : a; }
SKYFOLD_INLINE Lanes root_of(const Lanes& x) {
  Lanes root;
  for (std::size_t i = 0; i < n_lanes; ++i) root[i] = std::sqrt(x[i]);
  return root;
}
/// Of numbers from 0 to below 2^51.
SKYFOLD_INLINE Lanes whole_part(const Lanes& x) {
  constexpr double shift = 0x1p52;
  const Lanes nearest = (x + shift) - shift;
  return nearest > x ? nearest - 1.0 : nearest;
}

/// Values at the ends of the cells: the density that is linear between them and nearest to the PDF by least squares. Its distribution
/// function keeps to the PDF's, in the mean over each cell (the difference of the densities is orthogonal to every tent).
/// @param value  right sides, then values; @param diagonal  lost; lanes with fewer rows have zeros
SKYFOLD_CLONES
void solve(const double* width, std::size_t n, double* value, double* diagonal) {
  Lanes before = load(diagonal), solved = load(value);
  before = before == 0.0 ? Lanes{} + 1.0 : before;
  for (std::size_t i = 1; i < n; ++i) {
    const Lanes right = load(width + (i - 1) * n_lanes) / 6.0, factor = right / before;
    const Lanes own = load(diagonal + i * n_lanes);
    before = own - factor * right;
    before = own == 0.0 ? Lanes{} + 1.0 : before;
    solved = load(value + i * n_lanes) - factor * solved;
    store(before, diagonal + i * n_lanes);
    store(solved, value + i * n_lanes);
  }
  solved = solved / before;
  store(solved, value + (n - 1) * n_lanes);
  for (std::size_t i = n - 1; i-- > 0;) {
    const Lanes right = load(width + i * n_lanes) / 6.0;
    solved = (load(value + i * n_lanes) - right * solved) / load(diagonal + i * n_lanes);
    store(solved, value + i * n_lanes);
  }
}

/// What rounding takes from one value goes to the next, so that the distribution function does not wander.
/// @param value  the bytes afterwards
SKYFOLD_CLONES
void round_values(const double* width, std::size_t n, const Lanes& unit, double* value) {
  Lanes owed = {}, before = {};
  for (std::size_t i = 0; i < n; ++i) {
    const Lanes after = load(width + i * n_lanes), here = load(value + i * n_lanes) / unit;
    Lanes weight = 0.5 * (before + after);
    weight = weight == 0.0 ? Lanes{} + 1.0 : weight;
    const Lanes wanted_alone = greater(Lanes{}, here), step = 2.0 * root_of(wanted_alone) + 1.0;
    // Not more than one step, which a narrow cell after a wide one would have to bear.
    const Lanes wanted = greater(Lanes{}, wanted_alone + smaller(greater(owed / weight, -step), step));
    const Lanes code = smaller(whole_part(root_of(wanted)), Lanes{} + peak), next = code + 1.0;
    const auto is_next = (code < peak) & (wanted - code * code > next * next - wanted);
    const Lanes taken = is_next ? next : code;
    store(taken, value + i * n_lanes);
    owed = owed + (here - taken * taken) * weight;
    before = after;
  }
}

}  // namespace

void PackedValues::begin(std::span<std::uint8_t> codes, bool is_at_right) {
  const std::size_t rows = codes.size() + 1;
  if (used_ == 0) rows_ = 0;
  if (width_.size() < rows * lanes)
    for (auto* values : {&width_, &value_, &diagonal_}) values->resize(rows * lanes);
  places_[used_++] = {codes, 0, is_at_right};
}

void PackedValues::add(double width, const std::array<double, 5>& f) {
  Place& place = places_[used_ - 1];
  const std::size_t at = place.cells++ * lanes + used_ - 1, next = at + lanes;
  rows_ = std::max(rows_, place.cells + 1);
  // Boole's rule for the mean of the distribution function.
  const double mean = (7.0 * (f[0] + f[4]) + 32.0 * (f[1] + f[3]) + 12.0 * f[2]) / 90.0;
  width_[at] = width;
  value_[at] += mean - f[0], value_[next] += f[4] - mean;
  diagonal_[at] += width / 3.0, diagonal_[next] += width / 3.0;
}

void PackedValues::finish() {
  if (used_ == 0) return;
  solve(width_.data(), rows_, value_.data(), diagonal_.data());
  Lanes highest = load(value_.data());
  for (std::size_t i = 1; i < rows_; ++i) highest = greater(highest, load(&value_[i * lanes]));
  const Lanes unit = highest > 0.0 ? highest / (peak * peak) : Lanes{} + 1.0;
  round_values(width_.data(), rows_, unit, value_.data());
  for (std::size_t lane = 0; lane < used_; ++lane) {
    const Place& place = places_[lane];
    if (highest[lane] > 0.0)
      for (std::size_t i = 0; i <= place.cells; ++i) place.codes[i] = static_cast<std::uint8_t>(value_[i * lanes + lane]);
    else
      place.codes[place.is_at_right ? place.cells : 0] = static_cast<std::uint8_t>(peak);
  }
  for (auto* values : {&width_, &value_, &diagonal_}) std::fill_n(values->begin(), rows_ * lanes, 0.0);
  used_ = rows_ = 0;
}

}  // namespace skyfold
