// The forms of PDFs as columns of kernels, and as datasets of files that the qp library reads.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "forms.hpp"
#include "packed.hpp"
#include "sparse.hpp"

namespace skyfold {
namespace {

const std::string ucd = "stat.probability;src.redshift.phot";

/// Columns and datasets, in the order of the datasets' names.
constexpr std::array<std::pair<const char*, const char*>, 10> names = {{{pdf_loc_column, "loc"},
                                                                        {pdf_locs_column, "locs"},
                                                                        {pdf_means_column, "means"},
                                                                        {pdf_packed_column, "packed"},
                                                                        {pdf_bins_column, "pdfs"},
                                                                        {pdf_scale_column, "scale"},
                                                                        {pdf_sparse_column, "sparse_indices"},
                                                                        {pdf_stds_column, "stds"},
                                                                        {pdf_weights_column, "weights"},
                                                                        {pdf_column, "yvals"}}};

/// A text of one row.
void add_text(Table& table, const std::string& name, const std::string& text) {
  std::ranges::copy(text, table.add({name, Type::text, text.size()}).values<char>().begin());
}
void add_numbers(Table& table, const std::string& name, const std::vector<double>& numbers) {
  std::ranges::copy(numbers, table.add({name, Type::f8, numbers.size()}).values<double>().begin());
}

/// What the class `sparse` of qp makes its dictionary of: ends of places and of widths; numbers of places, widths, Lorentz widths, values
/// of a coefficient, and columns of a PDF.
void add_dictionary(Table& meta, const PdfOptions& o) {
  const VoigtDictionary::Axes axes = sparse_axes(o);
  add_numbers(meta, "xvals", pdf_grid(o));
  add_numbers(meta, "mu", {axes.mu_first, axes.mu_last});
  add_numbers(meta, "sig", {axes.sigma_first, axes.sigma_last});
  const std::array<std::size_t, 5> dims = {axes.n_mu, axes.n_sigma, axes.n_gamma, sparse_steps + 1, static_cast<std::size_t>(o.bases)};
  std::ranges::copy(dims, meta.add({"dims", Type::i8, dims.size()}).values<std::int64_t>().begin());
}

}  // namespace

Schema pdf_columns(const PdfOptions& o, std::size_t gaussians) {
  if (o.kind == "interp")
    return {{pdf_column, Type::f4, static_cast<std::size_t>(o.bins), "", ucd, "probability density of the redshift on the grid", ""}};
  if (o.kind == "mixmod")
    return {{pdf_means_column, Type::f4, gaussians, "", ucd, "centres of the PDF's Gaussians", ""},
            {pdf_stds_column, Type::f4, gaussians, "", ucd, "their standard deviations", ""},
            {pdf_weights_column, Type::f4, gaussians, "", ucd, "their weights, sum 1", ""}};
  if (o.kind == "hist")
    return {{pdf_bins_column, Type::f4, static_cast<std::size_t>(o.bins), "", ucd, "mean probability density in the bins", ""}};
  if (o.kind == "quant")
    return {{pdf_locs_column, Type::f4, static_cast<std::size_t>(o.quantiles), "", ucd, "redshifts of the quantiles", ""}};
  if (o.kind == "norm")
    return {{pdf_loc_column, Type::f4, 1, "", ucd, "mean of the PDF", ""},
            {pdf_scale_column, Type::f4, 1, "", ucd, "standard deviation of the PDF", ""}};
  if (o.kind == "packed")
    return {{pdf_packed_column, Type::u1, static_cast<std::size_t>(o.bytes), "", ucd, "packed PDF, see docs/pdf.md", ""}};
  if (o.kind == "sparse")
    return {{pdf_sparse_column, Type::i4, static_cast<std::size_t>(o.bases), "", ucd,
             "coefficients and columns of a dictionary, see docs/pdf.md", ""}};
  return {};
}

std::vector<double> pdf_quantiles(const PdfOptions& o) {
  std::vector<double> p;
  const auto n = static_cast<double>(o.quantiles);
  for (double k = 0.5; k < n; ++k) p.push_back(0.5 - 0.5 * std::cos(std::numbers::pi * k / n));
  return p;
}

std::vector<double> pdf_edges(const PdfOptions& o) {
  PdfOptions edges = o;
  ++edges.bins;
  return pdf_grid(edges);
}

bool is_pdf_column(const std::string& name) {
  return std::ranges::any_of(names, [&](const auto& pair) { return name == pair.first; });
}

Schema pdf_datasets(const Schema& columns) {
  Schema datasets;
  for (const auto& [column, dataset] : names)
    if (const auto index = find_column(columns, column)) {
      datasets.push_back(columns[*index]);
      datasets.back().name = dataset;
      datasets.back().ucd.clear();
      if (dataset == std::string("yvals")) datasets.back().description = "p(z) at meta/xvals, unit integral";
    }
  return datasets;
}

std::string pdf_column_of(const std::string& dataset) {
  for (const auto& [column, name] : names)
    if (dataset == name) return column;
  return "";
}

Table pdf_meta(const PdfOptions& o) {
  Table meta({}, 1);
  add_text(meta, "pdf_name", o.kind);
  meta.add({"pdf_version", Type::i8}).values<std::int64_t>()[0] = o.kind == "packed" ? packed_version : 0;
  if (o.kind == "interp") add_numbers(meta, "xvals", pdf_grid(o));
  if (o.kind == "hist") add_numbers(meta, "bins", pdf_edges(o));
  if (o.kind == "quant") add_numbers(meta, "quants", pdf_quantiles(o));
  if (o.kind == "packed") add_numbers(meta, "zmin", {o.zmin}), add_numbers(meta, "zmax", {o.zmax});
  if (o.kind == "sparse") add_dictionary(meta, o);
  return meta;
}

}  // namespace skyfold
