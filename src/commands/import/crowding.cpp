// The pass that flags crowded stars: each zone is read with its surroundings, so neighbours across its border count.
#include "crowding.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "skyfold/kernels/locus/stars.hpp"

namespace skyfold {
namespace {

/// Regions are made of pixels of about this size: much larger than a resolution, so that they are few.
constexpr double smallest_halo_deg = 0.2;

}  // namespace

// The rows are in their final order by now, but have no checksums yet: those are made when the catalogue is finished.
CrowdingPass::CrowdingPass(const std::string& path, const ProfileOptions& o)
    : options_(o),
      reader_(path, "/object", ZoneCheck::off),
      writer_(path),
      key_(*find_column(reader_.schema(), healpix_column)),
      crowded_(*find_column(writer_.schema(), crowded_column)),
      halo_(reader_.rows(), [this](std::int64_t key, RowRange within) { return row_of(key, within); }) {}

std::int64_t CrowdingPass::row_of(std::int64_t key, RowRange within) const {
  // No index yet: it is made when the catalogue is finished.
  while (within.size() > 0) {
    const std::int64_t middle = within.begin + within.size() / 2;
    std::int64_t found = 0;
    // One key at a time: some twenty reads of eight bytes, which the system has in its cache for the next search.
    reader_.read(key_, {middle, middle + 1}, std::as_writable_bytes(std::span(&found, 1)));
    if (found < key)
      within.begin = middle + 1;
    else
      within.end = middle;
  }
  return within.begin;
}

void CrowdingPass::read(const Job&, RowRange block, int slot, JobResult& result) {
  Buffers& mine = slots_[slot];
  mine = {};
  std::vector<std::int64_t> keys(static_cast<std::size_t>(block.size()));
  reader_.read(key_, block, std::as_writable_bytes(std::span(keys)));
  const Region region = dilated(keys, std::max(options_.crowding_resolution / 3600.0, smallest_halo_deg));
  const Schema& schema = reader_.schema();
  Table rows(
      {schema[*find_column(schema, "ra")], schema[*find_column(schema, "dec")], schema[*find_column(schema, options_.crowding_band)]});
  for (const RowRange range : halo_.rows_in(region)) {
    reader_.read(range, rows);
    result.bytes_read += range.size() * static_cast<std::int64_t>(bytes_per_row(rows.schema()));
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const double mag = rows[2].number(i);
      mine.ra.push_back(rows[0].number(i));
      mine.dec.push_back(rows[1].number(i));
      // Surveys write 99 or -99 for what was not measured.
      mine.mag.push_back(std::abs(mag) < 90.0 ? mag : std::numeric_limits<double>::quiet_NaN());
      mine.row.push_back(range.begin + static_cast<std::int64_t>(i));
    }
  }
}

void CrowdingPass::compute(const Job&, RowRange block, int slot) {
  Buffers& mine = slots_[slot];
  const auto flags = crowded_stars(mine.ra, mine.dec, mine.mag, options_.crowding_resolution, options_.crowding_dmag, 1);
  mine.crowded.assign(static_cast<std::size_t>(block.size()), 0);
  for (std::size_t i = 0; i < flags.size(); ++i)
    // Stars around the block count as neighbours only; another block flags them.
    if (mine.row[i] >= block.begin && mine.row[i] < block.end) mine.crowded[static_cast<std::size_t>(mine.row[i] - block.begin)] = flags[i];
}

void CrowdingPass::write(const Job&, RowRange block, int slot, JobResult& result) {
  const Buffers& mine = slots_[slot];
  writer_.write(crowded_, block.begin, std::as_bytes(std::span(mine.crowded)));
  result.rows += block.size();
  result.bytes_written += block.size();
}

}  // namespace skyfold
