#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold::combine {

/// What weights depend on: means over some objects, with their weight.
struct Products {
  std::vector<double> q, b;
  double weight = 0.0;

  explicit Products(std::size_t members) : q(members * members, 0.0), b(members, 0.0) {}
  void add(const Products& other);  ///< of sums
  [[nodiscard]] Products mean() const;
};

inline constexpr std::size_t finest_bins = 4;  ///< of magnitude

/// Sums by part of the cross-validation and by the finest bin; objects without magnitude in one more bin.
class BinnedProducts {
 public:
  BinnedProducts(std::size_t members, std::size_t parts);
  [[nodiscard]] Products& at(std::size_t part, std::size_t bin) { return cells_[part * (finest_bins + 1) + bin]; }
  /// Sums of all parts, or of all but `without`, in bins [first, last).
  [[nodiscard]] Products sum(std::size_t first, std::size_t last, std::size_t without = none) const;
  [[nodiscard]] const Products& of(std::size_t part, std::size_t bin) const { return cells_[part * (finest_bins + 1) + bin]; }
  [[nodiscard]] std::size_t parts() const noexcept { return cells_.size() / (finest_bins + 1); }
  [[nodiscard]] std::size_t members() const noexcept { return members_; }

  static constexpr std::size_t none = static_cast<std::size_t>(-1);

 private:
  std::size_t members_;
  std::vector<Products> cells_;
};

/// Weights of members in bins of magnitude; one bin where more do not pay.
struct BinnedWeights {
  std::vector<double> all;                ///< of all objects, and of those without the magnitude; shape [members]
  std::vector<double> up_to;              ///< magnitudes; the last one without end; none with one bin
  std::vector<std::vector<double>> bins;  ///< as many
  double gain = 0.0;                      ///< of CDE loss by the bins, by cross-validation

  /// The weights of an object.
  [[nodiscard]] const std::vector<double>& of(double magnitude) const noexcept;
};
/// 1, 2 or 4 bins: more where the CDE loss of parts, with the weights of the others, is less by more than the standard error over parts.
/// Members whose mean weight is below `least` get none.
/// @param edges  of the finest bins, finest_bins - 1 magnitudes
[[nodiscard]] BinnedWeights binned_weights(const BinnedProducts& products, std::span<const double> edges, double least);

/// The band whose magnitudes are binned: i, else r, else the one in the middle.
[[nodiscard]] std::size_t binned_band(const std::vector<std::string>& bands);

}  // namespace skyfold::combine
