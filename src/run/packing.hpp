#pragma once

#include <string>
#include <vector>

#include "skyfold/farm/ranks.hpp"
#include "state.hpp"

namespace skyfold {

/// Makes compressed copies of the finished HDF5 products of a run, which wait beside them; collective. Until they are published, the run
/// goes on with what it has filled, so that a death costs the copies alone.
/// @param compress  name of a compression; none: there are no copies afterwards
void pack_products(const Ranks& ranks, const std::string& output, const std::vector<std::string>& products, const std::string& compress);

/// Removes copies that an attempt which died has left.
void remove_packed(const std::string& output, const std::vector<std::string>& products);
/// Whether the HDF5 products that are still there have this compression.
[[nodiscard]] bool are_stored_as(const std::vector<ProductState>& products, const std::string& compress);

}  // namespace skyfold
