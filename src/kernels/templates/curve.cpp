// Spectra and throughputs from texts: two columns, as BPZ and LePhare have them, or ECSV with units.
#include "skyfold/kernels/templates/curve.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr double least_part_of_peak = 1e-3;  // fainter wings are the noise of their measurement, and lead outside of spectra

/// Calls `use(number, line)` for each line, from 1, without its end.
template <class Use>
void each_line(std::string_view text, Use use) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    use(number, trim(text.substr(0, end)));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; (at = line.find_first_not_of(" \t,", at)) != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(" \t,", at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

/// Angstroms of a unit that ECSV names.
double angstroms_of(std::string_view unit, const std::string& path, std::size_t line) {
  const std::string name = lower(unit);
  if (name == "angstrom" || name == "aa" || name == "0.1 nm") return 1.0;
  if (name == "nm") return 10.0;
  if (name == "um" || name == "micron" || name == "micrometer") return 1e4;
  throw DataError(fmt::format("{}, line {}: wavelengths in {} (Angstrom, nm or um is needed)", path, line, unit));
}

/// Reads the lines of a curve.
class CurveReader {
 public:
  explicit CurveReader(const std::string& path) : path_(path) { curve_.name = std::filesystem::path(path).stem().string(); }

  void read(std::size_t number, std::string_view line) {
    if (line.starts_with("# %ECSV")) is_ecsv_ = true;
    if (line.starts_with('#')) {
      if (is_ecsv_) read_header(number, line);
      return;
    }
    if (line.empty()) return;
    // The names of the columns stand on the first line of an ECSV file that is no comment.
    if (is_ecsv_ && !has_names_)
      has_names_ = true;
    else
      add(number, line);
  }

  Curve curve() && {
    if (is_ecsv_ && !unit_) throw DataError(path_ + ": ECSV without the unit of its first column (nm or Angstrom is not to be guessed)");
    if (is_decreasing_ && !is_increasing_) {
      std::ranges::reverse(curve_.wavelength);
      std::ranges::reverse(curve_.value);
    }
    if (curve_.wavelength.size() < 2) throw DataError(path_ + ": fewer than two points (no curve)");
    if (unit_)
      for (double& wavelength : curve_.wavelength) wavelength *= *unit_;
    return std::move(curve_);
  }

 private:
  /// `# - {name: wavelength, unit: nm, datatype: float64}`; the first one is the wavelength's.
  void read_header(std::size_t number, std::string_view line) {
    if (has_column_ || line.find("{name:") == std::string_view::npos) return;
    has_column_ = true;
    const std::size_t at = line.find("unit:");
    if (at == std::string_view::npos) return;
    const std::string_view rest = line.substr(at + 5);
    unit_ = angstroms_of(trim(rest.substr(0, rest.find_first_of(",}"))), path_, number);
  }

  void add(std::size_t number, std::string_view line) {
    const std::vector<std::string_view> words = words_of(line);
    const auto wavelength = words.empty() ? std::nullopt : parse_double(words[0]);
    const auto value = words.size() < 2 ? std::nullopt : parse_double(words[1]);
    if (!wavelength || !value || !std::isfinite(*wavelength) || !std::isfinite(*value) || *wavelength < 0.0)
      throw DataError(fmt::format("{}, line {}: '{}' (a wavelength >= 0 and a value are needed)", path_, number, line.substr(0, 60)));
    if (!curve_.wavelength.empty() && *wavelength == curve_.wavelength.back()) {
      curve_.value.back() = *value;
      return;
    }
    if (!curve_.wavelength.empty()) (*wavelength > curve_.wavelength.back() ? is_increasing_ : is_decreasing_) = true;
    if (is_increasing_ && is_decreasing_)
      throw DataError(fmt::format("{}, line {}: wavelength {} is out of order (a curve has one value each)", path_, number, *wavelength));
    curve_.wavelength.push_back(*wavelength);
    curve_.value.push_back(*value);
  }

  const std::string& path_;
  Curve curve_;
  std::optional<double> unit_;  ///< of ECSV, in angstrom
  bool is_ecsv_ = false, has_names_ = false, has_column_ = false, is_increasing_ = false, is_decreasing_ = false;
};

}  // namespace

Curve parse_curve(std::string_view text, const std::string& path) {
  CurveReader reader(path);
  each_line(text, [&](std::size_t number, std::string_view line) { reader.read(number, line); });
  return std::move(reader).curve();
}

Curve parse_filter(std::string_view text, const std::string& path) {
  Curve filter = parse_curve(text, path);
  for (std::size_t i = 0; i < filter.value.size(); ++i)
    if (filter.value[i] < 0.0)
      throw DataError(fmt::format("{}: throughput {} at {} angstrom (must be >= 0)", path, filter.value[i], filter.wavelength[i]));
  if (*std::ranges::max_element(filter.value) <= 0.0) throw DataError(path + ": the throughput is 0 everywhere");
  return trimmed(std::move(filter));
}

std::vector<std::string> parse_list(std::string_view text, const std::string& path) {
  std::vector<std::string> files;
  each_line(text, [&](std::size_t, std::string_view line) {
    if (const auto words = words_of(line.substr(0, line.find('#'))); !words.empty())
      // An absolute path stays as it is.
      files.push_back((std::filesystem::path(path).parent_path() / words[0]).string());
  });
  if (files.empty()) throw DataError(path + ": names no file");
  return files;
}

Curve trimmed(Curve filter) {
  const double least = least_part_of_peak * *std::ranges::max_element(filter.value);
  if (!(least > 0.0)) throw DataError(filter.name + ": the throughput is 0 everywhere");
  const auto is_enough = [&](double value) { return value >= least; };
  auto begin = std::ranges::find_if(filter.value, is_enough) - filter.value.begin();
  auto end = std::find_if(filter.value.rbegin(), filter.value.rend(), is_enough).base() - filter.value.begin();
  // The flanks to the next points belong to it: in a file of few points they are much of the curve.
  begin = std::max<std::ptrdiff_t>(begin - 1, 0);
  end = std::min<std::ptrdiff_t>(end + 1, std::ssize(filter.value));
  filter.value = {filter.value.begin() + begin, filter.value.begin() + end};
  filter.wavelength = {filter.wavelength.begin() + begin, filter.wavelength.begin() + end};
  return filter;
}

}  // namespace skyfold
