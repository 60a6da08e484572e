#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "expression_program.hpp"
#include "expression_tokens.hpp"

namespace skyfold {

/// A part of a condition, as the program gives it.
struct ConditionValue {
  enum class Gives { real, whole, truth, text } gives = Gives::real;
  std::size_t place = 0;                    ///< in the text
  std::size_t code = 0;                     ///< its first instruction
  std::size_t column = 0;                   ///< of a text column, which is not on a stack
  std::optional<ExactNumber> literal = {};  ///< it is this number, its code one constant
  bool is_bits = false;                     ///< holds as a condition where it is not 0
  std::string name = {};                    ///< of a column that stands alone, its code one instruction
  bool is_small = false;                    ///< such a column of whole numbers which are all doubles: i4, u1
};

/// Writes the program of a condition: from parts whose code is the last, in postfix order, one that uses them.
///
/// All throw UsageError, with the place in the text, for parts that do not suit.
class ConditionCode {
 public:
  using Value = ConditionValue;
  using Gives = ConditionValue::Gives;

  ConditionCode(const ConditionTokens& tokens, std::string what) : tokens_(tokens) { program_.what = std::move(what); }

  [[nodiscard]] Value number(const ConditionToken& token);
  /// @param info  of one number per row, or of as many as `element` needs
  [[nodiscard]] Value column(const ColumnInfo& info, std::size_t column, std::size_t element, std::size_t place);
  [[nodiscard]] Value text_column(const ColumnInfo& info, std::size_t column, std::size_t place) const;

  /// The value as a truth value: bits hold where one is set.
  Value truth_of(const Value& value);
  [[nodiscard]] Value opposite(const Value& truth);
  /// Step::both or either, of two truth values.
  [[nodiscard]] Value join(const Value& left, Step step);

  /// The value as a double, which is all that the program gives. For the whole of a text that is a number.
  void leave_real(Value value);

  /// With a sign before it.
  [[nodiscard]] Value with_sign(Value value, bool is_negative, std::size_t place);
  [[nodiscard]] Value absolute(const Value& value, std::size_t place);
  /// Whole numbers stay whole but for a quotient; with a double on either side the result is a double.
  [[nodiscard]] Value calculate(Value left, Value right, Step step);
  /// Of whole numbers, or, with the step `of_truths`, of conditions: (x > 1) & (y < 2).
  [[nodiscard]] Value combine_bits(const Value& left, const Value& right, const std::string& sign, Step of_bits, Step of_truths);
  [[nodiscard]] Value turn_bits(const Value& value);
  [[nodiscard]] Value shift(const Value& left, const Value& right, const std::string& sign);

  /// Exact: a whole number is never rounded to a double for it.
  [[nodiscard]] Value compare(Value left, Value right, Step step);
  [[nodiscard]] Value is_missing(const Value& value, std::size_t place);
  [[nodiscard]] Value is_in(const Value& value, const std::vector<ExactNumber>& numbers);
  [[nodiscard]] Value is_text_in(const Value& column, std::vector<std::string> texts, bool is_wanted);

  [[nodiscard]] Condition::Program finish();

 private:
  [[noreturn]] void fail_at(std::size_t place, const std::string& problem) const { tokens_.fail_at(place, problem); }
  void emit(const Instruction& instruction, int numbers, int truths);
  [[nodiscard]] std::size_t here() const noexcept { return program_.instructions.size(); }
  void need_number(const Value& value) const;
  void need_whole(const Value& value, const std::string& sign) const;
  std::size_t make_real(Value& value, std::size_t end);
  void make_both_real(Value& left, Value& right);
  void compare_with_decimal(const ExactNumber& decimal, Step step);
  void compare_with_none(Step step);

  const ConditionTokens& tokens_;
  Condition::Program program_;
  int numbers_ = 0, truths_ = 0;  ///< heights of the stacks
};

}  // namespace skyfold
