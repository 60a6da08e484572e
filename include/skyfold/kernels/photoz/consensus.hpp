#pragma once

#include <string>
#include <vector>

#include "skyfold/kernels/photoz/columns.hpp"

namespace skyfold {

/// What the estimates of several models say together: their mean by inverse variance, and whether they agree.
class Consensus {
 public:
  /// @param form      of the models' columns, with a redshift and an error
  /// @param prefixes  of the models' columns, "dnf_", at least two
  /// @param sigmas    two models agree when they differ by at most so many standard deviations of their difference
  Consensus(const PhotozForm& form, const std::vector<std::string>& prefixes, double sigmas);

  [[nodiscard]] static Schema columns();
  /// @param estimates  of each model, in the order of the prefixes
  /// @param out        has the columns, and as many rows
  void fill(const std::vector<const Table*>& estimates, int threads, Table& out) const;

 private:
  struct Names {
    std::string z, error, error_high;
  };
  std::vector<Names> names_;
  double sigmas_;
};

}  // namespace skyfold
