// The words and signs of a condition.
#include "expression_tokens.hpp"

#include <fmt/core.h>

#include <cctype>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {

bool ConditionToken::is_word(const char* word) const { return kind == Kind::word && !is_quoted && lower(text) == word; }

void ConditionTokens::fail_at(std::size_t place, const std::string& problem) const {
  throw UsageError(fmt::format("{}: '{}', character {}: {}", what_, text_, place + 1, problem));
}

ConditionToken ConditionTokens::next() {
  while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  ConditionToken token;
  token.place = at_;
  if (at_ == text_.size()) {
    token.text = "the end";
    return token;
  }
  const auto c = static_cast<unsigned char>(text_[at_]);
  // Bytes from 0x80 on are letters of UTF-8 names.
  if (c == '\'' || c == '"' || c == '`')
    quoted(static_cast<char>(c), token);
  else if (std::isdigit(c) || (c == '.' && at_ + 1 < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_ + 1]))))
    number(token);
  else if (std::isalpha(c) || c == '_' || c >= 0x80)
    word(token);
  else
    sign(token);
  return token;
}

void ConditionTokens::quoted(char quote, ConditionToken& token) {
  const std::size_t end = text_.find(quote, at_ + 1);
  if (end == std::string::npos) fail_at(at_, fmt::format("no closing {}", quote));
  token.kind = quote == '`' ? ConditionToken::Kind::word : ConditionToken::Kind::text;
  token.is_quoted = true;
  token.text = text_.substr(at_ + 1, end - at_ - 1);
  at_ = end + 1;
}

void ConditionTokens::number(ConditionToken& token) {
  std::size_t end = at_;
  const bool is_hexadecimal = text_.compare(at_, 2, "0x") == 0 || text_.compare(at_, 2, "0X") == 0;
  const auto is_part = [&](std::size_t i) {
    const auto c = static_cast<unsigned char>(text_[i]);
    // 1e-5 is one number, 0x1e-5 a difference.
    if ((c == '+' || c == '-') && !is_hexadecimal && (text_[i - 1] == 'e' || text_[i - 1] == 'E')) return true;
    // Letters, too: "12abc" is one number that is wrong, not 12 with a column behind it.
    return std::isalnum(c) || c == '.';
  };
  while (end < text_.size() && is_part(end)) ++end;
  token.kind = ConditionToken::Kind::number;
  token.text = text_.substr(at_, end - at_);
  const auto value = parse_exact(token.text);
  if (!value) fail_at(at_, fmt::format("'{}' is not a number", token.text));
  token.number = *value;
  at_ = end;
}

void ConditionTokens::word(ConditionToken& token) {
  std::size_t end = at_;
  const auto is_part = [&](unsigned char c) { return std::isalnum(c) || c == '_' || c == '.' || c >= 0x80; };
  while (end < text_.size() && is_part(static_cast<unsigned char>(text_[end]))) ++end;
  token.kind = ConditionToken::Kind::word;
  token.text = text_.substr(at_, end - at_);
  at_ = end;
}

void ConditionTokens::sign(ConditionToken& token) {
  token.kind = ConditionToken::Kind::sign;
  // The longer sign first, as in every lexer.
  for (const char* two : {"<=", ">=", "==", "!=", "&&", "||", "<<", ">>"})
    if (text_.compare(at_, 2, two) == 0) token.text = two;
  if (token.text.empty()) token.text = text_.substr(at_, 1);
  if (token.text.size() == 1 && std::string("<>=!&|^~+-*/(),[]").find(token.text) == std::string::npos)
    fail_at(at_, fmt::format("'{}' has no meaning here", token.text));
  at_ += token.text.size();
}

}  // namespace skyfold
