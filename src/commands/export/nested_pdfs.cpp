// PDFs beside a product as columns of its rows: files are found by the product's name, and their rows by the rows' numbers; ids tell
// whether they belong together.
#include "nested_pdfs.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "skyfold/commands/pdf_path.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/dataset/product_class.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

constexpr const char *data_group = "/data", *ancil_group = "/ancil", *id_name = "object_id", *row_name = "row";

std::string column_name(const std::string& path) {
  const Attributes attributes = read_attributes(path);
  const auto kind = attributes.find("product_class"), estimator = attributes.find("estimator");
  if (kind == attributes.end() || kind->second != product_class::photoz_pdf || estimator == attributes.end() || estimator->second.empty())
    throw DataError(fmt::format("{}: no PDFs of photoz, or of an earlier version that does not name the estimator", path));
  const Schema datasets = open_columns(path, data_group).group.schema;
  const bool is_grid = find_column(datasets, "yvals").has_value();
  if (!is_grid && !find_column(datasets, "means"))
    throw DataError(fmt::format("{}: PDFs of another form than interp and mixmod (which are those that are nested)", path));
  return estimator->second + "_ens_" + (is_grid ? "interp" : "mixmod");
}

}  // namespace

std::vector<std::string> files_of_pdfs(const std::string& product) {
  if (const std::string alone = pdf_path_of(product); std::filesystem::exists(alone)) return {alone};
  const std::string folder = folder_of(product), stem = std::filesystem::path(product).stem().string() + ".", ending = ".pdf.hdf5";
  std::vector<std::string> paths;
  for (const std::string& name : names_in(folder)) {
    const bool is_one = name.starts_with(stem) && name.ends_with(ending) && name.size() > stem.size() + ending.size();
    if (is_one && name.substr(stem.size(), name.size() - stem.size() - ending.size()).find('.') == std::string::npos)
      paths.push_back((std::filesystem::path(folder) / name).string());
  }
  return paths;
}

NestedPdfs::PdfSource::PdfSource(const std::string& path, std::int64_t rows)
    : name(column_name(path)), data(path, data_group), ancil(path, ancil_group) {
  if (const auto row = find_column(ancil.schema(), row_name)) {
    Table numbers({ancil.schema()[*row]});
    ancil.read({0, ancil.rows()}, numbers);
    const auto values = numbers[0].values<std::int64_t>();
    with_pdf.assign(values.begin(), values.end());
    if (!std::ranges::is_sorted(with_pdf) || (!with_pdf.empty() && (with_pdf.front() < 0 || with_pdf.back() >= rows)))
      throw DataError(
          fmt::format("{}: {}/{} are not rows of a product of {} rows (not of this product?)", path, ancil_group, row_name, rows));
  } else if (data.rows() != rows) {
    throw DataError(fmt::format("{}: {} PDFs for {} rows (not of this product?)", path, data.rows(), rows));
  }
  if (!find_column(data.schema(), "yvals")) return;
  const Table meta = read_columns(path, "/meta");
  const Column* xvals = meta.find("xvals");
  if (!xvals || xvals->info().width != data.schema()[*find_column(data.schema(), "yvals")].width)
    throw DataError(fmt::format("{}: no /meta/xvals for the values of the PDFs", path));
  for (std::size_t k = 0; k < xvals->info().width; ++k) grid.push_back(xvals->number(0, k));
}

std::vector<std::int64_t> NestedPdfs::PdfSource::places_of(std::span<const std::int64_t> rows) const {
  std::vector<std::int64_t> places(rows.begin(), rows.end());
  if (with_pdf.empty()) return places;
  auto at = with_pdf.begin();
  for (std::int64_t& place : places) {
    at = std::lower_bound(at, with_pdf.end(), place);
    place = at != with_pdf.end() && *at == place ? at - with_pdf.begin() : -1;
  }
  return places;
}

NestedPdfs::NestedPdfs(const Catalogue& product) {
  const std::vector<std::string> paths = files_of_pdfs(product.path());
  if (paths.empty())
    throw UsageError(
        fmt::format("--pdfs: no file of PDFs beside {} (photoz --pdf writes {})", product.path(), pdf_path_of(product.path())));
  for (const std::string& path : paths) add(path, product.rows());
  for (const ParquetStruct& column : structs_)
    if (find_column(product.schema(), column.name))
      throw DataError(fmt::format("{}: has a column {}, as its PDFs would be called", product.path(), column.name));
}

void NestedPdfs::add(const std::string& path, std::int64_t rows) {
  const PdfSource& file = files_.emplace_back(path, rows);
  ParquetStruct column{file.name, {}};
  const auto add_field = [&](const std::string& field, Type type, std::size_t width) {
    columns_.push_back({file.name + "." + field, type, width});
    column.fields.emplace_back(field, columns_.back().name);
  };
  if (!file.grid.empty()) add_field("xvals", Type::f8, file.grid.size());
  for (const char* field : {"yvals", "means", "stds", "weights"})
    if (const auto found = find_column(file.data.schema(), field)) add_field(field, Type::f4, file.data.schema()[*found].width);
  structs_.push_back(std::move(column));
}

void NestedPdfs::read(std::span<const std::int64_t> rows, const Column* ids, Table& out) const {
  for (const PdfSource& file : files_) {
    const std::vector<std::int64_t> places = file.places_of(rows);
    for (const ColumnInfo& column : columns_)
      if (column.type == Type::f4 && column.name.starts_with(file.name + "."))
        std::ranges::fill(out.at(column.name).values<float>(), std::numeric_limits<float>::quiet_NaN());
      else if (column.name.starts_with(file.name + "."))
        for (std::size_t i = 0; i < rows.size(); ++i)
          std::ranges::copy(file.grid, out.at(column.name).values<double>().begin() + static_cast<std::ptrdiff_t>(i * file.grid.size()));
    std::size_t next = 0;
    while (true) {
      while (next < places.size() && places[next] < 0) ++next;
      if (next == places.size()) break;
      // Zone by zone: chosen rows may be far from one another.
      const std::int64_t begin = places[next], end = std::min(begin + zone_rows, file.data.rows());
      fill(file, {begin, end}, places, next, ids, out);
    }
  }
}

/// Takes the rows of a block that are wanted; `next` is the first that is not in it, then.
void NestedPdfs::fill(const PdfSource& file, RowRange block, std::span<const std::int64_t> places, std::size_t& next, const Column* ids,
                      Table& out) {
  const std::size_t first = next;
  std::int64_t last = block.begin;
  for (; next < places.size() && places[next] < block.end; ++next) last = std::max(last, places[next]);
  const RowRange wanted{block.begin, last + 1};
  Table data(file.data.schema());
  file.data.read(wanted, data);
  Table known;
  if (const auto id = find_column(file.ancil.schema(), id_name); id && ids) {
    known.add(file.ancil.schema()[*id]);
    file.ancil.read(wanted, known);
  }
  for (std::size_t i = first; i < next; ++i) {
    if (places[i] < 0) continue;
    const auto from = static_cast<std::size_t>(places[i] - wanted.begin);
    if (known.columns() > 0 && key_of(known[0], from) != key_of(*ids, i))
      throw DataError(fmt::format("{}, row {}: PDF of the object {}, where the product has {} (not of this product?)", file.data.path(),
                                  places[i] + 1, key_of(known[0], from), key_of(*ids, i)));
    for (std::size_t c = 0; c < data.columns(); ++c) copy_rows(data[c], from, from + 1, out.at(file.name + "." + data[c].info().name), i);
  }
}

}  // namespace skyfold
