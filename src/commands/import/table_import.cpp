// Import for other commands: the catalogue of one table that they need, as a product of a process of its own.
#include "skyfold/commands/table_import.hpp"

#include <optional>

#include "catalogue.hpp"
#include "measurements.hpp"
#include "skyfold/registry/process.hpp"
#include "skyfold/run/placement.hpp"

namespace skyfold {
namespace {

ImportOptions import_options(const TableImport& table) {
  const CatalogueInput& in = table.input;
  ImportOptions o;
  o.input = {in.path};
  o.output = table.output;
  o.ordering = name_of(table.ordering);
  o.ordering_column = table.attribute;
  o.ra = in.ra;
  o.dec = in.dec;
  o.id = in.id;
  o.tile = in.tile;
  o.source = in.source;
  o.columns_section = "catalogue";
  o.takes_any_order = table.takes_any_order;
  o.source_fingerprint = table.source_fingerprint;
  o.check = table.check;
  return o;
}

}  // namespace

std::int64_t import_table(const TableImport& table, const CommandContext& context) {
  ImportOptions o = import_options(table);
  OptionSet effective;
  describe(effective, o);
  std::optional<Process> process;
  if (context.ranks->is_first()) {
    ProcessOptions recorded;
    recorded.project = context.options.value("project");
    process.emplace("import", effective, recorded, context.ranks->size(), context.threads);
  } else {
    process.emplace();
  }
  // The user restricted the run's products; the copy's place was chosen by nobody.
  const ProductsAnywhere at_its_place;
  try {
    const ImportResult result = import_catalogue(o, {effective, context.ranks, context.threads, context.run, *process});
    process->end(ExitCode::done, "");
    return result.rows;
  } catch (const Error& error) {
    process->end(error.code(), error.what());
    throw;
  }
}

void import_measurements_table(const MeasurementTableImport& table, const CommandContext& context) {
  ImportOptions o;
  o.measurements = {table.measurements};
  o.objects = table.objects;
  o.output = table.output;
  o.join = "id:" + table.id;
  o.filter = table.filter;
  o.time = table.time;
  o.creator = table.creator;
  o.provenance = table.provenance;
  OptionSet effective;
  describe(effective, o);
  import_measurements(o, {effective, context.ranks, context.threads, context.run, context.process});
}

}  // namespace skyfold
