// What trees say of objects that they have not seen: the worth of each feature by permutation, and estimates of the training set.
#include "importance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../common/model.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold::tpz {
namespace {

constexpr std::uint32_t permutation_stream = 0x74707a10;  // and those after it, one for each feature
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Mean error with these attributes; objects without trees do not count.
double mean_error(const Unseen& unseen, std::span<const float> value, int threads) {
  std::vector<double> error(unseen.objects->size(), nan);
  for_unseen(unseen, value, true, threads, [&](std::size_t i, std::span<const Share> shares, int) {
    double reached = 0.0, z = (*unseen.z)[shares.back().row];
    for (const auto& [row, part] : shares)
      if ((reached += part) >= 0.5) {
        z = (*unseen.z)[row];
        break;
      }
    error[i] = std::abs(z - unseen.objects->z[i]) / (1.0 + unseen.objects->z[i]);
  });
  double sum = 0.0, n = 0.0;
  for (const double e : error)
    if (!std::isnan(e)) sum += e, n += 1.0;
  return n > 0.0 ? sum / n : nan;
}

}  // namespace

Importance measure_importance(const Unseen& unseen, const FeatureLayer& layer, std::uint64_t seed, int threads) {
  const std::size_t n = unseen.objects->size(), d = layer.size();
  const std::vector<float> value = attributes_of(unseen.objects->photometry, layer);
  Importance importance{mean_error(unseen, value, threads), {}};
  for (std::size_t f = 0; f < d; ++f) {
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t i = 0; i < n; ++i)
      order.emplace_back(
          ObjectRandom(seed, static_cast<std::uint64_t>(unseen.objects->id[i]), permutation_stream + static_cast<std::uint32_t>(f))
              .uniform(),
          i);
    std::sort(order.begin(), order.end());
    std::vector<float> permuted = value;
    for (std::size_t i = 0; i < n; ++i) permuted[i * d + f] = value[order[i].second * d + f];
    importance.permuted.push_back(mean_error(unseen, permuted, threads));
  }
  return importance;
}

Table importance_table(const Importance& importance, const FeatureLayer& layer) {
  std::size_t longest = 1;
  for (const std::string& name : layer.names()) longest = std::max(longest, name.size());
  Table table({{"feature", Type::text, longest, "", "meta.id", "feature", ""},
               {"error", Type::f8, 1, "", "stat.error", "mean abs(dz) / (1 + z) by trees that have not seen the objects", ""},
               {"permuted_error", Type::f8, 1, "", "stat.error", "the same with the feature's values exchanged at random", ""}},
              layer.size());
  const auto texts = table[0].values<char>();
  std::fill(texts.begin(), texts.end(), '\0');
  for (std::size_t f = 0; f < layer.size(); ++f) {
    std::ranges::copy(layer.names()[f], texts.begin() + static_cast<std::ptrdiff_t>(f * longest));
    table[1].values<double>()[f] = importance.error;
    table[2].values<double>()[f] = importance.permuted[f];
  }
  return table;
}

Table out_of_bag_table(const Unseen& unseen, const Options& o, int threads) {
  const std::size_t n = unseen.objects->size();
  std::vector<double> z_phot(n, nan), z_err(n, nan), pit(n, nan);
  std::vector<std::unique_ptr<ShareMixture>> mixtures(static_cast<std::size_t>(threads));
  std::vector<std::unique_ptr<LeafHistogram>> histograms(static_cast<std::size_t>(threads));
  const auto value = attributes_of(unseen.objects->photometry, *unseen.layer);
  for_unseen(unseen, value, o.pdf != "histogram", threads, [&](std::size_t i, std::span<const Share> shares, int thread) {
    const auto fill = [&](const auto& pdf) {
      z_phot[i] = point_of(pdf, o.point);
      z_err[i] = central_half_width(pdf);
      pit[i] = pdf.cumulative(unseen.objects->z[i]);
    };
    auto& mixture = mixtures[static_cast<std::size_t>(thread)];
    auto& histogram = histograms[static_cast<std::size_t>(thread)];
    if (!mixture) mixture = std::make_unique<ShareMixture>(*unseen.z);
    if (!histogram) histogram = std::make_unique<LeafHistogram>(*unseen.z, o);
    if (o.pdf == "histogram")
      fill(histogram->make(shares));
    else
      fill(mixture->make(shares, o.sigma, o.scatter));
  });
  Table table;
  add_values(table, {"z_phot", Type::f8, 1, "", "src.redshift.phot", "of each training object, by trees that have not seen it", ""},
             z_phot);
  add_values(table, {"z_err", Type::f8, 1, "", "stat.error;src.redshift.phot", "half of the central 68.3 % interval of its PDF", ""},
             z_err);
  add_values(table, {"pit", Type::f8, 1, "", "stat.probability", "what lies below the true redshift", ""}, pit);
  return table;
}

}  // namespace skyfold::tpz
