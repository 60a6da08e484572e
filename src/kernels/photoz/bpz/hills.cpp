// Hills of p(z) by the rules of the program BPZ (its option N_PEAKS): strict maxima, and the minima that enclose them.
#include "hills.hpp"

#include <algorithm>

namespace skyfold::bpz {
namespace {

bool is_peak(std::span<const double> p, std::size_t i) { return (i == 0 || p[i] > p[i - 1]) && (i + 1 == p.size() || p[i] > p[i + 1]); }

/// The ends of the grid are minima whichever way p goes.
bool is_valley(std::span<const double> p, std::size_t i) {
  if (i == 0 || i + 1 == p.size()) return true;
  const bool is_lowest = p[i] < p[i - 1] && p[i] < p[i + 1], is_foot = p[i] == 0.0 && (p[i - 1] > 0.0 || p[i + 1] > 0.0);
  return is_lowest || is_foot;
}

}  // namespace

void find_hills(std::span<const double> p, std::vector<Hill>& hills) {
  hills.clear();
  std::size_t low = 0, open = 0;  // hills from `open` on have no end yet
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (is_peak(p, i)) hills.push_back({i, low, p.size() - 1, 0.0});
    if (!is_valley(p, i)) continue;
    low = i;
    // A peak at the beginning of the grid is its own valley: its hill goes on to the next one.
    for (; open < hills.size() && hills[open].peak < i; ++open) hills[open].high = i;
  }
  for (Hill& hill : hills) {
    const std::size_t end = hill.high + 1 == p.size() ? p.size() : hill.high;
    for (std::size_t i = hill.low; i < end; ++i) hill.probability += p[i];
  }
  std::ranges::stable_sort(hills, [&](const Hill& a, const Hill& b) { return p[a.peak] > p[b.peak]; });
}

}  // namespace skyfold::bpz
