// Filters of other programs as they are: many in one file (EAZY), throughputs of energies (LePhare).
#include "skyfold/kernels/templates/filter_name.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr double step_of_photons = 0.002;  // in ln lambda

/// The lines of one filter of a file that has many: each begins with a line of its number of points and a description, and has lines
/// of a number, a wavelength and a throughput.
std::string filter_of_many(std::string_view text, const FilterName& name) {
  std::string found;
  std::size_t filter = 0, left = 0, line_number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = trim(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    ++line_number;
    if (line.empty()) continue;
    const std::size_t first_end = std::min(line.find_first_of(" \t"), line.size());
    if (left == 0) {
      const auto points = parse_integer(line.substr(0, first_end));
      if (!points || *points < 2)
        throw DataError(fmt::format("{}, line {}: '{}' (a filter begins with its number of points, at least 2)", name.path, line_number,
                                    line.substr(0, 60)));
      left = static_cast<std::size_t>(*points);
      if (++filter > name.number) return found;
      continue;
    }
    --left;
    if (filter == name.number) found.append(trim(line.substr(first_end))).append("\n");
  }
  if (filter < name.number) throw DataError(fmt::format("{}: {} filters (there is no number {})", name.path, filter, name.number));
  if (left > 0) throw DataError(fmt::format("{}: filter {} has {} points less than it says", name.path, name.number, left));
  return found;
}

}  // namespace

FilterName filter_name(const std::string& name) {
  FilterName parts{name, 0, false};
  if (parts.path.ends_with(":energy")) {
    parts.is_energy = true;
    parts.path.resize(parts.path.size() - std::string_view(":energy").size());
  }
  const std::size_t colon = parts.path.rfind(':');
  if (colon == std::string::npos) return parts;
  const auto number = parse_integer(std::string_view(parts.path).substr(colon + 1));
  if (!number) return parts;
  if (*number < 1) throw UsageError(fmt::format("filter '{}': number {} (filters of a file are counted from 1)", name, *number));
  parts.number = static_cast<std::size_t>(*number);
  parts.path.resize(colon);
  return parts;
}

Curve parse_named_filter(std::string_view text, const FilterName& name) {
  if (name.number == 0) return parse_curve(text, name.path);
  const std::string lines = filter_of_many(text, name);
  Curve curve = parse_curve(lines, fmt::format("{}:{}", name.path, name.number));
  curve.name = fmt::format("{}:{}", std::filesystem::path(name.path).filename().string(), name.number);
  return curve;
}

Curve read_named_filter(std::string_view text, const FilterName& name) {
  if (name.number == 0 && !name.is_energy) return parse_filter(text, name.path);
  const Curve curve = parse_named_filter(text, name);
  for (std::size_t i = 0; i < curve.value.size(); ++i)
    if (curve.value[i] < 0.0)
      throw DataError(fmt::format("{}: throughput {} at {} angstrom (must be >= 0)", name.path, curve.value[i], curve.wavelength[i]));
  return trimmed(name.is_energy ? counting_photons(curve) : curve);
}

Curve counting_photons(const Curve& energies) {
  Curve photons{energies.name, {}, {}};
  // The scale does not matter to a magnitude; the middle keeps the height that people know.
  const double middle = 0.5 * (energies.wavelength.front() + energies.wavelength.back());
  for (std::size_t i = 0; i < energies.wavelength.size(); ++i) {
    const double low = energies.wavelength[i];
    const bool is_last = i + 1 == energies.wavelength.size();
    const double high = is_last ? low : energies.wavelength[i + 1];
    const int steps = is_last || low <= 0.0 ? 1 : std::max(1, static_cast<int>(std::ceil(std::log(high / low) / step_of_photons)));
    for (int step = 0; step < steps; ++step) {
      const double part = static_cast<double>(step) / steps;
      const double wavelength = low + part * (high - low);
      const double value = is_last ? energies.value[i] : energies.value[i] + part * (energies.value[i + 1] - energies.value[i]);
      photons.wavelength.push_back(wavelength);
      photons.value.push_back(wavelength > 0.0 ? value * middle / wavelength : 0.0);
    }
  }
  return photons;
}

}  // namespace skyfold
