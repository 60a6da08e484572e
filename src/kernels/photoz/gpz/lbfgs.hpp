#pragma once

#include <functional>
#include <span>
#include <vector>

namespace skyfold::gpz {

/// A function of many parameters and its gradient, which it fills; infinity where it is not defined.
using Objective = std::function<double(std::span<const double> parameters, std::span<double> gradient)>;
/// Called after each iteration; false ends the minimisation.
using AfterIteration = std::function<bool(std::size_t iteration, std::span<const double> parameters, double value)>;

/// Goes down from `parameters` by L-BFGS (Nocedal 1980; Nocedal & Wright 2006, algorithms 7.4, 7.5, with steps of Armijo's rule), at most
/// so many iterations, and leaves the lowest point there. Ends where no step leads down.
/// @returns the value there
double minimise(const Objective& objective, std::size_t iterations, std::vector<double>& parameters, const AfterIteration& after = {});

}  // namespace skyfold::gpz
