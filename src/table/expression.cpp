#include "skyfold/table/expression.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "expression_program.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

/// Rows that are worked on at a time: a few blocks of numbers fit the first-level cache.
constexpr std::size_t block_rows = 512;

template <class T>
void load(std::span<const T> values, const ColumnInfo& info, std::size_t first, std::size_t count, std::size_t element, double* out) {
  const T* from = values.data() + first * info.width + element;
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<double>(from[i * info.width]);
  if (std::is_floating_point_v<T> || !info.null) return;
  for (std::size_t i = 0; i < count; ++i)
    if (static_cast<std::int64_t>(from[i * info.width]) == *info.null) out[i] = std::numeric_limits<double>::quiet_NaN();
}

void load(const Column& column, std::size_t first, std::size_t count, std::size_t element, double* out) {
  switch (column.info().type) {
    case Type::f4: return load(column.values<float>(), column.info(), first, count, element, out);
    case Type::f8: return load(column.values<double>(), column.info(), first, count, element, out);
    case Type::i4: return load(column.values<std::int32_t>(), column.info(), first, count, element, out);
    case Type::i8: return load(column.values<std::int64_t>(), column.info(), first, count, element, out);
    case Type::u1: return load(column.values<std::uint8_t>(), column.info(), first, count, element, out);
    case Type::text: break;
  }
}

/// The bits of a mask; as a number when that is exact, which it is for the comparisons that bits are for (with 0).
void load_bits(const Column& column, std::size_t first, std::size_t count, std::size_t element, std::int64_t mask, double* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t value = column.integer(first + i, element);
    out[i] = column.info().null == value ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(value & mask);
  }
}

/// Runs a program over blocks of rows.
class Machine {
 public:
  Machine(const Condition::Program& program, const std::vector<const Column*>& columns)
      : program_(program), columns_(columns), numbers_(program.number_depth * block_rows), truths_(program.truth_depth * block_rows) {}

  const std::uint8_t* run(std::size_t first, std::size_t count) {
    first_ = first;
    count_ = count;
    number_ = numbers_.data();
    truth_ = truths_.data();
    for (const Instruction& instruction : program_.instructions) step(instruction);
    return truths_.data();
  }

 private:
  void step(const Instruction& o) {
    switch (o.step) {
      case Step::column: return load(*columns_[o.column], first_, count_, o.element, pushed());
      case Step::bits: return load_bits(*columns_[o.column], first_, count_, o.element, o.mask, pushed());
      case Step::constant: std::fill_n(pushed(), count_, o.number); return;
      case Step::negate: return change([](double x) { return -x; });
      case Step::absolute: return change([](double x) { return std::abs(x); });
      case Step::add: return combine([](double x, double y) { return x + y; });
      case Step::subtract: return combine([](double x, double y) { return x - y; });
      case Step::multiply: return combine([](double x, double y) { return x * y; });
      case Step::divide: return combine([](double x, double y) { return x / y; });
      case Step::less: return compare([](double x, double y) { return x < y; });
      case Step::less_equal: return compare([](double x, double y) { return x <= y; });
      case Step::greater: return compare([](double x, double y) { return x > y; });
      case Step::greater_equal: return compare([](double x, double y) { return x >= y; });
      case Step::equal: return compare([](double x, double y) { return x == y; });
      case Step::not_equal: return compare([](double x, double y) { return x < y || x > y; });  // false for NaN
      case Step::is_missing: return judge([](double x) { return std::isnan(x); });
      case Step::is_in: return judge([&list = program_.numbers[o.list]](double x) { return std::find(list.begin(), list.end(), x) != list.end(); });
      case Step::text_is_in: return judge_text(o, true);
      case Step::text_is_not_in: return judge_text(o, false);
      case Step::both: return unite([](int x, int y) { return x & y; });
      case Step::either: return unite([](int x, int y) { return x | y; });
      case Step::opposite:
        for (std::size_t i = 0; i < count_; ++i) truth_[i - block_rows] ^= 1;
        return;
    }
  }

  double* pushed() { return std::exchange(number_, number_ + block_rows); }

  template <class Function>
  void change(Function function) {
    double* const x = number_ - block_rows;
    for (std::size_t i = 0; i < count_; ++i) x[i] = function(x[i]);
  }
  template <class Function>
  void combine(Function function) {
    number_ -= block_rows;
    double* const x = number_ - block_rows;
    for (std::size_t i = 0; i < count_; ++i) x[i] = function(x[i], number_[i]);
  }
  template <class Function>
  void compare(Function function) {
    number_ -= 2 * block_rows;
    const double *const x = number_, *const y = number_ + block_rows;
    for (std::size_t i = 0; i < count_; ++i) truth_[i] = function(x[i], y[i]);
    truth_ += block_rows;
  }
  template <class Function>
  void judge(Function function) {
    number_ -= block_rows;
    for (std::size_t i = 0; i < count_; ++i) truth_[i] = function(number_[i]);
    truth_ += block_rows;
  }
  template <class Function>
  void unite(Function function) {
    truth_ -= block_rows;
    std::uint8_t* const x = truth_ - block_rows;
    for (std::size_t i = 0; i < count_; ++i) x[i] = static_cast<std::uint8_t>(function(x[i], truth_[i]));
  }
  void judge_text(const Instruction& o, bool is_wanted) {
    const std::vector<std::string>& list = program_.texts[o.list];
    const Column& column = *columns_[o.column];
    for (std::size_t i = 0; i < count_; ++i)
      truth_[i] = (std::find(list.begin(), list.end(), column.text(first_ + i)) != list.end()) == is_wanted;
    truth_ += block_rows;
  }

  const Condition::Program& program_;
  const std::vector<const Column*>& columns_;
  std::vector<double> numbers_;
  std::vector<std::uint8_t> truths_;
  double* number_ = nullptr;        ///< behind the top of the stack
  std::uint8_t* truth_ = nullptr;   ///< likewise
  std::size_t first_ = 0, count_ = 0;
};

}  // namespace

Condition::Condition(const std::string& text, const Schema& schema, const std::string& what)
    : text_(trim(text)), program_(std::make_shared<Program>(compile_condition(text_, schema, what, columns_))) {}

void Condition::evaluate(const Table& table, std::span<std::uint8_t> holds) const {
  std::vector<const Column*> columns;
  for (const std::string& name : columns_) columns.push_back(&table.at(name));
  Machine machine(*program_, columns);
  for (std::size_t first = 0; first < table.rows(); first += block_rows) {
    const std::size_t count = std::min(block_rows, table.rows() - first);
    std::copy_n(machine.run(first, count), count, holds.begin() + static_cast<std::ptrdiff_t>(first));
  }
}

}  // namespace skyfold
