// Galactic extinction: what the user says about it, and E(B-V) from a HEALPix map, of which only the blocks under the objects are read.
#include "skyfold/dataset/extinction.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/io/healpix_pixels.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// How maps of reddening call their column; one that is called otherwise must be the only one.
const std::array<std::string, 5> known_reddening = {"ebv", "e(b-v)", "temperature", "signal", "reddening"};

std::size_t reddening_column(const HealpixMapFile& file) {
  if (const auto known = file.known_column(known_reddening)) return *known;
  if (file.columns().size() == 1) return 0;
  std::vector<std::string> names;
  for (const HealpixColumn& column : file.columns()) names.push_back(column.name);
  throw DataError(fmt::format("{}: which of the columns {} is E(B-V) is not known (EBV, TEMPERATURE, or one column alone)", file.path(),
                              join(names, ", ")));
}

Frame frame_of(const HealpixMapFile& file) {
  if (file.frame()) return *file.frame();
  throw DataError(file.path() +
                  ": the frame of the map is not known (COORDSYS must be G, C or E, else E(B-V) would be that of another place)");
}

class HealpixReddening final : public ReddeningMap {
 public:
  explicit HealpixReddening(const HealpixMapFile& file)
      : rotation_(Frame::equatorial, frame_of(file)), pixels_(file.nside()), values_(file, {reddening_column(file)}, false, gather_alone) {}

  void look_up(const Column& ra, const Column& dec, std::span<double> ebv) override {
    for (std::size_t i = 0; i < ebv.size(); ++i) ebv[i] = at(ra.number(i), dec.number(i));
  }

 private:
  double at(double ra, double dec) {
    // An object without a place has no reddening; its magnitudes become missing, as with a missing E(B-V).
    if (!is_valid({ra, dec})) return nan;
    const Angles place = angles_of(ra, dec);
    // Through a vector only where the frame differs.
    const std::int64_t ring = pixels_.ring_pixel_at(rotation_.is_identity() ? place : angles_of(rotation_(vector_of(place))));
    std::int64_t pixel = ring;
    const RingRun run{ring, 1, static_cast<std::int32_t>(pixels_.ring_with(ring))};
    if (values_.file().is_nested()) pixel = pixels_.nested_of_ring(ring);
    // Blocks of the map stay in memory once read, and neighbours in a catalogue share them.
    (void)values_.need(std::span(&run, 1));
    return values_.values(0)[pixel];
  }

  FrameRotation rotation_;
  Pixelisation pixels_;
  HealpixPixels values_;
};

}  // namespace

void describe(OptionSet& option, ExtinctionOptions& o) {
  option("extinction.column", o.column, "column of E(B-V), by which magnitudes are dereddened").unit("mag");
  option("extinction.map", o.map, "HEALPix map of E(B-V), instead of a column").layout();
  option("extinction.coefficients", o.coefficients, "extinction of each band over E(B-V): g:3.64,r:2.70, or one number per band");
}

std::vector<double> extinction_coefficients(const std::vector<std::string>& given, const std::vector<std::string>& bands) {
  const auto number_in = [](const std::string& text) {
    const auto number = parse_double(trim(text));
    if (!number || !std::isfinite(*number))
      throw UsageError(fmt::format("--extinction.coefficients: extinction.coefficients = {} (must be a finite number)", text));
    return *number;
  };
  std::vector<double> values;
  // Either form, never both: a number without a band among named ones belongs to nobody.
  const bool has_names =
      std::any_of(given.begin(), given.end(), [](const std::string& part) { return part.find(':') != std::string::npos; });
  if (!has_names) {
    if (given.size() != bands.size())
      throw UsageError(fmt::format("--extinction.coefficients: {} values for {} bands", given.size(), bands.size()));
    for (const std::string& part : given) values.push_back(number_in(part));
    return values;
  }
  const auto find = [&](const std::string& band, bool is_exact) {
    std::vector<double> found;
    for (const std::string& part : given) {
      const std::size_t colon = part.rfind(':');
      if (colon == std::string::npos) throw UsageError(fmt::format("--extinction.coefficients: '{}' names no band (g:3.64)", part));
      const std::string name(trim(part.substr(0, colon)));
      if (is_exact ? name == band : lower(name) == lower(band)) found.push_back(number_in(part.substr(colon + 1)));
    }
    return found;
  };
  for (const std::string& band : bands) {
    // y and Y are two bands of some surveys: the exact name first.
    std::vector<double> found = find(band, true);
    if (found.empty()) found = find(band, false);
    if (found.size() != 1)
      throw UsageError(fmt::format("--extinction.coefficients: {} for band {}", found.empty() ? "none" : "more than one", band));
    values.push_back(found.front());
  }
  return values;
}

void set_extinction(const ExtinctionOptions& o, CorrectionRecord& record) {
  if (!o.is_set()) return;
  if (!o.column.empty() && !o.map.empty()) throw UsageError("--extinction.column and --extinction.map exclude each other");
  if ((o.column.empty() && o.map.empty()) || o.coefficients.empty())
    throw UsageError("--extinction.coefficients and --extinction.column or --extinction.map belong together");
  record.ebv = o.column;
  record.ebv_map = o.map;
  if (!o.map.empty()) record.ebv_hash = file_identity(o.map);
  record.extinction = extinction_coefficients(o.coefficients, record.bands);
}

std::shared_ptr<ReddeningMap> open_reddening_map(const std::string& path) {
  const HealpixMapFile file(path);
  if (file.is_explicit()) throw DataError(path + ": lists its pixels (a map of E(B-V) must have them in order)");
  return std::make_shared<HealpixReddening>(file);
}

}  // namespace skyfold
