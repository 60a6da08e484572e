// PDFs beside a product as columns of its rows: files are found by the product's name, and their rows by the rows' numbers; ids tell
// whether they belong together.
#include "nested_pdfs.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "skyfold/commands/pdf_path.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/dataset/product_class.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

constexpr const char *data_group = "/data", *ancil_group = "/ancil", *id_name = "object_id", *row_name = "row";

/// A form as the fields of a structure: those that are the same for all PDFs, from the group meta, and those of each.
struct NestedForm {
  const char* name;
  std::vector<const char*> shared, own;
};
const std::vector<NestedForm>& nested_forms() {
  static const std::vector<NestedForm> forms = {{"interp", {"xvals"}, {"yvals"}},
                                                {"mixmod", {}, {"means", "stds", "weights"}},
                                                {"hist", {"bins"}, {"pdfs"}},
                                                {"quant", {"quants"}, {"locs"}},
                                                {"packed", {"zmin", "zmax"}, {"packed"}},
                                                {"norm", {}, {"loc", "scale"}},
                                                {"sparse", {"xvals", "mu", "sig", "dims"}, {"sparse_indices"}}};
  return forms;
}

const NestedForm& form_of(const std::string& path, const Schema& datasets) {
  for (const NestedForm& form : nested_forms())
    if (std::ranges::all_of(form.own, [&](const char* name) { return find_column(datasets, name).has_value(); })) return form;
  throw DataError(fmt::format("{}: PDFs of a form that is not nested (skyfold pdf convert makes others)", path));
}

std::string estimator_of(const std::string& path) {
  const Attributes attributes = read_attributes(path);
  const auto kind = attributes.find("product_class"), estimator = attributes.find("estimator");
  if (kind == attributes.end() || kind->second != product_class::photoz_pdf || estimator == attributes.end() || estimator->second.empty())
    throw DataError(fmt::format("{}: no PDFs of photoz, or of an earlier version that does not name the estimator", path));
  return estimator->second;
}

/// What is the same for all PDFs of a file.
std::vector<std::pair<std::string, std::vector<double>>> shared_fields(const std::string& path, const NestedForm& form) {
  std::vector<std::pair<std::string, std::vector<double>>> fields;
  if (form.shared.empty()) return fields;
  const Table meta = read_columns(path, "/meta");
  const auto numbers = [&](const char* name) {
    const Column* column = meta.find(name);
    if (!column || meta.rows() != 1 || column->info().type == Type::text)
      throw DataError(fmt::format("{}: no /meta/{} for the PDFs", path, name));
    std::vector<double> values;
    for (std::size_t k = 0; k < column->info().width; ++k) values.push_back(column->number(0, k));
    return values;
  };
  if (form.name == std::string("packed") && numbers("pdf_version") != std::vector{1.0})
    throw DataError(fmt::format("{}: packed PDFs of version {} (1 is nested: skyfold pdf convert --representation packed makes it)", path,
                                numbers("pdf_version").front()));
  for (const char* name : form.shared) fields.emplace_back(name, numbers(name));
  return fields;
}

/// Of the dataset that a form has of each PDF.
Type type_of(const std::string& field) { return field == "packed" ? Type::u1 : field == "sparse_indices" ? Type::i4 : Type::f4; }

/// Whether a row of bytes or codes is a PDF.
bool has_codes(const Column& column, std::size_t row) {
  const std::size_t first = row * column.info().width;
  if (column.info().type == Type::i4) return column.values<std::int32_t>()[first] >> 16 != 0;
  return std::ranges::any_of(column.values<std::uint8_t>().subspan(first, 4), [](std::uint8_t byte) { return byte != 0; });
}

void set_all_missing(Column& column) {
  if (column.info().type == Type::u1)
    std::ranges::fill(column.values<std::uint8_t>(), std::uint8_t{0});
  else if (column.info().type == Type::i4)
    std::ranges::fill(column.values<std::int32_t>(), 0);
  else
    std::ranges::fill(column.values<float>(), std::numeric_limits<float>::quiet_NaN());
}

void put_shared(Column& column, std::size_t row, std::span<const double> values, bool is_missing) {
  const auto to = column.values<double>().subspan(row * values.size(), values.size());
  for (std::size_t k = 0; k < values.size(); ++k) to[k] = is_missing ? std::numeric_limits<double>::quiet_NaN() : values[k];
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

NestedPdfs::PdfSource::PdfSource(const std::string& path, std::int64_t rows) : data(path, data_group), ancil(path, ancil_group) {
  const std::string estimator = estimator_of(path);
  const NestedForm& form = form_of(path, data.schema());
  name = estimator + "_ens_" + form.name;
  shared = shared_fields(path, form);
  own.assign(form.own.begin(), form.own.end());
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
  if (!shared.empty() && own.front() != "packed" && own.front() != "sparse_indices" &&
      shared[0].second.size() - (own.front() == "pdfs" ? 1 : 0) != width_of(own.front()))
    throw DataError(fmt::format("{}: /meta/{} has {} values for the {} of each PDF", path, shared[0].first, shared[0].second.size(),
                                width_of(own.front())));
}

std::size_t NestedPdfs::PdfSource::width_of(const std::string& field) const {
  return data.schema()[*find_column(data.schema(), field)].width;
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
  const auto add_shared = [&] {
    for (const auto& [field, values] : file.shared) add_field(field, Type::f8, values.size());
  };
  // The last field tells which rows have no PDF, by NaN, which bytes and codes have not.
  const Type type = type_of(file.own.front());
  if (type == Type::f4) add_shared();
  for (const std::string& field : file.own) add_field(field, type, file.width_of(field));
  if (type != Type::f4) add_shared();
  structs_.push_back(std::move(column));
}

void NestedPdfs::read(std::span<const std::int64_t> rows, const Column* ids, Table& out) const {
  for (const PdfSource& file : files_) {
    const std::vector<std::int64_t> places = file.places_of(rows);
    for (const std::string& field : file.own) set_all_missing(out.at(file.name + "." + field));
    const bool is_missing = type_of(file.own.front()) != Type::f4;
    for (const auto& [field, values] : file.shared)
      for (std::size_t i = 0; i < rows.size(); ++i) put_shared(out.at(file.name + "." + field), i, values, is_missing);
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
    for (const std::string& field : file.own) copy_rows(data.at(field), from, from + 1, out.at(file.name + "." + field), i);
    if (type_of(file.own.front()) == Type::f4) continue;
    const bool has_pdf = has_codes(std::as_const(data).at(file.own.front()), from);
    for (const auto& [name, values] : file.shared) put_shared(out.at(file.name + "." + name), i, values, !has_pdf);
  }
}

}  // namespace skyfold
