// Detections of one source in overlapping tiles: rows are compared in bands of declination that fit the memory, each read with a margin;
// what is linked across the border of a band is decided together in the end.
#include "overlaps.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>

#include "skyfold/core/file.hpp"
#include "skyfold/dataset/part_values.hpp"
#include "skyfold/sky/match.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t chunk_rows = 1 << 17;
constexpr std::size_t bins_per_degree = 1024, n_bins = 180 * bins_per_degree + 1;  // of declination, of which bands are made
constexpr std::int64_t bytes_per_detection = 160;                                  // with its place in the index

std::size_t bin_of(double dec) {
  return static_cast<std::size_t>(std::clamp((dec + 90.0) * static_cast<double>(bins_per_degree), 0.0, static_cast<double>(n_bins - 1)));
}

/// A row, with what decides about it.
struct Detection {
  std::int64_t row = 0, tile = 0;
  double ra = 0.0, dec = 0.0;
  double merit = 0.0, nearness = 0.0;
};

/// Of two detections of one source.
struct Rank {
  double merit = 0.0, nearness = 0.0;
  std::int64_t row = 0;
  [[nodiscard]] bool is_before(const Rank& other) const noexcept {
    if (merit != other.merit) return merit > other.merit;
    if (nearness != other.nearness) return nearness > other.nearness;
    return row < other.row;
  }
};
struct Link {
  Rank a, b;
  double separation_arcsec = 0.0;
};

/// Which rows go, of rows that are linked with no others than these.
void decide(std::span<const Link> links, std::vector<Repeated>& repeated) {
  struct End {
    Rank rank;
    std::size_t link;
  };
  std::vector<End> ends;
  for (std::size_t i = 0; i < links.size(); ++i) {
    ends.push_back({links[i].a, i});
    ends.push_back({links[i].b, i});
  }
  // All ends of a row are neighbours: they have its rank.
  std::ranges::sort(ends, [](const End& x, const End& y) { return x.rank.row == y.rank.row ? x.link < y.link : x.rank.is_before(y.rank); });
  std::map<std::int64_t, std::size_t> gone;  // row, and where it is in `repeated`
  for (const End& end : ends) {
    if (gone.contains(end.rank.row)) continue;
    const Link& link = links[end.link];
    const std::int64_t other = link.a.row == end.rank.row ? link.b.row : link.a.row;
    if (gone.try_emplace(other, repeated.size()).second) repeated.push_back({other, end.rank.row, link.separation_arcsec});
  }
}

/// Sums of the directions of a tile's rows.
struct TileSum {
  std::int64_t tile = 0;
  double x = 0.0, y = 0.0, z = 0.0;
};

/// Rows of the scratch files that are not dropped.
class Detections {
 public:
  explicit Detections(const OverlapSearch& search) : search_(search), arrays_(search.folder), keys_(search.keys_path) {}

  [[nodiscard]] std::size_t chunks() const noexcept { return static_cast<std::size_t>((search_.rows + chunk_rows - 1) / chunk_rows); }
  template <class Use>
  void for_each(std::size_t chunk, const Use& use) {
    const std::int64_t begin = static_cast<std::int64_t>(chunk) * chunk_rows, rows = std::min(chunk_rows, search_.rows - begin);
    arrays_.read(begin, static_cast<std::size_t>(rows), block_);
    key_.resize(static_cast<std::size_t>(rows));
    keys_.read(begin, key_);
    for (std::size_t i = 0; i < key_.size(); ++i)
      if (key_[i] != dropped_key)
        use(Detection{begin + static_cast<std::int64_t>(i), block_.tiles[i], block_.ra[i], block_.dec[i], block_.merits[i], 0.0});
  }

 private:
  const OverlapSearch& search_;
  OverlapArrays arrays_;
  ScratchArray keys_;
  OverlapBlock block_;
  std::vector<std::int64_t> key_;
};

/// The mean direction of the rows of each tile.
std::map<std::int64_t, Vector3> middles_of_tiles(const Ranks& ranks, const OverlapSearch& search) {
  std::optional<Detections> detections;
  ranks.together([&] { detections.emplace(search); });
  std::map<std::int64_t, TileSum> sums;
  // Chunk by chunk whatever the ranks: the sums have one order.
  for (const std::string& text : ranks.run_units(detections->chunks(), [&](std::size_t chunk) {
         std::map<std::int64_t, TileSum> of_chunk;
         detections->for_each(chunk, [&](const Detection& d) {
           const Vector3 v = direction_of(d.ra, d.dec);
           TileSum& sum = of_chunk[d.tile];
           sum.tile = d.tile;
           sum.x += v.x, sum.y += v.y, sum.z += v.z;
         });
         std::vector<TileSum> list;
         for (const auto& [tile, sum] : of_chunk) list.push_back(sum);
         PartWriter writer;
         writer.list(list);
         return writer.bytes();
       })) {
    for (const TileSum& part : PartReader(text).list<TileSum>()) {
      TileSum& sum = sums[part.tile];
      sum.x += part.x, sum.y += part.y, sum.z += part.z;
    }
  }
  std::map<std::int64_t, Vector3> middles;
  for (const auto& [tile, sum] : sums) {
    const double length = std::sqrt(sum.x * sum.x + sum.y * sum.y + sum.z * sum.z);
    middles[tile] = {sum.x / length, sum.y / length, sum.z / length};
  }
  return middles;
}

/// Bins of declination [first, last).
struct Band {
  std::size_t first = 0, last = 0;
};

/// Where rows lie: how many in each bin, and the bins of each chunk.
struct Declinations {
  std::vector<std::int64_t> counts;
  std::vector<Band> chunks;
};
Declinations declinations_of(const Ranks& ranks, const OverlapSearch& search) {
  std::vector<std::int64_t> counts(n_bins), first, last;
  ranks.each_together([&] {
    Detections detections(search);
    first.resize(detections.chunks());
    last.resize(detections.chunks());
    for (auto chunk = static_cast<std::size_t>(ranks.rank()); chunk < detections.chunks();
         chunk += static_cast<std::size_t>(ranks.size())) {
      std::size_t least = n_bins, end = 0;
      detections.for_each(chunk, [&](const Detection& d) {
        const std::size_t bin = bin_of(d.dec);
        ++counts[bin];
        least = std::min(least, bin);
        end = std::max(end, bin + 1);
      });
      first[chunk] = static_cast<std::int64_t>(least);
      last[chunk] = static_cast<std::int64_t>(end);
    }
  });
  // A chunk is looked at by one rank, so that sums are what that one has found.
  for (std::vector<std::int64_t>* numbers : {&counts, &first, &last}) ranks.sum(*numbers);
  Declinations found{std::move(counts), {}};
  for (std::size_t chunk = 0; chunk < first.size(); ++chunk)
    found.chunks.push_back({static_cast<std::size_t>(first[chunk]), static_cast<std::size_t>(last[chunk])});
  return found;
}

/// Bands of about as many rows as fit the memory.
std::vector<Band> bands_of(const std::vector<std::int64_t>& counts, const OverlapSearch& search) {
  const std::int64_t most = std::max<std::int64_t>(1, search.memory_bytes / bytes_per_detection);
  std::vector<Band> bands;
  std::int64_t rows = 0;
  for (std::size_t bin = 0; bin < n_bins; ++bin) {
    if (counts[bin] == 0) continue;
    if (bands.empty() || rows + counts[bin] > most) {
      bands.push_back({bin, bin + 1});
      rows = 0;
    }
    bands.back().last = bin + 1;
    rows += counts[bin];
  }
  return bands;
}

/// The detections of a band and its margin.
class BandLinks {
 public:
  BandLinks(const OverlapSearch& search, const std::map<std::int64_t, Vector3>& middles, std::span<const Band> chunks, Band band)
      : search_(search), band_(band) {
    // A link needs what is near its other end, too.
    const double margin = 2.0 * (search.radius_arcsec + match_tolerance_arcsec) / 3600.0 + 1e-9;
    const double from = static_cast<double>(band.first) / bins_per_degree - 90.0 - margin;
    const double to = static_cast<double>(band.last) / bins_per_degree - 90.0 + margin;
    Detections detections(search);
    for (std::size_t chunk = 0; chunk < chunks.size(); ++chunk) {
      // Inputs mostly are fields of the sky: most bands have nothing of most chunks.
      if (chunks[chunk].last <= bin_of(from) || chunks[chunk].first > bin_of(to)) continue;
      detections.for_each(chunk, [&](Detection d) {
        if (d.dec < from || d.dec > to) return;
        if (search.has_middles) {
          const Vector3 v = direction_of(d.ra, d.dec), &m = middles.at(d.tile);
          const Vector3 away{v.x - m.x, v.y - m.y, v.z - m.z};
          d.nearness = -dot(away, away);
        }
        detections_.push_back(d);
      });
    }
    find_links();
  }

  /// Decides about rows that are linked with rows of this band alone; of the others gives the links whose first row is of this band.
  void decide_own(std::vector<Repeated>& repeated, std::vector<Link>& open) {
    std::vector<std::size_t> parent(detections_.size());
    std::iota(parent.begin(), parent.end(), std::size_t{0});
    const auto root = [&](std::size_t i) {
      while (parent[i] != i) i = parent[i] = parent[parent[i]];
      return i;
    };
    for (const Pair& pair : links_) parent[root(pair.a)] = root(pair.b);
    std::vector<std::uint8_t> is_open(detections_.size());
    for (const Pair& pair : links_)
      if (!is_own(pair.a) || !is_own(pair.b)) is_open[root(pair.a)] = 1;
    std::vector<Link> own;
    for (const Pair& pair : links_)
      if (!is_open[root(pair.a)])
        own.push_back(link_of(pair));
      else if (is_own(pair.a))
        open.push_back(link_of(pair));
    decide(own, repeated);
  }

 private:
  struct Pair {
    std::size_t a = 0, b = 0;  ///< a has the smaller row
    double separation_arcsec = 0.0;
  };
  [[nodiscard]] bool is_own(std::size_t i) const {
    const std::size_t bin = bin_of(detections_[i].dec);
    return bin >= band_.first && bin < band_.last;
  }
  [[nodiscard]] Link link_of(const Pair& pair) const {
    const auto rank = [&](std::size_t i) { return Rank{detections_[i].merit, detections_[i].nearness, detections_[i].row}; };
    return {rank(pair.a), rank(pair.b), pair.separation_arcsec};
  }

  void find_links() {
    std::vector<double> ra, dec;
    for (const Detection& d : detections_) ra.push_back(d.ra), dec.push_back(d.dec);
    std::vector<Pair> near;  // both ways
    for (const auto& [a, b] : SkyIndex(ra, dec, search_.radius_arcsec, search_.threads).pairs(search_.threads)) {
      if (detections_[a].tile == detections_[b].tile) continue;
      const double separation = separation_arcsec(direction_of(ra[a], dec[a]), direction_of(ra[b], dec[b]));
      near.push_back({a, b, separation});
      near.push_back({b, a, separation});
    }
    // The nearest one of each other tile comes first. Detections are in the order of their rows.
    std::ranges::sort(near, [&](const Pair& x, const Pair& y) {
      if (x.a != y.a) return x.a < y.a;
      if (detections_[x.b].tile != detections_[y.b].tile) return detections_[x.b].tile < detections_[y.b].tile;
      return x.separation_arcsec != y.separation_arcsec ? x.separation_arcsec < y.separation_arcsec : x.b < y.b;
    });
    const auto is_same = [&](const Pair& x, const Pair& y) { return x.a == y.a && detections_[x.b].tile == detections_[y.b].tile; };
    near.erase(std::unique(near.begin(), near.end(), is_same), near.end());
    std::ranges::sort(near, [](const Pair& x, const Pair& y) { return std::pair(x.a, x.b) < std::pair(y.a, y.b); });
    for (const Pair& pair : near) {
      if (pair.a > pair.b || (!is_own(pair.a) && !is_own(pair.b))) continue;
      const auto back = std::ranges::lower_bound(near, std::pair(pair.b, pair.a), {}, [](const Pair& p) { return std::pair(p.a, p.b); });
      if (back != near.end() && back->a == pair.b && back->b == pair.a) links_.push_back(pair);
    }
  }

  const OverlapSearch& search_;
  Band band_;
  std::vector<Detection> detections_;
  std::vector<Pair> links_;
};

}  // namespace

std::vector<Repeated> find_repeated(const Ranks& ranks, const OverlapSearch& search) {
  const PhaseScope scope(ranks.clock(), Phase::compute);
  std::map<std::int64_t, Vector3> middles;
  if (search.has_middles) middles = middles_of_tiles(ranks, search);
  const Declinations declinations = declinations_of(ranks, search);
  const std::vector<Band> bands = bands_of(declinations.counts, search);
  std::vector<Repeated> repeated;
  std::vector<Link> open;
  for (const std::string& text : ranks.run_units(bands.size(), [&](std::size_t i) {
         std::vector<Repeated> of_band;
         std::vector<Link> links;
         BandLinks(search, middles, declinations.chunks, bands[i]).decide_own(of_band, links);
         PartWriter writer;
         writer.list(of_band);
         writer.list(links);
         return writer.bytes();
       })) {
    PartReader reader(text);
    std::ranges::copy(reader.list<Repeated>(), std::back_inserter(repeated));
    std::ranges::copy(reader.list<Link>(), std::back_inserter(open));
  }
  decide(open, repeated);
  std::ranges::sort(repeated, {}, &Repeated::row);
  return repeated;
}

void write_repeated(const std::string& path, const Inputs& inputs, std::span<const Repeated> repeated) {
  FileAppender file(path);
  std::string lines = "file,row,kept_file,kept_row,separation_arcsec\n";
  for (const Repeated& r : repeated) {
    lines += fmt::format("{},{},{:.6f}\n", inputs.cells_of(r.row), inputs.cells_of(r.kept), r.separation_arcsec);
    if (lines.size() < 1 << 20) continue;
    file.add(lines);
    lines.clear();
  }
  file.add(lines);
  file.finish();
}

}  // namespace skyfold
