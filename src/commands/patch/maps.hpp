#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "skyfold/core/options.hpp"
#include "skyfold/farm/ranks.hpp"
#include "skyfold/io/healpix_pixels.hpp"
#include "skyfold/kernels/patch/patch_kernel.hpp"

namespace skyfold {

/// The maps and what is known of their channels; lists have one entry for all maps, or one each.
struct PatchMapOptions {
  std::vector<std::string> maps;
  std::vector<std::string> masks;               ///< none, one for all, or one per map
  std::vector<std::string> channels;            ///< channel of each map; empty: by FREQ or by order
  std::string intensity, q, u, variance, mask;  ///< columns; "" = guessed (variance: none)
  std::string unit;                             ///< "" = TUNIT
  bool mixed_nside = false;                     ///< maps of different NSide are meant
  HealpixKeywords keywords;
  std::vector<std::string> name, conversion = {"delta"};
  std::vector<double> frequency, fwhm, omega, omega_1, omega_2;
};
void describe(OptionSet& option, PatchMapOptions& o);

/// The maps of a run, open, with the columns that are measured.
class PatchMaps {
 public:
  /// Opens the files; nothing but their headers is read. Throws UsageError and DataError that name the map.
  PatchMaps(const PatchMapOptions& o, const PatchOptions& measure);

  /// Makes room for the values and reads maps as a whole that will be wanted so; collective.
  /// @param sources  of each map
  void load(const Ranks& ranks, const std::vector<std::int64_t>& sources, int threads);
  /// Reads what is needed around a source in maps that are read in pieces. Main thread only. Returns the bytes read.
  /// @param own  the only map that the source is measured on; nothing for all
  std::int64_t need(double lon, double lat, Frame frame, std::optional<std::size_t> own = {});

  /// The same for pixels within `radius_arcmin`, farther than any measurement reaches.
  std::int64_t need(double lon, double lat, Frame frame, double radius_arcmin);

  [[nodiscard]] std::size_t size() const noexcept { return maps_.size(); }
  [[nodiscard]] const std::string& path(std::size_t map) const noexcept { return files_[map].path(); }
  /// For people: the channel's name, or the place in the list.
  [[nodiscard]] std::string label(std::size_t map) const;
  [[nodiscard]] const PatchMap& map(std::size_t map) const noexcept { return maps_[map]; }
  /// After `load`.
  [[nodiscard]] const std::vector<PatchMap>& maps() const noexcept { return maps_; }
  /// Largest distance from a source of a pixel that is used, arcmin.
  [[nodiscard]] double reach_arcmin() const noexcept { return reach_arcmin_; }
  [[nodiscard]] const std::vector<std::string>& remarks() const noexcept { return remarks_; }
  [[nodiscard]] std::vector<std::string> paths() const;

 private:
  struct Piecewise {
    HealpixPixels* pixels;
    Frame frame;
    DiscFinder finder;
    double radius;             ///< of what measurements use
    double margin;             ///< a pixel's largest radius
    std::vector<bool> serves;  ///< by map
  };
  void open(const PatchMapOptions& o, std::size_t i, bool needs_fluxes, bool needs_polarisation);
  void set_channel(const PatchMapOptions& o, std::size_t i, std::size_t channel, bool needs_fluxes);
  std::int64_t need_within(Piecewise& piecewise, double lon, double lat, Frame frame, double radius);
  void tell_small_discs(const PatchOptions& measure);
  [[nodiscard]] std::size_t channel_of(const PatchMapOptions& o, std::size_t i) const;
  void open_mask(const PatchMapOptions& o, std::size_t i);

  std::vector<HealpixMapFile> files_;
  std::vector<std::vector<std::size_t>> columns_;  ///< read of each map
  std::vector<PatchMap> maps_;
  std::vector<bool> is_polarised_;  ///< Q and U are read
  std::vector<std::string> labels_, remarks_;
  std::vector<HealpixMapFile> masks_;  ///< by mask file
  std::vector<std::size_t> mask_columns_;
  std::vector<std::size_t> mask_of_;  ///< by map; SIZE_MAX for none
  std::list<HealpixPixels> pixels_;   ///< maps, then masks
  std::vector<Piecewise> piecewise_;
  std::vector<RingRun> runs_;
  double reach_arcmin_ = 0.0;
};

}  // namespace skyfold
