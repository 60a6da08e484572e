// What a condition may give in rows of which only the ranges of the columns are known: its program run on intervals. Every step gives
// an interval that holds all that the step can give row by row; doubles are rounded to nearest in both, which keeps their order.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "expression_program.hpp"
#include "skyfold/table/expression.hpp"

namespace skyfold {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Values of one place of the stack of numbers.
struct Interval {
  NumberKind kind = NumberKind::real;
  bool may_have_values = true, may_be_missing = true;
  double low = -infinity, high = infinity;  ///< of doubles
  Wide whole_low = 0, whole_high = 0;       ///< of whole numbers
};

/// Where a whole number may leave 128 bits, evaluation may throw: nothing is said of such a condition.
struct Unsure {};

Wide checked(bool overflows, Wide value) {
  if (overflows) throw Unsure{};
  return value;
}
Wide sum(Wide x, Wide y) {
  Wide result = 0;
  const bool overflows = __builtin_add_overflow(x, y, &result);
  return checked(overflows, result);
}
Wide difference(Wide x, Wide y) {
  Wide result = 0;
  const bool overflows = __builtin_sub_overflow(x, y, &result);
  return checked(overflows, result);
}
Wide product(Wide x, Wide y) {
  Wide result = 0;
  const bool overflows = __builtin_mul_overflow(x, y, &result);
  return checked(overflows, result);
}

/// A real interval that holds a whole one: beyond 2^53 the next doubles outwards.
Interval widened_to_real(Interval x) {
  if (x.kind == NumberKind::real) return x;
  x.kind = NumberKind::real;
  x.low = static_cast<double>(x.whole_low);
  x.high = static_cast<double>(x.whole_high);
  if (order(x.whole_low, x.low) < 0) x.low = std::nextafter(x.low, -infinity);
  if (order(x.whole_high, x.high) > 0) x.high = std::nextafter(x.high, infinity);
  return x;
}

template <class Value>
struct Bounds {
  Value low, high;
};
template <class Value>
Bounds<Value> bounds_of(const std::array<Value, 4>& corners) {
  const auto [low, high] = std::minmax_element(corners.begin(), corners.end());
  return {*low, *high};
}

bool is_infinite(const Interval& x) { return std::isinf(x.low) || std::isinf(x.high); }

/// Sums and the like of doubles. Infinite operands may give NaN, which is missing.
// Sums, products and quotients by what has one sign are monotonic in each operand, so their extremes lie at the corners.
Interval real_result(const Interval& x, const Interval& y, const std::array<double, 4>& corners) {
  Interval result;
  result.may_have_values = x.may_have_values && y.may_have_values;
  result.may_be_missing = x.may_be_missing || y.may_be_missing || is_infinite(x) || is_infinite(y);
  // A corner such as 0 * infinity or infinity - infinity says nothing of the values beside it: any value may come out.
  if (std::ranges::any_of(corners, [](double corner) { return std::isnan(corner); })) return result;
  const auto [low, high] = bounds_of(corners);
  result.low = low;
  result.high = high;
  return result;
}

/// Runs a program on intervals.
class RangeMachine {
 public:
  RangeMachine(const Condition::Program& program, std::span<const ColumnRange> ranges) : program_(program), ranges_(ranges) {}

  // One interval where Machine has a block of rows, and the same program: there is no second reading of a condition.
  PossibleTruth run() {
    for (const Instruction& instruction : program_.instructions) step(instruction);
    return truths_.back();
  }

 private:
  void step(const Instruction& o) {
    switch (o.step) {
      case Step::column:
        return numbers_.push_back(column(o));
      case Step::constant:
        return numbers_.push_back(constant(o));
      case Step::to_real:
        return to_real();
      case Step::negate:
      case Step::absolute:
        return turn(o.step);
      case Step::add:
      case Step::subtract:
      case Step::multiply:
      case Step::divide:
        return calculate(o);
      case Step::bit_and:
      case Step::bit_or:
      case Step::bit_xor:
        return combine_bits(o.step);
      case Step::bit_not:
        return set_whole(numbers_.back(), ~numbers_.back().whole_high, ~numbers_.back().whole_low);
      case Step::shift_left:
      case Step::shift_right:
        return shift(o);
      default:
        return judge(o);
    }
  }

  void judge(const Instruction& o) {
    switch (o.step) {
      case Step::is_missing:
      case Step::is_in:
      case Step::is_nonzero:
        return judge_one(o);
      case Step::text_is_in:
      case Step::text_is_not_in:
        // Of texts there are no ranges: both may be.
        return truths_.push_back({});
      // As if the sides knew nothing of each other: x > 1 and x < 0 "may hold" where x spans both. That costs a block that is
      // read in vain, and never a row.
      case Step::both:
        return unite([](PossibleTruth x, PossibleTruth y) { return PossibleTruth{x.may_hold && y.may_hold, x.may_fail || y.may_fail}; });
      case Step::either:
        return unite([](PossibleTruth x, PossibleTruth y) { return PossibleTruth{x.may_hold || y.may_hold, x.may_fail && y.may_fail}; });
      case Step::differ:
        return unite([](PossibleTruth x, PossibleTruth y) {
          return PossibleTruth{(x.may_hold && y.may_fail) || (x.may_fail && y.may_hold),
                               (x.may_hold && y.may_hold) || (x.may_fail && y.may_fail)};
        });
      case Step::opposite:
        // If it may hold in some row, its opposite may fail there.
        return std::swap(truths_.back().may_hold, truths_.back().may_fail);
      default:
        return compare(o);
    }
  }

  Interval pop() {
    const Interval top = numbers_.back();
    numbers_.pop_back();
    return top;
  }

  static void set_whole(Interval& x, Wide low, Wide high) {
    x.whole_low = low;
    x.whole_high = high;
  }

  [[nodiscard]] Interval column(const Instruction& o) const {
    const ColumnRange& range = ranges_[o.column];
    Interval x{.kind = o.kind, .may_have_values = range.may_have_values, .may_be_missing = range.may_be_missing};
    // Without statistics it may be all that the column's type can hold; as doubles that is the default, everything.
    set_whole(x, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
    if (!range.is_known) return x;
    set_whole(x, range.whole_min, range.whole_max);
    // A column of whole numbers that is read as doubles: rounding keeps the order, so limits stay limits.
    x.low = range.is_whole ? static_cast<double>(range.whole_min) : range.min;
    x.high = range.is_whole ? static_cast<double>(range.whole_max) : range.max;
    return x;
  }

  static Interval constant(const Instruction& o) {
    Interval x{.kind = o.kind, .may_be_missing = false};
    x.low = x.high = o.number;
    set_whole(x, o.whole, o.whole);
    return x;
  }

  // Not widened outwards: rows are rounded by the same conversion, so theirs lie between these two.
  void to_real() {
    Interval& x = numbers_.back();
    x.kind = NumberKind::real;
    x.low = static_cast<double>(x.whole_low);
    x.high = static_cast<double>(x.whole_high);
  }

  void turn(Step step) {
    Interval& x = numbers_.back();
    const bool is_negative = x.kind == NumberKind::real ? x.high <= 0.0 : x.whole_high <= 0;
    const bool is_positive = x.kind == NumberKind::real ? x.low >= 0.0 : x.whole_low >= 0;
    // Of an absolute value there are three cases: all positive, all negative (then it is a negation), and an interval around 0.
    if (step == Step::absolute && is_positive) return;
    const bool is_whole_turn = step == Step::negate || is_negative;
    if (x.kind == NumberKind::real) {
      const double low = -x.high, high = -x.low;
      x.high = is_whole_turn ? high : std::max(high, x.high);
      x.low = is_whole_turn ? low : 0.0;
    } else {
      const Wide low = difference(0, x.whole_high), high = difference(0, x.whole_low);
      set_whole(x, is_whole_turn ? low : 0, is_whole_turn ? high : std::max(high, x.whole_high));
    }
  }

  void calculate(const Instruction& o) {
    const Interval y = pop(), x = pop();
    if (x.kind == NumberKind::real) return numbers_.push_back(calculate_reals(o.step, x, y));
    Interval result{.kind = NumberKind::whole,
                    .may_have_values = x.may_have_values && y.may_have_values,
                    .may_be_missing = x.may_be_missing || y.may_be_missing};
    // sum() and the others throw Unsure where 128 bits end; there Machine may throw, and that must not be skipped.
    if (o.step == Step::add) set_whole(result, sum(x.whole_low, y.whole_low), sum(x.whole_high, y.whole_high));
    if (o.step == Step::subtract) set_whole(result, difference(x.whole_low, y.whole_high), difference(x.whole_high, y.whole_low));
    if (o.step == Step::multiply) {
      const auto [low, high] = bounds_of(std::array{product(x.whole_low, y.whole_low), product(x.whole_low, y.whole_high),
                                                    product(x.whole_high, y.whole_low), product(x.whole_high, y.whole_high)});
      set_whole(result, low, high);
    }
    numbers_.push_back(result);
  }

  static Interval calculate_reals(Step step, const Interval& x, const Interval& y) {
    const auto corners = [&](auto function) {
      return std::array{function(x.low, y.low), function(x.low, y.high), function(x.high, y.low), function(x.high, y.high)};
    };
    switch (step) {
      case Step::add:
        return real_result(x, y, corners([](double a, double b) { return a + b; }));
      case Step::subtract:
        return real_result(x, y, corners([](double a, double b) { return a - b; }));
      case Step::multiply:
        return real_result(x, y, corners([](double a, double b) { return a * b; }));
      default:
        break;
    }
    if (y.low > 0.0 || y.high < 0.0) return real_result(x, y, corners([](double a, double b) { return a / b; }));
    Interval any;  // a quotient by 0 can be anything, and NaN
    any.may_have_values = x.may_have_values && y.may_have_values;
    return any;
  }

  /// Bits that both numbers fit into hold the result, too.
  void combine_bits(Step step) {
    const Interval y = pop(), x = pop();
    Wide reach = 1;  // all numbers are in -reach ... reach - 1
    const auto fits = [&](const Interval& i) { return i.whole_low >= -reach && i.whole_high <= reach - 1; };
    // A power of two: and, or and xor change no bit above the sign of the longer number.
    while (!(fits(x) && fits(y))) reach = product(reach, 2);
    Interval result{.kind = NumberKind::whole,
                    .may_have_values = x.may_have_values && y.may_have_values,
                    .may_be_missing = x.may_be_missing || y.may_be_missing};
    const bool x_is_positive = x.whole_low >= 0, y_is_positive = y.whole_low >= 0;
    set_whole(result, x_is_positive && y_is_positive ? 0 : -reach, reach - 1);
    // "And" with a number >= 0 clears the sign, and gives at most that number.
    if (step == Step::bit_and && (x_is_positive || y_is_positive)) {
      result.whole_low = 0;
      result.whole_high = !x_is_positive ? y.whole_high : !y_is_positive ? x.whole_high : std::min(x.whole_high, y.whole_high);
    }
    numbers_.push_back(result);
  }

  void shift(const Instruction& o) {
    Interval& x = numbers_.back();
    const int places = static_cast<int>(o.whole);
    if (o.step == Step::shift_right) return set_whole(x, x.whole_low >> places, x.whole_high >> places);
    const Wide factor = static_cast<Wide>(1) << places;
    set_whole(x, product(x.whole_low, factor), product(x.whole_high, factor));
  }

  void judge_one(const Instruction& o) {
    const Interval x = pop();
    if (o.step == Step::is_missing) return truths_.push_back({x.may_be_missing, x.may_have_values});
    if (o.step == Step::is_nonzero) return push_membership(x, x.whole_low, x.whole_high, std::vector<Wide>{0}, true);
    if (o.kind == NumberKind::whole) return push_membership(x, x.whole_low, x.whole_high, program_.wholes[o.list], false);
    push_membership(x, x.low, x.high, program_.reals[o.list], false);
  }

  /// Whether a value is one of a sorted list, or is none; a missing one is neither.
  template <class Value>
  void push_membership(const Interval& x, Value low, Value high, const std::vector<Value>& list, bool is_opposite) {
    const auto first = std::ranges::lower_bound(list, low);
    // Only an interval of one value tells that it is surely in the list.
    const bool may_be_in = first != list.end() && *first <= high, may_be_out = !(low == high && may_be_in);
    truths_.push_back(
        {x.may_have_values && (is_opposite ? may_be_out : may_be_in), x.may_be_missing || (is_opposite ? may_be_in : may_be_out)});
  }

  void compare(const Instruction& o) {
    Interval y = pop(), x = pop();
    PossibleTruth truth;
    if (x.kind == NumberKind::whole && y.kind == NumberKind::whole) {
      truth = compared(o.step, x.whole_low, x.whole_high, y.whole_low, y.whole_high);
    } else {
      // Machine compares a double with a whole number exactly; the wider interval holds all that it can find.
      x = widened_to_real(x);
      y = widened_to_real(y);
      truth = compared(o.step, x.low, x.high, y.low, y.high);
    }
    truth.may_hold = truth.may_hold && x.may_have_values && y.may_have_values;
    // Of what is missing no comparison holds, whatever the ranges are.
    truth.may_fail = truth.may_fail || x.may_be_missing || y.may_be_missing;
    truths_.push_back(truth);
  }

  template <class Value>
  static PossibleTruth compared(Step step, Value x_low, Value x_high, Value y_low, Value y_high) {
    const bool meet = x_low <= y_high && y_low <= x_high, are_one = x_low == x_high && y_low == y_high && x_low == y_low;
    switch (step) {
      case Step::less:
        return {x_low < y_high, !(x_high < y_low)};
      case Step::less_equal:
        return {x_low <= y_high, !(x_high <= y_low)};
      case Step::greater:
        return {x_high > y_low, !(x_low > y_high)};
      case Step::greater_equal:
        return {x_high >= y_low, !(x_low >= y_high)};
      case Step::equal:
        return {meet, !are_one};
      case Step::not_equal:
        return {!are_one, meet};
      default:
        return {};
    }
  }

  template <class Function>
  void unite(Function function) {
    const PossibleTruth right = truths_.back();
    truths_.pop_back();
    truths_.back() = function(truths_.back(), right);
  }

  const Condition::Program& program_;
  std::span<const ColumnRange> ranges_;
  std::vector<Interval> numbers_;
  std::vector<PossibleTruth> truths_;
};

}  // namespace

PossibleTruth Condition::possible(std::span<const ColumnRange> ranges) const {
  try {
    return RangeMachine(*program_, ranges).run();
    // What comes out by default is "may hold, may fail": every row is looked at.
  } catch (const Unsure&) {
    return {};
  }
}

}  // namespace skyfold
