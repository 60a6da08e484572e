// PDFs as probabilities of bins: moments, quantiles, and values on a grid that keep what lies between its points.
#include "binned_pdf.hpp"

#include <algorithm>

#include "model.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/kernels/photoz/flags.hpp"

namespace skyfold {

BinnedPdf::BinnedPdf(std::vector<double> edges)
    : edges_(std::move(edges)), probability_(edges_.size() - 1, 0.0), below_(edges_.size(), 0.0) {}

void BinnedPdf::set(std::span<const double> probability) {
  double sum = 0.0;
  for (const double p : probability) sum += p;
  for (std::size_t i = 0; i < probability_.size(); ++i) {
    probability_[i] = probability[i] / sum;
    below_[i + 1] = below_[i] + probability_[i];
  }
}

double BinnedPdf::mean() const noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < probability_.size(); ++i) sum += probability_[i] * centre(i);
  return sum;
}

double BinnedPdf::mode() const noexcept {
  std::size_t best = 0;
  double highest = -1.0;
  for (std::size_t i = 0; i < probability_.size(); ++i) {
    const double height = probability_[i] / (edges_[i + 1] - edges_[i]);
    if (height > highest) highest = height, best = i;
  }
  return centre(best);
}

double BinnedPdf::density(double z) const noexcept {
  if (!(z >= edges_.front()) || !(z <= edges_.back())) return 0.0;
  const auto above = std::upper_bound(edges_.begin() + 1, edges_.end() - 1, z);
  const auto bin = static_cast<std::size_t>(above - edges_.begin()) - 1;
  return probability_[bin] / (edges_[bin + 1] - edges_[bin]);
}

double BinnedPdf::cumulative(double z) const noexcept {
  if (!(z > edges_.front())) return 0.0;
  if (z >= edges_.back()) return below_.back();
  const auto bin = static_cast<std::size_t>(std::upper_bound(edges_.begin(), edges_.end(), z) - edges_.begin()) - 1;
  return below_[bin] + probability_[bin] * (z - edges_[bin]) / (edges_[bin + 1] - edges_[bin]);
}

double BinnedPdf::quantile(double p) const noexcept {
  const double wanted = p * below_.back();
  // The first edge with so much below it: its bin holds the quantile, and has a probability above 0.
  const auto edge = std::lower_bound(below_.begin() + 1, below_.end() - 1, wanted);
  const auto bin = static_cast<std::size_t>(edge - below_.begin()) - 1;
  if (!(probability_[bin] > 0.0)) return edges_[bin];
  return edges_[bin] + (edges_[bin + 1] - edges_[bin]) * std::min((wanted - below_[bin]) / probability_[bin], 1.0);
}

double BinnedPdf::squared_integral() const noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < probability_.size(); ++i) sum += probability_[i] * probability_[i] / (edges_[i + 1] - edges_[i]);
  return sum;
}

std::int32_t BinnedPdf::write(std::span<const double> grid, std::size_t row, const EstimateColumns& out) const {
  if (out.pdf.empty()) return 0;
  const std::size_t n = grid.size();
  float* pdf = &out.pdf[row * n];
  const double start = cumulative(grid.front()), mass = cumulative(grid.back()) - start;
  if (!(mass > 1e-8)) {
    std::fill_n(pdf, n, 0.0f);
    const bool is_below = mean() - grid.front() < grid.back() - mean();
    pdf[is_below ? 0 : n - 1] = static_cast<float>(2.0 / (is_below ? grid[1] - grid[0] : grid[n - 1] - grid[n - 2]));
    return photoz_pdf_off_grid;
  }
  const auto density_of = [&](std::size_t bin) {
    return bin < probability_.size() ? probability_[bin] / (edges_[bin + 1] - edges_[bin]) : 0.0;
  };
  const double scale = 1.0 / mass;
  double before = start, low = grid.front(), density = density_of(0);
  std::size_t bin = 0;
  for (std::size_t j = 0; j < n; ++j) {
    const double high = j + 1 == n ? grid[j] : 0.5 * (grid[j] + grid[j + 1]);
    // As cumulative(high), without a search: the grid ascends.
    if (bin < probability_.size() && edges_[bin + 1] <= high) {
      while (bin < probability_.size() && edges_[bin + 1] <= high) ++bin;
      density = density_of(bin);
    }
    const double reached = below_[bin] + density * std::max(0.0, high - edges_[bin]);
    pdf[j] = reached > before ? static_cast<float>((reached - before) * scale / (high - low)) : 0.0f;
    before = reached, low = high;
  }
  return mass < 0.5 ? photoz_pdf_off_grid : 0;
}

std::vector<double> equal_bins(double low, double high, long bins, const std::string& what) {
  if (!(high > low)) throw DataError(fmt::format("all training redshifts are {} (the {} bins of {} need a range)", low, bins, what));
  std::vector<double> edges(static_cast<std::size_t>(bins) + 1);
  for (std::size_t i = 0; i < edges.size(); ++i) edges[i] = low + (high - low) * static_cast<double>(i) / static_cast<double>(bins);
  edges.back() = high;
  return edges;
}

Table binned_table(std::span<const double> edges, std::span<const double> probability) {
  Table table;
  add_values(table, {"z_low", Type::f8, 1, "", "src.redshift", "lower edge of the bin", ""}, edges.first(edges.size() - 1));
  add_values(table, {"z_high", Type::f8, 1, "", "src.redshift", "upper edge of the bin", ""}, edges.last(edges.size() - 1));
  add_values(table, {"probability", Type::f8, 1, "", "stat.probability", "part of the weights in the bin, sum 1", ""}, probability);
  return table;
}

BinnedPdf binned_pdf(const Table& table) {
  std::vector<double> edges = values_of<double>(table, "z_low");
  edges.push_back(table.at("z_high").number(table.rows() - 1));
  BinnedPdf pdf(std::move(edges));
  pdf.set(table.at("probability").values<double>());
  return pdf;
}

Table redshift_distribution(const TrainingSet& set, long bins, const std::string& what) {
  const auto [low, high] = std::minmax_element(set.z.begin(), set.z.end());
  const std::vector<double> edges = equal_bins(*low, *high, bins, what);
  if (bins > std::ssize(set.z)) throw DataError(fmt::format("{} = {} (more bins than the {} training objects)", what, bins, set.z.size()));
  std::vector<double> probability(edges.size() - 1, 0.0);
  double sum = 0.0;
  for (std::size_t i = 0; i < set.z.size(); ++i) {
    const double weight = set.weight.empty() ? 1.0 : set.weight[i];
    if (!(weight > 0.0)) continue;
    probability[std::min(static_cast<std::size_t>((set.z[i] - *low) / (*high - *low) * static_cast<double>(bins)),
                         probability.size() - 1)] += weight;
    sum += weight;
  }
  if (!(sum > 0.0)) throw DataError(fmt::format("no weight of the {} training objects is above 0", set.z.size()));
  for (double& p : probability) p /= sum;
  return binned_table(edges, probability);
}

}  // namespace skyfold
