// What a rank does with a block of objects: their rows and measurements are read, each in one piece of its columns.
#include "object_work.hpp"

namespace skyfold {

ObjectWork::Buffers& ObjectWork::buffers(int slot) {
  Buffers& mine = slots_[slot];
  if (mine.out.columns() == 0) mine = {Table(copied_), Table(setup_.columns), Table(lightcurve::object_schema(o_)), {}, {}, {}};
  return mine;
}

void ObjectWork::read(const Job&, RowRange block, int slot, JobResult& result) {
  Buffers& mine = buffers(slot);
  catalogue_.reader().read(block, mine.objects);
  mine.first = measurements_.first_rows(block);
  const RowRange rows{mine.first.front(), mine.first.back()};
  for (std::int64_t& first : mine.first) first -= rows.begin;
  measurements_.read(rows, mine.measurements);
  result.bytes_read += block.size() * static_cast<std::int64_t>(bytes_per_row(copied_) + sizeof(std::int64_t)) +
                       rows.size() * static_cast<std::int64_t>(bytes_per_row(setup_.columns));
  if (!o_.motion) return;
  const Column &ra = mine.objects.at(catalogue_.layout().roles.ra), &dec = mine.objects.at(catalogue_.layout().roles.dec);
  mine.ra.resize(mine.objects.rows());
  mine.dec.resize(mine.objects.rows());
  for (std::size_t i = 0; i < mine.ra.size(); ++i) mine.ra[i] = ra.number(i), mine.dec[i] = dec.number(i);
}

void ObjectWork::compute(const Job&, RowRange block, int slot) {
  Buffers& mine = slots_[slot];
  mine.out.resize(static_cast<std::size_t>(block.size()));
  lightcurve::describe_objects({mine.measurements, mine.first, mine.ra, mine.dec}, setup_.reader, o_, mine.out, threads_);
}

void ObjectWork::write(const Job&, RowRange block, int slot, JobResult& result) {
  const Table* tables[] = {&slots_[slot].objects, &slots_[slot].out};
  product_.write(block.begin, tables, result);
  result.rows += block.size();
}

void ObjectWork::mark_failed(RowRange block) {
  Table objects(copied_), out(lightcurve::object_schema(o_), static_cast<std::size_t>(block.size()));
  catalogue_.reader().read(block, objects);
  lightcurve::mark_failed_objects(o_, out);
  const Table* tables[] = {&objects, &out};
  JobResult ignored;
  product_.write(block.begin, tables, ignored);
}

}  // namespace skyfold
