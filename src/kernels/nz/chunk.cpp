// PDFs of some objects as probabilities of slots of redshift, in single precision: all that stacks and draws are made of.
#include "chunk.hpp"

#include <algorithm>

#include "../common/simd.hpp"
#include "draws.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold::nz {
namespace {

constexpr std::size_t pdfs_per_task = 64;
constexpr std::uint64_t draw_stream = 0x6e7a2d6472617773ULL;  // other numbers than those of the bootstrap

/// Cumulative probabilities as those of slots, and in single precision, but for the first and the last slot.
SKYFOLD_CLONES void to_slots(const double* cumulative, std::size_t first, std::size_t last, float* mass, float* below) {
  for (std::size_t k = first; k < last; ++k) {
    const double difference = cumulative[k] - cumulative[k - 1];
    mass[k] = static_cast<float>(difference > 0.0 ? difference : 0.0);
    below[k] = static_cast<float>(cumulative[k]);
  }
}

}  // namespace

Chunk::Chunk(const SumsLayout& layout)
    : layout_(layout),
      edges_{layout.cells.low, layout.cells.width, layout.cells.count + 1},
      slots_(layout.cells.slots()),
      mass_(most * slots_),
      below_(most * (slots_ + 2)),
      guide_(layout.realisations > 0 ? most : 0) {}

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
  // Sums of neighbours in this order are near each other in memory.
  sorted_.clear();
  for (std::uint64_t i = 0; i < size; ++i)
    if (objects.reason[begin + i] < 0)
      sorted_.push_back(static_cast<std::uint64_t>(objects.bin[begin + i]) << 32 | static_cast<std::uint64_t>(span_[i].first) << 16 | i);
  std::ranges::sort(sorted_);
  order_.clear();
  for (const std::uint64_t sorted : sorted_) {
    const std::size_t i = sorted & 0xffff, row = begin + i;
    ChunkObject object{i,
                       static_cast<std::size_t>(objects.bin[row]),
                       span_[i].first,
                       span_[i].second,
                       layout_.cells.slot_of(objects.point[row]),
                       objects.truth[row] > 0.0 ? layout_.cells.slot_of(objects.truth[row]) : slots_,
                       0,
                       objects.weight[row],
                       objects.key[row],
                       mix64(objects.key[row] ^ draw_stream)};
    object.drawn_slot = object.first + draw_slot(below(object), object.last - object.first, object.draw_key, 0);
    order_.push_back(object);
  }
}

void Chunk::integrate(RedshiftPdf& pdf, std::size_t i, std::vector<double>& cumulative) {
  auto [first, last] = pdf.cumulatives_at(edges_, cumulative);
  // What lies in the tails beyond is counted in the outermost slots with mass.
  while (first < last && cumulative[first] < RedshiftPdf::negligible) ++first;
  while (first < last && cumulative[last - 1] > 1.0 - RedshiftPdf::negligible) --last;
  float* mass = &mass_[i * slots_];
  float* below = &below_[i * (slots_ + 2)];
  // Slot k ends at edge k: that of the last edge in between is followed by one which holds the rest.
  if (first < last) {
    mass[first] = static_cast<float>(std::max(0.0, cumulative[first]));
    below[first] = static_cast<float>(cumulative[first]);
    to_slots(cumulative.data(), first + 1, last, mass, below);
  }
  mass[last] = static_cast<float>(1.0 - (first < last ? cumulative[last - 1] : 0.0));
  std::fill_n(below + last, 3, 1.0f);
  span_[i] = {first, last + 1};
  if (!guide_.empty()) make_guide(below + first, last + 1 - first, guide_[i]);
}

}  // namespace skyfold::nz
