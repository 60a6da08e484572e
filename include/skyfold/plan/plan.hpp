#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace skyfold {

class OptionSet;

/// Rows [begin, end) of a catalogue.
struct RowRange {
  std::int64_t begin = 0, end = 0;
  [[nodiscard]] std::int64_t size() const noexcept { return end - begin; }
  bool operator==(const RowRange&) const = default;
};
/// Rows that are in both; empty, with begin = end, when there are none.
[[nodiscard]] RowRange common(RowRange a, RowRange b) noexcept;
/// The rows of `all` that are in none of `done` (in any order, overlapping or not), in order.
[[nodiscard]] std::vector<RowRange> rows_left(RowRange all, std::vector<RowRange> done);

/// One piece of the sky (or of an attribute's range): a contiguous range of rows.
struct Partition {
  std::int64_t id = 0;  ///< position in the plan
  std::string label;    ///< e.g. "order 5 pixel 8411", "DES0103-4331", "18 <= MAG_I < 19"
  RowRange rows;
  double cost = 0.0;  ///< expected work, in rows unless a model says otherwise
};

/// What one rank computes at a time: some partitions, or a part of one that is too large for a job.
struct Job {
  std::int64_t id = 0;
  std::int64_t first_partition = 0, partition_count = 0;
  RowRange rows;
  std::int64_t attempts = 0;  ///< that were made at it before
};

/// How a catalogue's rows are ordered; decides which partitions are contiguous.
enum class Ordering { healpix, tile, attribute, none };
/// Names of all orderings, in the order of the enumeration.
[[nodiscard]] const std::vector<std::string>& ordering_names();
[[nodiscard]] std::string name_of(Ordering ordering);
/// Throws UsageError for another name.
[[nodiscard]] Ordering ordering_named(const std::string& name);

/// Section `partition` of the configuration.
struct PartitionOptions {
  std::string by = "adaptive";    ///< adaptive, healpix, tile, attribute, rows
  long nside = 32;                ///< for healpix: 4..1024
  long rows = 100'000;            ///< aim for adaptive; size of a block for rows
  std::string column;             ///< for attribute
  std::string bins = "equal:10";  ///< for attribute: fixed:N, equal:N, edges:a,b,...
};
void describe(OptionSet& option, PartitionOptions& o);
/// The ordering that makes the partitions contiguous; `none` for rows, which suit every ordering.
[[nodiscard]] Ordering ordering_for(const PartitionOptions& o);
/// The user's options, or, where `partition.by` was not given and the catalogue's order is not by HEALPix, the strategy
/// that suits its order: tiles for tile, blocks of rows for the others.
[[nodiscard]] PartitionOptions suited_partition(const PartitionOptions& o, bool is_given, Ordering ordering);

/// A value of an attribute: every double and every 64-bit integer is one, so that ids are not rounded.
using AttributeValue = long double;
static_assert(std::numeric_limits<AttributeValue>::digits >= 64, "an AttributeValue must hold all 64-bit integers");

/// What a strategy must know of a catalogue.
struct OrderedRows {
  std::int64_t rows = 0;
  /// First row whose order-29 HEALPix key is >= key, searched within `within`. Ordering healpix only.
  std::function<std::int64_t(std::int64_t key, RowRange within)> row_of_key;
  struct Tile {
    std::string name;
    RowRange rows;
  };
  std::vector<Tile> tiles;             ///< ordering tile only
  std::string attribute;               ///< ordering attribute only: the column
  std::int64_t attribute_missing = 0;  ///< rows without a value, at the end
  /// Value of the attribute in a row. Ordering attribute only.
  std::function<AttributeValue(std::int64_t row)> attribute_at;
  bool attribute_is_whole = false;      ///< a column of whole numbers
  bool attribute_is_magnitude = false;  ///< values such as 99 stand for objects without one
};

/// Cuts a catalogue into non-empty partitions that cover every row once, in row order.
///
/// Throws UsageError for options that do not suit (NSide no power of two or out of 4..1024, bins that overlap
/// or decrease, ...).
[[nodiscard]] std::vector<Partition> build_partitions(const OrderedRows& catalogue, const PartitionOptions& o);

/// Groups partitions into jobs.
struct JobOptions {
  std::string partitions_per_job = "auto";  ///< "auto" or a count >= 1
  std::string order = "longest";            ///< longest: largest cost first, ties by row; rows: in row order
  int workers = 1;                          ///< ranks that compute, for auto
  std::int64_t min_rows = 2'000;            ///< auto: no partition is cut into smaller jobs than this
  std::int64_t max_rows = 2'000'000;        ///< auto: a job larger than this is cut (what a failure can lose)
  double handing_out = 1.0;                 ///< auto: time of rank 0 for a job, in the unit of Partition::cost; a row takes about as long
};
/// Jobs for all partitions, or for those that are left, in the order in which they are handed out.
///
/// auto is guided: neighbouring partitions are joined while their cost stays <= remaining / (2 x workers), and a
/// partition that costs more than that is cut, so that no rank waits for a last large job. Nor does a rank wait for rank 0:
/// no job is aimed at less than handing_out x workers, in which time rank 0 serves every rank once, or, where that leaves too
/// few jobs for all ranks, at less than sqrt(handing_out x total), which makes the sum of handing out all jobs and computing
/// one as small as it can be. Of jobs of that size every rank gets the same number.
///
/// @param partitions  in row order, each with its `id` in the plan; may have gaps
[[nodiscard]] std::vector<Job> build_jobs(std::span<const Partition> partitions, const JobOptions& o);

}  // namespace skyfold
