// The locus kernel: for each target the pointing whose field of view holds the best reference stars, the problem of "The Locus
// Algorithm" (Creaner, Nolan, Hickey & Smith, arXiv:2003.04582). Here tables become targets and stars; solver.cpp does the rest.
#include "skyfold/kernels/locus/kernel.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"

namespace skyfold {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t targets_per_chunk = 32;  // short, since a run can be stopped between chunks only
constexpr double strips_per_zone = 4.0;
constexpr double largest_rating = 1e100;

/// Columns of LocusKernel::gives(), by position.
enum : std::size_t {
  out_ra,
  out_dec,
  out_mag,
  out_av_ra,
  out_av_dec,
  out_rating,
  out_n_ref,
  out_n_candidates,
  out_margin,
  out_status,
  out_angle
};

void write_row(Table& out, std::size_t row, const LocusPointing& p) {
  out[out_av_ra].values<double>()[row] = p.position.ra;
  out[out_av_dec].values<double>()[row] = p.position.dec;
  out[out_rating].values<double>()[row] = p.score;
  out[out_n_ref].values<std::int32_t>()[row] = p.n_ref;
  out[out_n_candidates].values<std::int32_t>()[row] = p.n_candidates;
  out[out_margin].values<float>()[row] = static_cast<float>(p.margin_arcsec);
  out[out_status].values<std::int32_t>()[row] = static_cast<std::int32_t>(p.status);
  // The last column, of turned fields alone.
  if (out.columns() > out_angle && out[out_angle].info().name == "angle") out[out_angle].values<double>()[row] = p.angle_deg;
}

/// Proper motions of the rows of a table, up to the epoch of the search.
class Motions {
 public:
  Motions(const LocusColumns& columns, const Table& table, double epoch, double epoch_from)
      : pm_ra_(columns.pm_ra.empty() ? nullptr : &table.at(columns.pm_ra)),
        pm_dec_(pm_ra_ ? &table.at(columns.pm_dec) : nullptr),
        epoch_(columns.epoch.empty() ? nullptr : &table.at(columns.epoch)),
        to_(epoch),
        from_(epoch_from) {}

  [[nodiscard]] bool is_known() const noexcept { return pm_ra_ != nullptr; }
  [[nodiscard]] double years(std::size_t row) const { return to_ - (epoch_ ? epoch_->number(row) : from_); }
  [[nodiscard]] Position of(Position position, std::size_t row) const {
    return moved(position, pm_ra_->number(row), pm_dec_->number(row), years(row));
  }
  /// How far a row moves, mas; NaN where its motion is not known.
  [[nodiscard]] double length(std::size_t row) const {
    return std::hypot(pm_ra_->number(row), pm_dec_->number(row)) * std::abs(years(row));
  }

 private:
  const Column *pm_ra_, *pm_dec_, *epoch_;
  double to_, from_;
};

/// Where the rows of a table are at the epoch of the search.
class Places {
 public:
  Places(const LocusColumns& columns, const Table& table, double epoch, double epoch_from)
      : ra_(table.at(columns.ra)), dec_(table.at(columns.dec)), motion_(columns, table, epoch, epoch_from) {}

  Position operator()(std::size_t row) const {
    const Position position{ra_.number(row), dec_.number(row)};
    return motion_.is_known() && is_valid(position) ? motion_.of(position, row) : position;
  }

 private:
  const Column &ra_, &dec_;
  Motions motion_;
};

}  // namespace

LocusKernel::LocusKernel(const LocusOptions& options, const BandOptions& bands, const LocusColumns& targets, const LocusColumns& stars)
    : rules_(options), epoch_(options.epoch), epoch_from_(options.epoch_from), bands_(bands), targets_(targets), stars_(stars) {
  // Only what the rules ask for: a catalogue with ratings of its own may have no magnitudes at all.
  if (rules_.target_needs_magnitudes) target_band_.emplace(bands, targets.bands, options.band, options.colours);
  if (rules_.needs_magnitudes) star_band_.emplace(bands, stars.bands, options.band, options.colours);
  if (rules_.needs_colours && bands.bands.size() < 2)
    throw UsageError(fmt::format("one band, {} (the colour rule needs a neighbour; see --rating)", options.band));
}

std::vector<std::string> LocusKernel::needs() const {
  std::vector<std::string> names = targets_.bands.magnitude;
  for (const std::string& name : {targets_.ra, targets_.dec, targets_.pm_ra, targets_.pm_dec, targets_.epoch})
    if (!name.empty()) names.push_back(name);
  return names;
}

std::vector<std::string> LocusKernel::star_needs() const {
  std::vector<std::string> names = star_band_ ? star_band_->needs() : std::vector<std::string>{};
  for (const std::string& name : {stars_.ra, stars_.dec, stars_.rating, stars_.pm_ra, stars_.pm_dec, stars_.epoch})
    if (!name.empty()) names.push_back(name);
  // One column may have several roles; it is read once.
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

Schema LocusKernel::gives() const {
  Schema schema = {
      {"ra", Type::f8, 1, "deg", "pos.eq.ra;meta.main", "right ascension of the target (ICRS)"},
      {"dec", Type::f8, 1, "deg", "pos.eq.dec;meta.main", "declination of the target (ICRS)"},
      {"mag", Type::f8, std::max(targets_.bands.magnitude.size(), std::size_t{1}), "mag", "phot.mag",
       "magnitudes of the target, band by band"},
      {"av_ra", Type::f8, 1, "deg", "pos.eq.ra", "right ascension of the pointing: the centre of the field of view"},
      {"av_dec", Type::f8, 1, "deg", "pos.eq.dec", "declination of the pointing"},
      {"rating", Type::f8, 1, "", "stat.value", "score of the pointing: sum of the ratings of the reference stars in the field"},
      {"n_ref", Type::i4, 1, "", "meta.number", "reference stars in the field"},
      {"n_candidates", Type::i4, 1, "", "meta.number", "stars that pass all filters"},
      {"margin", Type::f4, 1, "arcsec", "pos.angDistance", "distance of the nearest reference star from the edge of the field"},
      {"status", Type::i4, 1, "", "meta.code.status", "0 found, 1 no reference star, 2 no magnitude, 3 no position, 4 failed"},
  };
  if (rules_.is_turned())
    schema.push_back({"angle", Type::f8, 1, "deg", "pos.posAng", "position angle of the field's height, from North to East"});
  return schema;
}

Schema LocusKernel::gives_references() {
  return {
      {"target", Type::i8, 1, "", "meta.id", "row of the target in the table of pointings, from 0"},
      {"star", Type::i8, 1, "", "meta.id", "row of the reference star in the star catalogue, from 0"},
      {"rating", Type::f8, 1, "", "stat.value", "rating of the star"},
      {"x", Type::f8, 1, "arcmin", "pos.cartesian.x", "place in the field, from its centre, towards East"},
      {"y", Type::f8, 1, "arcmin", "pos.cartesian.y", "place in the field, from its centre, towards North"},
  };
}

double LocusKernel::farthest_motion_deg(const Table& table) const {
  if (stars_.pm_ra.empty()) return 0.0;
  const Motions motions(stars_, table, epoch_, epoch_from_);
  double farthest = 0.0;
  for (std::size_t i = 0; i < table.rows(); ++i)
    if (const double mas = motions.length(i); mas > farthest) farthest = mas;  // NaN moves nothing
  return farthest / 3.6e6;
}

void LocusKernel::add_stars(const Table& table, std::int64_t first_row, Stars& stars) const {
  const Places place(stars_, table, epoch_, epoch_from_);
  const Column* const rating = stars_.rating.empty() ? nullptr : &table.at(stars_.rating);
  std::vector<BandPhotometry> photometry(table.rows(), BandPhotometry{nan, nan, nan});
  if (star_band_) star_band_->read(table, photometry);
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const Position position = place(i);
    // A star without a place is in no field; a target without one has a status of its own.
    if (!is_valid(position)) continue;
    stars.ra.push_back(position.ra);
    stars.dec.push_back(position.dec);
    stars.photometry.push_back(photometry[i]);
    stars.row.push_back(first_row + static_cast<std::int64_t>(i));
    if (rating == nullptr) continue;
    stars.rating.push_back(rating->number(i));
    // Sums of larger ones would lose the small ones, and end at infinity.
    if (stars.rating.back() > largest_rating)
      throw DataError(fmt::format("star catalogue, row {}: {} = {} (a rating must be at most {})", stars.row.back() + 1, stars_.rating,
                                  stars.rating.back(), largest_rating));
  }
}

StarField LocusKernel::field_of(const Stars& stars, int threads) const {
  StarField field(stars, 2.0 * rules_.field.height / strips_per_zone);
  if (rules_.is_locus6) return field;  // it judges crowding target by target
  field.merge_repeated();
  field.drop_crowded(rules_.resolution_deg, rules_.crowding_dmag, threads);
  return field;
}

std::vector<LocusTarget> LocusKernel::targets_of(const Table& table) const {
  std::vector<BandPhotometry> photometry(table.rows(), BandPhotometry{nan, nan, nan});
  if (target_band_) target_band_->read(table, photometry);
  const Places place(targets_, table, epoch_, epoch_from_);
  std::vector<LocusTarget> targets(table.rows());
  for (std::size_t i = 0; i < targets.size(); ++i) targets[i] = {place(i), photometry[i]};
  return targets;
}

void LocusKernel::run(const Table& in, const StarField& stars, Table& out, int threads, std::vector<LocusReference>* references) const {
  const std::vector<LocusTarget> targets = targets_of(in);
  copy_targets(in, out);
  // Solvers keep buffers between targets: one for each thread, made once.
  std::vector<LocusSolver> solvers(static_cast<std::size_t>(threads), LocusSolver(rules_, stars));
  // Lists by chunk, joined in their order: the product does not depend on which thread was quicker.
  std::vector<std::vector<LocusReference>> listed(references ? targets.size() / targets_per_chunk + 1 : 0);
  parallel_for(targets.size(), targets_per_chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
    LocusSolver& solver = solvers[static_cast<std::size_t>(thread)];
    for (std::size_t i = begin; i < end; ++i) {
      write_row(out, i, solver.solve(targets[i]));
      if (!references) continue;
      for (const ReferenceStar& r : solver.reference_stars())
        listed[begin / targets_per_chunk].push_back(
            // Rows of this block and degrees inside; the command adds the block's first row.
            {static_cast<std::int64_t>(i), stars.row(r.star), r.rating, 60.0 * r.in_field.x, 60.0 * r.in_field.y});
    }
  });
  if (!references) return;
  references->clear();
  for (const auto& chunk : listed) references->insert(references->end(), chunk.begin(), chunk.end());
}

void LocusKernel::copy_targets(const Table& in, Table& out) const {
  const std::size_t n_bands = targets_.bands.magnitude.size(), width = out[out_mag].info().width;
  const auto mag = out[out_mag].values<double>();
  std::ranges::fill(mag, nan);
  for (std::size_t b = 0; b < n_bands; ++b) {
    const Column& column = in.at(targets_.bands.magnitude[b]);
    for (std::size_t i = 0; i < in.rows(); ++i) mag[i * width + b] = column.number(i);
  }
  const Places place(targets_, in, epoch_, epoch_from_);
  for (std::size_t i = 0; i < in.rows(); ++i) {
    const Position position = place(i);
    out[out_ra].values<double>()[i] = position.ra;
    out[out_dec].values<double>()[i] = position.dec;
  }
}

void LocusKernel::mark_failed(const Table& in, Table& out) const {
  copy_targets(in, out);
  // The target's own columns are kept: who reads the product can tell which targets failed.
  for (std::size_t i = 0; i < in.rows(); ++i) write_row(out, i, {LocusStatus::failed, {nan, nan}, nan, nan, 0, 0, nan});
}

}  // namespace skyfold
