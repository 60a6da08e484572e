#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/table/exact_number.hpp"
#include "skyfold/table/expression.hpp"

namespace skyfold {

/// What an instruction does with the stack of numbers and the stack of truth values.
enum class Step : std::uint8_t {
  column,
  constant,
  to_real,
  negate,
  absolute,
  add,
  subtract,
  multiply,
  divide,  // push or change numbers
  bit_and,
  bit_or,
  bit_xor,
  bit_not,
  shift_left,
  shift_right,  // change whole numbers
  less,
  less_equal,
  greater,
  greater_equal,
  equal,
  not_equal,  // numbers to truth
  is_missing,
  is_in,
  is_nonzero,
  text_is_in,
  text_is_not_in,  // a text column to truth
  both,
  either,
  differ,
  opposite  // truth to truth
};

/// Numbers are doubles or whole numbers, which is known before any row is seen.
enum class NumberKind : std::uint8_t { real, whole };
[[nodiscard]] inline NumberKind kind_of(Type type) noexcept {
  return type == Type::f4 || type == Type::f8 ? NumberKind::real : NumberKind::whole;
}

struct Instruction {
  Step step = Step::constant;
  NumberKind kind = NumberKind::real;   ///< of the operand, or of the left one
  NumberKind right = NumberKind::real;  ///< of the right one, where the two may differ: comparisons
  std::size_t column = 0;               ///< of Condition::columns()
  std::size_t element = 0;              ///< of an array column
  double number = 0.0;                  ///< real constant
  Wide whole = 0;                       ///< whole constant; places of a shift
  std::size_t list = 0;                 ///< of reals, wholes or texts
};

/// A condition in postfix order.
struct Condition::Program {
  std::vector<Instruction> instructions;
  std::vector<std::vector<double>> reals;          ///< lists to look values up in, sorted
  std::vector<std::vector<Wide>> wholes;           ///< likewise
  std::vector<std::vector<std::int64_t>> narrows;  ///< those of `wholes` that 64 bits hold
  std::vector<std::vector<std::string>> texts;     ///< likewise
  std::size_t number_depth = 0, truth_depth = 0;   ///< largest height of each stack
  std::string what;                                ///< for messages
};

/// @param columns  set to the columns that the program reads
[[nodiscard]] Condition::Program compile_condition(const std::string& text, const Schema& schema, const std::string& what,
                                                   const ColumnAliases& aliases, std::vector<std::string>& columns);
/// The same for a number, which the program leaves as a double on the stack of numbers.
[[nodiscard]] Condition::Program compile_number(const std::string& text, const Schema& schema, const std::string& what,
                                                std::vector<std::string>& columns);

}  // namespace skyfold
