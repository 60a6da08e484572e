// The pass of nz as work of the farm, in blocks whose sums are kept: a run that was killed goes on from them.
#include "work.hpp"

#include <algorithm>
#include <stdexcept>

#include "skyfold/plan/row_blocks.hpp"

namespace skyfold {

void SumsCodec::put(PartWriter& to, const nz::Sums& sums) {
  to.list(sums.values);
  to.list(sums.patches);
  to.list(sums.of_patches);
  to.list(sums.objects);
  to.list(sums.weights);
  to.list(sums.left_out);
  to.list(sums.in_balls);
  to.list(sums.in_no_ball);
  to.list(sums.own);
  to.list(sums.seen);
}

nz::Sums SumsCodec::get(PartReader& from) {
  nz::Sums sums;
  sums.values = from.list<double>();
  sums.patches = from.list<std::int64_t>();
  sums.of_patches = from.list<double>();
  sums.objects = from.list<std::int64_t>();
  sums.weights = from.list<double>();
  sums.left_out = from.list<std::int64_t>();
  sums.in_balls = from.list<double>();
  sums.in_no_ball = from.list<double>();
  sums.own = from.list<double>();
  sums.seen = from.list<std::int64_t>();
  return sums;
}

nz::Sums SumsCodec::cut(nz::Sums, RowRange, RowRange) { throw std::logic_error("a block of sums was cut"); }

std::vector<Partition> nz_units(const StoredPdfs& pdfs, const nz::SumsLayout& layout) {
  // Sums are kept of each unit: many bytes of PDFs for each of theirs, but two units of PDFs are in memory at a time.
  constexpr std::size_t step = 16'384, most_bytes = std::size_t{64} << 20, per_byte = 16;
  const std::size_t bytes = std::min(most_bytes, per_byte * layout.size() * sizeof(double));
  const auto rows = static_cast<std::int64_t>(std::max<std::size_t>(1, bytes / bytes_per_row(pdfs.columns()) / step) * step);
  return row_blocks(pdfs.rows(), rows, "PDFs");
}

void NzWork::read(const Job&, RowRange block, int slot, JobResult& result) {
  Buffers& mine = slots_[slot];
  if (mine.pdfs.columns() == 0) mine.pdfs = Table(pdfs_.columns());
  pdfs_.read(block, mine.pdfs);
  objects_.read(block, mine.columns, mine.found, mine.ids);
  result.bytes_read += block.size() * static_cast<std::int64_t>(bytes_per_row(pdfs_.columns()) + bytes_per_row(mine.columns.schema()));
}

void NzWork::compute(const Job&, RowRange, int slot) {
  Buffers& mine = slots_[slot];
  objects_.judge(mine.columns, mine.found, mine.ids, mine.objects);
  mine.sums = nz::add_up(
      layout_, mine.objects, mine.pdfs, [this] { return pdfs_.make_pdf(); }, balls_, threads_);
}

void NzWork::write(const Job&, RowRange block, int slot, JobResult& result) {
  parts_.keep(block, slots_[slot].sums, result);
  result.rows += block.size();
}

}  // namespace skyfold
