// The passes over measurements as work of the farm: the object of each, rows to buckets of objects, buckets sorted into the catalogue.
#include "measurement_passes.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/sort.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/row_hash.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/table/algebra.hpp"
#include "skyfold/table/column_index.hpp"

namespace skyfold {
namespace {

constexpr std::size_t least_chunk_rows = 8192, most_chunk_rows = 65'536;
constexpr std::int64_t without_object = -1;

const InputBlock& block_of(const Inputs& inputs, const Job& job) { return inputs.blocks[static_cast<std::size_t>(job.first_partition)]; }

void count_bytes(const Table& table, JobResult& result) {
  result.bytes_read += static_cast<std::int64_t>(table.rows() * bytes_per_row(table.schema()));
}

bool is_missing(const Column& column, std::size_t row) {
  if (column.info().type == Type::text) return column.text(row).empty();
  return std::isnan(column.number(row));
}

/// All columns of text inputs, whose cells may be bad anywhere; else those that are needed.
Schema joined_columns(const MeasurementInputs& in, const KeyMaker& condition, bool is_first) {
  const Schema& all = in.rows.schema.input;
  Schema needed;
  const auto need = [&](const std::string& name) {
    const auto column = find_column(all, name);
    if (column && !find_column(needed, name)) needed.push_back(all[*column]);
  };
  for (const std::string& name : in.join_columns) need(name);
  if (!is_first) return needed;
  const bool has_text = std::ranges::any_of(in.rows.blocks, [](const InputBlock& b) { return b.piece.end > 0; });
  if (has_text) return all;
  for (const std::string& name : {in.roles.filter, in.roles.time}) need(name);
  for (const std::string& name : text_columns(all)) need(name);
  for (const ColumnInfo& column : condition.needs()) need(column.name);
  return needed;
}

}  // namespace

// --- first pass ------------------------------------------------------------------------------------

JoinPass::JoinPass(const MeasurementInputs& in, const KeyMaker& condition, std::unique_ptr<ObjectShare> share, bool is_first,
                   const std::string& keys_path, const std::string& separations_path, const std::string& rejects_folder,
                   std::shared_ptr<Parts> texts)
    : in_(in),
      condition_(condition),
      share_(std::move(share)),
      is_first_(is_first),
      columns_(joined_columns(in, condition, is_first)),
      text_columns_(skyfold::text_columns(in.rows.schema.input)),
      keys_(keys_path),
      rejects_folder_(rejects_folder),
      texts_(std::move(texts)) {
  if (!separations_path.empty()) separations_.emplace(separations_path);
}

void JoinPass::read(const Job& job, RowRange block, int index, JobResult& result) {
  Buffers& slot = slots_[index];
  if (slot.rows.columns() == 0) slot.rows = Table(columns_);
  const InputBlock& input = block_of(in_.rows, job);
  std::vector<BadCell> bad;
  in_.rows.sources[input.source]->read(input.piece, slot.rows, bad);
  count_bytes(slot.rows, result);
  slot.rejects.clear();
  const auto rows = static_cast<std::size_t>(block.size());
  slot.keys.assign(rows, without_object);
  slot.separations.assign(rows, 0.0);
  if (is_first_) {
    for (const BadCell& cell : bad) slot.rejects.push_back({block.begin + cell.row - input.piece.first_row, cell.column, cell.problem});
    return;
  }
  keys_.read(block.begin, slot.keys);
  if (separations_) {
    std::vector<std::int64_t> bits(rows);
    separations_->read(block.begin, bits);
    std::memcpy(slot.separations.data(), bits.data(), rows * sizeof(double));
  }
}

std::string JoinPass::problem_of(const Table& rows, std::size_t row, std::string& column) const {
  if (!in_.roles.time.empty() && is_missing(rows.at(column = in_.roles.time), row)) return "no time";
  if (!in_.roles.filter.empty()) {
    const Column& filter = rows.at(column = in_.roles.filter);
    if (is_missing(filter, row)) return "no filter";
    if (!in_.filters.empty() && std::ranges::find(in_.filters, key_of(filter, row)) == in_.filters.end())
      return fmt::format("filter {} is not among --filters {}", key_of(filter, row), join(in_.filters, ","));
  }
  if (in_.rule.is_by_id()) return "";
  const double ra = rows.at(column = in_.join_columns[0]).number(row), dec = rows.at(in_.join_columns[1]).number(row);
  if (is_valid({ra, 0.0}) && is_valid({0.0, dec})) return "";
  const bool is_ra = !is_valid({ra, 0.0});
  if (!is_ra) column = in_.join_columns[1];
  const double value = is_ra ? ra : dec;
  return std::isnan(value) ? "no coordinate" : fmt::format("{} is outside {}", shortest(value), is_ra ? "-360 to 360" : "-90 to 90");
}

void JoinPass::check_rows(RowRange block, Buffers& slot) const {
  const std::vector<std::uint8_t> left_out = condition_.left_out(slot.rows);
  const auto is_left_out = [&](std::int64_t row) { return !left_out.empty() && left_out[static_cast<std::size_t>(row - block.begin)]; };
  std::erase_if(slot.rejects, [&](const Reject& reject) {
    return !reject.column.empty() && is_left_out(reject.row) && !condition_.is_in_condition(reject.column);
  });
  for (const Reject& reject : slot.rejects) slot.keys[static_cast<std::size_t>(reject.row - block.begin)] = dropped_key;
  std::string column;
  for (std::size_t i = 0; i < slot.keys.size(); ++i) {
    const std::int64_t row = block.begin + static_cast<std::int64_t>(i);
    if (is_left_out(row)) slot.keys[i] = dropped_key;
    if (slot.keys[i] == dropped_key) continue;
    const std::string problem = problem_of(slot.rows, i, column);
    if (problem.empty()) continue;
    slot.keys[i] = dropped_key;
    slot.rejects.push_back({row, column, problem});
  }
  const auto by_row = [](const Reject& a, const Reject& b) { return a.row < b.row; };
  std::stable_sort(slot.rejects.begin(), slot.rejects.end(), by_row);
}

void JoinPass::compute(const Job&, RowRange block, int index) {
  Buffers& slot = slots_[index];
  std::vector<std::int64_t> object(slot.keys.size(), without_object);
  for (std::size_t i = 0; i < object.size() && !is_first_; ++i)
    if (slot.keys[i] >= 0 && slot.keys[i] < in_.orphan_key()) object[i] = slot.keys[i];
  // The more rows a chunk has, the nearer in memory are the objects that it looks at one after the other.
  const std::size_t for_each_thread = object.size() / static_cast<std::size_t>(std::max(in_.threads, 1));
  parallel_for(object.size(), std::clamp(for_each_thread, least_chunk_rows, most_chunk_rows), in_.threads,
               [&](std::size_t begin, std::size_t end, int) { share_->find(slot.rows, begin, end, object, slot.separations); });
  if (is_first_) {
    check_rows(block, slot);
    slot.texts = distinct_texts(slot.rows, text_columns_);
  }
  for (std::size_t i = 0; i < object.size(); ++i)
    if (slot.keys[i] != dropped_key) slot.keys[i] = object[i] == without_object ? in_.orphan_key() : object[i];
}

void JoinPass::write(const Job&, RowRange block, int index, JobResult& result) {
  Buffers& slot = slots_[index];
  if (!slot.rejects.empty() && !in_.drops_bad_rows) {
    const Reject& first = slot.rejects.front();
    throw DataError(fmt::format("{}{}: {} (import with --on-bad-row=drop leaves such rows out)", in_.rows.place_of(first.row),
                                first.column.empty() ? "" : ", column " + first.column, first.problem));
  }
  std::string lines;
  for (const Reject& reject : slot.rejects) lines += reject_line(in_.rows, reject);
  if (!lines.empty()) write_durably(fmt::format("{}/{}", rejects_folder_, block.begin), lines);
  keys_.write(block.begin, slot.keys);
  if (separations_) {
    std::vector<std::int64_t> bits(slot.separations.size());
    std::memcpy(bits.data(), slot.separations.data(), bits.size() * sizeof(double));
    separations_->write(block.begin, bits);
  }
  if (is_first_) texts_->keep(block, slot.texts, result);
  result.rows += block.size();
}

void JoinPass::sync() {
  keys_.sync();
  if (separations_) separations_->sync();
  if (is_first_) texts_->sync();
}

// --- second pass -----------------------------------------------------------------------------------

std::size_t MeasurementPlaces::bucket_of(std::int64_t key, std::int64_t orphan_key) const {
  if (key == orphan_key) return splitters.size() + 1;
  return static_cast<std::size_t>(std::upper_bound(splitters.begin(), splitters.end(), key) - splitters.begin());
}

MeasurementPlacing::MeasurementPlacing(const MeasurementInputs& in, const MeasurementPlaces& places, const Dictionaries& dictionaries,
                                       const std::string& placed_path, const std::string& output_path, const std::string& keys_path,
                                       const std::string& placed_keys_path)
    : in_(in),
      places_(places),
      stored_(stored_columns(in.rows.schema.input, dictionaries)),
      keys_(keys_path),
      placed_keys_(placed_keys_path),
      placed_(placed_path, meas_group) {
  for (const auto& [column, texts] : dictionaries)
    for (std::size_t i = 0; i < texts.size(); ++i) codes_[column][texts[i]] = static_cast<std::int64_t>(i);
  if (places.orphans > 0) orphans_.emplace(output_path, meas_orphan_group);
  const ColumnIndex index(placed_.schema());
  for (const ColumnInfo& column : stored_) columns_.push_back(index.find(column.name).value());
}

void MeasurementPlacing::read(const Job& job, RowRange block, int index, JobResult& result) {
  Buffers& slot = slots_[index];
  if (slot.in.columns() == 0) {
    slot.in = Table(in_.rows.schema.input);
    slot.coded = slot.out = Table(stored_);
  }
  const InputBlock& input = block_of(in_.rows, job);
  std::vector<BadCell> bad;
  in_.rows.sources[input.source]->read(input.piece, slot.in, bad);
  slot.keys.resize(static_cast<std::size_t>(block.size()));
  keys_.read(block.begin, slot.keys);
  for (const BadCell& cell : bad)  // those of text were found by the first pass; what is new here is binary
    if (slot.keys[static_cast<std::size_t>(cell.row - input.piece.first_row)] != dropped_key)
      throw DataError(
          fmt::format("{}, column {}: {}", in_.rows.place_of(block.begin + cell.row - input.piece.first_row), cell.column, cell.problem));
  count_bytes(slot.in, result);
}

void MeasurementPlacing::encode(Buffers& slot) const {
  slot.coded.resize(slot.in.rows());
  for (std::size_t c = 0; c < stored_.size(); ++c) {
    const auto codes = codes_.find(stored_[c].name);
    if (codes == codes_.end()) continue;
    Column& out = slot.coded[c];
    std::string_view last;
    std::int64_t code = -1;
    for (std::size_t i = 0; i < slot.in.rows(); ++i) {
      const std::string_view text = slot.in[c].text(i);
      if (code < 0 || text != last) code = codes->second.at(last = text);
      if (out.info().type == Type::u1)
        out.values<std::uint8_t>()[i] = static_cast<std::uint8_t>(code);
      else
        out.values<std::int32_t>()[i] = static_cast<std::int32_t>(code);
    }
  }
}

void MeasurementPlacing::compute(const Job&, RowRange, int index) {
  Buffers& slot = slots_[index];
  const std::size_t rows = slot.keys.size(), buckets = places_.splitters.size() + 2;
  std::vector<std::size_t> bucket(rows), next(buckets + 1, 0);
  for (std::size_t i = 0; i < rows; ++i) {
    if (slot.keys[i] == dropped_key) continue;
    bucket[i] = places_.bucket_of(slot.keys[i], in_.orphan_key());
    ++next[bucket[i] + 1];
  }
  slot.counts.assign(next.begin() + 1, next.end());
  std::partial_sum(next.begin(), next.end(), next.begin());
  std::vector<std::size_t> order(next.back());
  for (std::size_t i = 0; i < rows; ++i)
    if (slot.keys[i] != dropped_key) order[next[bucket[i]]++] = i;
  encode(slot);
  slot.out.resize(order.size());
  for (std::size_t c = 0; c < stored_.size(); ++c)
    gather_rows(codes_.contains(stored_[c].name) ? slot.coded[c] : slot.in[c], order, slot.out[c]);
  std::vector<std::int64_t> placed(order.size());
  for (std::size_t i = 0; i < placed.size(); ++i) placed[i] = slot.keys[order[i]];
  slot.keys = std::move(placed);
}

void MeasurementPlacing::write(const Job& job, RowRange block, int index, JobResult& result) {
  Buffers& slot = slots_[index];
  // Each block has its own place in each bucket, so blocks may be written in any order, and twice.
  const auto& starts = places_.block_starts[static_cast<std::size_t>(job.first_partition)];
  std::size_t from = 0;
  for (std::size_t b = 0; b < slot.counts.size(); from += slot.counts[b], ++b) {
    if (slot.counts[b] == 0) continue;
    const bool are_orphans = b + 1 == slot.counts.size();
    RowWriter& writer = are_orphans ? *orphans_ : placed_;
    for (std::size_t c = 0; c < slot.out.columns(); ++c) {
      const std::size_t width = slot.out[c].info().bytes_per_row();
      writer.write(columns_[c], starts[b], slot.out[c].bytes().subspan(from * width, slot.counts[b] * width));
    }
    if (!are_orphans) placed_keys_.write(starts[b], std::span(slot.keys).subspan(from, slot.counts[b]));
  }
  result.rows += block.size();
  result.bytes_written += static_cast<std::int64_t>(slot.out.rows() * bytes_per_row(stored_));
}

void MeasurementPlacing::sync() {
  placed_.sync();
  placed_keys_.sync();
  if (orphans_) orphans_->sync();
}

// --- third pass ------------------------------------------------------------------------------------

MeasurementSorting::MeasurementSorting(const MeasurementInputs& in, const std::vector<MeasurementBucket>& buckets,
                                       const Dictionaries& dictionaries, const std::string& placed_path,
                                       const std::string& placed_keys_path, const std::string& output_path, std::shared_ptr<Parts> counts)
    : in_(in),
      buckets_(buckets),
      id_texts_(dictionaries.contains(in.roles.id) ? &dictionaries.at(in.roles.id) : nullptr),
      placed_keys_(placed_keys_path),
      placed_(placed_path, meas_group, ZoneCheck::off),
      rows_(output_path, meas_group),
      offsets_(output_path, meas_offset_group),
      counts_(std::move(counts)) {}

void MeasurementSorting::read(const Job& job, RowRange block, int index, JobResult& result) {
  Buffers& slot = slots_[index];
  if (slot.rows.columns() == 0) slot.rows = slot.sorted = Table(placed_.schema());
  slot.objects = buckets_[static_cast<std::size_t>(job.first_partition)].objects;
  slot.keys.resize(static_cast<std::size_t>(block.size()));
  placed_keys_.read(block.begin, slot.keys);
  placed_.read(block, slot.rows);
  count_bytes(slot.rows, result);
  // Texts are joined by their hashes: here both are at hand.
  if (!in_.rule.is_by_id()) return;
  if (slot.ids.columns() == 0) {
    const Schema& schema = in_.objects.schema();
    const ColumnInfo& id = schema[*find_column(schema, in_.objects.layout().roles.id)];
    if (id.type != Type::text) return;
    slot.ids.add(id);
  }
  in_.objects.reader().read(slot.objects, slot.ids);
}

namespace {

/// Orders measurements of one object by filter and time; equal ones stay in the order of the inputs.
class ByFilterAndTime {
 public:
  ByFilterAndTime(const Table& rows, const MeasurementRoles& roles)
      : filter_(roles.filter.empty() ? nullptr : &rows.at(roles.filter)), time_(roles.time.empty() ? nullptr : &rows.at(roles.time)) {}
  [[nodiscard]] bool operator()(std::size_t a, std::size_t b) const { return compare(a, b) < 0; }
  [[nodiscard]] bool are_equal(std::size_t a, std::size_t b) const { return compare(a, b) == 0; }

 private:
  static int compare(double a, double b) { return a < b ? -1 : a > b ? 1 : 0; }
  [[nodiscard]] int compare(std::size_t a, std::size_t b) const {
    if (filter_ != nullptr) {
      // Numbers of a dictionary are in the order of the texts; a dictionary that would be too large leaves the texts.
      const int by_filter =
          filter_->info().type == Type::text ? filter_->text(a).compare(filter_->text(b)) : compare(filter_->number(a), filter_->number(b));
      if (by_filter != 0) return by_filter;
    }
    return time_ == nullptr ? 0 : compare(time_->number(a), time_->number(b));
  }
  const Column *filter_, *time_;
};

}  // namespace

void MeasurementSorting::compute(const Job&, RowRange block, int index) {
  Buffers& slot = slots_[index];
  std::vector<std::size_t> order = stable_order(slot.keys);
  const ByFilterAndTime by(slot.rows, in_.roles);
  slot.offsets.assign(static_cast<std::size_t>(slot.objects.size()), 0);
  slot.repeats = slot.measured = 0;
  std::size_t at = 0;
  for (std::int64_t object = slot.objects.begin; object < slot.objects.end; ++object) {
    slot.offsets[static_cast<std::size_t>(object - slot.objects.begin)] = block.begin + static_cast<std::int64_t>(at);
    const std::size_t first = at;
    while (at < order.size() && slot.keys[order[at]] == object) ++at;
    const auto begin = order.begin() + static_cast<std::ptrdiff_t>(first), end = order.begin() + static_cast<std::ptrdiff_t>(at);
    slot.measured += at > first;
    if (!std::is_sorted(begin, end, by)) std::stable_sort(begin, end, by);
    for (std::size_t i = first; i + 1 < at; ++i) slot.repeats += by.are_equal(order[i], order[i + 1]) && !in_.roles.time.empty();
  }
  slot.sorted.resize(slot.rows.rows());
  for (std::size_t c = 0; c < slot.rows.columns(); ++c) gather_rows(slot.rows[c], order, slot.sorted[c]);
}

void MeasurementSorting::check_ids(const Buffers& slot) const {
  if (slot.ids.columns() == 0) return;
  const Column& stored = slot.sorted.at(in_.roles.id);
  const auto id_of = [&](std::size_t row) {
    return id_texts_ != nullptr ? std::string_view((*id_texts_)[static_cast<std::size_t>(stored.integer(row))]) : stored.text(row);
  };
  std::size_t row = 0;
  for (std::size_t i = 0; i < slot.ids.rows(); ++i) {
    const std::size_t end =
        i + 1 < slot.offsets.size() ? static_cast<std::size_t>(slot.offsets[i + 1] - slot.offsets[0]) : slot.sorted.rows();
    for (; row < end; ++row)
      if (id_of(row) != slot.ids[0].text(i))
        throw DataError(fmt::format("ids {} and {} of column {} have the same hash (measurements cannot be joined by them)", id_of(row),
                                    slot.ids[0].text(i), in_.roles.id));
  }
}

void MeasurementSorting::write(const Job&, RowRange block, int index, JobResult& result) {
  Buffers& slot = slots_[index];
  check_ids(slot);
  result.bytes_written += rows_.write(block.begin, slot.sorted);
  for (const ColumnInfo& column : rows_.schema()) result.checksum = hash_bytes(slot.sorted.at(column.name).bytes(), result.checksum);
  offsets_.write(0, slot.objects.begin, std::as_bytes(std::span(slot.offsets)));
  if (slot.objects.end == in_.objects.rows()) {
    const std::int64_t all = rows_.rows();
    offsets_.write(0, slot.objects.end, std::as_bytes(std::span(&all, 1)));
  }
  JobResult of_counts;  // its checksum is not that of the rows
  counts_->keep(block, fmt::format("{} {}", slot.repeats, slot.measured), of_counts);
  result.rows += block.size();
}

void MeasurementSorting::sync() {
  rows_.sync();
  offsets_.sync();
  counts_->sync();
}

std::optional<std::uint64_t> MeasurementSorting::stored_checksum(RowRange block, std::uint64_t chained) {
  return hash_of_rows(rows_, block, chained);
}

}  // namespace skyfold
