#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "skyfold/kernels/templates/curve.hpp"

namespace skyfold {

/// What a name of a filter says: FILE, FILE:NUMBER (filter of that number in a file of many, as EAZY has it), and with :energy behind it
/// for a throughput of energies.
struct FilterName {
  std::string path;
  std::size_t number = 0;  ///< from 1; 0: the file is one filter
  bool is_energy = false;
};
[[nodiscard]] FilterName filter_name(const std::string& name);
/// The throughput before anything is looked at, cut off or converted, for those who look for mistakes.
[[nodiscard]] Curve parse_named_filter(std::string_view text, const FilterName& name);
/// The throughput of photons, trimmed. Throws DataError for one that is negative somewhere or 0 everywhere.
[[nodiscard]] Curve read_named_filter(std::string_view text, const FilterName& name);
/// Of photons, for a throughput of energies: T / lambda, with points near enough that lines between them do not matter.
[[nodiscard]] Curve counting_photons(const Curve& energies);

}  // namespace skyfold
