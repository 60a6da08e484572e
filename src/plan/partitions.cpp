// Partitions of a catalogue: contiguous ranges of rows by HEALPix pixel, tile, attribute or number. Pure: they are found from the
// order and its indexes, without the rows.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/plan/plan.hpp"
#include "skyfold/plan/row_blocks.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/table/exact_number.hpp"
#include "skyfold/table/photometry.hpp"

namespace skyfold {
namespace {

constexpr int coarsest_order = 2, finest_order = 10;  // NSide 4 and 1024
constexpr AttributeValue exact_doubles = 0x1p53;      // whole numbers up to here are doubles, and so are their quotients nearly

void append(std::vector<Partition>& partitions, RowRange rows, std::string label) {
  if (rows.size() == 0) return;
  partitions.push_back({std::ssize(partitions), std::move(label), rows, static_cast<double>(rows.size())});
}

/// Walks down the pixel tree: a pixel is a partition when `is_leaf(order, rows)`, else its four children are visited.
template <class IsLeaf>
void split_pixel(const OrderedRows& catalogue, std::int64_t pixel, int order, RowRange rows, const IsLeaf& is_leaf,
                 std::vector<Partition>& partitions) {
  if (rows.size() == 0) return;
  if (is_leaf(order, rows)) return append(partitions, rows, fmt::format("order {} pixel {}", order, pixel));
  std::int64_t begin = rows.begin;
  for (std::int64_t child = 4 * pixel; child < 4 * pixel + 4; ++child) {
    // Children of a pixel are neighbours in the order, so each boundary is one search in the index.
    const std::int64_t end = child == 4 * pixel + 3 ? rows.end : catalogue.row_of_key(first_key(child + 1, order + 1), {begin, rows.end});
    split_pixel(catalogue, child, order + 1, {begin, end}, is_leaf, partitions);
    begin = end;
  }
}

template <class IsLeaf>
std::vector<Partition> split_sky(const OrderedRows& catalogue, const IsLeaf& is_leaf) {
  std::vector<Partition> partitions;
  std::int64_t begin = 0;
  for (std::int64_t pixel = 0; pixel < pixel_count(0); ++pixel) {
    const std::int64_t end = catalogue.row_of_key(first_key(pixel + 1, 0), {begin, catalogue.rows});
    split_pixel(catalogue, pixel, 0, {begin, end}, is_leaf, partitions);
    begin = end;
  }
  return partitions;
}

int partition_order(const PartitionOptions& o) {
  for (int order = coarsest_order; order <= finest_order; ++order)
    if (o.nside == 1L << order) return order;
  throw UsageError(fmt::format("partition.nside = {} (must be a power of two, 4 to 1024)", o.nside));
}

std::vector<Partition> tiles(const OrderedRows& catalogue) {
  std::vector<Partition> partitions;
  for (const OrderedRows::Tile& tile : catalogue.tiles) append(partitions, tile.rows, tile.name);
  return partitions;
}

/// First row of [0, rows) whose attribute is >= value (the rows are in increasing order of it).
std::int64_t row_of_value(const OrderedRows& catalogue, std::int64_t rows, AttributeValue value) {
  std::int64_t low = 0, high = rows;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (catalogue.attribute_at(middle) < value)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

std::string text_of(AttributeValue edge) {
  if (std::isfinite(edge) && std::abs(edge) > exact_doubles) return digits_of(static_cast<Wide>(edge));
  return shortest(static_cast<double>(edge));
}

/// An edge as it is written. Whole numbers beyond the doubles lie on the side of it that its digits say.
AttributeValue manual_edge(const std::string& text, bool is_whole) {
  const auto edge = parse_double(text);
  if (!edge || std::isnan(*edge)) throw UsageError(fmt::format("partition.bins: edge '{}' is not a number", text));
  const auto exact = parse_exact(text);
  // Above 2^53 the nearest double may lie on the other side of a whole number: then the digits decide.
  if (!is_whole || !exact || std::abs(*edge) > 0x1p64 || *edge != std::floor(*edge)) return *edge;
  return static_cast<AttributeValue>(exact->floor) + (exact->has_fraction ? 1.0L : 0.0L);
}

/// Edges named by the user, checked: increasing, so that bins neither overlap nor are empty by construction.
std::vector<AttributeValue> manual_edges(const std::string& text, bool is_whole) {
  std::vector<AttributeValue> edges;
  for (const std::string& part : split(text, ',')) {
    const AttributeValue edge = manual_edge(part, is_whole);
    if (!edges.empty() && edge <= edges.back())
      throw UsageError(fmt::format("partition.bins: edge {} does not lie above {} (bins would overlap)", part, text_of(edges.back())));
    edges.push_back(edge);
  }
  if (edges.size() < 2) throw UsageError("partition.bins: edges needs at least two values");
  return edges;
}

long bin_count(const std::string& text) {
  const auto count = parse_integer(text);
  if (!count || *count < 1 || *count > 1'000'000)
    throw UsageError(fmt::format("partition.bins: '{}' is not a number of bins (1 to 1000000)", text));
  return static_cast<long>(*count);
}

/// Rows whose values are numbers of objects: without infinities and, of magnitudes, without what stands for "not detected" and "not
/// observed", which lie at both ends of the order.
RowRange measured_rows(const OrderedRows& catalogue, std::int64_t rows) {
  constexpr double largest = std::numeric_limits<double>::max(), faintest = 90.0, tolerance = 0.1;
  if (!catalogue.attribute_is_magnitude) return {row_of_value(catalogue, rows, -largest), row_of_value(catalogue, rows, 0x1p1024L)};
  RowRange measured{row_of_value(catalogue, rows, -faintest), row_of_value(catalogue, rows, std::nextafter(faintest, largest))};
  for (const double stand_in : BandOptions().nondetection)  // 37.5
    if (measured.size() > 0 && std::abs(catalogue.attribute_at(measured.end - 1) - stand_in) <= tolerance)
      measured.end = std::max(measured.begin, row_of_value(catalogue, rows, stand_in - tolerance));
  return measured;
}

/// Inner edges of bins of equal width from the smallest to the largest value that was measured; what lies outside has bins of its own.
std::vector<AttributeValue> fixed_edges(const OrderedRows& catalogue, std::int64_t rows, long bins) {
  const RowRange measured = measured_rows(catalogue, rows);
  std::vector<AttributeValue> edges;
  if (measured.size() <= 0) return edges;
  const AttributeValue first = catalogue.attribute_at(measured.begin), last = catalogue.attribute_at(measured.end - 1);
  if (measured.begin > 0) edges.push_back(first);
  if (catalogue.attribute_is_whole && std::max(std::abs(first), std::abs(last)) > exact_doubles) {
    // The range of 64-bit numbers needs 65 bits, and its multiples more.
    const auto low = static_cast<Wide>(first), range = static_cast<Wide>(last) - low;
    for (long i = 1; i < bins; ++i) edges.push_back(static_cast<AttributeValue>(low + (range * i + bins - 1) / bins));  // rounded up
  } else {
    const auto low = static_cast<double>(first), high = static_cast<double>(last);
    for (long i = 1; i < bins; ++i) edges.push_back(low + (high - low) * static_cast<double>(i) / static_cast<double>(bins));
  }
  if (measured.end < rows) edges.push_back(catalogue.attribute_at(measured.end));
  return edges;
}

/// Inner edges of bins of equal population among the values that were measured; rows of equal value stay together.
std::vector<AttributeValue> equal_edges(const OrderedRows& catalogue, std::int64_t rows, long bins) {
  const RowRange measured = measured_rows(catalogue, rows);
  std::vector<AttributeValue> edges;
  if (measured.size() <= 0) return edges;
  if (measured.begin > 0) edges.push_back(catalogue.attribute_at(measured.begin));
  for (long i = 1; i < bins; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(bins);
    edges.push_back(catalogue.attribute_at(measured.begin + static_cast<std::int64_t>(static_cast<double>(measured.size()) * share)));
  }
  if (measured.end < rows) edges.push_back(catalogue.attribute_at(measured.end));
  return edges;
}

std::vector<Partition> attribute_bins(const OrderedRows& catalogue, const std::string& bins) {
  const std::int64_t rows = catalogue.rows - catalogue.attribute_missing;
  const std::size_t colon = bins.find(':');
  const std::string kind = bins.substr(0, colon), detail = colon == std::string::npos ? "" : bins.substr(colon + 1);
  std::vector<AttributeValue> edges;
  if (kind == "edges")
    edges = manual_edges(detail, catalogue.attribute_is_whole);
  else if (kind == "fixed")
    edges = fixed_edges(catalogue, rows, bin_count(detail));
  else if (kind == "equal")
    edges = equal_edges(catalogue, rows, bin_count(detail));
  else
    throw UsageError(fmt::format("partition.bins = {} (must be fixed:N, equal:N or edges:a,b,...)", bins));

  // Rows below the first and above the last manual edge are bins of their own: every row gets a result.
  std::vector<Partition> partitions;
  const std::string& name = catalogue.attribute;
  std::int64_t begin = 0;
  // Labels read as conditions: "mag_i < 20", "20 <= mag_i < 21", and the last one "25 <= mag_i".
  std::string low;
  for (const AttributeValue edge : edges) {
    const std::int64_t end = row_of_value(catalogue, rows, edge);
    // Equal edges give an empty bin, which append() leaves out.
    append(partitions, {begin, std::max(begin, end)}, fmt::format("{}{} < {}", low, name, text_of(edge)));
    begin = std::max(begin, end);
    low = fmt::format("{} <= ", text_of(edge));
  }
  append(partitions, {begin, rows}, low + name);
  append(partitions, {rows, catalogue.rows}, name + " missing");
  return partitions;
}

}  // namespace

const std::vector<std::string>& ordering_names() {
  static const std::vector<std::string> names = {"healpix", "tile", "attribute", "none"};
  return names;
}

std::string name_of(Ordering ordering) { return ordering_names()[static_cast<std::size_t>(ordering)]; }

Ordering ordering_named(const std::string& name) {
  const std::vector<std::string>& names = ordering_names();
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) throw UsageError(fmt::format("ordering = {} (must be {})", name, join(names, ", ")));
  return static_cast<Ordering>(found - names.begin());
}

void describe(OptionSet& option, PartitionOptions& o) {
  option("partition.by", o.by,
         "how the sky is cut; adaptive splits HEALPix pixels until they hold partition.rows; where it is not given, "
         "catalogues ordered by tile are cut by tile, and those without HEALPix order by rows")
      .one_of({"adaptive", "healpix", "tile", "attribute", "rows"})
      .layout();
  option("partition.nside", o.nside, "HEALPix NSide of a partition (by healpix), a power of two").range(4, 1024).layout();
  option("partition.rows", o.rows, "objects per partition, aimed at (by adaptive, rows)").range(1, 1e12).layout();
  option("partition.column", o.column, "column whose bins are the partitions (by attribute)").layout();
  option("partition.bins", o.bins, "bins of the column (by attribute): fixed:N, equal:N or edges:a,b,...").layout();
}

Ordering ordering_for(const PartitionOptions& o) {
  if (o.by == "tile") return Ordering::tile;
  if (o.by == "attribute") return Ordering::attribute;
  return o.by == "rows" ? Ordering::none : Ordering::healpix;
}

PartitionOptions suited_partition(const PartitionOptions& o, bool is_given, Ordering ordering) {
  PartitionOptions suited = o;
  if (!is_given && ordering == Ordering::tile) suited.by = "tile";
  if (!is_given && (ordering == Ordering::attribute || ordering == Ordering::none)) suited.by = "rows";
  return suited;
}

std::vector<Partition> row_blocks(std::int64_t rows, std::int64_t rows_each, const std::string& name) {
  std::vector<Partition> partitions;
  for (std::int64_t begin = 0; begin < rows; begin += rows_each) {
    const std::int64_t end = std::min(begin + rows_each, rows);
    append(partitions, {begin, end}, fmt::format("{} {} to {}", name, begin, end));
  }
  return partitions;
}

std::vector<Partition> build_partitions(const OrderedRows& catalogue, const PartitionOptions& o) {
  // An option that has no effect is a misunderstanding, and told.
  if (o.by != "attribute" && (!o.column.empty() || o.bins != PartitionOptions().bins))
    throw UsageError(
        fmt::format("--partition.{} has no part in this run (it needs --partition.by attribute)", o.column.empty() ? "bins" : "column"));
  if (o.rows < 1) throw UsageError(fmt::format("partition.rows = {} (must be >= 1)", o.rows));
  if (o.by == "healpix") {
    const int order = partition_order(o);
    return split_sky(catalogue, [&](int at, RowRange) { return at == order; });
  }
  if (o.by == "adaptive") return split_sky(catalogue, [&](int at, RowRange rows) { return at == finest_order || rows.size() <= o.rows; });
  if (o.by == "tile") return tiles(catalogue);
  if (o.by == "attribute") return attribute_bins(catalogue, o.bins);
  if (o.by == "rows") return row_blocks(catalogue.rows, o.rows);
  throw UsageError(fmt::format("partition.by = {} (must be adaptive, healpix, tile, attribute or rows)", o.by));
}

}  // namespace skyfold
