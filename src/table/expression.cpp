// Runs the program of a condition over blocks of rows. Numbers are doubles, NaN for missing, or whole numbers with a mask
// of what is missing: 64 bits wide, or, in a block where that is not enough, 128. So whole numbers are exact throughout.
#include "skyfold/table/expression.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

#include "expression_program.hpp"
#include "expression_slot.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/table/number_expression.hpp"

namespace skyfold {
namespace {

constexpr std::size_t block_rows = ConditionSlot::block_rows;
/// Lists up to this length are looked through, longer ones halved.
constexpr std::size_t short_list = 8;

// Whole numbers have 64 bits until one of a block overflows; that block has 128 from there on.
using Narrow = std::int64_t;
using Slot = ConditionSlot;

/// 0 when a whole number lies in +-2^53, where every one is a double.
// One test per block, or-ed over its rows: no branch per row.
std::uint64_t beyond_doubles(Narrow x) noexcept { return (static_cast<std::uint64_t>(x) + (std::uint64_t{1} << 53)) >> 54; }

/// Sum or difference, and whether it wrapped around, without a branch, so that blocks are calculated by vector instructions.
Narrow wrapped_sum(Narrow x, Narrow y, Narrow& overflow) noexcept {
  const auto sum = static_cast<Narrow>(static_cast<std::uint64_t>(x) + static_cast<std::uint64_t>(y));
  overflow |= (x ^ sum) & (y ^ sum);
  return sum;
}
Narrow wrapped_difference(Narrow x, Narrow y, Narrow& overflow) noexcept {
  const auto difference = static_cast<Narrow>(static_cast<std::uint64_t>(x) - static_cast<std::uint64_t>(y));
  overflow |= (x ^ y) & (x ^ difference);
  return difference;
}
Narrow wrapped_product(Narrow x, Narrow y, Narrow& overflow) noexcept {
  Narrow product;
  overflow |= -static_cast<Narrow>(__builtin_mul_overflow(x, y, &product));
  return product;
}

template <class T, class List>
bool is_among(const List& list, const T& value) {
  // All lists are sorted: ConditionCode::finish has done it.
  if (list.size() <= short_list) return std::find(list.begin(), list.end(), value) != list.end();
  const auto at = std::lower_bound(list.begin(), list.end(), value);
  return at != list.end() && *at == value;
}

struct Add {
  static Narrow narrow(Narrow x, Narrow y, Narrow& overflow) noexcept { return wrapped_sum(x, y, overflow); }
  static bool overflows(auto x, auto y, auto& result) { return __builtin_add_overflow(x, y, &result); }
  double operator()(double x, double y) const { return x + y; }
};
struct Subtract {
  static Narrow narrow(Narrow x, Narrow y, Narrow& overflow) noexcept { return wrapped_difference(x, y, overflow); }
  static bool overflows(auto x, auto y, auto& result) { return __builtin_sub_overflow(x, y, &result); }
  double operator()(double x, double y) const { return x - y; }
};
struct Multiply {
  static Narrow narrow(Narrow x, Narrow y, Narrow& overflow) noexcept { return wrapped_product(x, y, overflow); }
  static bool overflows(auto x, auto y, auto& result) { return __builtin_mul_overflow(x, y, &result); }
  double operator()(double x, double y) const { return x * y; }
};

/// Runs a program over blocks of rows.
// A stack machine whose places are blocks of rows: the switch is paid once for block_rows rows, and the loops within a step
// have no branch, so that compilers make vector instructions of them.
class Machine {
 public:
  Machine(const Condition::Program& program, const std::vector<const Column*>& columns)
      : program_(program), columns_(columns), slots_(program.number_depth), truths_(program.truth_depth * block_rows) {}

  const std::uint8_t* run(std::size_t first, std::size_t count) {
    steps(first, count);
    return truths_.data();
  }
  /// Of a program that leaves a double.
  const double* run_number(std::size_t first, std::size_t count) {
    steps(first, count);
    return slots_.front().as<double>();
  }

 private:
  void steps(std::size_t first, std::size_t count) {
    first_ = first;
    count_ = count;
    number_ = slots_.data();
    truth_ = truths_.data();
    for (const Instruction& instruction : program_.instructions) step(instruction);
  }

  void step(const Instruction& o) {
    switch (o.step) {
      case Step::column:
        return load(*columns_[o.column], o.kind, first_, count_, o.element, *number_++);
      case Step::constant:
        return push(o);
      case Step::to_real:
        return to_real(number_[-1]);
      case Step::negate:
        return o.kind == NumberKind::whole ? negate([](Wide) { return true; }) : change([](double x) { return -x; });
      case Step::absolute:
        return o.kind == NumberKind::whole ? negate([](Wide x) { return x < 0; }) : change([](double x) { return std::abs(x); });
      case Step::add:
        return calculate(o, Add{});
      case Step::subtract:
        return calculate(o, Subtract{});
      case Step::multiply:
        return calculate(o, Multiply{});
      case Step::divide:
        return combine([](double x, double y) { return x / y; });
      case Step::bit_and:
        return combine_bits([](auto x, auto y) { return x & y; });
      case Step::bit_or:
        return combine_bits([](auto x, auto y) { return x | y; });
      case Step::bit_xor:
        return combine_bits([](auto x, auto y) { return x ^ y; });
      case Step::bit_not:
        return change_whole([](auto x) { return ~x; });
      case Step::shift_right:
        return change_whole([places = static_cast<int>(o.whole)](auto x) { return x >> places; });
      case Step::shift_left:
        return shift_left(static_cast<int>(o.whole));
      case Step::less:
      case Step::less_equal:
      case Step::greater:
      case Step::greater_equal:
      case Step::equal:
      case Step::not_equal:
        return compare(o);
      case Step::is_missing:
        return find_missing(o);
      case Step::is_in:
        return look_up(o);
      case Step::is_nonzero:
        return judge([](auto x) { return x != 0; });
      case Step::text_is_in:
        return judge_text(o, true);
      case Step::text_is_not_in:
        return judge_text(o, false);
      case Step::both:
        return unite([](int x, int y) { return x & y; });
      case Step::either:
        return unite([](int x, int y) { return x | y; });
      case Step::differ:
        return unite([](int x, int y) { return x ^ y; });
      case Step::opposite:
        for (std::size_t i = 0; i < count_; ++i) truth_[i - block_rows] ^= 1;
        return;
    }
  }

  void compare(const Instruction& o) {
    switch (o.step) {
      case Step::less:
        return compare(o, [](auto x, auto y) { return x < y; });
      case Step::less_equal:
        return compare(o, [](auto x, auto y) { return x <= y; });
      case Step::greater:
        return compare(o, [](auto x, auto y) { return x > y; });
      case Step::greater_equal:
        return compare(o, [](auto x, auto y) { return x >= y; });
      case Step::equal:
        return compare(o, [](auto x, auto y) { return x == y; });
      default:
        // Not equal. As SQL and our own rule have it: what is missing is neither equal nor unequal.
        return compare(o, [](auto x, auto y) { return x < y || x > y; });  // false for NaN
    }
  }

  void push(const Instruction& o) {
    Slot& slot = *number_++;
    slot.has_missing = false;
    slot.is_wide = o.kind == NumberKind::whole && o.whole != static_cast<Narrow>(o.whole);
    if (o.kind == NumberKind::real)
      std::fill_n(slot.as<double>(), count_, o.number);
    else if (slot.is_wide)
      std::fill_n(slot.as<Wide>(), count_, o.whole);
    else
      std::fill_n(slot.as<Narrow>(), count_, static_cast<Narrow>(o.whole));
  }

  // Doubles.

  template <class Function>
  void change(Function function) {
    double* const x = number_[-1].as<double>();
    for (std::size_t i = 0; i < count_; ++i) x[i] = function(x[i]);
  }
  template <class Function>
  void combine(Function function) {
    --number_;
    // The result takes the place of the left operand; the right one's place is free again.
    double *const x = number_[-1].as<double>(), *const y = number_[0].as<double>();
    for (std::size_t i = 0; i < count_; ++i) x[i] = function(x[i], y[i]);
  }

  void to_real(Slot& slot) const {
    // Aside first: values and result share the slot's bytes.
    std::array<double, block_rows> to;
    // Rounded to nearest, as every conversion of the language: ranges rely on it (expression_ranges.cpp).
    const auto convert = [&](const auto* x) {
      for (std::size_t i = 0; i < count_; ++i) to[i] = static_cast<double>(x[i]);
    };
    slot.is_wide ? convert(slot.as<Wide>()) : convert(slot.as<Narrow>());
    for (std::size_t i = 0; i < count_ && slot.has_missing; ++i)
      if (slot.missing[i]) to[i] = std::numeric_limits<double>::quiet_NaN();
    std::memcpy(slot.values, to.data(), count_ * sizeof(double));
  }

  // Whole numbers.

  void widen(Slot& slot) const {
    if (slot.is_wide) return;
    std::array<Wide, block_rows> wide;
    std::copy_n(slot.as<Narrow>(), count_, wide.begin());
    std::memcpy(slot.values, wide.data(), count_ * sizeof(Wide));
    slot.is_wide = true;
  }

  /// What is missing in either is missing in the result, which is x.
  void unite_missing(Slot& x, const Slot& y) const {
    if (!y.has_missing) return;
    if (!x.has_missing)
      std::copy_n(y.missing, count_, x.missing);
    else
      for (std::size_t i = 0; i < count_; ++i) x.missing[i] |= y.missing[i];
    x.has_missing = true;
  }

  [[noreturn]] void fail_too_large() const {
    throw DataError(program_.what + ": a whole number beyond 2^127 comes out (multiply by 1.0 first to calculate with doubles)");
  }

  template <class Operation>
  void calculate(const Instruction& o, Operation operation) {
    if (o.kind == NumberKind::real) return combine(operation);
    Slot &x = number_[-2], &y = number_[-1];
    --number_;
    unite_missing(x, y);
    if (!x.is_wide && !y.is_wide) {
      std::array<Narrow, block_rows> result;
      Narrow overflow = 0;  // negative once one was there
      for (std::size_t i = 0; i < count_; ++i) result[i] = Operation::narrow(x.as<Narrow>()[i], y.as<Narrow>()[i], overflow);
      // Nearly always. A block that overflows is calculated again from the same operands, with 128 bits.
      if (overflow >= 0) {
        std::copy_n(result.begin(), count_, x.as<Narrow>());
        return;
      }
    }
    widen(x);
    widen(y);
    for (std::size_t i = 0; i < count_; ++i)
      if (Operation::overflows(x.as<Wide>()[i], y.as<Wide>()[i], x.as<Wide>()[i]) && !x.is_missing(i)) fail_too_large();
  }

  // An absolute value is a negation of some of the values: both meet the same limit, the lowest whole number.
  template <class Which>
  void negate(Which is_turned) {
    Slot& x = number_[-1];
    Narrow* const narrow = x.as<Narrow>();
    // -2^63 has no opposite in 64 bits.
    if (!x.is_wide && std::find(narrow, narrow + count_, std::numeric_limits<Narrow>::min()) == narrow + count_) {
      for (std::size_t i = 0; i < count_; ++i) narrow[i] = is_turned(narrow[i]) ? -narrow[i] : narrow[i];
      return;
    }
    widen(x);
    for (std::size_t i = 0; i < count_; ++i) {
      Wide& value = x.as<Wide>()[i];
      if (is_turned(value) && __builtin_sub_overflow(Wide{0}, value, &value) && !x.is_missing(i)) fail_too_large();
    }
  }

  template <class Function>
  void change_whole(Function function) {
    Slot& slot = number_[-1];
    const auto apply = [&](auto* x) {
      for (std::size_t i = 0; i < count_; ++i) x[i] = function(x[i]);
    };
    slot.is_wide ? apply(slot.as<Wide>()) : apply(slot.as<Narrow>());
  }

  template <class Function>
  void combine_bits(Function function) {
    Slot &x = number_[-2], &y = number_[-1];
    --number_;
    unite_missing(x, y);
    const auto apply = [&](auto* a, const auto* b) {
      for (std::size_t i = 0; i < count_; ++i) a[i] = function(a[i], b[i]);
    };
    if (!x.is_wide && !y.is_wide) return apply(x.as<Narrow>(), y.as<Narrow>());
    widen(x);
    widen(y);
    apply(x.as<Wide>(), y.as<Wide>());
  }

  void shift_left(int places) {
    Slot& slot = number_[-1];
    // Always 128 bits wide: a number of 64 bits shifted by at most 63 fits into them, so that only what was wide can fail.
    widen(slot);
    Wide* const x = slot.as<Wide>();
    for (std::size_t i = 0; i < count_; ++i)
      // A product rather than <<, which is undefined for negative numbers that overflow.
      if (__builtin_mul_overflow(x[i], static_cast<Wide>(1) << places, &x[i]) && !slot.is_missing(i)) fail_too_large();
  }

  // Truth.

  template <class X, class Y, class Function>
  void compare_all(const X* x, const Y* y, Function function) {
    std::uint8_t* const truth = truth_;
    for (std::size_t i = 0; i < count_; ++i) truth[i] = function(x[i], y[i]);
  }

  template <class Function>
  void compare(const Instruction& o, Function function) {
    number_ -= 2;
    Slot &x = number_[0], &y = number_[1];
    // Whole numbers are not made doubles to be compared with one: above 2^53 that would call different numbers equal.
    if (o.kind == NumberKind::real && o.right == NumberKind::real)
      compare_all(x.as<double>(), y.as<double>(), function);
    else if (o.kind == NumberKind::real)
      compare_mixed(
          x, y, [&](double real, Wide whole) { return function(0, order(whole, real)); }, function);
    else if (o.right == NumberKind::real)
      compare_mixed(
          y, x, [&](double real, Wide whole) { return function(order(whole, real), 0); },
          [&](double real, double whole) { return function(whole, real); });
    else if (!x.is_wide && !y.is_wide)
      compare_all(x.as<Narrow>(), y.as<Narrow>(), function);
    else {
      widen(x);
      widen(y);
      compare_all(x.as<Wide>(), y.as<Wide>(), function);
    }
    // NaN compares false by itself; a missing whole number has some value and must be told apart.
    if (o.kind == NumberKind::whole) forget_missing(x);
    if (o.right == NumberKind::whole) forget_missing(y);
    truth_ += block_rows;
  }

  /// A double with a whole number: as doubles where those are exact.
  template <class Exact, class Quick>
  void compare_mixed(Slot& real, Slot& whole, Exact exact, Quick quick) {
    const double* const x = real.as<double>();
    if (!whole.is_wide) {
      std::uint64_t beyond = 0;
      for (std::size_t i = 0; i < count_; ++i) {
        const Narrow value = whole.as<Narrow>()[i];
        beyond |= beyond_doubles(value);
        truth_[i] = quick(x[i], static_cast<double>(value));
      }
      // All whole numbers of the block are doubles: what was compared is exact.
      if (beyond == 0) return;
    }
    widen(whole);
    for (std::size_t i = 0; i < count_; ++i) truth_[i] = !std::isnan(x[i]) && exact(x[i], whole.as<Wide>()[i]);
  }

  /// No comparison holds for what is missing.
  void forget_missing(const Slot& slot) {
    if (!slot.has_missing) return;
    for (std::size_t i = 0; i < count_; ++i) truth_[i] &= static_cast<std::uint8_t>(slot.missing[i] ^ 1);
  }

  /// Of a whole number.
  template <class Function>
  void judge(Function function) {
    const Slot& slot = *--number_;
    Slot& values = number_[0];
    const auto apply = [&](const auto* x) {
      for (std::size_t i = 0; i < count_; ++i) truth_[i] = function(x[i]);
    };
    slot.is_wide ? apply(values.as<Wide>()) : apply(values.as<Narrow>());
    forget_missing(slot);
    truth_ += block_rows;
  }

  void look_up(const Instruction& o) {
    if (o.kind == NumberKind::whole && number_[-1].is_wide)
      // A list for each width: without it a block of 64-bit numbers would be widened to be looked up.
      return judge([&list = program_.wholes[o.list]](Wide x) { return is_among(list, x); });
    if (o.kind == NumberKind::whole)
      return judge([&list = program_.narrows[o.list]](auto x) { return is_among(list, static_cast<Narrow>(x)); });
    const std::vector<double>& list = program_.reals[o.list];
    const double* const x = (--number_)->as<double>();
    for (std::size_t i = 0; i < count_; ++i) truth_[i] = !std::isnan(x[i]) && is_among(list, x[i]);
    truth_ += block_rows;
  }

  void find_missing(const Instruction& o) {
    Slot& slot = *--number_;
    if (o.kind == NumberKind::real)
      for (std::size_t i = 0; i < count_; ++i) truth_[i] = std::isnan(slot.as<double>()[i]);
    else if (slot.has_missing)
      std::copy_n(slot.missing, count_, truth_);
    else
      // Nothing of the block is missing: most blocks have no mask at all.
      std::fill_n(truth_, count_, std::uint8_t{0});
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
    for (std::size_t i = 0; i < count_; ++i) truth_[i] = is_among(list, column.text(first_ + i)) == is_wanted;
    truth_ += block_rows;
  }

  const Condition::Program& program_;
  const std::vector<const Column*>& columns_;
  std::vector<Slot> slots_;
  std::vector<std::uint8_t> truths_;
  Slot* number_ = nullptr;         ///< behind the top of the stack
  std::uint8_t* truth_ = nullptr;  ///< likewise
  std::size_t first_ = 0, count_ = 0;
};

std::vector<const Column*> columns_for(const Condition::Program& program, const std::vector<std::string>& names, const Table& table) {
  std::vector<const Column*> columns;
  for (const std::string& name : names) columns.push_back(&table.at(name));
  for (const Instruction& o : program.instructions)
    if (o.step == Step::column && o.kind == NumberKind::whole && kind_of(columns[o.column]->info().type) == NumberKind::real)
      // A double read as a whole number would be truncated in silence.
      throw std::logic_error("a condition compiled for another type of column " + names[o.column]);
  return columns;
}

}  // namespace

Condition::Condition(const std::string& text, const Schema& schema, const std::string& what, const ColumnAliases& aliases)
    : text_(trim(text)), program_(std::make_shared<Program>(compile_condition(text_, schema, what, aliases, columns_))) {}

void Condition::evaluate(const Table& table, std::span<std::uint8_t> holds) const {
  const std::vector<const Column*> columns = columns_for(*program_, columns_, table);
  Machine machine(*program_, columns);
  for (std::size_t first = 0; first < table.rows(); first += block_rows) {
    const std::size_t count = std::min(block_rows, table.rows() - first);
    std::copy_n(machine.run(first, count), count, holds.begin() + static_cast<std::ptrdiff_t>(first));
  }
}

NumberExpression::NumberExpression(const std::string& text, const Schema& schema, const std::string& what)
    : text_(trim(text)), program_(std::make_shared<Condition::Program>(compile_number(text_, schema, what, columns_))) {
  const Instruction& first = program_->instructions.front();
  if (program_->instructions.size() == 1 && first.step == Step::column && schema[*find_column(schema, columns_[0])].width == 1)
    plain_ = columns_[0];
}

void NumberExpression::evaluate(const Table& table, std::size_t first_row, std::span<double> values) const {
  const std::vector<const Column*> columns = columns_for(*program_, columns_, table);
  Machine machine(*program_, columns);
  for (std::size_t first = 0; first < values.size(); first += block_rows) {
    const std::size_t count = std::min(block_rows, values.size() - first);
    std::copy_n(machine.run_number(first_row + first, count), count, values.begin() + static_cast<std::ptrdiff_t>(first));
  }
}

}  // namespace skyfold
