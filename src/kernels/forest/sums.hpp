#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "../common/simd.hpp"

// What a split is judged by: sums over the rows of a side, and the score that is the better the more the rows resemble each other.
// Gains are score(left) + score(right) - score(both).
namespace skyfold::forest {

/// Least squares: the score is (sum w y)^2 / sum w, so that gains are what a split takes from the sum of squares.
class SquareSums {
 public:
  struct Target {
    std::span<const double> y;  ///< [rows]; about its mean, or differences lose digits
  };
  explicit SquareSums(const Target& target) : target_(&target) {}
  void clear() noexcept { weight_ = sum_ = 0.0; }
  void add(std::uint32_t row, double weight) noexcept { add(terms(row, weight)); }
  /// What a row adds: asked for once where it is added to several sums.
  struct Terms {
    double weight, sum;
  };
  [[nodiscard]] Terms terms(std::uint32_t row, double weight) const noexcept { return {weight, weight * target_->y[row]}; }
  void add(const Terms& terms) noexcept {
    weight_ += terms.weight;
    sum_ += terms.sum;
  }
  /// Less what `other` has.
  [[nodiscard]] SquareSums less(const SquareSums& other) const noexcept {
    SquareSums rest(*this);
    rest.weight_ -= other.weight_;
    rest.sum_ -= other.sum_;
    return rest;
  }
  [[nodiscard]] double score() const noexcept { return weight_ > 0.0 ? sum_ * sum_ / weight_ : 0.0; }

 private:
  const Target* target_;
  double weight_ = 0.0, sum_ = 0.0;
};

/// Classes: Gini's impurity (score sum_c n_c^2 / n) or entropy (sum_c n_c ln n_c - n ln n), with n_c the weight of class c.
class ClassSums {
 public:
  struct Target {
    std::span<const std::uint16_t> label;  ///< [rows]
    std::size_t classes = 0;
    bool is_entropy = false;
  };
  explicit ClassSums(const Target& target) : target_(&target), count_(target.classes, 0.0) {}
  void clear() {
    count_.assign(target_->classes, 0.0);
    weight_ = sum_ = 0.0;
  }
  void add(std::uint32_t row, double weight) noexcept { add(terms(row, weight)); }
  struct Terms {
    std::uint16_t label;
    double weight;
  };
  [[nodiscard]] Terms terms(std::uint32_t row, double weight) const noexcept { return {target_->label[row], weight}; }
  void add(const Terms& terms) noexcept {
    double& count = count_[terms.label];
    // One class changes: the sum over all of them follows without a loop.
    sum_ -= part(count);
    count += terms.weight;
    sum_ += part(count);
    weight_ += terms.weight;
  }
  [[nodiscard]] ClassSums less(const ClassSums& other) const {
    ClassSums rest(*target_);
    rest.weight_ = weight_ - other.weight_;
    for (std::size_t c = 0; c < count_.size(); ++c) {
      rest.count_[c] = count_[c] - other.count_[c];
      rest.sum_ += rest.part(rest.count_[c]);
    }
    return rest;
  }
  [[nodiscard]] double score() const noexcept {
    if (!(weight_ > 0.0)) return 0.0;
    return target_->is_entropy ? sum_ - weight_ * std::log(weight_) : sum_ / weight_;
  }

 private:
  [[nodiscard]] double part(double count) const noexcept {
    if (!target_->is_entropy) return count * count;
    return count > 0.0 ? count * std::log(count) : 0.0;
  }
  const Target* target_;
  std::vector<double> count_;
  double weight_ = 0.0, sum_ = 0.0;
};

/// Conditional densities (RFCDE, Pospisil & Lee 2018, arXiv:1804.05753): the score is sum_j S_j^2 / n, with S_j the weighted sum of
/// basis function j and n the weight. The first function is 1, so that S_0 = n; it adds the same to every split.
class DensitySums {
 public:
  static constexpr std::size_t functions = 32, vectors = functions / n_lanes;
  struct Target {
    std::span<const float> basis;  ///< [rows x functions]
  };
  explicit DensitySums(const Target& target) : target_(&target) { clear(); }
  void clear() noexcept {
    for (Lanes& sum : sum_) sum = Lanes{};
  }
  struct Terms {
    Lanes value[vectors];
  };
  [[nodiscard]] SKYFOLD_INLINE Terms terms(std::uint32_t row, double weight) const noexcept {
    Terms terms;
    const float* basis = target_->basis.data() + row * functions;
    for (std::size_t k = 0; k < vectors; ++k) terms.value[k] = load(basis + k * n_lanes) * weight;
    return terms;
  }
  SKYFOLD_INLINE void add(const Terms& terms) noexcept {
    for (std::size_t k = 0; k < vectors; ++k) sum_[k] += terms.value[k];
  }
  SKYFOLD_INLINE void add(std::uint32_t row, double weight) noexcept { add(terms(row, weight)); }
  [[nodiscard]] DensitySums less(const DensitySums& other) const noexcept {
    DensitySums rest(*this);
    for (std::size_t k = 0; k < vectors; ++k) rest.sum_[k] -= other.sum_[k];
    return rest;
  }
  [[nodiscard]] double score() const noexcept {
    Lanes squares = {};
    for (std::size_t k = 0; k < vectors; ++k) squares += sum_[k] * sum_[k];
    const double weight = sum_[0][0];
    return weight > 0.0 ? ((squares[0] + squares[1]) + (squares[2] + squares[3])) / weight : 0.0;
  }

 private:
  typedef float HalfLanes __attribute__((vector_size(16)));
  SKYFOLD_INLINE static Lanes load(const float* p) {
    HalfLanes v;
    std::memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, Lanes);
  }
  const Target* target_;
  Lanes sum_[vectors];
};

/// Values of the basis at redshifts: 1, then sqrt(2) cos(j pi (z - z_min) / (z_max - z_min)); shape [z x DensitySums::functions].
[[nodiscard]] std::vector<float> cosine_basis(std::span<const double> z, double z_min, double z_max);

}  // namespace skyfold::forest
