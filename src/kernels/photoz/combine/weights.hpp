#pragma once

#include <span>
#include <vector>

namespace skyfold::combine {

/// Weights w >= 0 of sum 1 that make w'Qw - 2 b'w least: the CDE loss of the weighted sum of PDFs. The least value over all sets of
/// members, each with the condition of Lagrange, so exact; for up to 16 members.
/// @param q  shape [n x n], symmetric: means of the integrals of products of two PDFs
/// @param b  shape [n]: mean densities at the known redshifts
[[nodiscard]] std::vector<double> best_weights(std::span<const double> q, std::span<const double> b);
[[nodiscard]] double loss_of(std::span<const double> weights, std::span<const double> q, std::span<const double> b);

}  // namespace skyfold::combine
