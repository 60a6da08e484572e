// Locus as work of the farm: targets and stars are read, solved, written.
#include "work.hpp"

#include <algorithm>

namespace skyfold {

LocusWork::LocusWork(const LocusKernel& kernel, const LocusTargets& targets, LocusStars& stars, const RowProduct& product,
                     const ReferenceParts* references, int threads)
    : kernel_(kernel), targets_(targets), stars_(stars), references_(references), threads_(threads), product_(product) {}

void LocusWork::read(const Job& job, RowRange, int slot, JobResult& result) {
  Buffers& mine = slots_[slot];
  if (mine.in.columns() == 0) {
    mine.in = Table(targets_.schema());
    mine.out = Table(kernel_.gives());
  }
  const auto part = static_cast<std::size_t>(job.first_partition);
  targets_.read(part, mine.in);
  // Targets come first: they say which stars are needed.
  stars_.read(part, mine.in, mine.stars);
  result.bytes_read += mine.stars.bytes + static_cast<std::int64_t>(mine.in.rows() * bytes_per_row(mine.in.schema()));
}

void LocusWork::compute(const Job&, RowRange block, int slot) {
  Buffers& mine = slots_[slot];
  mine.out.resize(mine.in.rows());
  // One field for all targets of the part: its index costs more than a search in it.
  const StarField field = kernel_.field_of(mine.stars.stars, threads_);
  std::vector<LocusReference> references;
  kernel_.run(mine.in, field, mine.out, threads_, references_ ? &references : nullptr);
  if (references_) mine.references = reference_rows(references, block.begin, mine.stars, stars_.has_id());
}

void LocusWork::write(const Job&, RowRange block, int slot, JobResult& result) {
  const Buffers& mine = slots_[slot];
  if (references_) references_->keep(block, mine.references, result);
  // Columns of both by name; what the kernel gives goes before what the targets have.
  const Table* tables[] = {&mine.out, &mine.in};
  product_.write(block.begin, tables, result);
  result.rows += block.size();
}

void LocusWork::sync() {
  if (references_) references_->parts().sync();
  product_.sync();
}

std::optional<std::uint64_t> LocusWork::stored_checksum(RowRange block, std::uint64_t chained) {
  const auto with_references = references_ ? references_->parts().stored_checksum(block, chained) : std::optional(chained);
  return with_references ? product_.stored_checksum(block, *with_references) : std::nullopt;
}

void LocusWork::mark_failed(RowRange block) {
  const auto& parts = targets_.parts();
  Buffers mine;  // not a slot's: a kernel may hang on that
  // A block that failed may span several parts, each of which is read and marked on its own.
  for (auto part = std::ranges::lower_bound(parts, block.begin, {}, [](const Partition& p) { return p.rows.begin; });
       part != parts.end() && part->rows.end <= block.end; ++part) {
    mine.in = Table(targets_.schema());
    mine.out = Table(kernel_.gives());
    targets_.read(static_cast<std::size_t>(part->id), mine.in);
    mine.out.resize(mine.in.rows());
    kernel_.mark_failed(mine.in, mine.out);
    if (references_) references_->parts().keep_failed(part->rows);
    const Table* tables[] = {&mine.out, &mine.in};
    JobResult ignored;
    product_.write(part->rows.begin, tables, ignored);
  }
}

}  // namespace skyfold
