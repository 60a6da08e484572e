// Growth of decision trees, breadth-first. Exact splits sort the rows of a node by each attribute that is tried; random thresholds need
// one pass over the rows for all attributes.
#include "growth.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "skyfold/core/random.hpp"

namespace skyfold::forest {
namespace {

constexpr std::uint32_t node_stream = 0x666f7201, bootstrap_stream = 0x666f7202;

struct Range {
  float low = std::numeric_limits<float>::infinity(), high = -std::numeric_limits<float>::infinity();
  std::uint32_t present = 0;
};

double weight_of(const Sample& sample, std::uint32_t row) noexcept {
  return sample.weight.empty() ? 1.0 : static_cast<double>(sample.weight[row]);
}

/// A number that both sides of a split may be told by; never `high` itself, which goes right.
float between(float low, float high, double part) noexcept {
  const auto middle = static_cast<float>(low + part * (static_cast<double>(high) - low));
  return middle < high && middle >= low ? middle : low;
}

/// A gain that is more than what rounding makes of none.
bool is_gain(double gain, double score) noexcept { return gain > 1e-12 * std::abs(score); }

/// Grows one tree with one kind of sums.
template <class Sums>
class Grower {
 public:
  Grower(const Sample& sample, const typename Sums::Target& target, const GrowthOptions& o)
      : sample_(sample), target_(target), o_(o), tried_(sample.attributes) {
    std::iota(tried_.begin(), tried_.end(), std::uint16_t{0});
  }

  Tree grow(std::vector<std::uint32_t> rows, std::uint64_t seed, std::uint32_t number) {
    Tree tree;
    rows_ = std::move(rows);
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges = {{0u, static_cast<std::uint32_t>(rows_.size())}};
    tree.nodes.push_back({});
    // Breadth-first: the nodes that are made are also the queue of those to be looked at.
    for (std::uint32_t node = 0; node < tree.nodes.size(); ++node) {
      const auto [begin, end] = ranges[node];
      tree.begin.push_back(static_cast<std::uint32_t>(tree.rows.size()));
      const std::span<std::uint32_t> mine(rows_.data() + begin, end - begin);
      const Split split = find_split(mine, ObjectRandom(seed, (std::uint64_t{number} << 32) | node, node_stream));
      if (!(split.gain > 0.0)) {
        tree.nodes[node] = {std::numeric_limits<float>::infinity(), node, 0, 1};
        std::sort(mine.begin(), mine.end());
        tree.rows.insert(tree.rows.end(), mine.begin(), mine.end());
        continue;
      }
      const std::uint32_t middle = begin + part(mine, split);
      tree.nodes[node] = {split.threshold, static_cast<std::uint32_t>(tree.nodes.size()), split.attribute,
                          static_cast<std::uint16_t>(split.missing_left)};
      tree.nodes.insert(tree.nodes.end(), 2, Node{});
      ranges.emplace_back(begin, middle);
      ranges.emplace_back(middle, end);
    }
    tree.begin.push_back(static_cast<std::uint32_t>(tree.rows.size()));
    return tree;
  }

  Split exact_split(std::span<const std::uint32_t> rows, std::uint16_t attribute) {
    order_.clear();
    Sums all(target_);
    for (const std::uint32_t row : rows) {
      const float x = value(row, attribute);
      if (std::isnan(x)) continue;
      order_.emplace_back(x, row);
      all.add(row, weight_of(sample_, row));
    }
    Split best;
    if (order_.size() < 2 * o_.least) return best;
    std::sort(order_.begin(), order_.end());
    const double score = all.score();
    Sums left(target_);
    for (std::size_t i = 0; i + 1 < order_.size(); ++i) {
      left.add(order_[i].second, weight_of(sample_, order_[i].second));
      if (order_[i].first == order_[i + 1].first || i + 1 < o_.least || order_.size() - i - 1 < o_.least) continue;
      const double gain = left.score() + all.less(left).score() - score;
      if (gain > best.gain && is_gain(gain, score))
        best = {gain, between(order_[i].first, order_[i + 1].first, 0.5), attribute, 2 * (i + 1) > order_.size()};
    }
    return best;
  }

 private:
  [[nodiscard]] float value(std::uint32_t row, std::uint16_t attribute) const noexcept {
    return sample_.value[row * sample_.attributes + attribute];
  }

  Split find_split(std::span<const std::uint32_t> rows, ObjectRandom random) {
    if (rows.size() <= o_.stop || rows.size() < 2 * o_.least) return {};
    const std::size_t tried = o_.tried == 0 ? tried_.size() : std::min(o_.tried, tried_.size());
    std::iota(tried_.begin(), tried_.end(), std::uint16_t{0});
    if (tried < tried_.size())
      for (std::size_t k = 0; k < tried; ++k)
        std::swap(tried_[k], tried_[k + static_cast<std::size_t>(random.uniform() * static_cast<double>(tried_.size() - k))]);
    const std::span<const std::uint16_t> attributes(tried_.data(), tried);
    if (o_.random_thresholds) return random_split(rows, attributes, random);
    Split best;
    for (const std::uint16_t attribute : attributes)
      if (const Split split = exact_split(rows, attribute); split.gain > best.gain) best = split;
    return best;
  }

  Split random_split(std::span<const std::uint32_t> rows, std::span<const std::uint16_t> attributes, ObjectRandom& random) {
    const std::size_t d = sample_.attributes;
    range_.assign(d, {});
    for (const std::uint32_t row : rows)
      for (std::size_t a = 0; a < d; ++a) {
        const float x = sample_.value[row * d + a];
        Range& range = range_[a];
        // Comparisons with NaN are false: missing values leave the range as it is.
        range.low = x < range.low ? x : range.low;
        range.high = x > range.high ? x : range.high;
        range.present += x == x;
      }
    candidates_.clear();
    bool is_complete = true;
    for (const std::uint16_t a : attributes) {
      const double draw = random.uniform();  // for each attribute, also those that cannot split
      if (!(range_[a].low < range_[a].high)) continue;
      is_complete = is_complete && range_[a].present == rows.size();
      candidates_.push_back({a, between(range_[a].low, range_[a].high, draw)});
    }
    return judge(rows, is_complete);
  }

  struct Candidate {
    std::uint16_t attribute;
    float threshold;
  };

  /// The best of the candidates.
  Split judge(std::span<const std::uint32_t> rows, bool is_complete) {
    left_.assign(candidates_.size(), Sums(target_));
    all_.assign(is_complete ? 1 : candidates_.size(), Sums(target_));
    count_.assign(candidates_.size(), 0);
    add_sides(rows, is_complete);
    Split best;
    for (std::size_t k = 0; k < candidates_.size(); ++k) {
      const auto [attribute, threshold] = candidates_[k];
      const std::uint32_t present = range_[attribute].present, left = count_[k];
      if (left < o_.least || present - left < o_.least) continue;
      const Sums& all = all_[is_complete ? 0 : k];
      const double score = all.score(), gain = left_[k].score() + all.less(left_[k]).score() - score;
      if (gain > best.gain && is_gain(gain, score)) best = {gain, threshold, attribute, 2 * left > present};
    }
    return best;
  }

  void add_sides(std::span<const std::uint32_t> rows, bool is_complete) {
    const Sums none(target_);
    for (const std::uint32_t row : rows) {
      // The same for all candidates, and what takes longest where a row lies elsewhere in memory.
      const typename Sums::Terms terms = none.terms(row, weight_of(sample_, row));
      const float* x = &sample_.value[row * sample_.attributes];
      if (is_complete) all_[0].add(terms);
      for (std::size_t k = 0; k < candidates_.size(); ++k) {
        const float at = x[candidates_[k].attribute];
        if (!is_complete && at == at) all_[k].add(terms);
        if (!(at <= candidates_[k].threshold)) continue;
        left_[k].add(terms);
        ++count_[k];
      }
    }
  }

  /// Left rows first, both sides in their order. Returns the number of those on the left.
  std::uint32_t part(std::span<std::uint32_t> rows, const Split& split) {
    right_.clear();
    std::uint32_t left = 0;
    for (const std::uint32_t row : rows) {
      const float x = value(row, split.attribute);
      if (x <= split.threshold || (split.missing_left && std::isnan(x)))
        rows[left++] = row;
      else
        right_.push_back(row);
    }
    std::copy(right_.begin(), right_.end(), rows.begin() + left);
    return left;
  }

  const Sample& sample_;
  const typename Sums::Target& target_;
  GrowthOptions o_;
  std::vector<std::uint16_t> tried_;
  std::vector<std::uint32_t> rows_, right_, count_;
  std::vector<std::pair<float, std::uint32_t>> order_;
  std::vector<Range> range_;
  std::vector<Candidate> candidates_;
  std::vector<Sums> left_, all_;
};

/// The kind of sums that belongs to a target.
template <class Target>
struct SumsOf;
template <>
struct SumsOf<SquareSums::Target> {
  using Type = SquareSums;
};
template <>
struct SumsOf<ClassSums::Target> {
  using Type = ClassSums;
};
template <>
struct SumsOf<DensitySums::Target> {
  using Type = DensitySums;
};

}  // namespace

std::vector<float> cosine_basis(std::span<const double> z, double z_min, double z_max) {
  std::vector<float> basis(z.size() * DensitySums::functions);
  const double scale = z_max > z_min ? std::numbers::pi / (z_max - z_min) : 0.0;
  for (std::size_t i = 0; i < z.size(); ++i)
    for (std::size_t j = 0; j < DensitySums::functions; ++j)
      basis[i * DensitySums::functions + j] =
          j == 0 ? 1.0f : static_cast<float>(std::numbers::sqrt2 * std::cos(static_cast<double>(j) * scale * (z[i] - z_min)));
  return basis;
}

Tree grow(const Sample& sample, const GrowthOptions& o, std::vector<std::uint32_t> rows, std::uint64_t seed, std::uint32_t tree) {
  return std::visit(
      [&](const auto& target) {
        using Sums = typename SumsOf<std::decay_t<decltype(target)>>::Type;
        return Grower<Sums>(sample, target, o).grow(std::move(rows), seed, tree);
      },
      sample.target);
}

Split best_split(const Sample& sample, const GrowthOptions& o, std::span<const std::uint32_t> rows, std::uint16_t attribute) {
  return std::visit(
      [&](const auto& target) {
        using Sums = typename SumsOf<std::decay_t<decltype(target)>>::Type;
        return Grower<Sums>(sample, target, o).exact_split(rows, attribute);
      },
      sample.target);
}

std::uint32_t bootstrap_count(std::uint64_t seed, std::int64_t id, std::uint32_t tree) noexcept {
  // The distribution function of Poisson's law with mean 1, walked up to the draw.
  double left = ObjectRandom(seed ^ mix64(tree), static_cast<std::uint64_t>(id), bootstrap_stream).uniform();
  double p = std::exp(-1.0);
  std::uint32_t count = 0;
  while (left >= p && count < 12) {
    left -= p;
    p /= static_cast<double>(++count);
  }
  return count;
}

}  // namespace skyfold::forest
