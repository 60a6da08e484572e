// Colour-matched nearest neighbours: see docs/cmnn.md.
#include "kernel.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>

#include "../common/model.hpp"
#include "../common/objects.hpp"
#include "chi_square.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/kernels/photoz/flags.hpp"

namespace skyfold::cmnn {
namespace {

constexpr double least_sigma = 1e-4;  // of the PDF: matches of one redshift make no width
constexpr double least_error = 1e-6;  // mag: an error of nothing would make infinite distances
constexpr double wider = 4.0;         // the square of how much farther is looked where there are too few

/// Uniform in (0, 1], of an object and a training object.
double draw(std::uint64_t seed, std::int64_t object, std::int64_t training) noexcept {
  const std::uint64_t bits = mix64(mix64(mix64(seed) ^ static_cast<std::uint64_t>(object)) ^ static_cast<std::uint64_t>(training));
  return (static_cast<double>(bits >> 11) + 1.0) * 0x1p-53;
}

ColumnInfo n_colours_column() { return {"n_colours", Type::i4, 1, "", "meta.number", "colours that distances rest on", ""}; }

}  // namespace

Colours colours_of(const Photometry& photometry) {
  Colours colours;
  colours.n_objects = photometry.n_objects;
  colours.n_colours = photometry.n_bands - 1;
  colours.value.assign(colours.n_objects * colours.n_colours, 0.0);
  colours.error.assign(colours.n_objects * colours.n_colours, 0.0);
  colours.present.assign(colours.n_objects, 0);
  for (std::size_t i = 0; i < colours.n_objects; ++i)
    for (std::size_t c = 0; c < colours.n_colours; ++c) {
      if ((photometry.observed[i] >> c & 3) != 3) continue;
      const std::size_t band = i * photometry.n_bands + c, at = i * colours.n_colours + c;
      colours.value[at] = photometry.mag[band] - photometry.mag[band + 1];
      colours.error[at] = std::hypot(photometry.mag_err[band], photometry.mag_err[band + 1]);
      colours.present[i] |= 1u << c;
    }
  return colours;
}

/// Buffers of one thread.
struct CmnnKernel::Worker {
  explicit Worker(const CmnnKernel& kernel)
      : pdf(kernel.pdf()), query(kernel.n_colours_), scale(kernel.n_colours_), its_scale(kernel.n_colours_) {}
  ScaledSearch search;
  PdfWriter pdf;
  std::vector<double> query, scale, its_scale;  ///< the last one for a group of training objects
  std::vector<Neighbour> matches;
};

/// What a search found, in `Worker::matches`.
struct CmnnKernel::Matches {
  std::size_t within = 0;  ///< how many lie within their thresholds
  double widening = 1.0;   ///< of the error, where the nearest had to do
};

CmnnKernel::CmnnKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
    : PhotozKernel(model, columns, pdf,
                   {photoz_column::z_phot(), photoz_column::z_err("standard deviation of the matches' redshifts"), photoz_column::z_nn(),
                    photoz_column::d1(), photoz_column::nn_id(), photoz_column::n_neighbours(), n_colours_column(),
                    photoz_column::n_bands("bands observed"), photoz_column::flags()},
                   1),
      options_(options),
      n_colours_(model.bands.bands.size() - 1),
      threshold_(n_colours_ + 1, 0.0) {
  const Table& training = model.tables.at("training");
  id_ = values_of<std::int64_t>(training, "id");
  z_ = values_of<double>(training, "z");
  weight_ = values_of<double>(training, "weight");
  const auto colour = training.at("colour").values<double>();
  for (std::size_t n = 1; n <= n_colours_; ++n) threshold_[n] = chi_square_quantile(options.quantile, static_cast<int>(n));
  std::map<std::uint32_t, std::vector<std::uint32_t>> rows;
  for (std::uint32_t i = 0; i < z_.size(); ++i) {
    std::uint32_t present = 0;
    for (std::size_t c = 0; c < n_colours_; ++c) present |= std::uint32_t{!std::isnan(colour[i * n_colours_ + c])} << c;
    rows[present].push_back(i);
  }
  group_.resize(z_.size());
  for (const auto& [present, list] : rows) {
    std::vector<double> points(list.size() * n_colours_, 0.0);
    for (std::size_t i = 0; i < list.size(); ++i)
      for (std::size_t c = 0; c < n_colours_; ++c)
        // Colours that the group does not have get the scale 0 from every query.
        if (present >> c & 1) points[i * n_colours_ + c] = colour[list[i] * n_colours_ + c];
    groups_.push_back({present, std::make_unique<PointTree>(points, n_colours_, list)});
  }
  std::ranges::stable_sort(groups_, [](const ColourGroup& a, const ColourGroup& b) { return a.tree->size() > b.tree->size(); });
  for (std::uint32_t g = 0; g < groups_.size(); ++g)
    for (const std::uint32_t row : rows[groups_[g].present]) group_[row] = g;
}

std::vector<std::string> CmnnKernel::needs() const {
  std::vector<std::string> names = PhotozKernel::needs();
  if (draws()) names.push_back(options_.id);
  return names;
}

void CmnnKernel::run(const Table& in, Table& out, int threads) const {
  const Photometry photometry = photometry_of(in);
  const Colours colours = colours_of(photometry);
  const EstimateColumns output(out);
  const auto n_colours = out.at("n_colours").values<std::int32_t>();
  std::vector<std::int64_t> ids(draws() ? in.rows() : 0);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = in.at(options_.id).integer(i);
  std::vector<std::uint32_t> objects(in.rows());
  for (std::uint32_t i = 0; i < objects.size(); ++i) objects[i] = i;
  // Leaf by leaf of the largest group: matches of one object are in the cache for the next.
  estimate_by_place(
      objects, threads, [&](std::size_t i) { return groups_[0].tree->leaf_of(&colours.value[i * n_colours_]); },
      [&] { return std::make_unique<Worker>(*this); },
      [&](std::size_t i, Worker& worker) {
        const std::int32_t bands = std::popcount(photometry.observed[i]);
        std::int32_t flags = bands < static_cast<int>(photometry.n_bands) ? photoz_missing_band : 0;
        std::uint32_t usable = 0;
        for (std::size_t c = 0; c < n_colours_; ++c) {
          const double error = colours.error[i * n_colours_ + c];
          const bool is_there = colours.present[i] >> c & 1;
          if (is_there && std::isnan(error)) flags |= photoz_no_magnitude_error;
          const bool counts = is_there && error >= 0.0;
          usable |= std::uint32_t{counts} << c;
          worker.query[c] = colours.value[i * n_colours_ + c];
          worker.scale[c] = counts ? 1.0 / std::max(error, least_error) : 0.0;
        }
        output.n_bands[i] = bands;
        if (usable == 0) {
          output.set_missing(i, bands, flags | (bands == 0 ? photoz_no_band : photoz_few_neighbours));
          n_colours[i] = 0;
          return;
        }
        n_colours[i] = std::popcount(usable);
        estimate(i, usable, draws() ? ids[i] : 0, flags, worker, output);
      });
}

/// Fills `Worker::matches`: those within their thresholds, or the nearest where these are too few.
CmnnKernel::Matches CmnnKernel::find(Worker& worker, std::uint32_t usable) const {
  const auto degrees = [&](const ColourGroup& group) { return static_cast<std::size_t>(std::popcount(group.present & usable)); };
  const auto is_itself = [&](const Neighbour& match) { return !(match.distance2 > options_.least_distance); };
  // Up to a limit, or up to each group's threshold.
  const auto search = [&](double limit) {
    worker.matches.clear();
    for (const ColourGroup& group : groups_) {
      for (std::size_t c = 0; c < n_colours_; ++c) worker.its_scale[c] = group.present >> c & 1 ? worker.scale[c] : 0.0;
      worker.search.within(*group.tree, worker.query.data(), worker.its_scale.data(), limit > 0.0 ? limit : threshold_[degrees(group)],
                           worker.matches);
    }
    std::erase_if(worker.matches, is_itself);
  };
  search(0.0);
  const auto least = static_cast<std::size_t>(options_.least);
  Matches found{worker.matches.size(), 1.0};
  if (found.within >= least) return found;
  // The same limit for all now, whatever colours they have: widened until there are enough.
  for (double limit = wider * threshold_.back(); limit < std::numeric_limits<double>::max(); limit *= wider) {
    search(limit);
    if (worker.matches.size() >= least) break;
  }
  std::ranges::sort(worker.matches, [](const Neighbour& a, const Neighbour& b) {
    return a.distance2 != b.distance2 ? a.distance2 < b.distance2 : a.row < b.row;
  });
  worker.matches.resize(std::min(worker.matches.size(), least));
  if (worker.matches.empty()) return found;
  const Neighbour& last = worker.matches.back();
  // By so much more than intended of the chi^2 distribution is covered.
  const auto its_degrees = static_cast<int>(degrees(groups_[group_[last.row]]));
  found.widening = chi_square_cumulative(last.distance2, its_degrees) / options_.quantile;
  return found;
}

/// Place of the match whose redshift is the estimate.
std::size_t CmnnKernel::choose(const std::vector<Neighbour>& matches, std::int64_t id) const {
  const bool by_distance = options_.choice == "nearest", weighted = options_.choice == "weighted";
  std::size_t best = 0;
  std::pair<double, std::uint32_t> least = {std::numeric_limits<double>::infinity(), 0};
  for (std::size_t i = 0; i < matches.size(); ++i) {
    double key = matches[i].distance2;
    if (!by_distance) {
      // The first of exponential clocks that run at the rates of the weights: a draw in proportion to them, in whatever order they stand.
      const double rate = weight_[matches[i].row] / (weighted ? matches[i].distance2 : 1.0);
      key = -std::log(draw(static_cast<std::uint64_t>(options_.seed), id, id_[matches[i].row])) / rate;
    }
    if (std::pair(key, matches[i].row) < least || i == 0) best = i, least = {key, matches[i].row};
  }
  return best;
}

void CmnnKernel::estimate(std::size_t object, std::uint32_t usable, std::int64_t id, std::int32_t flags, Worker& worker,
                          const EstimateColumns& output) const {
  const Matches found = find(worker, usable);
  const std::vector<Neighbour>& matches = worker.matches;
  const std::int32_t bands = output.n_bands[object];
  if (matches.empty()) return output.set_missing(object, bands, flags | photoz_few_neighbours);
  double weights = 0.0, sum = 0.0, squares = 0.0;
  const Neighbour* nearest = &matches[0];
  for (const Neighbour& match : matches) {
    weights += weight_[match.row];
    sum += weight_[match.row] * z_[match.row];
    if (match.distance2 != nearest->distance2 ? match.distance2 < nearest->distance2 : match.row < nearest->row) nearest = &match;
  }
  const double mean = sum / weights;
  for (const Neighbour& match : matches) squares += weight_[match.row] * (z_[match.row] - mean) * (z_[match.row] - mean);
  const double z = z_[matches[choose(matches, id)].row], error = std::sqrt(squares / weights) * found.widening;
  if (found.within < static_cast<std::size_t>(options_.least)) flags |= photoz_few_neighbours;
  // Not even one training object looks like this one.
  if (found.within == 0) flags |= photoz_outside_coverage;
  const double one = 1.0;
  flags |= worker.pdf.write(z, std::span(&z, 1), std::span(&one, 1), std::max(error, least_sigma), object, output);
  output.z_phot[object] = z;
  output.z_err[object] = static_cast<float>(error);
  output.z_nn[object] = z_[nearest->row];
  output.d1[object] = static_cast<float>(std::sqrt(nearest->distance2));
  output.nn_id[object] = id_[nearest->row];
  output.n_neighbours[object] = static_cast<std::int32_t>(matches.size());
  output.flags[object] = flags | range_flags(z);
}

}  // namespace skyfold::cmnn
