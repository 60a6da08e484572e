#pragma once

#include <string>

#include "skyfold/table/exact_number.hpp"

namespace skyfold {

/// A word, number, text or sign of a condition.
struct ConditionToken {
  enum class Kind { word, number, text, sign, end };
  Kind kind = Kind::end;
  std::string text;  ///< of words and texts without their quotes; of the end "the end"
  ExactNumber number;
  bool is_quoted = false;  ///< a column in backquotes
  std::size_t place = 0;

  [[nodiscard]] bool is_sign(const char* sign) const { return kind == Kind::sign && text == sign; }
  /// A word without quotes, whatever its case.
  [[nodiscard]] bool is_word(const char* word) const;
};

/// Cuts the text of a condition into tokens.
class ConditionTokens {
 public:
  /// @param what  where the text stands, for messages
  ConditionTokens(const std::string& text, const std::string& what) : text_(text), what_(what) {}

  /// The next one. Throws UsageError for what is none.
  [[nodiscard]] ConditionToken next();
  /// The text from a place on.
  [[nodiscard]] std::string_view from(std::size_t place) const noexcept { return std::string_view(text_).substr(place); }
  [[noreturn]] void fail_at(std::size_t place, const std::string& problem) const;

 private:
  void quoted(char quote, ConditionToken& token);
  void number(ConditionToken& token);
  void word(ConditionToken& token);
  void sign(ConditionToken& token);

  const std::string& text_;
  const std::string& what_;
  std::size_t at_ = 0;
};

}  // namespace skyfold
