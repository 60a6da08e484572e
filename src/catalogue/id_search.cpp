// Rows by id: the column of ids is read in zones, by several threads, and each id is looked up among those that are wanted.
#include "skyfold/catalogue/id_search.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <numeric>
#include <string_view>

#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

std::int64_t whole_number(const std::string& text, const std::string& path, const std::string& column) {
  std::int64_t value = 0;
  const std::string_view word = trim(text);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size())
    throw UsageError(fmt::format("id {} ({}: ids in {} are whole numbers)", text, path, column));
  return value;
}

/// An id and a row that has it.
template <class Id>
struct Found {
  Id id;
  std::int64_t row;
  auto operator<=>(const Found&) const = default;
};

/// Calls `use(zone's rows, column)` for the zones that are asked for, on threads.
template <class Use>
void each_zone(const Catalogue& catalogue, std::size_t column, std::span<const std::int64_t> zones, int threads, const Use& use) {
  parallel_for(zones.size(), 1, threads, [&](std::size_t begin, std::size_t end, int) {
    Table ids({catalogue.schema()[column]});
    for (std::size_t z = begin; z < end; ++z) {
      const RowRange rows{zones[z] * zone_rows, std::min((zones[z] + 1) * zone_rows, catalogue.rows())};
      catalogue.reader().read(rows, ids);
      use(rows.begin, ids[0]);
    }
  });
}

std::vector<std::int64_t> all_zones(const Catalogue& catalogue) {
  std::vector<std::int64_t> zones(static_cast<std::size_t>((catalogue.rows() + zone_rows - 1) / zone_rows));
  std::iota(zones.begin(), zones.end(), std::int64_t{0});
  return zones;
}

/// The first row of each id.
template <class Id>
std::vector<std::int64_t> in_order(std::vector<Found<Id>> found, std::span<const Id> ids) {
  std::ranges::sort(found);
  std::vector<std::int64_t> rows;
  for (const Id& id : ids) {
    const auto first = std::ranges::lower_bound(found, id, {}, &Found<Id>::id);
    rows.push_back(first != found.end() && first->id == id ? first->row : -1);
  }
  return rows;
}

std::vector<std::int64_t> rows_of_numbers(const Catalogue& catalogue, std::size_t column, std::span<const std::int64_t> ids, int threads) {
  const WantedNumbers wanted({ids.begin(), ids.end()});
  const std::vector<std::int64_t> zones = wanted.zones_of(catalogue, catalogue.schema()[column].name);
  std::mutex mutex;
  std::vector<Found<std::int64_t>> found;
  each_zone(catalogue, column, zones, threads, [&](std::int64_t first_row, const Column& values) {
    std::vector<Found<std::int64_t>> mine;
    const std::size_t n = values.bytes().size() / values.info().bytes_per_row();
    const auto look = [&](const auto& numbers) {
      for (std::size_t i = 0; i < n; ++i)
        if (wanted.contains(numbers[i])) mine.push_back({numbers[i], first_row + static_cast<std::int64_t>(i)});
    };
    if (values.info().type == Type::i8)
      look(values.values<std::int64_t>());
    else if (values.info().type == Type::i4)
      look(values.values<std::int32_t>());
    else
      look(values.values<std::uint8_t>());
    const std::scoped_lock lock(mutex);
    found.insert(found.end(), mine.begin(), mine.end());
  });
  return in_order<std::int64_t>(std::move(found), ids);
}

std::vector<std::int64_t> rows_of_texts(const Catalogue& catalogue, std::size_t column, std::span<const std::string> ids, int threads) {
  std::vector<std::string> sorted(ids.begin(), ids.end());
  std::ranges::sort(sorted);
  std::mutex mutex;
  std::vector<Found<std::string>> found;
  each_zone(catalogue, column, all_zones(catalogue), threads, [&](std::int64_t first_row, const Column& values) {
    const std::size_t n = values.bytes().size() / values.info().bytes_per_row();
    for (std::size_t i = 0; i < n; ++i) {
      if (!std::ranges::binary_search(sorted, values.text(i), std::less<>())) continue;
      const std::scoped_lock lock(mutex);
      found.push_back({std::string(values.text(i)), first_row + static_cast<std::int64_t>(i)});
    }
  });
  return in_order<std::string>(std::move(found), ids);
}

}  // namespace

WantedNumbers::WantedNumbers(std::vector<std::int64_t> ids) : sorted_(std::move(ids)) {
  std::ranges::sort(sorted_);
  std::size_t bits = 1024;
  while (bits < 16 * sorted_.size()) bits *= 2;
  filter_.resize(bits / 64);
  mask_ = bits - 1;
  for (const std::int64_t id : sorted_) filter_[place(id) / 64] |= std::uint64_t{1} << (place(id) % 64);
}

std::vector<std::int64_t> WantedNumbers::zones_of(const Catalogue& catalogue, const std::string& column) const {
  std::vector<std::int64_t> zones = all_zones(catalogue);
  const Table statistics = catalogue.zone_statistics(column);
  const Column *low = statistics.find("min"), *high = statistics.find("max");
  if (low == nullptr || high == nullptr || low->info().type != Type::i8 || statistics.rows() != zones.size()) return zones;
  std::erase_if(zones, [&](std::int64_t zone) {
    const auto z = static_cast<std::size_t>(zone);
    const auto found = std::ranges::lower_bound(sorted_, low->integer(z));
    return found == sorted_.end() || *found > high->integer(z);
  });
  return zones;
}

std::vector<std::int64_t> rows_of_ids(const Catalogue& catalogue, std::span<const std::string> ids, int threads) {
  const std::string& name = catalogue.layout().roles.id;
  const auto column = find_column(catalogue.schema(), name);
  if (!column) throw UsageError(catalogue.path() + ": has no column of ids");
  const Type type = catalogue.schema()[*column].type;
  if (type == Type::text) return rows_of_texts(catalogue, *column, ids, threads);
  if (type == Type::f4 || type == Type::f8)
    throw DataError(fmt::format("{}: its ids {} are real numbers (whole ones or texts are needed)", catalogue.path(), name));
  std::vector<std::int64_t> numbers;
  for (const std::string& id : ids) numbers.push_back(whole_number(id, catalogue.path(), name));
  return rows_of_numbers(catalogue, *column, numbers, threads);
}

}  // namespace skyfold
