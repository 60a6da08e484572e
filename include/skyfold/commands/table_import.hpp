#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/dataset/catalogue_input.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// A catalogue that a command needs of one table, made as `import` makes it.
struct TableImport {
  CatalogueInput input;
  std::string output;
  Ordering ordering = Ordering::healpix;
  std::string attribute;                                ///< the column, for ordering attribute
  bool takes_any_order = false;                         ///< a table without positions is taken as it stands
  std::string source_fingerprint;                       ///< by it the command knows what the catalogue was made of
  std::function<void(const CatalogueLayout&)> check{};  ///< called before the work, on every rank, with all but the number of rows
};
/// Makes it, as a process of its own, which goes on after a kill; returns its number of rows. Collective. Messages name the options
/// `catalogue.*` instead of import's.
std::int64_t import_table(const TableImport& table, const CommandContext& context);

/// Objects with their measurements that a command makes, as `import --measurements --join id:COLUMN` does it.
struct MeasurementTableImport {
  std::string measurements, objects, output;
  std::string id, filter, time;     ///< columns of the measurements; `id`: that of their object
  std::string creator, provenance;  ///< of the result: what it is made of is the command's affair
};
/// Makes it as a product of the command itself. Collective.
void import_measurements_table(const MeasurementTableImport& table, const CommandContext& context);

}  // namespace skyfold
