// What the parts of a condition become: which numbers stay whole, and how those are compared with decimals and doubles
// without being rounded.
#include "expression_code.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace skyfold {
namespace {

using Value = ConditionValue;
using Gives = ConditionValue::Gives;

/// The relation with its sides exchanged.
Step mirrored(Step relation) {
  switch (relation) {
    case Step::less:
      return Step::greater;
    case Step::less_equal:
      return Step::greater_equal;
    case Step::greater:
      return Step::less;
    case Step::greater_equal:
      return Step::less_equal;
    default:
      return relation;
  }
}

NumberKind kind_of(const Value& value) { return value.gives == Gives::whole ? NumberKind::whole : NumberKind::real; }

Instruction constant(const ExactNumber& number, Gives gives) {
  if (gives == Gives::whole) return {.step = Step::constant, .kind = NumberKind::whole, .whole = number.floor};
  return {.step = Step::constant, .number = number.nearest};
}

Value bits(std::size_t place, std::size_t code) {
  Value value{Gives::whole, place, code};
  value.is_bits = true;
  return value;
}

}  // namespace

void ConditionCode::emit(const Instruction& instruction, int numbers, int truths) {
  program_.instructions.push_back(instruction);
  numbers_ += numbers;
  truths_ += truths;
  // The machine takes its stacks once, as deep as they ever get, and checks nothing while it runs.
  program_.number_depth = std::max(program_.number_depth, static_cast<std::size_t>(numbers_));
  program_.truth_depth = std::max(program_.truth_depth, static_cast<std::size_t>(truths_));
}

Condition::Program ConditionCode::finish() {
  // Lists are looked up by halving.
  for (auto& list : program_.reals) std::sort(list.begin(), list.end());
  for (auto& list : program_.wholes) {
    std::sort(list.begin(), list.end());
    auto& narrow = program_.narrows.emplace_back();
    for (const Wide value : list)
      if (value == static_cast<std::int64_t>(value)) narrow.push_back(static_cast<std::int64_t>(value));
  }
  for (auto& list : program_.texts) std::sort(list.begin(), list.end());
  return std::move(program_);
}

void ConditionCode::need_number(const Value& value) const {
  if (value.gives == Gives::text) fail_at(value.place, "a text is no number (compare it with 'text' by == or !=)");
  if (value.gives == Gives::truth) fail_at(value.place, "a number is needed");
}

void ConditionCode::need_whole(const Value& value, const std::string& sign) const {
  need_number(value);
  if (value.gives == Gives::whole) return;
  if (value.literal) fail_at(value.place, fmt::format("a whole number is needed for {}, which works on bits", sign));
  fail_at(value.place, fmt::format("{} is no column of whole numbers, which have bits ({} binds more strongly than a comparison: "
                                   "write and, or parentheses)",
                                   value.name.empty() ? "this" : value.name, sign));
}

Value ConditionCode::number(const ConditionToken& token) {
  // Digits alone are a whole number; 1.0 and 1e3 are doubles, as in Python and SQL.
  const bool is_whole = token.number.is_plain && !token.number.has_fraction;
  Value value{is_whole ? Gives::whole : Gives::real, token.place, here()};
  value.literal = token.number;
  emit(constant(token.number, value.gives), 1, 0);
  return value;
}

Value ConditionCode::column(const ColumnInfo& info, std::size_t column, std::size_t element, std::size_t place) {
  Value value{kind_of(info.type) == NumberKind::real ? Gives::real : Gives::whole, place, here(), column};
  value.name = info.name;
  // Every whole number of 32 bits is a double, which is what comparisons ask for.
  value.is_small = info.type == Type::i4 || info.type == Type::u1;
  emit({.step = Step::column, .kind = kind_of(value), .column = column, .element = element}, 1, 0);
  return value;
}

Value ConditionCode::text_column(const ColumnInfo& info, std::size_t column, std::size_t place) const {
  Value value{Gives::text, place, here(), column};
  value.name = info.name;
  return value;
}

Value ConditionCode::truth_of(const Value& value) {
  if (value.gives == Gives::truth) return value;
  // "flags & 4" may stand for "flags & 4 != 0", as in C; "flags" alone is more often a slip than a question.
  if (!value.is_bits)
    fail_at(value.place, value.gives != Gives::whole || value.name.empty()
                             ? "a condition is needed, such as x > 1"
                             : fmt::format("a condition is needed, such as {} != 0", value.name));
  emit({.step = Step::is_nonzero}, -1, 1);
  return {Gives::truth, value.place, value.code};
}

Value ConditionCode::opposite(const Value& truth) {
  emit({.step = Step::opposite}, 0, 0);
  return truth;
}

Value ConditionCode::join(const Value& left, Step step) {
  emit({.step = step}, 0, -1);
  return {Gives::truth, left.place, left.code};
}

/// Makes a double of a number whose code ends before the instruction `end`; returns how many instructions that added.
std::size_t ConditionCode::make_real(Value& value, std::size_t end) {
  if (value.gives == Gives::real) return 0;
  value.gives = Gives::real;
  if (value.literal) {
    program_.instructions[value.code] = constant(*value.literal, Gives::real);
    return 0;
  }
  if (!value.name.empty()) {
    // No conversion: the column is loaded as doubles to begin with.
    program_.instructions[value.code].kind = NumberKind::real;  // read as one
    return 0;
  }
  // The conversion stands behind the left operand's code, before the right one's.
  program_.instructions.insert(program_.instructions.begin() + static_cast<std::ptrdiff_t>(end), {.step = Step::to_real});
  return 1;
}

void ConditionCode::make_both_real(Value& left, Value& right) {
  // The left one first: its conversion moves the code of the right one.
  // The left operand's code ends where the right one's begins.
  right.code += make_real(left, right.code);
  (void)make_real(right, here());
}

void ConditionCode::leave_real(Value value) {
  need_number(value);
  (void)make_real(value, here());
}

Value ConditionCode::with_sign(Value value, bool is_negative, std::size_t place) {
  need_number(value);
  if (is_negative && value.literal) {
    value.literal = value.literal->negated();
    program_.instructions[value.code] = constant(*value.literal, value.gives);
  } else if (is_negative) {
    emit({.step = Step::negate, .kind = kind_of(value)}, 0, 0);
  }
  return {value.gives, place, value.code, 0, value.literal};
}

Value ConditionCode::absolute(const Value& value, std::size_t place) {
  need_number(value);
  emit({.step = Step::absolute, .kind = kind_of(value)}, 0, 0);
  return {value.gives, place, value.code};
}

Value ConditionCode::calculate(Value left, Value right, Step step) {
  need_number(left);
  need_number(right);
  // One double makes the sum one of doubles: who adds 0.5 does not ask for exact whole numbers.
  if (left.gives != right.gives || step == Step::divide) make_both_real(left, right);
  emit({.step = step, .kind = kind_of(left)}, -1, 0);
  return {left.gives, left.place, left.code};
}

Value ConditionCode::combine_bits(const Value& left, const Value& right, const std::string& sign, Step of_bits, Step of_truths) {
  if (left.gives == Gives::truth && right.gives == Gives::truth) return join(left, of_truths);
  need_whole(left, sign);
  need_whole(right, sign);
  emit({.step = of_bits}, -1, 0);
  return bits(left.place, left.code);
}

Value ConditionCode::turn_bits(const Value& value) {
  if (value.gives == Gives::truth) return opposite(value);
  need_whole(value, "~");
  emit({.step = Step::bit_not}, 0, 0);
  return bits(value.place, value.code);
}

Value ConditionCode::shift(const Value& left, const Value& right, const std::string& sign) {
  need_whole(left, sign);
  const auto places = right.literal && right.gives == Gives::whole ? right.literal->whole() : std::nullopt;
  if (!places || *places < 0 || *places > 63) fail_at(right.place, "bits are shifted by a whole number, 0 to 63");
  // The number of places is part of the instruction, not on the stack.
  program_.instructions.pop_back();
  --numbers_;
  emit({.step = sign == "<<" ? Step::shift_left : Step::shift_right, .whole = *places}, 0, 0);
  return bits(left.place, left.code);
}

Value ConditionCode::compare(Value left, Value right, Step step) {
  need_number(left);
  need_number(right);
  const Value result{Gives::truth, left.place, left.code};
  if (left.literal && !right.literal) {  // the literal goes to the right
    // A literal is one instruction. It moves behind the other side's code, whose place moves up by one for it.
    program_.instructions.erase(program_.instructions.begin() + static_cast<std::ptrdiff_t>(left.code));
    right.code = left.code;
    left.code = here();
    program_.instructions.push_back(constant(*left.literal, left.gives));
    std::swap(left, right);
    step = mirrored(step);
  }
  if (left.gives == Gives::whole && right.gives == Gives::real && right.literal) {
    compare_with_decimal(*right.literal, step);
    return result;
  }
  // Whole numbers that are doubles as they stand may be compared as doubles: the quickest way, and exact.
  if (left.gives == Gives::real && (right.is_small || (right.literal && right.literal->is_double()))) (void)make_real(right, here());
  if (right.gives == Gives::real && left.is_small) (void)make_real(left, right.code);
  emit({.step = step, .kind = kind_of(left), .right = kind_of(right)}, -2, 1);
  return result;
}

/// Of a whole number with the constant behind it: 5.5 lies between 5 and 6.
void ConditionCode::compare_with_decimal(const ExactNumber& decimal, Step step) {
  // By its floor: x < 5.5 is x <= 5 for whole x, x >= 5.5 is x > 5, and the other two hold for the floor as they stand.
  program_.instructions.back() = constant(decimal, Gives::whole);
  if (decimal.has_fraction) {
    if (step == Step::less)
      step = Step::less_equal;
    else if (step == Step::greater_equal)
      step = Step::greater;
    else if (step == Step::equal || step == Step::not_equal)
      return compare_with_none(step);
  }
  emit({.step = step, .kind = NumberKind::whole, .right = NumberKind::whole}, -2, 1);
}

/// No whole number is equal to the constant behind it.
void ConditionCode::compare_with_none(Step step) {
  program_.instructions.pop_back();
  --numbers_;
  if (step == Step::equal) {
    program_.wholes.emplace_back();
    // Found in an empty list: never true. "not equal" is true for all that is there.
    emit({.step = Step::is_in, .kind = NumberKind::whole, .list = program_.wholes.size() - 1}, -1, 1);
  } else {
    emit({.step = Step::is_missing, .kind = NumberKind::whole}, -1, 1);
    emit({.step = Step::opposite}, 0, 0);
  }
}

Value ConditionCode::is_missing(const Value& value, std::size_t place) {
  need_number(value);
  emit({.step = Step::is_missing, .kind = kind_of(value)}, -1, 1);
  return {Gives::truth, place, value.code};
}

Value ConditionCode::is_in(const Value& value, const std::vector<ExactNumber>& numbers) {
  need_number(value);
  Instruction instruction{.step = Step::is_in, .kind = kind_of(value)};
  if (value.gives == Gives::whole) {
    auto& list = program_.wholes.emplace_back();
    for (const ExactNumber& number : numbers)
      // A decimal fraction equals no whole number, and a whole number beyond the doubles no double.
      if (!number.has_fraction) list.push_back(number.floor);
    instruction.list = program_.wholes.size() - 1;
  } else {
    auto& list = program_.reals.emplace_back();
    for (const ExactNumber& number : numbers)
      if (!number.is_plain || number.is_double()) list.push_back(number.nearest);
    instruction.list = program_.reals.size() - 1;
  }
  emit(instruction, -1, 1);
  return {Gives::truth, value.place, value.code};
}

Value ConditionCode::is_text_in(const Value& column, std::vector<std::string> texts, bool is_wanted) {
  program_.texts.push_back(std::move(texts));
  emit({.step = is_wanted ? Step::text_is_in : Step::text_is_not_in, .column = column.column, .list = program_.texts.size() - 1}, 0, 1);
  return {Gives::truth, column.place, column.code};
}

}  // namespace skyfold
