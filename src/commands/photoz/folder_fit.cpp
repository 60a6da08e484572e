// What models need of a table of a folder, and which columns its product has.
#include "folder_fit.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr const char* row_column = "row";

std::string key_of_schema(const FolderTable& table) {
  std::string key;
  for (const ColumnInfo& column : table.schema)
    key += fmt::format("{}\n{}\n{}\n{}\n{}\n", column.name, name_of(column.type), column.width, column.unit,
                       column.null ? std::to_string(*column.null) : "");
  return key;
}

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(name);
}

/// A slash in a name would be a group in HDF5.
std::string product_name(std::string name) {
  std::ranges::replace(name, '/', '_');
  return name;
}

CatalogueLayout layout_of(const FolderTable& table) {
  CatalogueLayout layout;
  layout.schema = table.schema;
  layout.roles = table.roles;
  return layout;
}

/// The columns of the product; throws where two would have one name.
Schema product_schema(const FolderFit& fit, const std::string& path) {
  Schema schema;
  const auto add = [&](const ColumnInfo& column) {
    if (find_column(schema, column.name))
      throw DataError(fmt::format("{}: its column {} goes into the product, which has a column of that name", path, column.name));
    schema.push_back(column);
  };
  for (const CopiedColumn& column : fit.copied) add(column.as);
  if (fit.has_row) add({row_column, Type::i8, 1, "", "meta.record", "row of the object in its input, from 0"});
  for (const FittedModel& model : fit.models)
    for (const ColumnInfo& column : model.visible()) add(column);
  if (fit.consensus)
    for (const ColumnInfo& column : Consensus::columns()) add(column);
  return schema;
}

}  // namespace

std::vector<std::string> FolderFit::needs(const FittedModel& model) {
  std::vector<std::string> names;
  for (const std::string& name : model.kernel->needs()) add_once(names, name);
  for (const std::string& name : model.corrections.needs()) add_once(names, name);
  return names;
}

FolderFit FolderFits::fitted(const std::string& path, const FolderTable& table) {
  FolderFit fit;
  const Roles& roles = table.roles;
  std::vector<std::string> read;
  for (const NamedModel& named : named_) {
    fit.models.push_back(fit_model(asked_.models, asked_.options, asked_.bands, named,
                                   {{path}, table.schema, roles.ra, roles.dec, roles.tile}, roles.id, &kernels_));
    FittedModel& model = fit.models.back();
    // The kernel has what it needs of them.
    model.model.tables.clear();
    for (const std::string& line : model.lines) add_once(fit.lines, line);
    for (const std::string& name : FolderFit::needs(model)) {
      if (!find_column(table.schema, name))
        throw UsageError(fmt::format("{}: no column {} (which the corrections of {} need)", path, name, named.path));
      add_once(read, name);
    }
    if (fit.pdf_copies.redshift.name.empty())
      if (const auto known = find_column(table.schema, model.model.redshift); known && table.schema[*known].type != Type::text)
        fit.pdf_copies.redshift = table.schema[*known];
  }
  std::string where = asked_.where, line;
  if (trim(where).empty()) where = condition_for(asked_.survey, table.schema, path, line);
  add_once(fit.lines, line);
  if (!trim(where).empty()) fit.where.emplace(where, table.schema, fmt::format("{} (--where)", path));
  if (!trim(asked_.pdf_where).empty()) fit.pdf_where.emplace(asked_.pdf_where, table.schema, fmt::format("{} (--pdf.where)", path));
  // What identifies an object and its place goes into every product; without ids its row in the input does.
  fit.copied = copied_columns(asked_.models.columns, layout_of(table), path);
  for (CopiedColumn& column : fit.copied) {
    column.as.name = product_name(column.as.name);
    add_once(read, column.from);
  }
  fit.has_row = roles.id.empty();
  fit.consensus = consensus_of(asked_.models, named_);
  fit.product = product_schema(fit, path);
  if (!roles.id.empty()) fit.pdf_copies.id = table.schema[*find_column(table.schema, roles.id)];
  if (asked_.models.pdf.kind != "none")
    for (const ColumnInfo* column : {&fit.pdf_copies.id, &fit.pdf_copies.redshift}) add_once(read, column->name);
  for (const auto* condition : {&fit.where, &fit.pdf_where})
    if (*condition)
      for (const std::string& name : (*condition)->columns()) add_once(read, name);
  for (const std::string& name : read) {
    fit.read.push_back(table.schema[*find_column(table.schema, name)]);
    fit.read.back().source = name;
  }
  return fit;
}

std::shared_ptr<const FolderFit> FolderFits::fit(const std::string& path, const FolderTable& table) {
  // A product knows how its magnitudes were corrected, which its columns do not tell; and messages about tiles name the file.
  const bool is_by_path = table.is_own || !table.roles.tile.empty();
  std::shared_ptr<const FolderFit>& held = fits_[key_of_schema(table) + (is_by_path ? path : "")];
  if (!held) held = std::make_shared<const FolderFit>(fitted(path, table));
  return held;
}

}  // namespace skyfold
