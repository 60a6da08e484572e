// Columns of measurements by what they mean: what the user says, else by usual names, which is said.
#include "measurement_columns.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/io/ids.hpp"

namespace skyfold {
namespace {

const std::vector<std::string> filter_names = {"filter", "band", "filtername", "filter_name", "filt", "passband", "fid"};
const std::vector<std::string> time_names = {"mjd", "mjd_obs", "mjdobs", "mjd-obs", "obsmjd",   "expmidptmjd", "midpointmjdtai",
                                             "jd",  "hjd",     "bjd",    "time",    "obs_time", "obstime",     "epoch"};

/// The column of a role that measurements alone have.
std::string role_of(const Schema& schema, const std::string& given, const char* option, const std::vector<std::string>& names,
                    const std::string& path, std::vector<std::string>& remarks) {
  if (names_no_column(given, schema)) return "";
  if (!given.empty()) {
    if (find_column(schema, given)) return given;
    throw UsageError(fmt::format("{}: no column '{}' (named by --columns.{})", path, given, option));
  }
  const std::string name = known_column(schema, names);
  if (name.empty())
    throw UsageError(fmt::format("{0}: no column of the {1} found (name it with --columns.{1}; none: there is none)", path, option));
  remarks.push_back(fmt::format("guessed columns.{} = {}", option, name));
  return name;
}

void check_types(const Schema& schema, const MeasurementRoles& roles, const std::string& path) {
  const auto column_of = [&](const std::string& name) { return schema[*find_column(schema, name)]; };
  if (!roles.filter.empty()) {
    const ColumnInfo column = column_of(roles.filter);
    if (column.type == Type::f4 || column.type == Type::f8 || (column.type != Type::text && column.width != 1))
      throw UsageError(fmt::format("{}: column {} cannot be the filter: neither text nor whole numbers", path, roles.filter));
  }
  if (!roles.time.empty() && (column_of(roles.time).type == Type::text || column_of(roles.time).width != 1))
    throw UsageError(fmt::format("{}: column {} cannot be the time: not a column of numbers, such as MJD", path, roles.time));
}

void check_ids(const Inputs& inputs, const JoinRule& rule, const Catalogue& objects) {
  const std::string& path = inputs.sources.front()->path();
  if (inputs.schema.generates_id)
    throw DataError(fmt::format("{}, column {}: neither whole numbers nor text (objects are told by ids)", path, rule.id));
  const auto is_text = [](const Schema& schema, const std::string& name) { return schema[*find_column(schema, name)].type == Type::text; };
  const bool are_text = is_text(objects.schema(), objects.layout().roles.id);
  if (are_text != is_text(inputs.schema.input, inputs.schema.roles.id))
    throw UsageError(fmt::format("{}: column {} is {}, but ids are {} in {} (they are compared as they are)", path, inputs.schema.roles.id,
                                 are_text ? "whole numbers" : "text", are_text ? "text" : "whole numbers", objects.path()));
}

}  // namespace

void check_objects(const Catalogue& objects, const JoinRule& rule) {
  const Roles& roles = objects.layout().roles;
  if (has_measurements(objects.path()))
    throw UsageError(objects.path() + ": has measurements (import all of them at once, to a catalogue of the objects alone)");
  if (rule.is_by_id() && roles.id.empty()) throw UsageError(objects.path() + ": has no column of ids (--join position:ARCSEC needs none)");
  if (!rule.is_by_id() && roles.ra.empty()) throw UsageError(objects.path() + ": has no positions (--join id:COLUMN needs none)");
}

MeasurementRoles measurement_roles(Inputs& inputs, const ImportOptions& o, const JoinRule& rule, const Catalogue& objects) {
  ImportSchema& schema = inputs.schema;
  const std::string& path = inputs.sources.front()->path();
  // Row numbers are no columns of measurements, and their order is that of the objects.
  std::erase_if(schema.remarks, [](const std::string& r) { return r.starts_with("made column") || r.starts_with("no coordinates found"); });
  MeasurementRoles roles;
  roles.filter = role_of(schema.input, o.filter, "filter", filter_names, path, schema.remarks);
  roles.time = role_of(schema.input, o.time, "time", time_names, path, schema.remarks);
  check_types(schema.input, roles, path);
  if (!o.filters.empty() && roles.filter.empty()) throw UsageError("--filters needs a column of filters (--columns.filter)");
  if (schema.has_positions) {
    roles.ra = schema.roles.ra;
    roles.dec = schema.roles.dec;
  }
  if (!rule.is_by_id()) return roles;
  check_ids(inputs, rule, objects);
  roles.id = schema.roles.id;
  return roles;
}

}  // namespace skyfold
