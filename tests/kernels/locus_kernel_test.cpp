#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numbers>

#include "locus_objects.hpp"
#include "locus_reference.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"

using namespace skyfold;
using namespace skyfold::locus_objects;

namespace {

constexpr double degree = std::numbers::pi / 180.0;
const Position places[] = {{180.0, 0.0}, {0.0, 60.0}, {359.99, -60.0}, {10.0, 89.9}, {123.0, 90.0}, {0.0, -90.0}, {200.0, -89.95}};

/// Candidates of one target by the definition, with the gnomonic projection from spherical trigonometry.
std::vector<StarCandidate> candidates_of(const LocusOptions& o, const Sky& targets, std::size_t t, const Sky& stars,
                                         double angle_deg = 0.0) {
  std::vector<StarCandidate> found;
  const auto crowded = crowded_stars(stars.ra, stars.dec, stars.r, o.resolution, o.crowding_dmag, 1);  // judged in its own test
  for (std::size_t k = 0; k < stars.size(); ++k) {
    const double a = (stars.ra[k] - targets.ra[t]) * degree, d = stars.dec[k] * degree, d0 = targets.dec[t] * degree;
    const double depth = std::sin(d0) * std::sin(d) + std::cos(d0) * std::cos(d) * std::cos(a);
    const double x = std::cos(d) * std::sin(a) / depth / degree;
    const double y = (std::cos(d0) * std::sin(d) - std::sin(d0) * std::cos(d) * std::cos(a)) / depth / degree;
    const double c = std::cos(angle_deg * degree), s = std::sin(angle_deg * degree);
    const Offset at = angle_deg == 0.0 ? Offset{x, y} : Offset{x * c - y * s, x * s + y * c};
    const double before = std::abs((stars.g[k] - stars.r[k]) - (targets.g[t] - targets.r[t]));
    const double after = std::abs((stars.r[k] - stars.i[k]) - (targets.r[t] - targets.i[t]));
    const bool is_target = std::hypot(at.x, at.y) < o.resolution / 3600.0;
    if (crowded[k] || is_target || depth <= 0.0 || std::abs(at.x) >= o.fov_ra / 60.0 || std::abs(at.y) >= o.fov_dec / 60.0 ||
        std::abs(stars.r[k] - targets.r[t]) >= o.dmag || before >= o.dcol || after >= o.dcol)
      continue;
    found.push_back({at, (1.0 - before / o.dcol) * (1.0 - after / o.dcol), static_cast<std::uint32_t>(k)});
  }
  return found;
}

TEST(LocusKernel, FindsTheBestOfAllCellsEverywhereOnTheSky) {
  LocusOptions o;
  o.fov_ra = 10.0;
  o.fov_dec = 7.0;
  for (const Position& place : places) {
    const Sky stars = random_sky(11, place, 600, 0.35), targets = random_sky(12, place, 40, 0.2);
    const Pointings result = find_pointings(o, targets, stars);
    for (std::size_t t = 0; t < targets.size(); ++t) {
      SCOPED_TRACE("target " + std::to_string(t) + " at Dec " + std::to_string(place.dec));
      const auto candidates = candidates_of(o, targets, t, stars);
      const FieldSize field{o.fov_ra / 60.0, o.fov_dec / 60.0};
      const FieldPlane plane({targets.ra[t], targets.dec[t]}, LocusGeometry::tangent);
      const BestPointing best = locus_reference::brute_force(candidates, field, plane);
      EXPECT_EQ(result.number("n_candidates", t), static_cast<double>(candidates.size()));
      EXPECT_EQ(result.number("n_ref", t), best.n_ref);
      if (best.n_ref == 0) {
        EXPECT_EQ(result.number("status", t), 1.0);
        EXPECT_TRUE(std::isnan(result.number("av_ra", t)) && std::isnan(result.number("rating", t)));
        continue;
      }
      EXPECT_NEAR(result.number("rating", t), best.score, 1e-10);
      EXPECT_NEAR(result.number("margin", t), 3600.0 * best.margin, 1e-4);
      EXPECT_NEAR(result.number("av_dec", t), best.position.dec, 1e-9);
      EXPECT_NEAR(std::remainder(result.number("av_ra", t) - best.position.ra, 360.0) * std::cos(best.position.dec * degree), 0.0, 1e-9);
      EXPECT_GE(result.number("av_ra", t), 0.0);
      EXPECT_LT(result.number("av_ra", t), 360.0);
    }
  }
}

TEST(LocusKernel, FindsTheBestOfAllCellsAtAllAnglesThatAreTried) {
  LocusOptions o;
  o.fov_ra = 10.0;
  o.fov_dec = 5.0;
  o.angle = 20.0;
  o.rotate = 4;
  const double angles[] = {20.0, 65.0, 110.0, 155.0};
  int turned = 0;
  for (const Position& place : places) {
    const Sky stars = random_sky(13, place, 500, 0.35), targets = random_sky(14, place, 25, 0.2);
    const Pointings result = find_pointings(o, targets, stars);
    for (std::size_t t = 0; t < targets.size(); ++t) {
      SCOPED_TRACE("target " + std::to_string(t) + " at Dec " + std::to_string(place.dec));
      BestPointing best;
      double best_angle = 0.0;
      std::size_t n_candidates = 0;
      for (const double angle : angles) {
        const auto candidates = candidates_of(o, targets, t, stars, angle);
        const FieldPlane plane({targets.ra[t], targets.dec[t]}, LocusGeometry::tangent, angle);
        const BestPointing here = locus_reference::brute_force(candidates, {o.fov_ra / 60.0, o.fov_dec / 60.0}, plane);
        // Scores of different angles are equal where the stars are; the margins decide then.
        if (here.n_ref == 0 ||
            (best.n_ref > 0 && (here.score < best.score - 1e-10 || (here.score < best.score + 1e-10 && here.margin <= best.margin))))
          continue;
        best = here;
        best_angle = angle;
        n_candidates = candidates.size();
      }
      EXPECT_EQ(result.number("n_ref", t), best.n_ref);
      if (best.n_ref == 0) {
        EXPECT_TRUE(std::isnan(result.number("angle", t)));
        continue;
      }
      turned += best_angle == angles[0] ? 0 : 1;
      EXPECT_NEAR(result.number("angle", t), best_angle, 1e-12);
      EXPECT_EQ(result.number("n_candidates", t), static_cast<double>(n_candidates));
      EXPECT_NEAR(result.number("rating", t), best.score, 1e-10);
      EXPECT_NEAR(result.number("margin", t), 3600.0 * best.margin, 1e-4);
      EXPECT_NEAR(result.number("av_dec", t), best.position.dec, 1e-9);
      EXPECT_NEAR(std::remainder(result.number("av_ra", t) - best.position.ra, 360.0) * std::cos(best.position.dec * degree), 0.0, 1e-9);
    }
    // Each reference star lies in the turned field, as far from its edge as the margin says.
    for (const LocusReference& r : result.references) {
      const double angle = result.number("angle", static_cast<std::size_t>(r.target)) * degree;
      const double u = r.x_arcmin * std::cos(angle) - r.y_arcmin * std::sin(angle),
                   v = r.x_arcmin * std::sin(angle) + r.y_arcmin * std::cos(angle);
      const double left = 60.0 * std::min(0.5 * o.fov_ra - std::abs(u), 0.5 * o.fov_dec - std::abs(v));
      EXPECT_GE(left, result.number("margin", static_cast<std::size_t>(r.target)) - 1e-3);
    }
  }
  EXPECT_GT(turned, 50);
}

TEST(LocusKernel, TakesStarsInARoundFieldEverywhereOnTheSky) {
  LocusOptions o, wide;
  o.radius = 5.0;
  for (const Position& place : places) {
    const Sky stars = random_sky(15, place, 600, 0.35), targets = random_sky(16, place, 25, 0.2);
    const Pointings result = find_pointings(o, targets, stars);
    for (std::size_t t = 0; t < targets.size(); ++t) {
      auto candidates = candidates_of(wide, targets, t, stars);  // of a square as wide
      std::erase_if(candidates, [&](const StarCandidate& c) { return std::hypot(c.at.x, c.at.y) >= o.radius / 30.0; });
      EXPECT_EQ(result.number("n_candidates", t), static_cast<double>(candidates.size()));
      RoundSweep sweep(o.radius / 60.0);  // judged in its own test
      const FieldPlane plane({targets.ra[t], targets.dec[t]}, LocusGeometry::tangent);
      const BestPointing best = sweep.find(candidates, plane);
      EXPECT_EQ(result.number("n_ref", t), best.n_ref);
      if (best.n_ref == 0) continue;
      EXPECT_NEAR(result.number("rating", t), best.score, 1e-10);
      EXPECT_NEAR(result.number("margin", t), 3600.0 * best.margin, 1e-4);
      const Position found{result.number("av_ra", t), result.number("av_dec", t)};
      EXPECT_LT(chord2(direction_of(found), direction_of(best.position)), 1e-22);
    }
  }
}

TEST(LocusOptions, OfTurnedAndRoundFieldsAreChecked) {
  const auto refuses = [](auto change) {
    LocusOptions o;
    change(o);
    EXPECT_THROW(LocusRules{o}, UsageError);
  };
  refuses([](LocusOptions& o) { o.radius = 5.0, o.rotate = 2; });
  refuses([](LocusOptions& o) { o.radius = 5.0, o.angle = 10.0; });
  refuses([](LocusOptions& o) { o.radius = 5.0, o.fov_ra = 12.0; });
  refuses([](LocusOptions& o) { o.radius = 5.0, o.compat = "locus6"; });
  refuses([](LocusOptions& o) { o.rotate = 2, o.compat = "locus6"; });
  refuses([](LocusOptions& o) { o.angle = 2.0, o.geometry = "box"; });
  LocusOptions square;
  square.rotate = 3;
  square.angle = -30.0;
  EXPECT_EQ(LocusRules(square).angles, (std::vector<double>{330.0, 0.0, 30.0}));
}

TEST(LocusKernel, TakesTheSameStarsWhereverTheFieldLies) {
  // The same field about targets all over the sky, laid out in the plane: the answer in the plane is the same.
  std::vector<StarCandidate> shape;
  for (const StarCandidate& c : candidates_of({}, one({50.0, 0.0}), 0, random_sky(13, {50.0, 0.0}, 300, 0.3))) shape.push_back(c);
  ASSERT_GT(shape.size(), 10U);
  LocusOptions o;
  o.resolution = 0.0;
  std::vector<Pointings> results;
  for (const Position& place : places) {
    const FieldPlane plane(place, LocusGeometry::tangent);
    Sky stars;
    for (const StarCandidate& c : shape) stars.add(plane.position(c.at), 16.5, 0.5 + 0.1 * (1.0 - c.rating), 0.2);
    results.push_back(find_pointings(o, one(place), stars));
    const Direction centre = direction_of({results.back().number("av_ra", 0), results.back().number("av_dec", 0)});
    const Offset offset = plane.offset({results.back().number("av_ra", 0), results.back().number("av_dec", 0)}, centre);
    const FieldPlane first(places[0], LocusGeometry::tangent);
    const Position p{results[0].number("av_ra", 0), results[0].number("av_dec", 0)};
    EXPECT_NEAR(offset.x, first.offset(p, direction_of(p)).x, 1e-10);
    EXPECT_NEAR(offset.y, first.offset(p, direction_of(p)).y, 1e-10);
    EXPECT_NEAR(results.back().number("rating", 0), results[0].number("rating", 0), 1e-10);
    EXPECT_EQ(results.back().number("n_ref", 0), results[0].number("n_ref", 0));
  }
}

TEST(LocusKernel, EqualsThePublishedProgramUnderLocus6) {
  LocusOptions o;
  o.compat = "locus6";
  int with_pointing = 0, without = 0;
  for (const Position& place : {Position{180.0, 0.0}, {20.0, 60.0}, {0.05, -45.0}, {10.0, 80.0}})
    for (const std::size_t n : {30U, 150U, 700U}) {
      const Sky stars = random_sky(21 + n, place, n, 0.3), targets = random_sky(22, place, 30, 0.15);
      std::vector<locus_reference::SkyStar> mosaic;
      for (std::size_t k = 0; k < stars.size(); ++k) mosaic.push_back({stars.ra[k], stars.dec[k], stars.g[k], stars.r[k], stars.i[k]});
      const Pointings result = find_pointings(o, targets, stars);
      for (std::size_t t = 0; t < targets.size(); ++t) {
        const locus_reference::SkyStar target{targets.ra[t], targets.dec[t], targets.g[t], targets.r[t], targets.i[t]};
        const auto answer = locus_reference::published(mosaic, target, 10.0 / 60.0, 10.8 / 3600.0, 2.0, 0.1);
        EXPECT_EQ(result.number("av_ra", t), answer.ra);
        EXPECT_EQ(result.number("av_dec", t), answer.dec);
        EXPECT_EQ(result.number("rating", t), answer.score);
        EXPECT_EQ(result.number("n_candidates", t), answer.n_candidates);
        EXPECT_EQ(result.number("status", t), answer.score > 0.0 ? 0.0 : 1.0);
        (answer.score > 0.0 ? with_pointing : without) += 1;
      }
    }
  EXPECT_GT(with_pointing, 100);
  EXPECT_GT(without, 10);
}

TEST(LocusKernel, IsNeverWorseThanThePublishedProgramWhereItsSlackDoesNotMatter) {
  LocusOptions exact, published;
  exact.geometry = "box";
  exact.exclude_target = false;
  exact.resolution = published.resolution = 0.0;
  published.compat = "locus6";
  const Sky stars = random_sky(31, {180.0, 30.0}, 300, 0.3), targets = random_sky(32, {180.0, 30.0}, 100, 0.15);
  const Pointings best = find_pointings(exact, targets, stars), theirs = find_pointings(published, targets, stars);
  int better = 0;
  for (std::size_t t = 0; t < targets.size(); ++t) {
    ASSERT_EQ(best.number("n_candidates", t), theirs.number("n_candidates", t));
    if (theirs.number("margin", t) < 0.0) continue;  // it counts a star outside the field
    const double score = best.number("status", t) == 0.0 ? best.number("rating", t) : 0.0;
    EXPECT_GE(score, theirs.number("rating", t) - 1e-10);
    better += score > theirs.number("rating", t) + 1e-10;
  }
  EXPECT_GT(better, 0);
}

TEST(LocusKernel, LeavesTheTargetOutUnlessToldOtherwise) {
  Sky stars;
  stars.add({100.0, 10.0}, 16.5, 0.5, 0.2);
  stars.add({100.05, 10.0}, 16.5, 0.5, 0.2);
  LocusOptions o;
  const Pointings without = find_pointings(o, one({100.0, 10.0}), stars);
  EXPECT_EQ(without.number("n_ref", 0), 1.0);
  o.exclude_target = false;
  const Pointings with = find_pointings(o, one({100.0, 10.0}), stars);
  EXPECT_EQ(with.number("n_ref", 0), 2.0);
  EXPECT_DOUBLE_EQ(with.number("rating", 0), 2.0);
  o.exclude_target = true;
  o.resolution = 0.0;  // the very same place is still the target
  EXPECT_EQ(find_pointings(o, one({100.0, 10.0}), stars).number("n_ref", 0), 1.0);
}

TEST(LocusKernel, SaysWhyThereIsNoPointing) {
  Sky targets = one({100.0, 10.0});
  targets.add({100.0, 10.0}, 16.5, std::nan(""), 0.2);
  targets.add({100.0, 10.0}, 99.0, 0.5, 0.2);
  targets.add({100.0, 10.0}, 16.5, 0.5, 0.2);
  targets.dec[3] = std::nan("");
  const Pointings result = find_pointings({}, targets, {});
  for (std::size_t t = 0; t < 4; ++t) {
    EXPECT_TRUE(std::isnan(result.number("av_ra", t)) && std::isnan(result.number("av_dec", t)) && std::isnan(result.number("rating", t)));
    EXPECT_EQ(result.number("n_ref", t), 0.0);
  }
  EXPECT_EQ(result.number("status", 0), 1.0);
  EXPECT_EQ(result.number("status", 1), 2.0);
  EXPECT_EQ(result.number("status", 2), 2.0);
  EXPECT_EQ(result.number("status", 3), 3.0);
  EXPECT_TRUE(result.references.empty());
}

TEST(LocusKernel, TakesRatingsFromAColumn) {
  const Sky stars = random_sky(41, {30.0, -10.0}, 200, 0.2), targets = random_sky(42, {30.0, -10.0}, 20, 0.1);
  LocusOptions o;
  o.rating = "column:w";
  o.dmag = 0.0;
  o.resolution = 0.0;
  LocusColumns star_columns = columns();
  star_columns.rating = "w";
  const LocusKernel kernel(o, {}, {"ra", "dec", {}, ""}, {"ra", "dec", {}, "w"});
  Table table = table_of(stars);
  const auto weight = table.add({"w", Type::f8}).values<double>();
  for (std::size_t k = 0; k < weight.size(); ++k) weight[k] = k % 5 == 0 ? std::nan("") : k % 5 == 1 ? 0.0 : static_cast<double>(k % 7);
  Stars near;
  kernel.add_stars(table, 0, near);
  Table out(kernel.gives(), targets.size());
  kernel.run(table_of(targets), kernel.field_of(near, 1), out, 1);
  for (std::size_t t = 0; t < targets.size(); ++t) {
    const FieldPlane plane({targets.ra[t], targets.dec[t]}, LocusGeometry::tangent);
    std::vector<StarCandidate> candidates;
    for (std::uint32_t k = 0; k < stars.size(); ++k) {
      const Offset at = plane.offset({stars.ra[k], stars.dec[k]}, direction_of({stars.ra[k], stars.dec[k]}));
      if (weight[k] > 0.0 && std::abs(at.x) < 10.0 / 60.0 && std::abs(at.y) < 10.0 / 60.0) candidates.push_back({at, weight[k], k});
    }
    const BestPointing best = locus_reference::brute_force(candidates, kernel.rules().field, plane);
    EXPECT_EQ(out.at("rating").number(t), best.score);
    EXPECT_EQ(out.at("av_ra").number(t), best.position.ra);
    EXPECT_EQ(out.at("n_candidates").number(t), static_cast<double>(candidates.size()));
  }
}

TEST(LocusKernel, ListsTheReferenceStarsOfEachPointing) {
  const Sky stars = random_sky(51, {0.0, 70.0}, 500, 0.3), targets = random_sky(52, {0.0, 70.0}, 50, 0.2);
  LocusOptions o;
  const Pointings all = find_pointings(o, targets, stars);
  std::vector<int> count(targets.size());
  std::vector<double> sum(targets.size());
  for (const LocusReference& r : all.references) {
    const auto t = static_cast<std::size_t>(r.target);
    ++count[t];
    sum[t] += r.rating;
    EXPECT_LT(std::max(std::abs(r.x_arcmin), std::abs(r.y_arcmin)), 5.0);
    // The place in the field, seen from the pointing itself: planes of target and pointing differ by far less than 1".
    const FieldPlane plane({all.number("av_ra", t), all.number("av_dec", t)}, LocusGeometry::tangent);
    const auto k = static_cast<std::size_t>(r.star_row);
    const Offset at = plane.offset({stars.ra[k], stars.dec[k]}, direction_of({stars.ra[k], stars.dec[k]}));
    EXPECT_NEAR(std::hypot(at.x, at.y) * 60.0, std::hypot(r.x_arcmin, r.y_arcmin), 1e-3);
  }
  for (std::size_t t = 0; t < targets.size(); ++t) {
    EXPECT_EQ(count[t], all.number("n_ref", t));
    if (count[t] > 0) {
      EXPECT_NEAR(sum[t], all.number("rating", t), 1e-10);
    }
  }
  o.max_ref = 2;
  const Pointings some = find_pointings(o, targets, stars);
  EXPECT_LT(some.references.size(), all.references.size());
  for (std::size_t k = 1; k < some.references.size(); ++k) {
    const LocusReference &a = some.references[k - 1], &b = some.references[k];
    EXPECT_TRUE(a.target < b.target || (a.target == b.target && a.rating >= b.rating));
    EXPECT_TRUE(k < 2 || some.references[k - 2].target != b.target);
  }
}

TEST(LocusKernel, DoesNotDependOnThreadsOrOnTheOrderOfTheStars) {
  const Sky stars = random_sky(61, {359.9, 20.0}, 2000, 1.0), targets = random_sky(62, {359.9, 20.0}, 1500, 0.8);
  Sky reversed = stars;
  for (auto* column : {&reversed.ra, &reversed.dec, &reversed.g, &reversed.r, &reversed.i}) std::reverse(column->begin(), column->end());
  const Pointings reference = find_pointings({}, targets, stars);
  for (const Pointings& other : {find_pointings({}, targets, stars, 3), find_pointings({}, targets, reversed, 2)}) {
    for (std::size_t c = 0; c < reference.out.columns(); ++c)
      EXPECT_TRUE(std::ranges::equal(reference.out[c].bytes(), other.out[c].bytes())) << reference.out[c].info().name;
    EXPECT_EQ(other.references.size(), reference.references.size());
  }
}

TEST(LocusKernel, MergesStarsThatAreListedTwice) {
  Sky stars = random_sky(71, {10.0, 0.0}, 300, 0.2);
  const Sky targets = random_sky(72, {10.0, 0.0}, 20, 0.1);
  const Pointings single = find_pointings({}, targets, stars);
  for (std::size_t k = 0; k < 300; k += 3) stars.add({stars.ra[k], stars.dec[k]}, stars.r[k], 0.0, 0.0);
  for (std::size_t k = 300; k < stars.size(); ++k) {
    stars.g[k] = stars.g[3 * (k - 300)];
    stars.i[k] = stars.i[3 * (k - 300)];
  }
  const Pointings repeated = find_pointings({}, targets, stars);
  for (const char* column : {"av_ra", "rating", "n_ref", "n_candidates"})
    EXPECT_TRUE(std::ranges::equal(single.out.at(column).bytes(), repeated.out.at(column).bytes())) << column;
}

TEST(LocusHalo, HoldsEveryStarOfTheZone) {
  for (const char* geometry : {"tangent", "box"})
    for (const double dec : {0.0, -45.0, 80.0, 89.0, 89.9, -90.0}) {
      LocusOptions o;
      o.geometry = geometry;
      o.fov_ra = 30.0;
      const LocusRules rules(o);
      const Position target{100.0, dec};
      const FieldPlane plane(target, rules.geometry);
      const SkyBounds bounds = plane.bounds(rules.field);
      for (std::uint64_t k = 0; k < 500; ++k) {
        ObjectRandom random(81, k);
        const Position p{target.ra + bounds.half_ra * (2.0 * random.uniform() - 1.0),
                         std::clamp(bounds.dec_min + (bounds.dec_max - bounds.dec_min) * random.uniform(), -90.0, 90.0)};
        const Offset at = plane.offset(p, direction_of(p));
        if (std::abs(at.x) >= rules.field.width || std::abs(at.y) >= rules.field.height) continue;
        const double angle = 2.0 * std::asin(std::min(1.0, 0.5 * std::sqrt(chord2(plane.centre(), direction_of(p))))) / degree;
        EXPECT_LE(angle, locus_halo_deg(rules, target)) << geometry << ' ' << dec;
      }
    }
}

TEST(LocusOptions, AreCheckedAndReadByTheirNames) {
  LocusOptions o;
  OptionSet options;
  describe(options, o);
  options.read_command_line({"--locus.fov_ra", "20", "--locus.compat=locus6", "--locus.exclude_target=false", "--rating", "column:w"});
  EXPECT_EQ(o.fov_ra, 20.0);
  EXPECT_FALSE(o.exclude_target);
  EXPECT_THROW(rating_column(o), UsageError);  // locus6 has the colour rule only
  o.compat = "none";
  EXPECT_EQ(rating_column(o), "w");
  o.rating = "column:";
  EXPECT_THROW(rating_column(o), UsageError);
  o.rating = "color";
  EXPECT_THROW(rating_column(o), UsageError);
  EXPECT_THROW(options.read_command_line({"--locus.geometry", "sphere"}), UsageError);
  EXPECT_THROW(options.read_command_line({"--locus.dcol", "0"}), UsageError);
}

}  // namespace
