// Match as work of the farm: positions of a block are looked up, rows of the candidates are read afterwards, and rows for the
// comparison are drawn by their numbers.
#include "work.hpp"

#include <algorithm>
#include <limits>

#include "skyfold/core/parallel.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t reference_run = 1024;  // rows that are read together for comparison
constexpr std::int64_t join_rows = 512;       // gaps that are cheaper to read than to skip
constexpr std::size_t chunk_rows = 8192;

/// Reads rows of the catalogue into `out`, from its row `place` on.
void read_rows_at(const Catalogue& catalogue, RowRange rows, Table& out, std::int64_t place) {
  for (std::size_t c = 0; c < out.columns(); ++c) {
    const std::size_t width = out[c].info().bytes_per_row(), column = *find_column(catalogue.schema(), out[c].info().name);
    const std::size_t first = static_cast<std::size_t>(place) * width, bytes = static_cast<std::size_t>(rows.size()) * width;
    catalogue.reader().read(column, rows, out[c].bytes().subspan(first, bytes));
  }
}

}  // namespace

MatchWork::MatchWork(const Inputs& inputs, const MatchParts& parts, int threads) : inputs_(inputs), parts_(parts), threads_(threads) {}

void MatchWork::read(const Job&, RowRange block, int slot, JobResult& result) {
  Buffers& mine = slots_[slot];
  const Catalogue& catalogue = inputs_.catalogue;
  if (mine.positions.columns() == 0) {
    for (const std::string& name : {catalogue.layout().roles.ra, catalogue.layout().roles.dec})
      mine.positions.add(catalogue.schema()[*find_column(catalogue.schema(), name)]);
    mine.raw = mine.run = mine.part.rows = Table(parts_.codec().schema);
  }
  catalogue.reader().read(block, mine.positions);
  result.bytes_read += block.size() * static_cast<std::int64_t>(bytes_per_row(mine.positions.schema()));
  read_reference(block, mine, result);
}

/// Runs of rows are chosen by their number alone, so that the comparison is the same for every layout.
void MatchWork::read_reference(RowRange block, Buffers& mine, JobResult& result) const {
  std::vector<RowRange> runs;
  std::int64_t rows = 0;
  for (std::int64_t begin = block.begin; begin < block.end && inputs_.reference_share > 0.0; begin += reference_run) {
    // A run of neighbouring rows at a time, as single rows would each cost a read; mixed, so that the runs are spread over the sky.
    const auto draw = static_cast<double>(mix64(static_cast<std::uint64_t>(begin / reference_run))) * 0x1p-64;
    if (draw >= inputs_.reference_share && inputs_.reference_share < 1.0) continue;
    runs.push_back({begin, std::min(begin + reference_run, block.end)});
    rows += runs.back().size();
  }
  mine.raw.resize(static_cast<std::size_t>(rows));
  std::int64_t place = 0;
  for (const RowRange& run : runs) {
    read_rows_at(inputs_.catalogue, run, mine.raw, place);
    place += run.size();
  }
  result.bytes_read += static_cast<std::int64_t>(mine.raw.rows() * bytes_per_row(mine.raw.schema()));
  mine.reference = mine.raw;
  (void)inputs_.photometry.apply(mine.reference);  // here, where an error of the data is one of the run
}

void MatchWork::compute(const Job&, RowRange block, int slot) {
  Buffers& mine = slots_[slot];
  const auto rows = static_cast<std::size_t>(block.size());
  const Column &ra = mine.positions[0], &dec = mine.positions[1];
  const bool are_doubles = ra.info().type == Type::f8 && dec.info().type == Type::f8;  // as import writes them
  // A list for each chunk and not for each thread: joined in order they are the same for any number of threads.
  mine.chunks.resize((rows + chunk_rows - 1) / chunk_rows);
  parallel_for(rows, chunk_rows, threads_, [&](std::size_t begin, std::size_t end, int) {
    std::vector<MatchCandidate>& chunk = mine.chunks[begin / chunk_rows];
    std::vector<SkyIndex::Found> found;
    std::span<const double> ra_values, dec_values;
    // Spans first: the type is not asked again for each value of billions of rows.
    if (are_doubles) {
      ra_values = ra.values<double>();
      dec_values = dec.values<double>();
    }
    chunk.clear();
    for (std::size_t i = begin; i < end; ++i) {
      if (are_doubles)
        inputs_.sample.find(ra_values[i], dec_values[i], found);
      else
        inputs_.sample.find(ra.number(i), dec.number(i), found);
      if (found.empty()) continue;
      for (const auto& [object, separation] : found) chunk.push_back({block.begin + static_cast<std::int64_t>(i), separation, object, 0});
      found.clear();
    }
  });
  mine.part.candidates.clear();
  for (const auto& chunk : mine.chunks) mine.part.candidates.insert(mine.part.candidates.end(), chunk.begin(), chunk.end());
  // The index gives them in no particular order.
  std::sort(mine.part.candidates.begin(), mine.part.candidates.end(), [](const MatchCandidate& a, const MatchCandidate& b) {
    if (a.row != b.row) return a.row < b.row;
    return a.separation_arcsec != b.separation_arcsec ? a.separation_arcsec < b.separation_arcsec : a.object < b.object;
  });
  count_reference(mine);
}

void MatchWork::count_reference(Buffers& mine) const {
  BandColumns columns = inputs_.photometry.columns();
  columns.errors_are_limits = false;  // only what was detected counts
  const std::size_t bands = columns.magnitude.size();
  MagnitudeCounts counts(bands);
  std::vector<std::uint8_t> stays(mine.reference.rows(), 1);
  for (const Cut& cut : inputs_.cuts.list())
    // Cuts on spectroscopic columns have no meaning for objects without a spectrum.
    if (cut.is_of_catalogue) inputs_.cuts.apply(cut, mine.reference, stays);
  Photometry photometry;
  const std::vector<double> no_limits(bands, std::numeric_limits<double>::quiet_NaN());
  gather_photometry(mine.reference, columns, inputs_.bands, no_limits, photometry);
  for (std::size_t i = 0; i < stays.size(); ++i)
    if (stays[i]) counts.add(photometry, i);
  mine.part.reference = counts.all();
}

void MatchWork::write(const Job&, RowRange block, int slot, JobResult& result) {
  Buffers& mine = slots_[slot];
  // Few rows match: all their columns are read now, not those of the whole block before.
  read_rows(block, mine, result);
  parts_.keep(block, mine.part, result);
  result.rows += block.size();
}

/// Reads the wanted columns of rows with candidates: runs of rows with small gaps at once.
void MatchWork::read_rows(RowRange, Buffers& mine, JobResult& result) const {
  std::vector<MatchCandidate>& candidates = mine.part.candidates;
  std::vector<std::int64_t> rows;
  for (MatchCandidate& candidate : candidates) {
    if (rows.empty() || rows.back() != candidate.row) rows.push_back(candidate.row);
    // Several spectroscopic objects may have one candidate; its row is kept once.
    candidate.place = static_cast<std::uint32_t>(rows.size() - 1);
  }
  Table& run = mine.run;
  mine.part.rows.resize(rows.size());
  for (std::size_t first = 0; first < rows.size();) {
    std::size_t last = first;
    // Reading some rows that nobody wants costs less than another call for each column.
    while (last + 1 < rows.size() && rows[last + 1] - rows[last] <= join_rows) ++last;
    run.resize(static_cast<std::size_t>(rows[last] + 1 - rows[first]));
    read_rows_at(inputs_.catalogue, {rows[first], rows[last] + 1}, run, 0);
    result.bytes_read += static_cast<std::int64_t>(run.rows() * bytes_per_row(run.schema()));
    std::vector<std::size_t> wanted;
    for (std::size_t i = first; i <= last; ++i) wanted.push_back(static_cast<std::size_t>(rows[i] - rows[first]));
    gather_rows(run, wanted, mine.part.rows, first);
    first = last + 1;
  }
}

}  // namespace skyfold
