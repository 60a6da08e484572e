#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/table/expression.hpp"

namespace skyfold {

/// What an instruction does with the stack of numbers and the stack of truth values.
enum class Step : std::uint8_t {
  column, constant, bits, negate, absolute, add, subtract, multiply, divide,                  // push or change numbers
  less, less_equal, greater, greater_equal, equal, not_equal, is_missing, is_in,              // numbers to truth
  text_is_in, text_is_not_in,                                                                 // a text column to truth
  both, either, opposite                                                                      // truth to truth
};

struct Instruction {
  Step step = Step::constant;
  std::size_t column = 0;       ///< of Condition::columns()
  std::size_t element = 0;      ///< of an array column
  double number = 0.0;          ///< constant
  std::int64_t mask = 0;        ///< bits
  std::size_t list = 0;         ///< of numbers or texts
};

/// A condition in postfix order.
struct Condition::Program {
  std::vector<Instruction> instructions;
  std::vector<std::vector<double>> numbers;
  std::vector<std::vector<std::string>> texts;
  std::size_t number_depth = 0, truth_depth = 0;   ///< largest height of each stack
};

/// @param columns  set to the columns that the program reads
[[nodiscard]] Condition::Program compile_condition(const std::string& text, const Schema& schema, const std::string& what,
                                                   std::vector<std::string>& columns);

}  // namespace skyfold
