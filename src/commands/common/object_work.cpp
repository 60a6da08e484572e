// What a rank does with a block of objects: their rows and measurements are read, each in one piece of its columns.
#include "object_work.hpp"

namespace skyfold {

ObjectWork::Buffers& ObjectWork::buffers(int slot) {
  Buffers& mine = slots_[slot];
  if (mine.out.columns() == 0)
    mine = {Table(in_.copied), Table(in_.setup.columns), Table(lightcurve::object_schema(in_.objects)), {}, {}, {}};
  return mine;
}

void ObjectWork::read(const Job&, RowRange block, int slot, JobResult& result) {
  Buffers& mine = buffers(slot);
  in_.catalogue.reader().read(block, mine.objects);
  mine.first = in_.measurements.first_rows(block);
  const RowRange rows{mine.first.front(), mine.first.back()};
  for (std::int64_t& first : mine.first) first -= rows.begin;
  in_.measurements.read(rows, mine.measurements);
  result.bytes_read += block.size() * static_cast<std::int64_t>(bytes_per_row(in_.copied) + sizeof(std::int64_t)) +
                       rows.size() * static_cast<std::int64_t>(bytes_per_row(in_.setup.columns));
  if (!in_.objects.motion) return;
  const Column &ra = mine.objects.at(in_.catalogue.layout().roles.ra), &dec = mine.objects.at(in_.catalogue.layout().roles.dec);
  mine.ra.resize(mine.objects.rows());
  mine.dec.resize(mine.objects.rows());
  for (std::size_t i = 0; i < mine.ra.size(); ++i) mine.ra[i] = ra.number(i), mine.dec[i] = dec.number(i);
}

void ObjectWork::compute(const Job&, RowRange block, int slot) {
  Buffers& mine = slots_[slot];
  mine.out.resize(static_cast<std::size_t>(block.size()));
  lightcurve::describe_objects({mine.measurements, mine.first, mine.ra, mine.dec}, in_.setup.reader, in_.objects, mine.out, threads_);
}

void ObjectWork::write(const Job&, RowRange block, int slot, JobResult& result) {
  const Table* tables[] = {&slots_[slot].objects, &slots_[slot].out};
  product_.write(block.begin, tables, result);
  result.rows += block.size();
}

void ObjectWork::mark_failed(RowRange block) {
  Table objects(in_.copied), out(lightcurve::object_schema(in_.objects), static_cast<std::size_t>(block.size()));
  in_.catalogue.reader().read(block, objects);
  lightcurve::mark_failed_objects(in_.objects, out);
  const Table* tables[] = {&objects, &out};
  JobResult ignored;
  product_.write(block.begin, tables, ignored);
}

}  // namespace skyfold
