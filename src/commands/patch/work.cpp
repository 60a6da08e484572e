// Patch as work of the farm: the pixels that a block needs are read before it is computed.
#include "work.hpp"

#include <optional>

#include "skyfold/table/algebra.hpp"

namespace skyfold {

PatchWork::PatchWork(const PatchSources& sources, PatchMaps& maps, const Kernel& kernel, const RowProduct& product, int threads)
    : sources_(sources), maps_(maps), kernel_(kernel), threads_(threads), product_(product) {}

PatchWork::Buffers& PatchWork::buffers(int slot) {
  Buffers& mine = slots_[slot];
  if (mine.sources.columns() == 0) mine = {Table(sources_.table.schema()), Table(kernel_.gives())};
  return mine;
}

void PatchWork::read(const Job&, RowRange block, int slot, JobResult& result) {
  Buffers& mine = buffers(slot);
  mine.sources.resize(static_cast<std::size_t>(block.size()));
  copy_rows(sources_.table, static_cast<std::size_t>(block.begin), static_cast<std::size_t>(block.end), mine.sources, 0);
  const Column &lon = mine.sources.at(sources_.lon), &lat = mine.sources.at(sources_.lat);
  // Here, by the main thread: the kernel finds all its pixels in memory, and no two threads read a block at once.
  for (std::size_t i = 0; i < mine.sources.rows(); ++i) {
    std::optional<std::size_t> own;
    if (!sources_.own_map.empty()) own = static_cast<std::size_t>(sources_.own_map[static_cast<std::size_t>(block.begin) + i]);
    result.bytes_read += maps_.need(lon.number(i), lat.number(i), sources_.frame, own);
  }
}

void PatchWork::compute(const Job&, RowRange block, int slot) {
  Buffers& mine = slots_[slot];
  mine.out.resize(static_cast<std::size_t>(block.size()));
  kernel_.run(mine.sources, mine.out, threads_);
}

void PatchWork::write(const Job&, RowRange block, int slot, JobResult& result) {
  const Table* tables[] = {&slots_[slot].sources, &slots_[slot].out};
  product_.write(block.begin, tables, result);
  result.rows += block.size();
}

void PatchWork::mark_failed(RowRange block) {
  Buffers mine = buffers(Work::slot_limit - 1);  // a slot that is hardly ever used: a kernel may hang on another
  mine.sources.resize(static_cast<std::size_t>(block.size()));
  copy_rows(sources_.table, static_cast<std::size_t>(block.begin), static_cast<std::size_t>(block.end), mine.sources, 0);
  mine.out.resize(static_cast<std::size_t>(block.size()));
  kernel_.mark_failed(mine.out);
  const Table* tables[] = {&mine.sources, &mine.out};
  JobResult ignored;
  product_.write(block.begin, tables, ignored);
}

}  // namespace skyfold
