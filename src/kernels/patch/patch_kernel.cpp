// The patch kernel: for each source and map, statistics and fluxes of the pixels around it. Maps of one NSide and frame share the
// search for pixels; plain means have a path of their own that hides the latency of memory.
#include "skyfold/kernels/patch/patch_kernel.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "patch_fluxes.hpp"
#include "quantities.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/patch/stamp.hpp"
#include "skyfold/kernels/patch/statistics.hpp"
#include "skyfold/sky/disc.hpp"

namespace skyfold {
namespace {

constexpr double arcmin = std::numbers::pi / 180.0 / 60.0;
constexpr std::size_t chunk_sources = 128;
constexpr std::size_t sources_ahead = 8;  ///< whose pixels are on their way from memory while others are summed

/// Maps of one NSide and frame, which share the pixels of a source.
struct Group {
  Group(const PatchMap& map, Frame from, bool fractional)
      : pixels(map.pixels), frame(map.frame), rotation(from, map.frame), finder(pixels), circles(pixels, fractional) {}

  Pixelisation pixels;
  Frame frame;
  FrameRotation rotation;
  DiscFinder finder;
  CircleWeights circles;
  std::vector<std::size_t> maps;
  bool has_nested = false;  ///< NESTED numbers are needed too
  bool has_polarisation = false;
  double stamp_radius = 0.0;  ///< of the pixels whose places are needed, radians; 0 for none
};

/// What a thread works with; nothing in it outlives a source but its capacity.
struct Scratch {
  explicit Scratch(const std::vector<Group>& groups) {
    for (const Group& group : groups) finders.emplace_back(group.finder);
  }

  std::vector<DiscFinder> finders;  ///< by group
  std::array<std::vector<RingRun>, sources_ahead> runs;
  std::array<std::vector<double>, sources_ahead> packed;  ///< values of the pixels of the sources ahead
  std::vector<std::int64_t> ring_pixels, nested_pixels;
  Stamp stamp;
  std::vector<double> intensity, q, u, variance, weights, sorted;
  FluxScratch fluxes;
  std::vector<Measurements> results;  ///< by source of a chunk and map
};

/// Where a map's quantities go.
struct OutputColumn {
  Quantity quantity;
  std::size_t column;
};

void list_pixels(std::span<const RingRun> runs, std::vector<std::int64_t>& pixels) {
  pixels.clear();
  for (const RingRun& run : runs)
    for (std::int32_t i = 0; i < run.count; ++i) pixels.push_back(run.first + i);
}

void list_nested(const Pixelisation& of, std::span<const RingRun> runs, std::vector<std::int64_t>& pixels) {
  std::size_t n = 0;
  for (const RingRun& run : runs) n += static_cast<std::size_t>(run.count);
  pixels.resize(n);
  std::size_t at = 0;
  for (const RingRun& run : runs) {
    of.nested_of_run(run.ring, run.first, std::span(pixels).subspan(at, static_cast<std::size_t>(run.count)));
    at += static_cast<std::size_t>(run.count);
  }
}

void gather(const PixelValues& values, std::span<const std::int64_t> pixels, std::vector<double>& out) {
  out.resize(values.is_empty() ? 0 : pixels.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = values[pixels[i]];
}

// Not positive rather than zero: a mask may have NaN or UNSEEN where nothing was observed.
void hide_masked(const PixelValues& mask, std::span<const std::int64_t> pixels, std::vector<double>& out) {
  for (std::size_t i = 0; i < out.size(); ++i)
    if (!(mask[pixels[i]] > 0.0)) out[i] = std::numeric_limits<double>::quiet_NaN();
}

/// Asks for the cache lines of a run; they arrive while other work is done.
template <class T>
void prefetch(const T* values, const RingRun& run) {
  constexpr std::int64_t line = 64 / sizeof(T);
  for (std::int64_t at = run.first; at < run.first + run.count; at += line) __builtin_prefetch(values + at);
  // The last line of a run that begins in the middle of one.
  __builtin_prefetch(values + run.first + run.count - 1);
}

/// Puts the values of the runs one after the other, in double precision.
///
/// Runs are short and of any length, so they are copied in whole steps and overlap each other's ends: loops of a few equal steps
/// are foreseen by the processor, loops of any length are not.
///
/// @param all  values there are, which must not be passed
template <class T>
void pack(const T* values, std::int64_t all, std::span<const RingRun> runs, std::vector<double>& packed) {
  constexpr std::int64_t step = 8;
  std::size_t n = 0;
  for (const RingRun& run : runs) n += static_cast<std::size_t>(run.count);
  // Room for the last whole step, cut off at the end.
  packed.resize(n + step);
  double* to = packed.data();
  for (const RingRun& run : runs) {
    const T* from = values + run.first;
    if (run.first + run.count + step <= all) {
      for (std::int64_t i = 0; i < run.count; i += step)
        for (std::int64_t k = 0; k < step; ++k) to[i + k] = static_cast<double>(from[i + k]);
    } else {
      for (std::int64_t i = 0; i < run.count; ++i) to[i] = static_cast<double>(from[i]);
    }
    to += run.count;
  }
  packed.resize(n);
}

/// Sums of the values of some sources, each in the order of its pixels. Each addition waits for the one before, so four
/// sources are added up at a time.
void add_up(std::span<const std::vector<double>> packed, std::span<double> sums) {
  constexpr std::size_t together = 4;
  std::size_t source = 0;
  for (; source + together <= packed.size(); source += together) {
    const double* const v[together] = {packed[source].data(), packed[source + 1].data(), packed[source + 2].data(),
                                       packed[source + 3].data()};
    // Together as far as the shortest reaches; the rest of each one alone, in the same order.
    std::size_t least = packed[source].size();
    for (std::size_t k = 1; k < together; ++k) least = std::min(least, packed[source + k].size());
    double sum[together] = {};
    for (std::size_t i = 0; i < least; ++i)
      for (std::size_t k = 0; k < together; ++k) sum[k] += v[k][i];
    for (std::size_t k = 0; k < together; ++k) {
      for (std::size_t i = least; i < packed[source + k].size(); ++i) sum[k] += v[k][i];
      sums[source + k] = sum[k];
    }
  }
  for (; source < packed.size(); ++source) {
    sums[source] = 0.0;
    for (const double value : packed[source]) sums[source] += value;
  }
}

class PatchKernel final : public Kernel {
 public:
  PatchKernel(const PatchOptions& o, std::vector<PatchMap> maps, PatchPositions positions)
      : o_(o),
        maps_(std::move(maps)),
        positions_(std::move(positions)),
        is_fractional_(o.membership == "fractional"),
        measures_disc_(o.measures("mean") || o.measures("disc")),
        measures_fluxes_(o.measures("aperture") || o.measures("psf") || o.measures("gauss") || o.measures("polarisation")) {
    for (std::size_t i = 0; i < maps_.size(); ++i) {
      setups_.push_back(flux_setup(maps_[i], o_));
      add_to_group(i);
    }
    add_columns();
    // The usual question to a large catalogue, and ten times as fast on a path of its own.
    is_mean_only_ = !is_fractional_ && !measures_fluxes_ && !o_.measures("disc") &&
                    std::all_of(maps_.begin(), maps_.end(), [](const PatchMap& map) { return map.mask.is_empty(); });
  }

  std::vector<std::string> needs() const override { return {positions_.lon, positions_.lat}; }
  Schema gives() const override { return schema_; }

  void run(const Table& in, Table& out, int threads) const override {
    const Column &lon = in.at(positions_.lon), &lat = in.at(positions_.lat);
    std::vector<Scratch> scratch;
    for (int i = 0; i < threads; ++i) scratch.emplace_back(groups_);
    parallel_for(in.rows(), chunk_sources, threads, [&](std::size_t begin, std::size_t end, int thread) {
      Scratch& mine = scratch[static_cast<std::size_t>(thread)];
      // Results of a chunk first, columns later: threads would share cache lines otherwise.
      mine.results.assign((end - begin) * maps_.size(), nothing_measured());
      // One group after the other: the rings of its disc finder stay in the cache.
      for (std::size_t g = 0; g < groups_.size(); ++g) {
        if (is_mean_only_)
          measure_means(g, lon, lat, begin, end, mine);
        else
          for (std::size_t row = begin; row < end; ++row) measure(g, lon.number(row), lat.number(row), (row - begin) * maps_.size(), mine);
      }
      store(mine.results, begin, end, out);
    });
  }

  void mark_failed(Table& out) const override {
    Measurements failed = nothing_measured();
    failed[q_flags] = patch_failed;
    const std::vector<Measurements> results(out.rows() * maps_.size(), failed);
    store(results, 0, out.rows(), out);
  }

 private:
  void add_to_group(std::size_t index) {
    const PatchMap& map = maps_[index];
    // Finding pixels is half the work: channels of one survey share it.
    const auto is_alike = [&](const Group& g) { return g.pixels.nside() == map.pixels.nside() && g.frame == map.frame; };
    if (std::none_of(groups_.begin(), groups_.end(), is_alike)) groups_.emplace_back(map, positions_.frame, is_fractional_);
    const auto group = std::find_if(groups_.begin(), groups_.end(), is_alike);
    group->maps.push_back(index);
    group->has_nested = group->has_nested || map.is_nested || (!map.mask.is_empty() && map.mask_is_nested);
    group->has_polarisation = group->has_polarisation || has_polarisation(map);
    PatchOptions placed = o_;  // discs need the places of pixels only for parts of pixels
    if (!is_fractional_) std::erase_if(placed.measure, [](const std::string& what) { return what == "mean" || what == "disc"; });
    const double reach = reach_arcmin(placed, map.beam.fwhm_arcmin) * arcmin;
    if (reach > 0.0) group->stamp_radius = std::max(group->stamp_radius, reach + group->circles.margin());
  }

  bool has_polarisation(const PatchMap& map) const { return o_.measures("polarisation") && !map.q.is_empty() && !map.u.is_empty(); }

  void add_columns() {
    for (const PatchMap& map : maps_) {
      std::vector<OutputColumn>& columns = columns_.emplace_back();
      for (const Quantity quantity : chosen_quantities(o_, has_polarisation(map))) {
        columns.push_back({quantity, schema_.size()});
        schema_.push_back(column_of(quantity, map.suffix, map.unit));
      }
    }
  }

  /// Source's place in the frame of a group, straight from its coordinates where no rotation is needed.
  Angles direction_in(const Group& group, double lon, double lat) const {
    const Angles here = angles_of(lon, lat);
    // A detour over vectors would change the last bits of positions that need no rotation.
    return group.rotation.is_identity() ? here : angles_of(group.rotation(vector_of(here)));
  }

  static bool has_position(double lon, double lat) { return std::isfinite(lon) && lat >= -90.0 && lat <= 90.0; }

  /// Means of the sources of a chunk: pixels of several sources are asked for before the first is summed, so that memory
  /// answers all of them at once.
  void measure_means(std::size_t g, const Column& lon, const Column& lat, std::size_t begin, std::size_t end, Scratch& s) const {
    const Group& group = groups_[g];
    for (std::size_t first = begin; first < end; first += sources_ahead) {
      const std::size_t n = std::min(sources_ahead, end - first);
      for (std::size_t i = 0; i < n; ++i) find_ahead(group, s.finders[g], lon.number(first + i), lat.number(first + i), s.runs[i]);
      for (const std::size_t map : group.maps) {
        for (std::size_t i = 0; i < n; ++i) pack_values(group, maps_[map], s, i);
        std::array<double, sources_ahead> sums{};
        add_up(std::span(s.packed).first(n), sums);
        for (std::size_t i = 0; i < n; ++i) {
          Measurements& m = s.results[(first + i - begin) * maps_.size() + map];
          if (has_position(lon.number(first + i), lat.number(first + i)))
            set_mean(s.packed[i], sums[i], m);
          else
            set_flag(m, patch_no_position);
        }
      }
    }
  }

  void pack_values(const Group& group, const PatchMap& map, Scratch& s, std::size_t i) const {
    const PixelValues& values = map.intensity;
    if (map.is_nested) {
      list_nested(group.pixels, s.runs[i], s.nested_pixels);
      gather(values, s.nested_pixels, s.packed[i]);
    } else if (values.f4 != nullptr) {
      pack(values.f4, group.pixels.count(), s.runs[i], s.packed[i]);
    } else {
      pack(values.f8, group.pixels.count(), s.runs[i], s.packed[i]);
    }
  }

  void find_ahead(const Group& group, DiscFinder& finder, double lon, double lat, std::vector<RingRun>& runs) const {
    runs.clear();
    if (!has_position(lon, lat)) return;
    find_disc(finder, direction_in(group, lon, lat), runs);
    for (const std::size_t map : group.maps) {
      if (maps_[map].is_nested) continue;
      const PixelValues& values = maps_[map].intensity;
      for (const RingRun& run : runs) values.f4 != nullptr ? prefetch(values.f4, run) : prefetch(values.f8, run);
    }
  }

  void find_disc(DiscFinder& finder, const Angles& at, std::vector<RingRun>& runs) const {
    if (o_.membership == "inclusive")
      finder.find_inclusive(at, o_.radius_arcmin * arcmin, runs);
    else
      finder.find(at, o_.radius_arcmin * arcmin, runs);
  }

  void set_mean(std::span<const double> values, double sum, Measurements& m) const {
    std::size_t n = values.size();
    // One NaN makes the whole sum NaN: only then the values are looked at one by one.
    if (std::isnan(sum)) {  // some are missing
      sum = 0.0, n = 0;
      for (const double value : values)
        if (!std::isnan(value)) sum += value, ++n;
    }
    m[q_n_pix] = static_cast<double>(n);
    if (!values.empty()) m[q_coverage] = static_cast<double>(n) / static_cast<double>(values.size());
    if (n > 0 && m[q_coverage] >= o_.min_coverage)
      m[q_mean] = sum / static_cast<double>(n);
    else
      set_flag(m, patch_disc_coverage);
  }

  void measure(std::size_t g, double lon, double lat, std::size_t first_result, Scratch& s) const {
    const Group& group = groups_[g];
    if (!has_position(lon, lat)) {
      for (const std::size_t map : group.maps) set_flag(s.results[first_result + map], patch_no_position);
      return;
    }
    const Angles at = direction_in(group, lon, lat);
    if (measures_disc_ && !is_fractional_) {
      find_disc(s.finders[g], at, s.runs[0]);
      list_both(group, s.runs[0], s);
      for (const std::size_t map : group.maps) {
        gather_intensity(maps_[map], s);
        set_disc(disc_statistics(s.intensity, {}, s.sorted), s.results[first_result + map]);
      }
    }
    if (group.stamp_radius > 0.0) measure_stamp(group, s.finders[g], at, lon, lat, first_result, s);
  }

  void measure_stamp(const Group& group, DiscFinder& finder, const Angles& at, double lon, double lat, std::size_t first_result,
                     Scratch& s) const {
    // East and north of the catalogue's frame, turned into the map's: offsets and angles are told in the frame of the positions.
    const TangentBasis basis = group.rotation(tangent_basis(angles_of(lon, lat)));
    finder.find(at, std::min(group.stamp_radius, std::numbers::pi), s.runs[0]);
    list_both(group, s.runs[0], s);
    fill_stamp(group.pixels, basis, s.runs[0], group.has_polarisation, s.stamp);
    // Places of pixels are worked out once for all maps of the group; only the values differ.
    for (const std::size_t index : group.maps) {
      const PatchMap& map = maps_[index];
      Measurements& m = s.results[first_result + index];
      gather_intensity(map, s);
      if (measures_disc_ && is_fractional_) set_fractional_disc(group, basis.centre, s, m);
      if (measures_fluxes_) measure_fluxes(group, map, setups_[index], basis.centre, s, m);
    }
  }

  void list_both(const Group& group, std::span<const RingRun> runs, Scratch& s) const {
    list_pixels(runs, s.ring_pixels);
    if (group.has_nested) list_nested(group.pixels, runs, s.nested_pixels);
  }

  static const std::vector<std::int64_t>& pixels_in(bool nested, const Scratch& s) { return nested ? s.nested_pixels : s.ring_pixels; }

  void gather_intensity(const PatchMap& map, Scratch& s) const { gather_masked(map, map.intensity, s, s.intensity); }

  static void gather_masked(const PatchMap& map, const PixelValues& values, const Scratch& s, std::vector<double>& out) {
    gather(values, pixels_in(map.is_nested, s), out);
    if (!map.mask.is_empty()) hide_masked(map.mask, pixels_in(map.mask_is_nested, s), out);
  }

  void set_disc(const DiscStatistics& d, Measurements& m) const {
    m[q_n_pix] = d.n_pix;
    m[q_n_missing] = d.n_missing;
    m[q_coverage] = d.coverage;
    if (d.n_pix == 0 || d.coverage < o_.min_coverage) return set_flag(m, patch_disc_coverage);
    m[q_mean] = d.mean;
    m[q_median] = d.median;
    m[q_rms] = d.rms;
    m[q_min] = d.min;
    m[q_max] = d.max;
    m[q_sum] = d.sum;
  }

  /// Statistics of the pixels that the disc overlaps, weighted by the part inside.
  void set_fractional_disc(const Group& group, const Vector3& centre, Scratch& s, Measurements& m) const {
    group.circles.fill(s.stamp, centre, o_.radius_arcmin * arcmin, s.weights);
    std::size_t n = 0;
    std::vector<double>&values = s.fluxes.value, &weights = s.fluxes.weight;
    values.resize(s.weights.size()), weights.resize(s.weights.size());
    for (std::size_t i = 0; i < s.weights.size(); ++i)
      if (s.weights[i] > 0.0) values[n] = s.intensity[i], weights[n++] = s.weights[i];
    set_disc(disc_statistics(std::span(values).first(n), std::span(weights).first(n), s.sorted), m);
  }

  void measure_fluxes(const Group& group, const PatchMap& map, const FluxSetup& setup, const Vector3& centre, Scratch& s,
                      Measurements& m) const {
    gather(map.variance, pixels_in(map.is_nested, s), s.variance);
    StampValues values{s.intensity, {}, {}, s.variance};
    if (o_.measures("aperture")) measure_aperture(s.stamp, centre, values, group.circles, setup, o_.min_coverage, s.fluxes, m);
    if (o_.measures("psf")) measure_psf(s.stamp, values, setup, o_.min_coverage, s.fluxes, m);
    if (o_.measures("gauss")) measure_gauss(s.stamp, values, setup, o_, s.fluxes, m);
    if (!has_polarisation(map)) return;
    gather_masked(map, map.q, s, s.q);
    gather_masked(map, map.u, s, s.u);
    values.q = s.q;
    values.u = s.u;
    measure_polarisation(s.stamp, values, map.is_iau, setup, o_.min_coverage, s.fluxes, m);
  }

  void store(std::span<const Measurements> results, std::size_t begin, std::size_t end, Table& out) const {
    for (std::size_t map = 0; map < maps_.size(); ++map)
      for (const OutputColumn& to : columns_[map]) {
        Column& column = out[to.column];
        const auto value_of = [&](std::size_t row) { return results[(row - begin) * maps_.size() + map][to.quantity]; };
        if (is_integer(to.quantity)) {
          const auto values = column.values<std::int32_t>();
          for (std::size_t row = begin; row < end; ++row) values[row] = static_cast<std::int32_t>(value_of(row));
        } else {
          const auto values = column.values<double>();
          for (std::size_t row = begin; row < end; ++row) values[row] = value_of(row);
        }
      }
  }

  PatchOptions o_;
  std::vector<PatchMap> maps_;
  PatchPositions positions_;
  bool is_fractional_, measures_disc_, measures_fluxes_, is_mean_only_ = false;
  std::vector<FluxSetup> setups_;                   ///< by map
  std::vector<std::vector<OutputColumn>> columns_;  ///< by map
  Schema schema_;
  std::vector<Group> groups_;
};

}  // namespace

std::unique_ptr<Kernel> make_patch_kernel(const PatchOptions& o, std::vector<PatchMap> maps, const PatchPositions& positions) {
  check(o);
  return std::make_unique<PatchKernel>(o, std::move(maps), positions);
}

}  // namespace skyfold
