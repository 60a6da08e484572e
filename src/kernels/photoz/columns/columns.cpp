// Estimates in the columns of surveys: what an algorithm gives, and numbers of its PDF, under the names of Rubin, Euclid, HSC or DES.
#include "skyfold/kernels/photoz/columns.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "pdf_numbers.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

constexpr const char* ancillary_prefix = "ancil/";

std::vector<PhotozForm> all_forms() {
  PhotozForm skyfold, rubin, euclid, hsc, des;
  skyfold.name = "skyfold";
  skyfold.takes_several = true;
  skyfold.z_phot = "z_phot", skyfold.z_err = "z_err", skyfold.flags = "flags";
  rubin.name = "rubin";
  rubin.needs_pdf = rubin.has_prefix = rubin.takes_several = true;
  rubin.z_phot = "z_median", rubin.z_err = "z_err68_low", rubin.z_err_high = "z_err68_high";
  euclid.name = "euclid";
  euclid.needs_pdf = euclid.needs_grid = true;
  euclid.z_phot = "PHZ_MEDIAN", euclid.flags = "PHZ_FLAGS";
  hsc.name = "hsc";
  hsc.needs_pdf = hsc.needs_id = true;
  hsc.z_phot = "photoz_best", hsc.z_err = "photoz_err68_min", hsc.z_err_high = "photoz_err68_max";
  des.name = "des";
  des.z_phot = "DNF_Z", des.z_err = "DNF_ZSIGMA";
  return {skyfold, rubin, euclid, hsc, des};
}

/// A column of DES and the one that it is a copy of.
struct Renamed {
  const char *name, *from;
};
constexpr Renamed des_columns[] = {
    {"DNF_Z", "z_phot"}, {"DNF_ZSIGMA", "z_err"}, {"DNF_ZERR_PARAM", "z_err_param"}, {"DNF_ZERR_FIT", "z_err_fit"},
    {"DNF_ZN", "z_nn"},  {"DNF_D1", "d1"},        {"DNF_DE1", "d1_euclid"},          {"DNF_NNEIGHBORS", "n_neighbours"}};

/// A column that is the inner kernel's, under another name.
struct Taken {
  std::size_t out;
  std::string from;
};
/// Columns of the output that are numbers of the PDF.
struct Numbers {
  std::size_t out;
  PdfNumber number;
};

std::uint64_t key_of_id(const Column& ids, std::size_t row) {
  return ids.info().type == Type::text ? hash_text(ids.text(row)) : static_cast<std::uint64_t>(ids.integer(row));
}

void put(Column& column, std::size_t row, std::span<const double> values) {
  const std::size_t first = row * column.info().width;
  for (std::size_t i = 0; i < column.info().width; ++i) {
    if (column.info().type == Type::f4)
      column.values<float>()[first + i] = static_cast<float>(values[i]);
    else
      column.values<double>()[first + i] = values[i];
  }
}

class KernelInForm final : public Kernel {
 public:
  KernelInForm(const ColumnsAsked& asked, std::unique_ptr<Kernel> kernel) : asked_(asked), inner_(std::move(kernel)) {
    const Schema given = inner_->gives();
    if (asked.form.name == "skyfold") {
      for (const ColumnInfo& column : given)
        if (!is_pdf_column(column.name)) take(column, column.name);
    } else if (asked.form.name == "des") {
      for (const Renamed& column : des_columns) take(given[*find_column(given, column.from)], column.name);
    } else {
      if (asked.form.name == "euclid") take(given[*find_column(given, pdf_column)], "PHZ_PDF");
      for (const PdfNumber& number : pdf_numbers(asked.form.name)) compute(number, asked.prefix + number.column.name);
      if (asked.form.name == "euclid") take(given[*find_column(given, "flags")], "PHZ_FLAGS");
    }
    if (!asked.keeps_pdf) return;
    for (const ColumnInfo& column : given)
      if (is_pdf_column(column.name)) taken_.push_back({add(column), column.name});
    if (!asked.keeps_numbers) return;
    for (const PdfNumber& number : pdf_numbers("ancil")) compute(number, ancillary_name(number.column.name));
  }

  std::vector<std::string> needs() const override {
    std::vector<std::string> names = inner_->needs();
    if (asked_.form.needs_id && std::find(names.begin(), names.end(), asked_.id) == names.end()) names.push_back(asked_.id);
    return names;
  }
  Schema gives() const override { return schema_; }

  void run(const Table& in, Table& out, int threads) const override {
    Table inner(inner_->gives(), in.rows());
    inner_->run(in, inner, threads);
    fill(inner, asked_.form.needs_id ? in.find(asked_.id) : nullptr, out, threads);
  }

  void mark_failed(Table& out) const override {
    Table inner(inner_->gives(), out.rows());
    inner_->mark_failed(inner);
    fill(inner, nullptr, out, 1);
  }

 private:
  std::size_t add(const ColumnInfo& column) {
    schema_.push_back(column);
    return schema_.size() - 1;
  }
  void take(ColumnInfo column, const std::string& name) {
    const std::string from = column.name;
    column.name = asked_.prefix + name;
    taken_.push_back({add(column), from});
  }
  void compute(const PdfNumber& number, const std::string& name) {
    ColumnInfo column = number.column;
    column.name = name;
    numbers_.push_back({add(column), number});
  }

  /// @param ids  null where nothing is drawn
  void fill(const Table& inner, const Column* ids, Table& out, int threads) const {
    for (const Taken& taken : taken_) {
      const auto bytes = inner.at(taken.from).bytes();
      std::copy(bytes.begin(), bytes.end(), out[taken.out].bytes().begin());
    }
    if (numbers_.empty()) return;
    std::vector<std::unique_ptr<PdfFacts>> facts(static_cast<std::size_t>(threads));
    parallel_for(out.rows(), 256, threads, [&](std::size_t begin, std::size_t end, int thread) {
      auto& mine = facts[static_cast<std::size_t>(thread)];
      if (!mine) mine = std::make_unique<PdfFacts>(inner.schema(), asked_.pdf);
      for (std::size_t row = begin; row < end; ++row) fill_row(inner, ids, out, row, *mine);
    });
  }

  void fill_row(const Table& inner, const Column* ids, Table& out, std::size_t row, PdfFacts& facts) const {
    double draw = std::numeric_limits<double>::quiet_NaN();
    // A stream of its own, so that the draw is independent of those that other kernels may make for the object.
    if (ids) draw = ObjectRandom(asked_.seed, key_of_id(*ids, row), 0x6d63).uniform();
    const bool is_known = facts.set(inner, row, draw);
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    for (const Numbers& numbers : numbers_) {
      std::pair<double, double> value(nan, nan);
      if (is_known) value = numbers.number.of(facts);
      const double values[] = {value.first, value.second};
      put(out[numbers.out], row, values);
    }
  }

  ColumnsAsked asked_;
  std::unique_ptr<Kernel> inner_;
  Schema schema_;
  std::vector<Taken> taken_;
  std::vector<Numbers> numbers_;
};

}  // namespace

PdfOptions euclid_grid() {
  PdfOptions grid;
  grid.kind = "interp";
  grid.zmin = 0.0, grid.zmax = 6.0, grid.bins = 601;
  return grid;
}

std::vector<std::string> photoz_forms() {
  std::vector<std::string> names;
  for (const PhotozForm& form : all_forms()) names.push_back(form.name);
  return names;
}

PhotozForm photoz_form(const std::string& name) {
  for (const PhotozForm& form : all_forms())
    if (form.name == name) return form;
  throw UsageError(fmt::format("columns = {} (there are: {})", name, join(photoz_forms(), ", ")));
}

std::unique_ptr<Kernel> in_form(const ColumnsAsked& asked, std::unique_ptr<Kernel> kernel) {
  const Schema given = kernel->gives();
  const auto require = [&](const char* column) {
    if (!find_column(given, column))
      throw UsageError(fmt::format("--columns {}: the model gives no {}, which these columns are made from", asked.form.name, column));
  };
  if (asked.form.name == "des")
    for (const Renamed& column : des_columns) require(column.from);
  if (asked.form.needs_grid) require(pdf_column);
  const bool is_changed = asked.form.name != "skyfold" || asked.keeps_pdf || !asked.prefix.empty();
  if (!is_changed) return kernel;
  return std::make_unique<KernelInForm>(asked, std::move(kernel));
}

const Schema& ancillary_columns() {
  static const Schema columns = [] {
    Schema schema;
    for (const PdfNumber& number : pdf_numbers("ancil")) schema.push_back(number.column);
    return schema;
  }();
  return columns;
}

std::string ancillary_name(const std::string& name) { return ancillary_prefix + name; }
bool is_ancillary_column(const std::string& name) { return name.starts_with(ancillary_prefix); }

}  // namespace skyfold
