// --order-by: rows are held in memory with the number by which they are sorted; those that a limit cannot want go now and then.
#include "sorted_rows.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

constexpr std::size_t most_bytes = std::size_t{2} << 30U;
constexpr std::size_t slack_rows = 262'144;  // that are held beyond a limit
constexpr std::size_t block_rows = 65'536;

}  // namespace

SortedRows::SortedRows(const std::string& text, const Schema& schema, bool descending, std::int64_t limit, const Schema& output)
    : number_(text, schema, "--order-by"), is_whole_(false), descending_(descending), limit_(limit), rows_(output) {
  const auto column = find_column(schema, number_.plain_column());
  is_whole_ = column && schema[*column].type == Type::i8;
}

bool SortedRows::comes_first(const Place& a, const Place& b) const noexcept {
  if (a.is_missing != b.is_missing) return b.is_missing;
  if (a.value != b.value && !a.is_missing) return (a.value < b.value) != descending_;
  if (a.whole != b.whole) return (a.whole < b.whole) != descending_;
  return a.row < b.row;
}

void SortedRows::add(const Table& rows, const Table& output) {
  std::vector<double> values(rows.rows());
  number_.evaluate(rows, 0, values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    Place place{std::isnan(values[i]), values[i], 0, rows_.rows() + i};
    if (is_whole_ && !place.is_missing) {
      place.value = 0.0;
      place.whole = rows.at(number_.plain_column()).integer(i);
    }
    places_.push_back(place);
  }
  append(rows_, output);
  if (limit_ >= 0 && places_.size() > static_cast<std::size_t>(limit_) + std::max(slack_rows, static_cast<std::size_t>(limit_))) shorten();
  if (rows_.rows() * bytes_per_row(rows_.schema()) > most_bytes)
    throw UsageError(fmt::format("--order-by: {} rows take more than 2 GB of memory (give fewer --columns, or a --limit)",
                                 grouped(std::ssize(places_))));
}

void SortedRows::shorten() {
  const auto less = [&](const Place& a, const Place& b) { return comes_first(a, b); };
  const auto wanted = std::min(places_.size(), static_cast<std::size_t>(limit_));
  std::ranges::nth_element(places_, places_.begin() + static_cast<std::ptrdiff_t>(wanted), less);
  places_.resize(wanted);
  // In the order that they came in, which decides between equal ones.
  std::ranges::sort(places_, {}, &Place::row);
  std::vector<std::size_t> kept;
  for (Place& place : places_) {
    kept.push_back(place.row);
    place.row = kept.size() - 1;
  }
  rows_ = gather(rows_, kept);
}

void SortedRows::give(const std::function<void(const Table&)>& use) {
  std::ranges::sort(places_, [&](const Place& a, const Place& b) { return comes_first(a, b); });
  const std::size_t count = limit_ >= 0 ? std::min(places_.size(), static_cast<std::size_t>(limit_)) : places_.size();
  std::vector<std::size_t> wanted;
  for (std::size_t begin = 0; begin < count; begin += block_rows) {
    wanted.clear();
    for (std::size_t i = begin; i < std::min(begin + block_rows, count); ++i) wanted.push_back(places_[i].row);
    use(gather(rows_, wanted));
  }
}

}  // namespace skyfold
