#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "fit.hpp"

namespace skyfold::lephare {

/// Distance moduli from a table, to 1e-5 mag.
class SmoothDistance {
 public:
  SmoothDistance() = default;
  SmoothDistance(const Cosmology& cosmology, double z_max);
  /// @param z  0 to z_max; -infinity at 0
  [[nodiscard]] double modulus(double z) const noexcept;

 private:
  static constexpr double step = 0.005;
  std::vector<double> without_log_;  ///< modulus less 5 log10 z, which is smooth
};

/// Of each redshift and band, [z][bands], the band whose difference from the model moves the absolute magnitude, as the option
/// `absolute_from` says; empty where the template alone counts. The nearest band is the one in which K correction and colour at rest
/// together differ least between all models that are bright there (as LePhare's method 1 chooses).
[[nodiscard]] std::vector<std::size_t> bands_of_absolute(const Options& o, const std::vector<std::string>& bands,
                                                         const std::vector<Model>& models, const Grid& grid);

}  // namespace skyfold::lephare
