// Which objects of a catalogue are wanted: by ids, or by place and condition.
#include "objects.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/catalogue/id_search.hpp"
#include "skyfold/catalogue/sky_search.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/id_list.hpp"
#include "skyfold/dataset/scan.hpp"

namespace skyfold::lightcurves {
namespace {

/// The ids of a table, as text.
std::vector<std::string> listed_ids(const std::string& path, const Catalogue& catalogue) {
  const auto id = find_column(catalogue.schema(), catalogue.layout().roles.id);
  if (!id) throw UsageError(catalogue.path() + ": has no column of ids");
  IdList list = read_id_list(path, catalogue.schema()[*id]);
  for (const std::int64_t number : list.whole) list.texts.push_back(std::to_string(number));
  return list.texts;
}

std::vector<std::int64_t> rows_by_id(const Catalogue& catalogue, const ObjectsAsked& o, int threads) {
  std::vector<std::string> ids = o.id;
  if (!o.ids.empty()) {
    const std::vector<std::string> more = listed_ids(o.ids, catalogue);
    ids.insert(ids.end(), more.begin(), more.end());
  }
  std::vector<std::int64_t> rows = rows_of_ids(catalogue, ids, threads);
  const auto missing = std::ranges::count(rows, -1);
  if (missing > 0) {
    const auto first = static_cast<std::size_t>(std::ranges::find(rows, -1) - rows.begin());
    throw DataError(
        fmt::format("{}: has no object {}{}", catalogue.path(), ids[first],
                    missing > 1 ? fmt::format(", nor {} more of the {} ids", grouped(missing - 1), grouped(std::ssize(ids))) : ""));
  }
  return rows;
}

}  // namespace

void describe(OptionSet& option, ObjectsAsked& o) {
  option("id", o.id, "ids of objects");
  option("ids", o.ids, "table with ids of objects");
  option("where", o.where, "condition that objects must meet (docs/conditions.md)");
  skyfold::describe(option, o.region);
}

bool is_given(const ObjectsAsked& o) { return !o.id.empty() || !o.ids.empty() || !trim(o.where).empty() || o.region.is_given(); }

std::vector<std::int64_t> rows_asked(const Catalogue& catalogue, const ObjectsAsked& o, int threads) {
  if (!o.id.empty() || !o.ids.empty()) {
    if (!trim(o.where).empty() || o.region.is_given())
      throw UsageError("--id and --ids do not go with regions and --where (one or the other)");
    return rows_by_id(catalogue, o, threads);
  }
  std::optional<Condition> condition;
  if (!trim(o.where).empty()) condition.emplace(o.where, catalogue.schema(), catalogue.path() + " (--where)");
  CatalogueScan scan(catalogue, condition, rows_in_areas(catalogue, read_areas(o.region)));
  std::vector<std::int64_t> rows;
  for (std::int64_t begin = 0; begin < catalogue.rows(); begin += zone_rows) {
    const std::vector<std::int64_t> some = scan.rows({begin, std::min(begin + zone_rows, catalogue.rows())});
    rows.insert(rows.end(), some.begin(), some.end());
  }
  return rows;
}

}  // namespace skyfold::lightcurves
