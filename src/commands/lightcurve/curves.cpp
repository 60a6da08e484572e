// Rows of light curves: measurements of one object at a time, each a contiguous read.
#include "curves.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "skyfold/core/error.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold::lightcurves {

CurveRows::CurveRows(const Catalogue& catalogue, const Measurements& measurements, const CurveSetup& setup, const Folding& folding,
                     const std::vector<std::string>& more)
    : catalogue_(catalogue), measurements_(measurements), setup_(setup), folding_(folding), stored_(setup.columns) {
  if (const auto id = find_column(catalogue.schema(), catalogue.layout().roles.id)) {
    id_.add(catalogue.schema()[*id]);
    add(catalogue.schema()[*id]);
  }
  const lightcurve::CurveColumns& c = setup.reader.columns();
  std::vector<std::string> names = {c.filter, c.time, c.magnitude, c.error};
  const Schema& all = measurements.schema();
  for (const std::string& name : more)
    if (name == "*")
      for (const ColumnInfo& column : all) names.push_back(column.name);
    else
      names.push_back(name);
  for (const std::string& name : names) {
    if (name.empty() || shown_.find(name) != nullptr) continue;
    const auto column = find_column(all, name);
    if (!column) throw UsageError(describe_missing_column(measurements.path() + " (measurements)", all, name, "--columns"));
    shown_.add(all[*column]);
    // The id of the object stands there already, by the name that the catalogue has for it.
    if (!find_column(schema_, name)) add(all[*column]);
  }
  used_ = free_name("used");
  add({used_, Type::u1, 1, "", "meta.code", "1: the measurement counts"});
  if (!folding_.is_asked) return;
  if (!folding_.period_days) {
    period_column_ = free_name("period");
    add({period_column_, Type::f8, 1, "d", "time.period", "period of the object's light curve"});
  }
  phase_ = free_name("phase");
  add({phase_, Type::f8, 1, "", "time.phase", "phase in 0..1"});
}

void CurveRows::add(const ColumnInfo& column) { schema_.push_back(column); }

std::string CurveRows::free_name(const std::string& name) const {
  std::string free = name;
  while (find_column(schema_, free)) free += "_";
  return free;
}

void CurveRows::find_period() {
  period_ = folding_.period_days.value_or(lightcurve::not_measured);
  if (!folding_.is_asked || folding_.period_days) return;
  lightcurve::curves_of(usable_, 0, curves_);
  const lightcurve::Periodogram periodogram(curves_, folding_.search.harmonics, folding_.search.model);
  period_ = lightcurve::find_period(periodogram, folding_.search.search, scratch_).days;
}

void CurveRows::append(std::int64_t object, Table& to) {
  const RowRange rows = measurements_.rows_of({object, object + 1});
  measurements_.read(rows, stored_);
  measurements_.read(rows, shown_);
  if (id_.columns() > 0) catalogue_.reader().read({object, object + 1}, id_);
  name_ = id_.columns() == 0 ? fmt::format("row {}", object + 1) : key_of(id_[0], 0);
  const std::int64_t first[] = {0, rows.size()};
  setup_.reader.take(stored_, setup_.reader.chosen(stored_), first, usable_);
  find_period();
  const std::size_t begin = to.rows(), n = stored_.rows();
  to.resize(begin + n);
  for (std::size_t c = 0; c < to.columns(); ++c) {
    Column& column = to[c];
    const std::string& name = column.info().name;
    const std::size_t bytes = column.info().bytes_per_row();
    if (id_.find(name) != nullptr) {
      for (std::size_t i = 0; i < n; ++i)
        std::ranges::copy(id_[0].bytes(), column.bytes().begin() + static_cast<std::ptrdiff_t>((begin + i) * bytes));
    } else if (name == used_) {
      std::ranges::copy(usable_.is_used, column.values<std::uint8_t>().begin() + static_cast<std::ptrdiff_t>(begin));
    } else if (name == period_column_) {
      for (std::size_t i = 0; i < n; ++i) column.values<double>()[begin + i] = period_;
    } else if (name == phase_) {
      const Column& time = stored_.at(setup_.reader.columns().time);
      for (std::size_t i = 0; i < n; ++i) {
        const double turns = (time.number(i) - folding_.epoch) / period_;
        column.values<double>()[begin + i] = turns - std::floor(turns);
      }
    } else {
      std::ranges::copy(shown_.at(name).bytes(), column.bytes().begin() + static_cast<std::ptrdiff_t>(begin * bytes));
    }
  }
}

}  // namespace skyfold::lightcurves
