// Chosen rows of a catalogue by number. Jobs are ranges of numbers: a product of chosen rows has a row for each, and its bytes do not
// depend on how the catalogue was cut.
#include "skyfold/dataset/chosen_rows.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include "skyfold/table/algebra.hpp"

namespace skyfold {

ChosenRows::ChosenRows(const Ranks& ranks, const Catalogue& catalogue, const Condition& condition, const std::vector<Partition>& partitions)
    : catalogue_(catalogue) {
  std::vector<std::int64_t> begins;
  // Pieces begin at zones, by which the scan reads, and at partitions, whose first numbers are asked for most.
  for (std::int64_t row = 0; row < catalogue.rows(); row += zone_rows) begins.push_back(row);
  for (const Partition& partition : partitions)
    if (partition.rows.begin < catalogue.rows()) begins.push_back(partition.rows.begin);
  std::ranges::sort(begins);
  begins.erase(std::unique(begins.begin(), begins.end()), begins.end());
  for (const std::int64_t row : begins) pieces_.push_back({row, 0});
  pieces_.push_back({catalogue.rows(), 0});
  ranks.together([&] { scan_ = std::make_unique<CatalogueScan>(catalogue, condition); });
  const auto counts = ranks.run_units(begins.size(), [&](std::size_t piece) { return std::to_string(chosen_in(piece).size()); });
  for (std::size_t piece = 0; piece < counts.size(); ++piece) {
    pieces_[piece].first = rows_;
    // Only the counts are kept, not the rows: the chosen rows of a survey may be billions, and are found again piece by piece.
    rows_ += std::stoll(counts[piece]);
  }
  pieces_.back().first = rows_;
}

const std::vector<std::int64_t>& ChosenRows::chosen_in(std::size_t piece) const {
  if (piece != last_) {
    last_ = SIZE_MAX;  // the scan may throw
    rows_of_last_ = scan_->rows({pieces_[piece].row, pieces_[piece + 1].row});
    last_ = piece;
  }
  return rows_of_last_;
}

std::int64_t ChosenRows::number_of(std::int64_t row) const {
  if (!scan_) return row;
  const auto piece = std::prev(std::ranges::upper_bound(pieces_, row, {}, &Piece::row));
  if (piece->row == row) return piece->first;
  const auto& chosen = chosen_in(static_cast<std::size_t>(piece - pieces_.begin()));
  return piece->first + (std::ranges::lower_bound(chosen, row) - chosen.begin());
}

RowRange ChosenRows::among(RowRange rows) const { return {number_of(rows.begin), number_of(rows.end)}; }

std::vector<Partition> ChosenRows::numbered(const std::vector<Partition>& partitions) const {
  if (!scan_) return partitions;
  std::vector<Partition> result;
  for (const Partition& partition : partitions) {
    const RowRange numbers = among(partition.rows);
    // A partition of which nothing is chosen is no job.
    if (numbers.begin == numbers.end) continue;
    const double share = static_cast<double>(numbers.size()) / static_cast<double>(partition.rows.size());
    result.push_back({std::ssize(result), partition.label, numbers, partition.cost * share});
  }
  return result;
}

std::vector<std::int64_t> ChosenRows::rows_of(RowRange numbers) const {
  std::vector<std::int64_t> rows;
  rows.reserve(static_cast<std::size_t>(numbers.size()));
  if (!scan_) {
    rows.resize(static_cast<std::size_t>(numbers.size()));
    std::iota(rows.begin(), rows.end(), numbers.begin);
    return rows;
  }
  auto piece = std::prev(std::ranges::upper_bound(pieces_, numbers.begin, {}, &Piece::first));
  for (; piece + 1 != pieces_.end() && piece->first < numbers.end; ++piece) {
    const RowRange taken{std::max(numbers.begin, piece->first), std::min(numbers.end, (piece + 1)->first)};
    if (taken.begin >= taken.end) continue;
    const auto& chosen = chosen_in(static_cast<std::size_t>(piece - pieces_.begin()));
    rows.insert(rows.end(), chosen.begin() + (taken.begin - piece->first), chosen.begin() + (taken.end - piece->first));
  }
  return rows;
}

void ChosenRows::read(RowRange numbers, Table& out) const {
  if (!scan_) return catalogue_.reader().read(numbers, out);
  const std::vector<std::int64_t> rows = rows_of(numbers);
  out.resize(rows.size());
  Table block(out.schema());
  std::vector<std::size_t> places;
  // Zone by zone, so that no more than one is in memory beside the rows, however far apart these lie.
  for (auto first = rows.begin(); first != rows.end();) {
    const auto last = std::ranges::upper_bound(first, rows.end(), (*first / zone_rows + 1) * zone_rows - 1);
    catalogue_.reader().read({*first, *(last - 1) + 1}, block);
    places.clear();
    for (auto row = first; row != last; ++row) places.push_back(static_cast<std::size_t>(*row - *first));
    gather_rows(block, places, out, static_cast<std::size_t>(first - rows.begin()));
    first = last;
  }
}

}  // namespace skyfold
