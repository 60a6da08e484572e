#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace skyfold {

/// Weights that make a training sample look like a photometric one, by nearest neighbours (Lima et al. 2008, MNRAS 390, 118).
///
/// Around training object i lies a ball whose radius d_i is the distance to its N-th nearest other training object. With n_i
/// photometric objects in it (d <= d_i) the weight is w_i = (n_i / N) / sum_j (n_j / N). Counts are whole numbers, so that weights
/// depend neither on the order of the photometric objects nor on blocks or threads.
class TrainingBalls {
 public:
  /// @param points      row-major, shape [n x dimensions]; an object with a NaN has no ball, and the weight 0
  /// @param neighbours  N >= 1
  /// Throws DataError when no more than N objects have all coordinates.
  TrainingBalls(std::span<const double> points, std::size_t dimensions, std::size_t neighbours, int threads);
  ~TrainingBalls();
  TrainingBalls(const TrainingBalls&) = delete;
  TrainingBalls& operator=(const TrainingBalls&) = delete;

  /// Counts a block of photometric objects.
  /// @param points  row-major, shape [m x dimensions]
  /// @param inside  filled: how many balls contain each object; 0: outside the coverage of the training sample; -1: a coordinate
  ///                is NaN, so that it was not counted; shape [m]
  void count(std::span<const double> points, std::span<std::int32_t> inside, int threads);
  /// The training objects whose balls hold a point, added to `rows`; of one with a NaN none. Any thread.
  void around(std::span<const double> point, std::vector<std::uint32_t>& rows) const;
  /// Adds what was counted of other photometric objects around the same balls.
  void add(std::span<const std::int64_t> counts, std::int64_t counted, std::int64_t covered);

  [[nodiscard]] std::span<const double> radius() const noexcept;        ///< d_i, NaN without a ball
  [[nodiscard]] std::span<const std::int64_t> counts() const noexcept;  ///< n_i so far
  [[nodiscard]] std::int64_t counted() const noexcept;                  ///< photometric objects with all coordinates so far
  [[nodiscard]] std::int64_t covered() const noexcept;                  ///< those of them inside at least one ball
  /// w_i, sum 1; all 0 as long as nothing lies in any ball.
  [[nodiscard]] std::vector<double> weights() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// How often each object occurs in a weighted sample: floor(n w) times and once more with the probability of the rest, drawn from
/// (seed, id).
/// @param weight  sum 1, shape [n]
[[nodiscard]] std::vector<std::int32_t> weighted_copies(std::span<const std::int64_t> id, std::span<const double> weight, double target,
                                                        std::uint64_t seed);

/// The magnitude of a copy of an object in a weighted sample: spread by its error, drawn from (seed, id, copy) for band `band`.
/// One without an error > 0 stays as it is.
[[nodiscard]] double spread_magnitude(double mag, double mag_err, std::uint64_t seed, std::int64_t id, std::int32_t copy,
                                      std::uint32_t band) noexcept;

}  // namespace skyfold
