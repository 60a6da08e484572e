// The maps of a run of patch: which columns are intensity, polarisation and variance, channels with their beams and units, masks,
// and pixels in memory, whole or in blocks.
#include "maps.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/healpix_sum.hpp"
#include "skyfold/kernels/patch/units.hpp"

namespace skyfold {
namespace {

constexpr double arcmin = std::numbers::pi / 180.0 / 60.0;
constexpr std::size_t no_mask = SIZE_MAX;
constexpr std::int64_t quickly_summed_bytes = std::int64_t{256} << 20;  // larger maps of which blocks are read are not summed

const std::vector<std::string> intensity_names = {"i_stokes", "temperature", "t", "i", "intensity", "signal", "i_stokes_1"};
const std::vector<std::string> q_names = {"q_stokes", "q_polarisation", "q_polarization", "q-polarisation", "q-polarization", "q"};
const std::vector<std::string> u_names = {"u_stokes", "u_polarisation", "u_polarization", "u-polarisation", "u-polarization", "u"};
const std::vector<std::string> mask_names = {"mask", "tmask", "i_mask", "temperature", "n_obs"};

/// Entry of a channel list, which holds one for all channels or one each.
template <class T>
T entry(const std::vector<T>& list, std::size_t channel, const T& none) {
  if (list.empty()) return none;
  return list.size() == 1 ? list[0] : list[channel];
}

/// Number of channels, by the longest list; the others must have as many entries, one, or none.
std::size_t channel_count(const PatchMapOptions& o) {
  const std::pair<const char*, std::size_t> sizes[] = {{"channel.name", o.name.size()},
                                                       {"channel.frequency", o.frequency.size()},
                                                       {"channel.fwhm", o.fwhm.size()},
                                                       {"channel.omega", o.omega.size()},
                                                       {"channel.omega-1", o.omega_1.size()},
                                                       {"channel.omega-2", o.omega_2.size()},
                                                       {"channel.conversion", o.conversion.size()}};
  std::size_t count = 1;
  for (const auto& [name, size] : sizes) count = std::max(count, size);
  for (const auto& [name, size] : sizes)
    if (size > 1 && size != count)
      throw UsageError(fmt::format("{} has {} entries (must have {}, one per channel, or one for all)", name, size, count));
  // One name for all channels would give columns of one name.
  if (count > 1 && o.name.size() == 1) throw UsageError(fmt::format("channel.name has one entry (must have {}, one per channel)", count));
  return count;
}

/// The number that a text begins with, after leading zeros: "030" and "30-GHz" give 30.
double leading_number(const std::string& text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  // NaN equals nothing, not even another name without a number.
  return parse_double(text.substr(0, end)).value_or(std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

void describe(OptionSet& option, PatchMapOptions& o) {
  option("map.intensity", o.intensity, "column of the intensity; empty: guessed, else the first");
  option("map.q", o.q, "column of Stokes Q; empty: guessed");
  option("map.u", o.u, "column of Stokes U; empty: guessed");
  option("map.variance", o.variance, "column of the intensity's variance, which weights the fits; empty: none");
  option("map.mask", o.mask, "column of the masks; empty: guessed, else the first");
  option("map.unit", o.unit, "unit of the maps, where TUNIT is missing or wrong: K_CMB, mK_CMB, uK_CMB, MJy/sr");
  option("map.mixed_nside", o.mixed_nside, "maps of different NSide in one run are meant, as with the channels of Planck");
  option("map.hdu", o.keywords.hdu, "extension with the map, by number or EXTNAME; empty: the first HEALPix table");
  option("map.ordering", o.keywords.ordering, "numbering of the pixels, where ORDERING is missing or wrong").one_of({"", "RING", "NESTED"});
  option("map.frame", o.keywords.frame, "frame, G, C or E, where COORDSYS is missing or wrong");
  option("channel.name", o.name, "names of the channels, which end the names of their columns; empty: no names");
  option("channel.frequency", o.frequency, "effective frequencies").unit("GHz").range(1.0, 1e5);
  option("channel.fwhm", o.fwhm, "effective FWHM of the beams").unit("arcmin").range(0.01, 3600.0);
  option("channel.omega", o.omega, "solid angles of the beams; empty: of Gaussians").unit("arcmin2").range(1e-4, 1e9);
  option("channel.omega-1", o.omega_1, "solid angles within 1 FWHM; empty: of Gaussians").unit("arcmin2").range(1e-4, 1e9);
  option("channel.omega-2", o.omega_2, "solid angles within 2 FWHM; empty: of Gaussians").unit("arcmin2").range(1e-4, 1e9);
  option("channel.conversion", o.conversion, "K_CMB to MJy/sr: delta (at the frequency), planck (band-integrated), or a number");
}

PatchMaps::PatchMaps(const PatchMapOptions& o, const PatchOptions& measure) {
  const bool needs_polarisation = measure.measures("polarisation");
  const bool needs_fluxes = needs_polarisation || measure.measures("aperture") || measure.measures("psf") || measure.measures("gauss");
  // Options without effect are refused: who gives one expects another result than without it.
  if (o.masks.empty()) refuse_idle_options("--masks", {{"map.mask", !o.mask.empty()}});
  if (!needs_polarisation) refuse_idle_options("polarisation in --measure", {{"map.q", !o.q.empty()}, {"map.u", !o.u.empty()}});
  if (!needs_fluxes) refuse_idle_options("a measure of fluxes in --measure", {{"map.variance", !o.variance.empty()}});
  if (o.masks.size() > 1 && o.masks.size() != o.maps.size())
    throw UsageError(fmt::format("{} masks for {} maps (give one for all, or one per map)", o.masks.size(), o.maps.size()));
  for (std::size_t i = 0; i < o.maps.size(); ++i) open(o, i, needs_fluxes, needs_polarisation);
  for (const std::string& path : o.masks) {
    const HealpixMapFile& file = masks_.emplace_back(path, HealpixKeywords{});
    mask_columns_.push_back(o.mask.empty() ? file.known_column(mask_names).value_or(0) : file.column(o.mask));
    if (o.mask.empty() && file.columns().size() > 1)
      remarks_.push_back(fmt::format("guessed mask = column {} of {}", file.columns()[mask_columns_.back()].name, path));
  }
  for (std::size_t i = 0; i < o.maps.size(); ++i) open_mask(o, i);
  if (measure.measures("mean") || measure.measures("disc")) tell_small_discs(measure);
  if (needs_polarisation && std::find(is_polarised_.begin(), is_polarised_.end(), true) == is_polarised_.end())
    throw UsageError(
        fmt::format("{}: no columns of Q and U (measure polarisation needs them; name them with --map.q and --map.u)", o.maps.front()));
  for (const PatchMap& map : maps_) reach_arcmin_ = std::max(reach_arcmin_, skyfold::reach_arcmin(measure, map.beam.fwhm_arcmin));
  if (measure.membership == "fractional")
    for (const HealpixMapFile& file : files_)
      if (!Pixelisation(file.nside()).has_nested())
        throw UsageError(fmt::format("{}: NSide = {} (fractional membership needs a power of two)", file.path(), file.nside()));
  std::vector<std::string> nsides;
  for (const HealpixMapFile& file : files_)
    // Maps of different NSide in one run are more often a mistake than meant: the user has to say so.
    if (std::find(nsides.begin(), nsides.end(), std::to_string(file.nside())) == nsides.end())
      nsides.push_back(std::to_string(file.nside()));
  if (nsides.size() > 1 && !o.mixed_nside)
    throw DataError(fmt::format("{}: maps of NSide {} in one run (if that is meant say --map.mixed_nside; else see map ud-grade)",
                                o.maps.front(), join(nsides, ", ")));
  if (nsides.size() > 1) remarks_.push_back(fmt::format("maps of NSide {}: pixels are found for each", join(nsides, ", ")));
}

void PatchMaps::open(const PatchMapOptions& o, std::size_t i, bool needs_fluxes, bool needs_polarisation) {
  const HealpixMapFile& file = files_.emplace_back(o.maps[i], o.keywords);
  PatchMap& map = maps_.emplace_back();
  map.pixels = Pixelisation(file.nside());
  map.is_nested = file.is_nested();
  if (!file.frame()) throw DataError(fmt::format("{}: FITS keyword COORDSYS is missing (give --map.frame G, C or E)", file.path()));
  map.frame = *file.frame();
  map.is_iau = file.is_iau();
  std::vector<std::size_t>& columns = columns_.emplace_back();
  // Intensity first, then Q and U, then the variance: load() takes them in this order.
  columns.push_back(o.intensity.empty() ? file.known_column(intensity_names).value_or(0) : file.column(o.intensity));
  map.unit = o.unit.empty() ? file.columns()[columns[0]].unit : o.unit;
  if (needs_polarisation) {
    const auto q = o.q.empty() ? file.known_column(q_names) : file.column(o.q),
               u = o.u.empty() ? file.known_column(u_names) : file.column(o.u);
    if (q && u) {
      columns.push_back(*q);
      columns.push_back(*u);
    }
  }
  is_polarised_.push_back(columns.size() == 3);
  if (!o.variance.empty() && needs_fluxes) columns.push_back(file.column(o.variance));
  set_channel(o, i, channel_of(o, i), needs_fluxes);
}

void PatchMaps::tell_small_discs(const PatchOptions& measure) {
  if (measure.membership == "inclusive") return;  // of all discs pixels are found
  for (std::size_t i = 0; i < maps_.size(); ++i) {
    // Of the pixels, or of their parts, that have a centre or none: sixteen of them.
    const double parts = measure.membership == "fractional" ? 4.0 : 1.0, farthest = maps_[i].pixels.largest_pixel_radius() / arcmin / parts;
    if (measure.radius_arcmin < farthest)
      remarks_.push_back(fmt::format(
          "{}: a pixel is {:.4g} arcmin wide, the disc's radius {:.4g} arcmin: sources whose disc holds no centre of a pixel are "
          "flagged (--patch.membership inclusive takes all pixels that a disc touches)",
          label(i), std::sqrt(maps_[i].pixels.pixel_area_sr()) / arcmin, measure.radius_arcmin));
  }
}

std::size_t PatchMaps::channel_of(const PatchMapOptions& o, std::size_t i) const {
  const std::size_t count = channel_count(o);
  if (!o.channels.empty()) {
    if (o.channels.size() != o.maps.size())
      throw UsageError(fmt::format("{} channels for {} maps (name one per map)", o.channels.size(), o.maps.size()));
    auto found = std::find(o.name.begin(), o.name.end(), o.channels[i]);
    // 30 and 030 are the same channel.
    if (found == o.name.end())
      found = std::find_if(o.name.begin(), o.name.end(),
                           [&](const std::string& name) { return leading_number(name) == leading_number(o.channels[i]); });
    if (found == o.name.end()) throw UsageError(fmt::format("no channel '{}' (channel.name = {})", o.channels[i], join(o.name, ", ")));
    return static_cast<std::size_t>(found - o.name.begin());
  }
  if (count == 1) return 0;
  // Planck's maps say 30-GHz or 030 where a list says 30.
  const double frequency = leading_number(std::string(trim(files_[i].keyword("FREQ").value_or(""))));
  for (std::size_t c = 0; c < o.name.size(); ++c)
    if (leading_number(o.name[c]) == frequency) return c;
  // Names without numbers, and as many maps as channels: they are taken in their order.
  if (count == o.maps.size()) return i;
  throw UsageError(fmt::format("{}: which channel is it? (name one per map with --channels; there are {})", o.maps[i], join(o.name, ", ")));
}

void PatchMaps::set_channel(const PatchMapOptions& o, std::size_t i, std::size_t channel, bool needs_fluxes) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  PatchMap& map = maps_[i];
  const std::string label = !o.name.empty() ? entry<std::string>(o.name, channel, "") : o.maps.size() == 1 ? "" : std::to_string(i + 1);
  if (std::find(labels_.begin(), labels_.end(), label) != labels_.end())
    throw UsageError(fmt::format("{}: another map is of channel {} too (each map needs a channel of its own, whose name its columns get)",
                                 o.maps[i], label));
  labels_.push_back(label);
  map.suffix = label.empty() ? "" : "_" + label;
  // What is not given is NaN here; the kernel takes a Gaussian's solid angle for it.
  map.beam = {entry(o.fwhm, channel, nan), entry(o.omega, channel, nan), entry(o.omega_1, channel, nan), entry(o.omega_2, channel, nan)};
  if (!needs_fluxes) return;
  if (!(map.beam.fwhm_arcmin > 0.0)) throw UsageError(fmt::format("{}: no beam (fluxes need --channel.fwhm)", o.maps[i]));
  try {
    map.mjy_sr = mjy_sr_per_unit(map.unit, entry<std::string>(o.conversion, channel, "delta"), entry(o.frequency, channel, nan));
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", o.maps[i], error.what()));
  }
}

void PatchMaps::open_mask(const PatchMapOptions& o, std::size_t i) {
  mask_of_.push_back(o.masks.empty() ? no_mask : o.masks.size() == 1 ? 0 : i);
  if (mask_of_[i] == no_mask) return;
  const HealpixMapFile& mask = masks_[mask_of_[i]];
  if (mask.nside() != files_[i].nside())
    throw DataError(fmt::format("{}: NSide = {}, but {} of {} (a mask must have the pixels of its map; see map ud-grade)", mask.path(),
                                mask.nside(), files_[i].nside(), files_[i].path()));
  if (mask.frame() && *mask.frame() != maps_[i].frame)
    throw DataError(fmt::format("{}: frame {}, but {} of {} (a mask must have the pixels of its map)", mask.path(),
                                letter_of(*mask.frame()), letter_of(maps_[i].frame), files_[i].path()));
  maps_[i].mask_is_nested = mask.is_nested();
}

void PatchMaps::load(const Ranks& ranks, const std::vector<std::int64_t>& sources, int threads) {
  const PhaseScope scope(ranks.clock(), Phase::read);
  const GatherTexts gather = [&](const std::string& mine) { return ranks.gather(mine); };
  const auto add = [&](const HealpixMapFile& file, const std::vector<std::size_t>& columns, Frame frame,
                       const std::vector<bool>& serves) -> HealpixPixels& {
    const Pixelisation pixels(file.nside());
    // A pixel may reach into the circle though its centre lies outside.
    const double radius = reach_arcmin_ * arcmin + pixels.largest_pixel_radius();
    std::int64_t count = 0;
    for (std::size_t i = 0; i < serves.size(); ++i) count += serves[i] ? sources[i] : 0;
    HealpixPixels& all = pixels_.emplace_back(file, columns, is_better_whole(file, count, radius), gather);
    if (!all.is_whole()) piecewise_.push_back({&all, frame, DiscFinder(pixels), radius, pixels.largest_pixel_radius(), serves});
    return all;
  };
  for (std::size_t i = 0; i < maps_.size(); ++i) {
    std::vector<bool> serves(maps_.size(), false);
    serves[i] = true;
    const HealpixPixels& all = add(files_[i], columns_[i], maps_[i].frame, serves);
    std::size_t next = 0;
    // Where the pixels will be: the memory is there, its values come below.
    maps_[i].intensity = all.values(next++);
    if (is_polarised_[i]) {
      maps_[i].q = all.values(next++);
      maps_[i].u = all.values(next++);
    }
    if (next < columns_[i].size()) maps_[i].variance = all.values(next);
  }
  for (std::size_t m = 0; m < masks_.size(); ++m) {
    // A mask may not tell its frame: it is that of the map it is for.
    const auto user = static_cast<std::size_t>(std::find(mask_of_.begin(), mask_of_.end(), m) - mask_of_.begin());
    std::vector<bool> serves;
    for (const std::size_t mask : mask_of_) serves.push_back(mask == m);
    const PixelValues values = add(masks_[m], {mask_columns_[m]}, maps_[user].frame, serves).values(0);
    for (std::size_t i = 0; i < maps_.size(); ++i)
      if (mask_of_[i] == m) maps_[i].mask = values;
  }
  for (const HealpixPixels& all : pixels_) {
    // To sum a map it must be read whole, which would take longer than the measurement where only blocks are wanted.
    const auto stated = all.is_whole() || all.file().data().bytes <= quickly_summed_bytes ? stated_data_sum(all.file()) : std::nullopt;
    if (!stated) continue;
    const std::uint32_t found = data_sum_of(all.file(), [&](std::size_t count, const auto& unit) { return ranks.run_units(count, unit); });
    ranks.together([&] { compare_data_sums(all.file(), *stated, found); });
  }
  // All ranks of a machine clear before any of them reads: they share the memory.
  for (const bool is_reading : {false, true})
    ranks.together([&] {
      for (HealpixPixels& all : pixels_)
        if (all.is_whole()) is_reading ? static_cast<void>(all.load(threads)) : all.clear(threads);
    });
}

std::int64_t PatchMaps::need_within(Piecewise& piecewise, double lon, double lat, Frame frame, double radius) {
  const FrameRotation rotation(frame, piecewise.frame);
  // Each map in its own frame: the source is turned into it, never the map.
  const Angles here = angles_of(lon, lat);
  piecewise.finder.find(rotation.is_identity() ? here : angles_of(rotation(vector_of(here))), std::min(radius, std::numbers::pi), runs_);
  return piecewise.pixels->need(runs_);
}

std::int64_t PatchMaps::need(double lon, double lat, Frame frame, std::optional<std::size_t> own) {
  std::int64_t bytes = 0;
  for (Piecewise& piecewise : piecewise_)
    if (!own || piecewise.serves[*own]) bytes += need_within(piecewise, lon, lat, frame, piecewise.radius);
  return bytes;
}

std::int64_t PatchMaps::need(double lon, double lat, Frame frame, double radius_arcmin) {
  std::int64_t bytes = 0;
  for (Piecewise& piecewise : piecewise_)
    bytes += need_within(piecewise, lon, lat, frame, std::max(piecewise.radius, radius_arcmin * arcmin + piecewise.margin));
  return bytes;
}

std::string PatchMaps::label(std::size_t map) const { return labels_[map].empty() ? "map" : labels_[map]; }

std::vector<std::string> PatchMaps::paths() const {
  std::vector<std::string> paths;
  for (const HealpixMapFile& file : files_) paths.push_back(file.path());
  for (const HealpixMapFile& file : masks_) paths.push_back(file.path());
  return paths;
}

}  // namespace skyfold
