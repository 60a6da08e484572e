// GROUP BY pixel. Rows in the order of the sky have their pixels in runs: a run is added up by itself, in eight lanes that compilers make
// vector instructions of, and runs are joined in the order of the rows.
#include "skyfold/kernels/sky_map/pixel_sums.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "skyfold/core/sort.hpp"

namespace skyfold::sky_map {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t lanes = 8;

struct CountAndSum {
  double count = 0.0, sum = 0.0;
};

/// In an order of additions that the number of values alone decides. NaN is left out without a branch.
CountAndSum total(std::span<const double> values) noexcept {
  std::array<double, lanes> sums{}, counts{};
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes)
    for (std::size_t k = 0; k < lanes; ++k) {
      const double value = values[i + k];
      sums[k] += value == value ? value : 0.0;
      counts[k] += value == value ? 1.0 : 0.0;
    }
  CountAndSum all;
  for (; i < values.size(); ++i)
    if (!std::isnan(values[i])) {
      all.sum += values[i];
      all.count += 1.0;
    }
  for (std::size_t k = 0; k < lanes; ++k) {
    all.sum += sums[k];
    all.count += counts[k];
  }
  return all;
}

double squares_about(double mean, std::span<const double> values) noexcept {
  std::array<double, lanes> sums{};
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes)
    for (std::size_t k = 0; k < lanes; ++k) {
      const double d = values[i + k] - mean;
      sums[k] += d == d ? d * d : 0.0;
    }
  double all = 0.0;
  for (; i < values.size(); ++i) {
    const double d = values[i] - mean;
    if (!std::isnan(d)) all += d * d;
  }
  return std::accumulate(sums.begin(), sums.end(), all);
}

/// Adds a run of rows of one pixel to `sums`, as a new pixel.
class Runs {
 public:
  Runs(const SumsLayout& layout, PixelSums& sums) : layout_(layout), sums_(sums) {}

  void begin(std::int64_t pixel, std::size_t rows) {
    sums_.pixels.push_back(pixel);
    sums_.rows.push_back(static_cast<std::int64_t>(rows));
    sums_.numbers.resize(sums_.numbers.size() + layout_.size(), nan);
  }
  void value(std::size_t number, std::span<const double> values) {
    const ValueUse& use = layout_.use(number);
    const ValuePlaces& at = layout_.places(number);
    double* const numbers = sums_.numbers.data() + sums_.numbers.size() - layout_.size();
    const CountAndSum all = total(values);
    numbers[at.count] = all.count;
    if (use.mean) numbers[at.sum] = all.sum;
    if (use.spread) numbers[at.squares] = all.count > 1.0 ? squares_about(all.sum / all.count, values) : 0.0;
    if (use.extremes) {
      numbers[at.least] = infinity;
      numbers[at.largest] = -infinity;
      for (const double x : values) {
        // Comparisons with NaN are false, so it never gets in.
        if (x < numbers[at.least]) numbers[at.least] = x;
        if (x > numbers[at.largest]) numbers[at.largest] = x;
      }
    }
    if (use.median) {
      std::ranges::copy_if(values, std::back_inserter(sums_.kept[at.kept]), [](double x) { return !std::isnan(x); });
      sums_.kept_counts[at.kept].push_back(static_cast<std::int64_t>(all.count));
    }
  }

 private:
  const SumsLayout& layout_;
  PixelSums& sums_;
};

/// The end of the run of sorted pixels that begins at `begin`, by steps that double: long runs, as of large pixels, cost next to nothing.
std::size_t run_end(std::span<const std::int64_t> pixels, std::size_t begin) {
  const std::int64_t pixel = pixels[begin];
  std::size_t end = begin + 1, step = 1;
  while (end + step <= pixels.size() && pixels[end + step - 1] == pixel) {
    end += step;
    step *= 2;
  }
  const auto last = std::min(pixels.size(), end + step);
  return static_cast<std::size_t>(
      std::upper_bound(pixels.begin() + static_cast<std::ptrdiff_t>(end), pixels.begin() + static_cast<std::ptrdiff_t>(last), pixel) -
      pixels.begin());
}

void prepare(const SumsLayout& layout, PixelSums& sums) {
  sums.kept_counts.resize(layout.medians());
  sums.kept.resize(layout.medians());
}

/// Adds what is known of pixel `from_pixel` to the last pixel of `to`.
void join_last(const SumsLayout& layout, PixelSums& to, const double* from, std::int64_t rows) {
  double* const mine = to.numbers.data() + to.numbers.size() - layout.size();
  to.rows.back() += rows;
  for (std::size_t v = 0; v < layout.values(); ++v) {
    const ValueUse& use = layout.use(v);
    const ValuePlaces& at = layout.places(v);
    const double n = mine[at.count], m = from[at.count];
    if (use.spread && n > 0.0 && m > 0.0) {
      const double d = from[at.sum] / m - mine[at.sum] / n;
      mine[at.squares] += from[at.squares] + d * d * (n * m / (n + m));
    } else if (use.spread) {
      mine[at.squares] += from[at.squares];
    }
    mine[at.count] = n + m;
    if (use.mean) mine[at.sum] += from[at.sum];
    if (use.extremes) {
      mine[at.least] = std::min(mine[at.least], from[at.least]);
      mine[at.largest] = std::max(mine[at.largest], from[at.largest]);
    }
  }
}

double median_of(std::span<double> values) {
  if (values.empty()) return nan;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  const double below = *std::max_element(values.begin(), middle);
  // Not (a + b) / 2, which may overflow.
  return below + (*middle - below) / 2.0;
}

/// Pixel number `i` of `from`, with all that is kept of it, behind those of `to`, or joined with the last of them.
class Appender {
 public:
  Appender(const SumsLayout& layout, PixelSums& to) : layout_(layout), to_(to) { prepare(layout, to); }

  /// @param kept_begin  where its values begin, by value whose median is wanted
  void add(const PixelSums& from, std::size_t i, std::span<const std::size_t> kept_begin) {
    const double* numbers = from.numbers.data() + i * layout_.size();
    const bool is_same = !to_.pixels.empty() && to_.pixels.back() == from.pixels[i];
    if (is_same) {
      join_last(layout_, to_, numbers, from.rows[i]);
    } else {
      to_.pixels.push_back(from.pixels[i]);
      to_.rows.push_back(from.rows[i]);
      to_.numbers.insert(to_.numbers.end(), numbers, numbers + layout_.size());
    }
    for (std::size_t k = 0; k < layout_.medians(); ++k) {
      const auto first = from.kept[k].begin() + static_cast<std::ptrdiff_t>(kept_begin[k]);
      to_.kept[k].insert(to_.kept[k].end(), first, first + from.kept_counts[k][i]);
      if (is_same)
        to_.kept_counts[k].back() += from.kept_counts[k][i];
      else
        to_.kept_counts[k].push_back(from.kept_counts[k][i]);
    }
  }

 private:
  const SumsLayout& layout_;
  PixelSums& to_;
};

/// Where the kept values of each pixel begin.
std::vector<std::size_t> kept_begins(const std::vector<std::int64_t>& counts) {
  std::vector<std::size_t> begins(counts.size());
  std::size_t at = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    begins[i] = at;
    at += static_cast<std::size_t>(counts[i]);
  }
  return begins;
}

}  // namespace

SumsLayout::SumsLayout(std::vector<ValueUse> values) : uses_(std::move(values)) {
  for (const ValueUse& use : uses_) {
    ValuePlaces& at = places_.emplace_back();
    at.count = size_++;
    if (use.mean) at.sum = size_++;
    if (use.spread) at.squares = size_++;
    if (use.extremes) {
      at.least = size_++;
      at.largest = size_++;
    }
    if (use.median) {
      at.median = size_++;
      at.kept = medians_++;
    }
  }
}

PixelSums add_up(const SumsLayout& layout, std::span<const std::int64_t> pixels, std::span<const std::span<const double>> values) {
  PixelSums sums;
  prepare(layout, sums);
  if (!std::ranges::is_sorted(pixels)) {
    // Catalogues in another order than that of the sky: rows of a pixel are brought together first.
    const std::vector<std::size_t> order = stable_order(pixels);
    std::vector<std::int64_t> ordered(pixels.size());
    for (std::size_t i = 0; i < order.size(); ++i) ordered[i] = pixels[order[i]];
    std::vector<std::vector<double>> moved(values.size(), std::vector<double>(pixels.size()));
    std::vector<std::span<const double>> spans;
    for (std::size_t v = 0; v < values.size(); ++v) {
      for (std::size_t i = 0; i < order.size(); ++i) moved[v][i] = values[v][order[i]];
      spans.emplace_back(moved[v]);
    }
    return add_up(layout, ordered, spans);
  }
  Runs runs(layout, sums);
  for (std::size_t begin = 0; begin < pixels.size();) {
    const std::size_t end = run_end(pixels, begin);
    runs.begin(pixels[begin], end - begin);
    for (std::size_t v = 0; v < layout.values(); ++v) runs.value(v, values[v].subspan(begin, end - begin));
    begin = end;
  }
  return sums;
}

void append(const SumsLayout& layout, PixelSums& to, const PixelSums& from) {
  Appender appender(layout, to);
  if (from.pixels.empty()) return;
  std::vector<std::size_t> begins(layout.medians());
  // Only the first pixel can be one that is there; all others go as they are.
  appender.add(from, 0, begins);
  to.pixels.insert(to.pixels.end(), from.pixels.begin() + 1, from.pixels.end());
  to.rows.insert(to.rows.end(), from.rows.begin() + 1, from.rows.end());
  to.numbers.insert(to.numbers.end(), from.numbers.begin() + static_cast<std::ptrdiff_t>(layout.size()), from.numbers.end());
  for (std::size_t k = 0; k < layout.medians(); ++k) {
    to.kept_counts[k].insert(to.kept_counts[k].end(), from.kept_counts[k].begin() + 1, from.kept_counts[k].end());
    to.kept[k].insert(to.kept[k].end(), from.kept[k].begin() + static_cast<std::ptrdiff_t>(from.kept_counts[k][0]), from.kept[k].end());
  }
}

PixelSums joined(const SumsLayout& layout, std::span<const PixelSums> parts) {
  struct Place {
    std::size_t part, pixel;
  };
  std::vector<Place> places;
  std::vector<std::int64_t> keys;
  std::vector<std::vector<std::vector<std::size_t>>> begins;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    for (std::size_t i = 0; i < parts[p].size(); ++i) {
      places.push_back({p, i});
      keys.push_back(parts[p].pixels[i]);
    }
    auto& mine = begins.emplace_back();
    for (std::size_t k = 0; k < layout.medians(); ++k) mine.push_back(kept_begins(parts[p].kept_counts[k]));
  }
  PixelSums all;
  Appender appender(layout, all);
  std::vector<std::size_t> kept_begin(layout.medians());
  for (const std::size_t at : stable_order(keys)) {
    const auto [part, pixel] = places[at];
    for (std::size_t k = 0; k < layout.medians(); ++k) kept_begin[k] = begins[part][k][pixel];
    appender.add(parts[part], pixel, kept_begin);
  }
  return all;
}

PixelSums last_pixel(const SumsLayout& layout, const PixelSums& sums) {
  PixelSums last;
  Appender appender(layout, last);
  if (sums.size() == 0) return last;
  std::vector<std::size_t> begins;
  for (std::size_t k = 0; k < layout.medians(); ++k)
    begins.push_back(sums.kept[k].size() - static_cast<std::size_t>(sums.kept_counts[k].back()));
  appender.add(sums, sums.size() - 1, begins);
  return last;
}

void settle_medians(const SumsLayout& layout, PixelSums& sums, std::size_t begin, std::size_t end) {
  if (begin >= end) return;
  for (std::size_t v = 0; v < layout.values(); ++v) {
    if (!layout.use(v).median) continue;
    const ValuePlaces& at = layout.places(v);
    std::vector<double>& kept = sums.kept[at.kept];
    std::vector<std::int64_t>& counts = sums.kept_counts[at.kept];
    const std::vector<std::size_t> begins = kept_begins(counts);
    const std::size_t first = begins[begin], last = begins[end - 1] + static_cast<std::size_t>(counts[end - 1]);
    for (std::size_t i = begin; i < end; ++i) {
      // Settled before, or without values.
      if (counts[i] == 0) continue;
      sums.numbers[i * layout.size() + at.median] = median_of(std::span(kept).subspan(begins[i], static_cast<std::size_t>(counts[i])));
      counts[i] = 0;
    }
    kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(first), kept.begin() + static_cast<std::ptrdiff_t>(last));
  }
}

double mean_of(const SumsLayout& layout, const PixelSums& sums, std::size_t pixel, std::size_t value) {
  const double* numbers = sums.numbers.data() + pixel * layout.size();
  const double count = numbers[layout.places(value).count];
  return count > 0.0 ? numbers[layout.places(value).sum] / count : nan;
}

double deviation_of(const SumsLayout& layout, const PixelSums& sums, std::size_t pixel, std::size_t value) {
  const double* numbers = sums.numbers.data() + pixel * layout.size();
  const double count = numbers[layout.places(value).count];
  return count > 1.0 ? std::sqrt(numbers[layout.places(value).squares] / (count - 1.0)) : nan;
}

}  // namespace skyfold::sky_map
