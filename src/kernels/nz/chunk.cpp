// PDFs of some objects as probabilities of slots of redshift, in single precision: all that stacks and draws are made of.
#include "chunk.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "skyfold/core/parallel.hpp"

namespace skyfold::nz {
namespace {

constexpr std::size_t pdfs_per_task = 64;
constexpr std::uint64_t draw_stream = 0x6e7a2d6472617773ULL;  // other numbers than those of the bootstrap

}  // namespace

Chunk::Chunk(const SumsLayout& layout)
    : layout_(layout),
      edges_{layout.cells.low, layout.cells.width, layout.cells.count + 1},
      slots_(layout.cells.slots()),
      mass_(most * slots_),
      below_(most * slots_) {}

void Chunk::fill(Objects& objects, const Table& pdfs, std::size_t begin, std::size_t size,
                 std::vector<std::unique_ptr<RedshiftPdf>>& readers) {
  parallel_for(size, pdfs_per_task, static_cast<int>(readers.size()), [&](std::size_t first, std::size_t last, int thread) {
    std::vector<double> cumulative(edges_.count);
    for (std::size_t i = first; i < last; ++i) {
      if (objects.reason[begin + i] >= 0) continue;
      RedshiftPdf& pdf = *readers[static_cast<std::size_t>(thread)];
      if (pdf.set(pdfs, begin + i))
        integrate(pdf, i, cumulative);
      else
        objects.reason[begin + i] = static_cast<std::int8_t>(Reason::no_pdf);
    }
  });
  order_.clear();
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t row = begin + i;
    if (objects.reason[row] >= 0) continue;
    order_.push_back({i, static_cast<std::size_t>(objects.bin[row]), span_[i].first, span_[i].second,
                      layout_.cells.slot_of(objects.point[row]),
                      objects.truth[row] > 0.0 ? layout_.cells.slot_of(objects.truth[row]) : slots_, objects.weight[row], objects.key[row],
                      mix64(objects.key[row] ^ draw_stream)});
  }
  // Sums of neighbours in this order are near each other in memory.
  std::ranges::sort(order_, {}, [](const ChunkObject& object) { return std::tuple(object.bin, object.first, object.place); });
}

void Chunk::integrate(RedshiftPdf& pdf, std::size_t i, std::vector<double>& cumulative) {
  auto [first, last] = pdf.cumulatives_at(edges_, cumulative);
  // What lies in the tails beyond is counted in the outermost slots with mass.
  while (first < last && cumulative[first] < RedshiftPdf::negligible) ++first;
  while (first < last && cumulative[last - 1] > 1.0 - RedshiftPdf::negligible) --last;
  float* mass = &mass_[i * slots_];
  float* below = &below_[i * slots_];
  // Slot k ends at edge k: that of the last edge in between is followed by one which holds the rest.
  double before = 0.0;
  for (std::size_t k = first; k < last; ++k) {
    mass[k] = static_cast<float>(std::max(0.0, cumulative[k] - before));
    below[k] = static_cast<float>(cumulative[k]);
    before = cumulative[k];
  }
  mass[last] = static_cast<float>(1.0 - before);
  below[last] = 1.0f;
  span_[i] = {first, last + 1};
  make_guide(i);
}

void Chunk::make_guide(std::size_t i) {
  constexpr std::size_t n = std::size_t{1} << guide_bits;
  const auto [first, last] = span_[i];
  // Entry k is the first slot of which more than k/n lies below: as many slots as have no more, counted without a jump that depends on the
  // PDF.
  std::array<std::uint16_t, n + 1> passed{};
  for (std::size_t slot = first; slot + 1 < last; ++slot)
    ++passed[static_cast<std::size_t>(std::ceil(below_[i * slots_ + slot] * static_cast<float>(n)))];
  auto reached = static_cast<std::uint16_t>(first);
  for (std::size_t k = 0; k < n; ++k) guide_[i][k] = reached = static_cast<std::uint16_t>(reached + passed[k]);
}

}  // namespace skyfold::nz
