// Products of nz: HDF5 that qp opens as an ensemble of histograms, and the n(z) of one estimator as text and as a FITS table.
#include "product.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "skyfold/core/text.hpp"
#include "skyfold/io/fits_product.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/registry/process.hpp"
#include "skyfold/registry/provenance.hpp"

namespace skyfold {
namespace {

void text_column(Table& table, const std::string& name, const std::string& description, const std::vector<std::string>& values) {
  std::size_t width = 1;
  for (const std::string& value : values) width = std::max(width, value.size());
  const auto cells = table.add({name, Type::text, width, "", "", description}).values<char>();
  std::ranges::fill(cells, '\0');
  for (std::size_t i = 0; i < values.size(); ++i) std::ranges::copy(values[i], cells.begin() + static_cast<std::ptrdiff_t>(i * width));
}

void number_column(Table& table, const std::string& name, const std::string& description, const auto& value_of) {
  const auto cells = table.add({name, Type::f8, 1, "", "", description}).template values<double>();
  for (std::size_t i = 0; i < cells.size(); ++i) cells[i] = value_of(i);
}

void whole_column(Table& table, const std::string& name, const std::string& description, const auto& value_of) {
  const auto cells = table.add({name, Type::i8, 1, "", "", description}).template values<std::int64_t>();
  for (std::size_t i = 0; i < cells.size(); ++i) cells[i] = static_cast<std::int64_t>(value_of(i));
}

void measured_columns(Table& table, const std::string& name, const std::string& description, const auto& value_of) {
  number_column(table, name, description, [&](std::size_t i) { return value_of(i).value; });
  number_column(table, name + "_err", "bootstrap error of " + name, [&](std::size_t i) { return value_of(i).bootstrap; });
  number_column(table, name + "_jackknife", "jackknife error of " + name, [&](std::size_t i) { return value_of(i).jackknife; });
}

std::string estimator_name(const NzResult& r, std::size_t e) { return std::string(nz::name_of(r.layout().estimators[e])); }

/// What qp reads: kind and edges, values, and what each row is.
void add_ensemble(const NzResult& r, std::map<std::string, Table>& groups) {
  const nz::SumsLayout& layout = r.layout();
  const std::vector<double> edges = layout.cells.edges();
  Table meta({{"pdf_name", Type::text, 4}, {"pdf_version", Type::i8}, {"bins", Type::f8, edges.size()}}, 1);
  std::ranges::copy(std::string("hist"), meta[0].values<char>().begin());
  meta[1].values<std::int64_t>()[0] = 0;
  std::ranges::copy(edges, meta[2].values<double>().begin());
  const std::size_t bins = layout.bins.size(), results = layout.results(), rows = layout.estimators.size() * bins * results;
  Table data({{"pdfs", Type::f8, layout.cells.count, "", "", "n(z) in the cells of meta/bins, unit integral"}}, rows);
  std::vector<std::string> names;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t e = row / (bins * results);
    const auto n = r.n.n(e, row / results % bins, row % results);
    std::ranges::copy(n, data[0].values<double>().begin() + static_cast<std::ptrdiff_t>(row * n.size()));
    names.push_back(estimator_name(r, e));
  }
  Table ancil;
  ancil.resize(rows);
  whole_column(ancil, "bin", "tomographic bin, from 1", [&](std::size_t row) { return row / results % bins + 1; });
  text_column(ancil, "estimator", "stack, point, draw, truth or training", names);
  whole_column(ancil, "realisation", "of the bootstrap, from 1; 0: the sample", [&](std::size_t row) { return row % results; });
  groups["/meta"] = std::move(meta);
  groups["/data"] = std::move(data);
  groups["/ancil"] = std::move(ancil);
}

Table tomography_table(const NzResult& r) {
  const std::size_t bins = r.layout().bins.size();
  Table table;
  table.resize(bins);
  whole_column(table, "bin", "from 1", [&](std::size_t b) { return b + 1; });
  number_column(table, "low", "lower edge, in the bin", [&](std::size_t b) { return r.layout().bins.edges[b]; });
  number_column(table, "high", "upper edge, in the next bin", [&](std::size_t b) { return r.layout().bins.edges[b + 1]; });
  whole_column(table, "objects", "in the bin", [&](std::size_t b) { return r.sums.objects[b]; });
  number_column(table, "weight", "sum of their weights", [&](std::size_t b) { return r.sums.weights[b]; });
  number_column(table, "effective_objects", "square of the sum of weights over the sum of their squares",
                [&](std::size_t b) { return r.sums.weights[b] * r.sums.weights[b] / r.sums.weights[bins + b]; });
  if (!r.sums.in_no_ball.empty())
    number_column(table, "training_uncovered", "weight of objects that lie in the ball of no training object",
                  [&](std::size_t b) { return r.sums.in_no_ball[b]; });
  if (!r.sums.own.empty())
    number_column(table, "training_own", "weight of objects that are training objects", [&](std::size_t b) {
      const auto own = std::span(r.sums.own).subspan(b * r.layout().training, r.layout().training);
      return std::accumulate(own.begin(), own.end(), 0.0);
    });
  if (!r.judged.empty()) {
    number_column(table, "training_difference", "integral of |training - stack|", [&](std::size_t b) { return r.judged[b].difference; });
    number_column(table, "training_noise", "mean of the same of realisations of training and training",
                  [&](std::size_t b) { return r.judged[b].noise; });
    whole_column(table, "training_trusted", "1: training is taken for nearer to the truth than stack; 0: stack is, or it is not known",
                 [&](std::size_t b) { return r.judged[b].trusted == nz::Estimator::training; });
  }
  for (std::size_t e = 0; e < r.layout().estimators.size(); ++e) {
    const std::span values(r.sums.values);
    number_column(table, estimator_name(r, e) + "_outside", "weight below and above the cells of redshift", [&](std::size_t b) {
      const auto slots = values.subspan(r.layout().at(e, b, 0), r.layout().cells.slots());
      return slots.front() + slots.back();
    });
  }
  return table;
}

Table numbers_table(const NzResult& r) {
  Table table;
  table.resize(r.numbers.size());
  std::vector<std::string> names;
  for (const BinNumbers& numbers : r.numbers) names.push_back(estimator_name(r, numbers.estimator));
  text_column(table, "estimator", "stack, point, draw, truth or training", names);
  whole_column(table, "bin", "from 1", [&](std::size_t i) { return r.numbers[i].bin + 1; });
  measured_columns(table, "mean", "mean redshift", [&](std::size_t i) { return r.numbers[i].mean; });
  measured_columns(table, "width", "standard deviation", [&](std::size_t i) { return r.numbers[i].width; });
  measured_columns(table, "shift", "mean minus that of the reference", [&](std::size_t i) { return r.numbers[i].shift; });
  measured_columns(table, "stretch", "width over that of the reference", [&](std::size_t i) { return r.numbers[i].stretch; });
  return table;
}

Table overlap_table(const NzResult& r) {
  Table table;
  table.resize(r.overlaps.size());
  std::vector<std::string> names;
  for (const BinOverlap& overlap : r.overlaps) names.push_back(estimator_name(r, overlap.estimator));
  text_column(table, "estimator", "stack, point, draw, truth or training", names);
  whole_column(table, "bin", "from 1", [&](std::size_t i) { return r.overlaps[i].bin + 1; });
  whole_column(table, "other", "bin, from 1", [&](std::size_t i) { return r.overlaps[i].other + 1; });
  measured_columns(table, "overlap", "integral of the smaller n(z)", [&](std::size_t i) { return r.overlaps[i].overlap; });
  return table;
}

/// A row for each cell of each bin, a column for each estimator and way, as wide as the rows are many.
Table covariance_table(const NzResult& r, int threads) {
  const std::size_t size = r.layout().bins.size() * r.layout().cells.count;
  Table table;
  table.resize(size);
  const auto add = [&](const std::string& name, const std::string& description, const std::vector<double>& values) {
    std::ranges::copy(values, table.add({name, Type::f8, size, "", "", description}).values<double>().begin());
  };
  for (std::size_t e = 0; e < r.layout().estimators.size(); ++e) {
    const std::string name = estimator_name(r, e), what = " of n(z), bin after bin, cells of redshift in each";
    if (r.layout().realisations > 0)
      add(name + "_bootstrap", "bootstrap covariance" + what, nz::covariance(r.n.realisations(e), size, false, threads));
    if (r.n.patches() > 1 && r.layout().estimators[e] != nz::Estimator::training)
      add(name + "_jackknife", "jackknife covariance" + what, nz::covariance(r.n.jackknife(e), size, true, threads));
  }
  return table;
}

}  // namespace

void write_nz(const std::string& path, const NzResult& r, const std::string& provenance, int threads) {
  std::map<std::string, Table> groups = {{"/tomography", tomography_table(r)}, {"/numbers", numbers_table(r)}};
  add_ensemble(r, groups);
  if (!r.overlaps.empty()) groups["/overlap"] = overlap_table(r);
  if (Table table = covariance_table(r, threads); table.columns() > 0) groups["/covariance"] = std::move(table);
  if (!r.sums.patches.empty()) {
    Table patches;
    patches.resize(r.sums.patches.size());
    whole_column(patches, "pixel", "of HEALPix, nested; -1: objects without a position", [&](std::size_t i) { return r.sums.patches[i]; });
    groups["/patches"] = std::move(patches);
  }
  using nz::Reason;
  const auto left_out = [&](Reason reason) { return std::to_string(r.sums.left_out[static_cast<std::size_t>(reason)]); };
  write_columns(path, groups,
                {{"product_class", nz_product_class},
                 {"skyfold_format", "skyfold redshift distributions"},
                 {"format_version", "1"},
                 {"creator", creator_of("nz")},
                 {"provenance", provenance},
                 {"bins", r.options.bins},
                 {"reference", r.reference},
                 {"patches_nside", r.sums.patches.empty() ? "" : std::to_string(r.options.nside)},
                 {"left_out_no_row", left_out(Reason::no_row)},
                 {"left_out_condition", left_out(Reason::condition)},
                 {"left_out_no_weight", left_out(Reason::no_weight)},
                 {"left_out_no_bin", left_out(Reason::no_bin)},
                 {"left_out_no_pdf", left_out(Reason::no_pdf)}});
}

std::string nz_text(const NzResult& r) {
  const std::size_t e = r.chosen();
  std::string text = "# z";
  for (std::size_t b = 0; b < r.layout().bins.size(); ++b) text += fmt::format(" bin{}", b + 1);
  text += '\n';
  for (std::size_t k = 0; k < r.layout().cells.count; ++k) {
    text += fmt::format("{:.9g}", r.layout().cells.middle(k));
    for (std::size_t b = 0; b < r.layout().bins.size(); ++b) text += fmt::format(" {:.9g}", r.n.n(e, b)[k]);
    text += '\n';
  }
  return text;
}

void write_nz_fits(const std::string& path, const NzResult& r, const std::string& creator) {
  const nz::RedshiftCells& cells = r.layout().cells;
  const std::size_t e = r.chosen();
  Table table;
  table.resize(cells.count);
  number_column(table, "Z_LOW", "lower edge", [&](std::size_t k) { return cells.edge(k); });
  number_column(table, "Z_MID", "middle", [&](std::size_t k) { return cells.middle(k); });
  number_column(table, "Z_HIGH", "upper edge", [&](std::size_t k) { return cells.edge(k + 1); });
  for (std::size_t b = 0; b < r.layout().bins.size(); ++b)
    number_column(table, fmt::format("BIN{}", b + 1), r.layout().bins.label(b), [&](std::size_t k) { return r.n.n(e, b)[k]; });
  const auto rows = static_cast<std::int64_t>(cells.count);
  create_fits(path, table.schema(), rows, "NZ_SAMPLE", {creator, fmt::format("n(z) by {}", nz::name_of(r.layout().estimators[e]))}, {},
              FitsOrder::rows, {"NZDATA"});  // by which readers of two-point files know an n(z)
  const FitsLayout layout = open_fits(path, table.schema(), rows);
  FitsRowWriter writer(path, layout);
  const Table* tables[] = {&table};
  const std::uint32_t sum = writer.write(0, tables);
  writer.sync();
  finish_fits(path, layout, sum);
}

}  // namespace skyfold
