// Which measurements count, and their numbers as doubles, column by column.
#include "skyfold/kernels/lightcurve/usable.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace skyfold::lightcurve {
namespace {

/// Rows [begin, end) of a column of numbers as doubles; missing ones are NaN.
void to_doubles(const Column& column, std::size_t begin, std::size_t end, std::vector<double>& to) {
  to.resize(end - begin);
  const auto copy = [&](auto values) { std::copy(values.begin() + begin, values.begin() + end, to.begin()); };
  if (column.info().type == Type::f4)
    copy(column.values<float>());
  else if (column.info().type == Type::f8)
    copy(column.values<double>());
  else
    for (std::size_t i = begin; i < end; ++i) to[i - begin] = column.number(i);
}

/// Moves the measurements that count together.
void leave_out(UsableMeasurements& m) {
  std::size_t kept = 0, next = 0;
  for (std::size_t object = 0; object + 1 < m.first.size(); ++object) {
    m.first[object] = static_cast<std::int64_t>(kept);
    for (const auto end = static_cast<std::size_t>(m.first[object + 1]); next < end; ++next) {
      if (m.is_used[next] == 0) continue;
      m.mjd[kept] = m.mjd[next];
      m.mag[kept] = m.mag[next];
      m.filter[kept] = m.filter[next];
      for (std::vector<double>* v : {&m.err, &m.ra, &m.dec, &m.position_error})
        if (!v->empty()) (*v)[kept] = (*v)[next];
      ++kept;
    }
  }
  m.first.back() = static_cast<std::int64_t>(kept);
}

}  // namespace

std::vector<std::string> CurveReader::needs() const {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const std::string& name :
       {columns_.time, columns_.filter, columns_.magnitude, columns_.error, columns_.ra, columns_.dec, columns_.position_error})
    add(name);
  if (rule_.where)
    for (const std::string& name : rule_.where->columns()) add(name);
  return names;
}

std::vector<std::uint8_t> CurveReader::chosen(const Table& measurements) const {
  std::vector<std::uint8_t> holds;
  if (!rule_.where) return holds;
  holds.resize(measurements.rows());
  rule_.where->evaluate(measurements, holds);
  return holds;
}

void CurveReader::take(const Table& measurements, std::span<const std::uint8_t> chosen, std::span<const std::int64_t> first,
                       UsableMeasurements& to) const {
  const auto begin = static_cast<std::size_t>(first.front()), end = static_cast<std::size_t>(first.back());
  const auto fill = [&](const std::string& name, std::vector<double>& values) {
    if (name.empty())
      values.clear();
    else
      to_doubles(measurements.at(name), begin, end, values);
  };
  fill(columns_.time, to.mjd);
  fill(columns_.magnitude, to.mag);
  fill(columns_.error, to.err);
  fill(columns_.ra, to.ra);
  fill(columns_.dec, to.dec);
  fill(columns_.position_error, to.position_error);
  fill_filters(measurements, begin, end, to.filter);
  for (double& err : to.err) err = err > 0.0 && err < rule_.max_error ? err : NAN;
  to.first.resize(first.size());
  for (std::size_t i = 0; i < first.size(); ++i) to.first[i] = first[i] - first.front();
  mark_usable(to, chosen.empty() ? chosen : chosen.subspan(begin, end - begin));
  // Most blocks have nothing to leave out.
  if (std::find(to.is_used.begin(), to.is_used.end(), std::uint8_t{0}) != to.is_used.end()) leave_out(to);
}

/// Each rule for all rows, so that it is done in vectors.
void CurveReader::mark_usable(UsableMeasurements& m, std::span<const std::uint8_t> chosen) const {
  const std::size_t n = m.mag.size();
  m.is_used.resize(n);
  for (std::size_t i = 0; i < n; ++i)
    m.is_used[i] = static_cast<std::uint8_t>((std::abs(m.mag[i]) <= 90.0) & (std::abs(m.mjd[i]) <= 1e300) & (m.filter[i] >= 0));
  for (const double sentinel : rule_.sentinels)
    for (std::size_t i = 0; i < n; ++i) m.is_used[i] &= static_cast<std::uint8_t>(!(std::abs(m.mag[i] - sentinel) <= 0.1));
  for (std::size_t i = 0; i < chosen.size(); ++i) m.is_used[i] &= chosen[i];
}

void CurveReader::fill_filters(const Table& measurements, std::size_t begin, std::size_t end, std::vector<std::int16_t>& to) const {
  to.resize(end - begin);
  const auto number = [&](std::int64_t value) {
    return value >= 0 && value < std::ssize(rule_.filter_of) ? rule_.filter_of[static_cast<std::size_t>(value)] : std::int16_t{-1};
  };
  const Column* const filter = columns_.filter.empty() ? nullptr : &measurements.at(columns_.filter);
  if (filter == nullptr) return std::fill(to.begin(), to.end(), number(0));
  if (filter->info().type == Type::u1) {
    std::array<std::int16_t, 256> numbers{};
    for (std::size_t value = 0; value < numbers.size(); ++value) numbers[value] = number(static_cast<std::int64_t>(value));
    const std::span<const std::uint8_t> values = filter->values<std::uint8_t>().subspan(begin, end - begin);
    std::ranges::transform(values, to.begin(), [&](std::uint8_t value) { return numbers[value]; });
    return;
  }
  for (std::size_t i = begin; i < end; ++i) to[i - begin] = number(filter->integer(i));
}

}  // namespace skyfold::lightcurve
