// Lists of ids from tables of any format.
#include "skyfold/dataset/id_list.hpp"

#include <fmt/core.h>

#include "skyfold/core/error.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/roles.hpp"

namespace skyfold {
namespace {

std::string column_in(const Dataset& table, const ColumnInfo& id) {
  if (find_column(table.schema(), id.name)) return id.name;
  if (table.schema().size() == 1) return table.schema().front().name;
  const std::string found = find_roles(table.schema(), {.path = table.path(), .id = RoleAsked{"", "", false}}).id;
  if (found.empty()) throw UsageError(fmt::format("--ids {}: has no column {} (nor another that is known as ids)", table.path(), id.name));
  return found;
}

}  // namespace

IdList read_id_list(const std::string& path, const ColumnInfo& id) {
  const Dataset table(path);
  const bool is_text = id.type == Type::text;
  const std::string name = column_in(table, id);
  const ColumnInfo column = table.column(name, "--ids");
  if ((column.type == Type::text) != is_text)
    throw DataError(
        fmt::format("--ids {}: column {} has {}, ids are {}", path, name, is_text ? "numbers" : "texts", is_text ? "texts" : "numbers"));
  if (column.type == Type::f4 || column.type == Type::f8)
    throw DataError(fmt::format("--ids {}: column {} has real numbers (ids are whole)", path, name));
  IdList ids;
  table.each_block({column}, zone_rows, [&](const Table& rows, std::int64_t) {
    for (std::size_t i = 0; i < rows.rows(); ++i)
      is_text ? void(ids.texts.push_back(std::string(rows[0].text(i)))) : ids.whole.push_back(rows[0].integer(i));
  });
  if (ids.whole.empty() && ids.texts.empty()) throw DataError(fmt::format("--ids {}: has no rows", path));
  return ids;
}

}  // namespace skyfold
