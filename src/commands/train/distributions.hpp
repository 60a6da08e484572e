#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skyfold/table/photometry.hpp"

namespace skyfold {

/// Distributions of the detected magnitudes and colours of neighbouring bands of a set of objects: counts in bins of 0.02 mag, so
/// that sets of any size take the same memory and sums do not depend on the order.
class PhotometricDistributions {
 public:
  explicit PhotometricDistributions(const std::vector<std::string>& bands);

  /// Adds objects.
  /// @param weight  of each object; empty: 1 each
  void add(const Photometry& photometry, std::span<const double> weight = {});

  /// Adds counts as `counts` gives them.
  void add_counts(std::span<const double> counts);
  [[nodiscard]] const std::vector<double>& counts() const noexcept { return counts_; }

  /// Bands, then colours: "i", "r-i".
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  [[nodiscard]] bool is_colour(std::size_t quantity) const noexcept { return quantity >= n_bands_; }
  /// Sum of the weights of the objects that have the quantity.
  [[nodiscard]] double total(std::size_t quantity) const;
  /// Quantile to the width of a bin, as a bin's middle; NaN without objects.
  [[nodiscard]] double quantile(std::size_t quantity, double p) const;
  /// Centres and densities (unit integral) in bins of `width` mag, a multiple of 0.02, from the first to the last that holds any.
  struct Curve {
    std::vector<double> x, density;
  };
  [[nodiscard]] Curve curve(std::size_t quantity, double width) const;

 private:
  std::size_t n_bands_;
  std::vector<std::string> names_;
  std::vector<double> counts_;  ///< [quantities x bins]
};

}  // namespace skyfold
