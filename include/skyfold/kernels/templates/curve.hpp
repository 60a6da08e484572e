#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace skyfold {

/// A spectrum or a throughput: values at wavelengths, linear between them, 0 outside.
struct Curve {
  std::string name;                ///< of its file, without folder and ending
  std::vector<double> wavelength;  ///< angstrom, increasing, at least two
  std::vector<double> value;       ///< f_lambda on any scale, or photons that are counted; finite
};

/// A curve as text: two columns (wavelength in angstrom, value; `#` begins a comment), or ECSV with columns `wavelength` and `response` or
/// the first two, where the header tells the unit of the wavelength (Angstrom, nm, um). Of points at one wavelength the last counts;
/// wavelengths that decrease throughout are turned round.
///
/// @param path  for messages, and the name
/// Throws DataError that names the line for what is not that.
[[nodiscard]] Curve parse_curve(std::string_view text, const std::string& path);
/// A throughput: as `parse_curve`, but not negative, and trimmed.
[[nodiscard]] Curve parse_filter(std::string_view text, const std::string& path);
/// First words of the lines of a list of files, without comments; relative ones are in the folder of the list.
///
/// Throws DataError for a list of nothing.
[[nodiscard]] std::vector<std::string> parse_list(std::string_view text, const std::string& path);

/// Cuts off both ends of a throughput where it is below a thousandth of its peak, but for the flanks up to the next points. Throws
/// DataError for one that is 0 everywhere.
[[nodiscard]] Curve trimmed(Curve filter);

}  // namespace skyfold
