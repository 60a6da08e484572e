// Rows of an export, back where they stood in the inputs.
#include "original_work.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/io/row_numbers.hpp"

namespace skyfold {

SourceOrder::SourceOrder(const ReadRows& read, std::int64_t rows, const std::string& what) {
  Table block({{source_row_column, Type::i8}});
  for (std::int64_t begin = 0; begin < rows; begin += zone_rows) {
    read({begin, std::min(begin + zone_rows, rows)}, block);
    for (const std::int64_t row : block[0].values<std::int64_t>()) {
      if (row < 0) throw DataError(fmt::format("{}: column {} has {} (no row of an input)", what, source_row_column, row));
      const auto word = static_cast<std::size_t>(row / 64);
      if (word >= bits_.size()) bits_.resize(std::max(word + 1, bits_.size() * 3 / 2));
      const std::uint64_t bit = std::uint64_t{1} << (row % 64);
      if ((bits_[word] & bit) != 0)
        throw DataError(fmt::format("{}: two rows are row {} of the inputs (there is no order of theirs)", what, row + 1));
      bits_[word] |= bit;
    }
  }
  std::int64_t before = 0;
  for (const std::uint64_t word : bits_) before_.push_back(std::exchange(before, before + std::popcount(word)));
}

std::int64_t SourceOrder::place_of(std::int64_t source_row) const {
  const auto word = static_cast<std::size_t>(source_row / 64);
  return before_[word] + std::popcount(bits_[word] & ((std::uint64_t{1} << (source_row % 64)) - 1));
}

OriginalWork::OriginalWork(SourceOrder::ReadRows read, const SourceOrder& order, const std::string& path, const std::string& form,
                           const Schema& columns)
    : read_(std::move(read)), order_(order), columns_(columns), numbered_(columns), writer_(path, form, columns) {
  numbered_.push_back({source_row_column, Type::i8});
}

void OriginalWork::read(const Job&, RowRange block, int slot, JobResult& result) {
  Table& rows = slots_[slot];
  if (rows.columns() == 0) rows = Table(numbered_);
  read_(block, rows);
  result.bytes_read += block.size() * static_cast<std::int64_t>(bytes_per_row(numbered_));
}

void OriginalWork::write(const Job&, RowRange block, int slot, JobResult& result) {
  const Table& rows = slots_[slot];
  std::vector<std::pair<std::int64_t, std::size_t>> places;
  const auto source = rows[columns_.size()].values<std::int64_t>();
  for (std::size_t i = 0; i < source.size(); ++i) places.emplace_back(order_.place_of(source[i]), i);
  std::ranges::sort(places);
  std::vector<std::int64_t> place;
  std::vector<std::size_t> row;
  for (const auto& [at, i] : places) place.push_back(at), row.push_back(i);
  result.bytes_written += writer_.write(rows, place, row);
  result.rows += block.size();
}

void OriginalWork::mark_failed(RowRange) { throw Error(ExitCode::bug, "rows of an export cannot be left out"); }

}  // namespace skyfold
