// The product of validate: metrics, bins, limits, PIT histograms, and the estimates of all objects, as HDF5 and the same numbers
// as JSON.
#include "product.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "skyfold/core/escape.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/registry/process.hpp"
#include "skyfold/registry/provenance.hpp"

namespace skyfold {
namespace {

using nlohmann::ordered_json;
using validation::metric_infos;
using validation::n_metrics;

/// Puts a table together column by column.
// Each column is given as a rule for its cells, so that name, description and content stand in one place.
class TableMaker {
 public:
  explicit TableMaker(std::size_t rows) { table_.resize(rows); }

  void text(const std::string& name, const std::string& description, const auto& value_of) {
    // Texts have a fixed width in HDF5, that of the longest; a width of 0 is none that HDF5 allows.
    std::size_t width = 1;
    for (std::size_t row = 0; row < table_.rows(); ++row) width = std::max(width, std::string(value_of(row)).size());
    Column& column = table_.add({name, Type::text, width, "", "", description});
    const auto cells = column.values<char>();
    std::fill(cells.begin(), cells.end(), '\0');
    for (std::size_t row = 0; row < table_.rows(); ++row) {
      const std::string value(value_of(row));
      std::copy(value.begin(), value.end(), cells.begin() + static_cast<std::ptrdiff_t>(row * width));
    }
  }
  void integer(const std::string& name, const std::string& description, const auto& value_of) {
    const auto cells = table_.add({name, Type::i8, 1, "", "", description}).template values<std::int64_t>();
    for (std::size_t row = 0; row < cells.size(); ++row) cells[row] = static_cast<std::int64_t>(value_of(row));
  }
  void number(const std::string& name, const std::string& description, const auto& value_of) {
    const auto cells = table_.add({name, Type::f8, 1, "", "", description}).template values<double>();
    for (std::size_t row = 0; row < cells.size(); ++row) cells[row] = value_of(row);
  }
  /// A value of each model in each row; a plain column for one model.
  void numbers(const std::string& name, const std::string& description, std::size_t models, const auto& value_of) {
    // Row by row with the models side by side, the layout of a column of several values.
    const auto cells = table_.add({name, Type::f8, models, "", "", description}).template values<double>();
    for (std::size_t row = 0; row < table_.rows(); ++row)
      for (std::size_t m = 0; m < models; ++m) cells[row * models + m] = value_of(row, m);
  }
  [[nodiscard]] Table take() { return std::move(table_); }

 private:
  Table table_;
};

// Columns come from the list of metrics, so a new metric is in all tables without a word here.
void add_metrics(const std::vector<MeasuredSet>& sets, TableMaker& table) {
  for (std::size_t m = 0; m < n_metrics; ++m) {
    const std::string name(metric_infos()[m].name), meaning(metric_infos()[m].meaning);
    table.number(name, meaning, [&](std::size_t row) { return sets[row].value[m]; });
    table.number(name + "_err", "bootstrap error of " + name, [&](std::size_t row) { return sets[row].error[m]; });
  }
}

Table metrics_table(const ValidationResult& r) {
  const std::vector<MeasuredSet>& sets = r.validation.whole;
  const auto model = [&](std::size_t row) -> const Estimates& { return r.models[sets[row].model]; };
  TableMaker table(sets.size());
  table.text("model", "name of the model or table of estimates", [&](std::size_t row) { return model(row).name; });
  table.text("algorithm", "of the model; empty where unknown", [&](std::size_t row) { return model(row).algorithm; });
  table.text("subset", "all, or culled: without the largest errors", [&](std::size_t row) { return sets[row].subset; });
  table.integer("objects", "objects measured", [&](std::size_t row) { return sets[row].objects; });
  // Counts are of the model and not of the subset: both rows of a model repeat them, so that each row can be read alone.
  table.integer("missing", "objects of the sample without a row of estimates", [&](std::size_t row) { return model(row).missing; });
  table.integer("failed", "objects of the sample whose z_phot is not a number", [&](std::size_t row) { return model(row).failed; });
  table.integer("no_error", "objects with z_phot, without a positive z_err", [&](std::size_t row) { return model(row).no_error; });
  table.integer("no_pdf", "objects with z_phot whose PDF is not a density", [&](std::size_t row) { return model(row).no_pdf; });
  table.integer("off_grid", "objects with a PDF whose z_spec is outside its grid", [&](std::size_t row) { return model(row).off_grid; });
  table.integer("in_training", "objects that the model was trained with", [&](std::size_t row) { return model(row).in_training; });
  add_metrics(sets, table);
  return table.take();
}

Table bins_table(const ValidationResult& r) {
  const std::vector<MeasuredSet>& sets = r.validation.bins;
  TableMaker table(sets.size());
  table.text("model", "name of the model or table of estimates", [&](std::size_t row) { return r.models[sets[row].model].name; });
  table.text("subset", "all, or culled: without the largest errors", [&](std::size_t row) { return sets[row].subset; });
  table.text("by", "quantity of the bins: z_phot, magnitude or z_err", [&](std::size_t row) { return sets[row].by; });
  table.number("low", "lower edge, in the bin", [&](std::size_t row) { return sets[row].low; });
  table.number("high", "upper edge, in the next bin", [&](std::size_t row) { return sets[row].high; });
  table.integer("objects", "objects measured", [&](std::size_t row) { return sets[row].objects; });
  add_metrics(sets, table);
  return table.take();
}

Table limits_table(const ValidationResult& r) {
  const std::vector<JudgedMetric>& judged = r.validation.judged;
  TableMaker table(judged.size());
  table.text("model", "name of the model or table of estimates", [&](std::size_t row) { return r.models[judged[row].model].name; });
  table.text("subset", "all, or culled", [&](std::size_t row) { return judged[row].subset; });
  table.text("metric", "name of the metric", [&](std::size_t row) { return metric_infos()[validation::place(judged[row].metric)].name; });
  table.number("value", "of the metric", [&](std::size_t row) { return judged[row].value; });
  table.number("error", "bootstrap error of the value", [&](std::size_t row) { return judged[row].error; });
  table.number("limit", "to keep", [&](std::size_t row) { return judged[row].limit; });
  table.integer("pass", "1 when the value is within the limit, else 0", [&](std::size_t row) { return judged[row].pass ? 1 : 0; });
  table.integer("within_error", "1 when the limit is missed by less than the error, else 0",
                [&](std::size_t row) { return judged[row].within_error ? 1 : 0; });
  return table.take();
}

// One row for each bin, not one for each histogram: plots can be made from it as it is.
Table pit_table(const ValidationResult& r) {
  const std::vector<MeasuredPit>& pits = r.validation.pits;
  const auto bins = static_cast<std::size_t>(r.options.pit_bins);
  const auto at = [&](std::size_t row) -> const MeasuredPit& { return pits[row / bins]; };
  TableMaker table(pits.size() * bins);
  table.text("model", "name of the model or table of estimates", [&](std::size_t row) { return r.models[at(row).model].name; });
  table.text("subset", "all, or culled", [&](std::size_t row) { return at(row).subset; });
  table.number("low", "lower edge of the bin of PIT",
               [&](std::size_t row) { return static_cast<double>(row % bins) / static_cast<double>(bins); });
  table.number("high", "upper edge", [&](std::size_t row) { return static_cast<double>(row % bins + 1) / static_cast<double>(bins); });
  table.number("share", "of the weight in the bin", [&](std::size_t row) { return at(row).histogram.share[row % bins]; });
  table.number("share_err", "its error, sqrt(share (1 - share) / n)", [&](std::size_t row) { return at(row).histogram.error[row % bins]; });
  return table.take();
}

// All objects of the sample, also those that were not measured: rows can then be joined to the sample by number.
Table objects_table(const ValidationResult& r) {
  const ValidationSample& s = r.sample;
  const std::size_t models = r.models.size();
  TableMaker table(s.size());
  table.integer("id", "as in the sample, or the row number", [&](std::size_t row) { return s.ids[row]; });
  table.number("z_spec", "known redshift", [&](std::size_t row) { return s.z_spec[row]; });
  if (!s.weights.empty()) table.number("weight", "of the object", [&](std::size_t row) { return s.weights[row]; });
  if (!s.magnitudes.empty()) table.number("magnitude", s.magnitude, [&](std::size_t row) { return s.magnitudes[row]; });
  table.numbers("z_phot", "estimated redshift by each model", models,
                [&](std::size_t row, std::size_t m) { return r.models[m].z_phot[row]; });
  table.numbers("z_err", "its error", models, [&](std::size_t row, std::size_t m) { return r.models[m].z_err[row]; });
  // With a PDF of one model all have the columns; NaN stands for those without.
  if (std::none_of(r.models.begin(), r.models.end(), [](const Estimates& e) { return e.has_pdf; })) return table.take();
  table.numbers("pit", "mass of the PDF below z_spec", models, [&](std::size_t row, std::size_t m) { return r.models[m].pit[row]; });
  table.numbers("cde", "integral p^2 dz - 2 p(z_spec)", models, [&](std::size_t row, std::size_t m) { return r.models[m].cde[row]; });
  table.numbers("odds", "mass of the PDF about z_phot", models, [&](std::size_t row, std::size_t m) { return r.models[m].odds[row]; });
  return table.take();
}

// JSON has no NaN.
ordered_json number_or_null(double value) { return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr); }

ordered_json metrics_json(const MeasuredSet& set) {
  ordered_json json;
  // Whole sets are named by their key, bins stand in a list and so name themselves.
  if (!set.by.empty()) json = {{"subset", set.subset}, {"by", set.by}, {"low", set.low}, {"high", set.high}};
  json["objects"] = set.objects;
  for (std::size_t m = 0; m < n_metrics; ++m)
    json[std::string(metric_infos()[m].name)] = {{"value", number_or_null(set.value[m])}, {"error", number_or_null(set.error[m])}};
  return json;
}

ordered_json model_json(const ValidationResult& r, std::size_t model) {
  const Estimates& e = r.models[model];
  ordered_json json = {{"name", e.name},       {"algorithm", e.algorithm}, {"objects", e.measured},
                       {"missing", e.missing}, {"failed", e.failed},       {"no_error", e.no_error},
                       {"no_pdf", e.no_pdf},   {"off_grid", e.off_grid},   {"in_training", e.in_training}};
  for (const MeasuredSet& set : r.validation.whole)
    if (set.model == model) json["metrics"][set.subset] = metrics_json(set);
  json["bins"] = ordered_json::array();
  for (const MeasuredSet& set : r.validation.bins)
    if (set.model == model) json["bins"].push_back(metrics_json(set));
  for (const MeasuredPit& pit : r.validation.pits)
    if (pit.model == model) {
      for (const double share : pit.histogram.share) json["pit"][pit.subset].push_back(number_or_null(share));
    }
  return json;
}

}  // namespace

void write_validation(const std::string& path, const ValidationResult& r, const std::string& provenance) {
  // A group is there only if the run was asked for it: readers need not look for rows to know.
  std::map<std::string, Table> groups = {{"/metrics", metrics_table(r)}, {"/objects", objects_table(r)}};
  if (!r.validation.bins.empty()) groups["/bins"] = bins_table(r);
  if (!r.validation.judged.empty()) groups["/limits"] = limits_table(r);
  if (!r.validation.pits.empty()) groups["/pit"] = pit_table(r);
  std::vector<std::string> names, algorithms;
  for (const Estimates& e : r.models) {
    names.push_back(e.name);
    algorithms.push_back(e.algorithm);
  }
  write_columns(path, groups,
                {{"product_class", product_class::photoz_validation},
                 {"skyfold_format", "skyfold photoz validation"},
                 {"format_version", "1"},
                 {"creator", creator_of("validate")},
                 {"provenance", provenance},
                 {"models", join(names, ",")},
                 {"algorithms", join(algorithms, ",")},
                 {"redshift", r.sample.redshift},
                 {"magnitude", r.sample.magnitude},
                 {"weight", r.sample.weight},
                 {"sample_objects", std::to_string(r.sample.size())},
                 {"sample_no_z_spec", std::to_string(r.sample.no_z_spec)},
                 {"sample_cut", std::to_string(r.sample.cut)},
                 {"sample_no_weight", std::to_string(r.sample.no_weight)},
                 // A later `--vet` reads it: a finished run is not measured again for its verdict.
                 {"limits_passed", r.validation.judged.empty() ? ""
                                   : r.validation.passes()     ? "yes"
                                                               : "no"}});
}

std::string validation_json(const ValidationResult& r) {
  ordered_json json;
  json["sample"] = {{"objects", r.sample.size()},
                    {"no_z_spec", r.sample.no_z_spec},
                    {"cut", r.sample.cut},
                    {"no_weight", r.sample.no_weight},
                    {"usable", r.sample.usable}};
  json["models"] = ordered_json::array();
  for (std::size_t m = 0; m < r.models.size(); ++m) json["models"].push_back(model_json(r, m));
  json["limits"] = ordered_json::array();
  for (const JudgedMetric& j : r.validation.judged)
    json["limits"].push_back({{"model", r.models[j.model].name},
                              {"subset", j.subset},
                              {"metric", metric_infos()[validation::place(j.metric)].name},
                              {"value", number_or_null(j.value)},
                              {"error", number_or_null(j.error)},
                              {"limit", j.limit},
                              {"pass", j.pass},
                              {"within_error", j.within_error}});
  // Without limits it is true, as the exit code of --vet is 0: nothing was missed.
  json["pass"] = r.validation.passes();
  return json_text(json, 1) + "\n";
}

}  // namespace skyfold
