// Ids that appear twice: harmless where they are one object, an error where they are two, since draws and joins go by ids.
#include "skyfold/dataset/repeated_ids.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

/// Rows that repeat an id, and the first pair of them in the order of the ids.
struct Repeats {
  std::int64_t rows = 0;
  std::size_t first = 0, again = 0;

  void add(std::size_t row, std::size_t later) {
    if (rows++ > 0) return;
    first = row;
    again = later;
  }
};

}  // namespace

void check_repeated_ids(std::span<const std::int64_t> ids, const std::function<bool(std::size_t, std::size_t)>& is_same_object,
                        const std::string& column) {
  std::vector<std::size_t> rows(ids.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  // Equal ids in the order of rows, so that messages name the same rows in each run.
  std::sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) { return ids[a] != ids[b] ? ids[a] < ids[b] : a < b; });
  Repeats same, other;
  for (std::size_t i = 0, first = 0; i < rows.size(); ++i) {
    if (ids[rows[i]] != ids[rows[first]]) first = i;
    if (i != first) (is_same_object(rows[first], rows[i]) ? same : other).add(rows[first], rows[i]);
  }
  if (other.rows > 0)
    throw DataError(
        fmt::format("{}: ids are not unique: {} of {} rows have the id of another object, such as row {} that of row {}, {} "
                    "(draws and joins go by ids; name another column with --id)",
                    column, grouped(other.rows), grouped(std::ssize(ids)), other.again + 1, other.first + 1, ids[other.first]));
  if (same.rows > 0)
    log_info(fmt::format("{}: {} row{} an object that was there before, such as row {} that of row {}, id {}", column, grouped(same.rows),
                         same.rows == 1 ? " repeats" : "s repeat", same.again + 1, same.first + 1, ids[same.first]));
}

}  // namespace skyfold
