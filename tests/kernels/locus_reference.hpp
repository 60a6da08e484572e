#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>
#include <vector>

#include "skyfold/core/random.hpp"
#include "skyfold/kernels/locus/sweep.hpp"

/// Slow and plain versions of the locus search, to judge the fast one by.
namespace skyfold::locus_reference {

/// All cells that the edges of the stars' loci cut the target's rectangle into, one coordinate: bounds and middles.
inline std::vector<double> cell_middles(const std::vector<double>& stars, double size) {
  std::set<double> edges = {-0.5 * size, 0.5 * size};
  for (const double star : stars)
    for (const double edge : {star - 0.5 * size, star + 0.5 * size})
      if (std::abs(edge) < 0.5 * size) edges.insert(edge);
  std::vector<double> middles;
  for (auto edge = edges.begin(); std::next(edge) != edges.end(); ++edge) middles.push_back(0.5 * (*edge + *std::next(edge)));
  return middles;
}

/// Every cell is tried and every star is counted in it. Sums of ratings must be exact in double precision.
inline BestPointing brute_force(const std::vector<StarCandidate>& stars, FieldSize field, const FieldPlane& plane) {
  std::vector<double> x, y;
  for (const StarCandidate& star : stars) {
    if (!(star.rating > 0.0)) continue;
    x.push_back(star.at.x);
    y.push_back(star.at.y);
  }
  BestPointing best;
  const auto is_better = [](const BestPointing& a, const BestPointing& b) {
    if (a.score != b.score) return a.score > b.score;
    if (a.margin != b.margin) return a.margin > b.margin;
    const double da = a.centre.x * a.centre.x + a.centre.y * a.centre.y, db = b.centre.x * b.centre.x + b.centre.y * b.centre.y;
    if (da != db) return da < db;
    return a.position.ra != b.position.ra ? a.position.ra < b.position.ra : a.position.dec < b.position.dec;
  };
  for (const double cx : cell_middles(x, field.width))
    for (const double cy : cell_middles(y, field.height)) {
      BestPointing here;
      Offset low{-0.5 * field.width, -0.5 * field.height}, high{0.5 * field.width, 0.5 * field.height};
      for (const StarCandidate& star : stars) {
        if (!(star.rating > 0.0)) continue;
        if (!(std::abs(cx - star.at.x) < 0.5 * field.width && std::abs(cy - star.at.y) < 0.5 * field.height)) continue;
        here.score += star.rating;
        ++here.n_ref;
        low = {std::max(low.x, star.at.x - 0.5 * field.width), std::max(low.y, star.at.y - 0.5 * field.height)};
        high = {std::min(high.x, star.at.x + 0.5 * field.width), std::min(high.y, star.at.y + 0.5 * field.height)};
      }
      if (here.n_ref == 0) continue;
      here.centre = {0.5 * (low.x + high.x), 0.5 * (low.y + high.y)};
      here.margin = 0.5 * std::min(high.x - low.x, high.y - low.y);
      here.position = plane.position(here.centre);
      if (best.n_ref == 0 || is_better(here, best)) best = here;
    }
  return best;
}

struct SkyStar {
  double ra, dec, g, r, i;
};
struct Answer {
  double ra = 0.0, dec = 0.0, score = 0.0;
  int n_candidates = 0;
};

/// The published program, step by step: the whole mosaic is sorted by RA and sifted for crowding, then filtered and
/// rated; each pair of stars is looked at case by case as its source does, and each crossing is scored with all stars.
inline Answer published(std::vector<SkyStar> mosaic, const SkyStar& target, double fov, double resolution, double max_mag, double max_col,
                        double crowding = 5.0) {
  std::stable_sort(mosaic.begin(), mosaic.end(), [](const SkyStar& a, const SkyStar& b) { return a.ra < b.ra; });
  const double cosine = std::fabs(std::cos(target.dec * std::numbers::pi / 180.0));
  std::vector<bool> crowded(mosaic.size(), false);
  for (std::size_t a = 0; a < mosaic.size(); ++a)
    for (std::size_t b = a + 1; b < mosaic.size() && mosaic[b].ra - mosaic[a].ra < resolution / cosine; ++b)
      if (std::fabs(mosaic[a].dec - mosaic[b].dec) < resolution && std::fabs(mosaic[a].r - mosaic[b].r) < crowding)
        crowded[a] = crowded[b] = true;
  std::vector<SkyStar> stars;
  std::vector<double> rating;
  for (std::size_t k = 0; k < mosaic.size(); ++k) {
    const SkyStar& s = mosaic[k];
    const double longer = std::fabs((s.r - s.g) - (target.r - target.g)), shorter = std::fabs((s.r - s.i) - (target.r - target.i));
    if (crowded[k] || !(std::fabs(s.r - target.r) < max_mag) || !(std::fabs(s.ra - target.ra) < fov / cosine) ||
        !(std::fabs(s.dec - target.dec) < fov) || !(longer < max_col) || !(shorter < max_col))
      continue;
    stars.push_back(s);
    rating.push_back((max_col - longer) / max_col * ((max_col - shorter) / max_col));
  }
  Answer best;
  best.n_candidates = static_cast<int>(stars.size());
  const double radius = fov / 2, ra_radius = radius / cosine;
  const auto check = [&](double ra, double dec) {
    double score = 0.0;
    for (std::size_t k = 0; k < stars.size(); ++k)
      if (std::fabs(ra - stars[k].ra) < ra_radius + 0.0001 && std::fabs(dec - stars[k].dec) < radius + 0.0001) score += rating[k];
    if (score > best.score) best = {ra, dec, score, best.n_candidates};
  };
  const auto bound_ra = [&](std::size_t k) { return stars[k].ra < target.ra ? stars[k].ra + ra_radius : stars[k].ra - ra_radius; };
  const auto bound_dec = [&](std::size_t k) { return stars[k].dec < target.dec ? stars[k].dec + radius : stars[k].dec - radius; };
  for (std::size_t one = 0; one < stars.size(); ++one)
    for (std::size_t two = one + 1; two < stars.size(); ++two) {
      const double x1 = bound_ra(one), y1 = bound_dec(one), x2 = bound_ra(two), y2 = bound_dec(two);
      const int right1 = stars[one].ra < target.ra ? 0 : 1, right2 = stars[two].ra < target.ra ? 0 : 1;
      const int up1 = stars[one].dec < target.dec ? 0 : 1, up2 = stars[two].dec < target.dec ? 0 : 1;
      if (x1 < x2 && y1 < y2) {
        if (right1 == 1 && up2 == 0) check(x2, y1);
        if (right2 == 0 && up1 == 1) check(x1, y2);
      } else if (x1 < x2) {
        if (right1 == 1 && up2 == 1) check(x2, y1);
        if (right2 == 0 && up1 == 0) check(x1, y2);
      } else if (y1 < y2) {
        if (right1 == 0 && up2 == 0) check(x1, y2);
        if (right2 == 1 && up1 == 1) check(x2, y1);
      } else {
        if (right1 == 0 && up2 == 1) check(x2, y1);
        if (right2 == 1 && up1 == 0) check(x1, y2);
      }
    }
  return best;
}

}  // namespace skyfold::locus_reference
