#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "../common/regression_nets.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold::annz2 {

/// What a model sees of the inputs (network::Inputs, which are standardised).
enum class Transform : std::uint8_t {
  none,
  normalise,  ///< the range of the training set becomes [-1, 1]
  pca         ///< principal components, each of unit variance; the bits of missing bands stay as they are
};
inline constexpr std::size_t transform_kinds = 3;

/// The linear maps of the transforms.
class Transforms {
 public:
  explicit Transforms(std::size_t inputs) : n_(inputs) {}

  /// Learns them from training objects.
  /// @param features  how many of the inputs are no bits
  void learn(const TrainingSheet& sheet, std::size_t features);
  /// As a table of a model (columns `matrix` and `offset`), and back.
  [[nodiscard]] Table table() const;
  void restore(const Table& table);

  [[nodiscard]] std::size_t inputs() const noexcept { return n_; }
  /// Of a chunk, shape [inputs x chunk].
  void apply(Transform transform, std::span<const double> in, std::span<double> out) const;

 private:
  struct Map {
    std::vector<double> matrix, offset;  ///< [inputs x inputs] row-major, [inputs]
  };
  [[nodiscard]] const Map& map_of(Transform transform) const { return maps_[static_cast<std::size_t>(transform) - 1]; }

  std::size_t n_;
  std::array<Map, transform_kinds - 1> maps_;  ///< of normalise and pca
};

}  // namespace skyfold::annz2
