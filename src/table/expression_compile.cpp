#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "expression_program.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr int depth_limit = 100;

enum class Kind { word, number, text, sign, end };
struct Token {
  Kind kind = Kind::end;
  std::string text;        ///< of words and texts without their quotes
  double number = 0.0;
  bool is_quoted = false;  ///< a column in backquotes
  std::size_t place = 0;
};

/// What a part of a condition gives.
enum class Gives { number, truth, text };
struct Value {
  Gives gives = Gives::number;
  std::size_t column = 0;           ///< of a text column, which is not on a stack
  std::size_t place = 0;
};

class Compiler {
 public:
  Compiler(const std::string& text, const Schema& schema, const std::string& what, std::vector<std::string>& columns)
      : text_(text), schema_(schema), what_(what), columns_(columns) {}

  Condition::Program compile() {
    next();
    need_truth(parse_or());
    if (token_.kind != Kind::end) fail(fmt::format("'{}' was not expected", token_.text));
    return std::move(program_);
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const { fail_at(token_.place, problem); }
  [[noreturn]] void fail_at(std::size_t place, const std::string& problem) const {
    throw UsageError(fmt::format("{}: '{}', character {}: {}", what_, text_, place + 1, problem));
  }

  // Words and signs.

  void next() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    token_ = {};
    token_.place = at_;
    if (at_ == text_.size()) {
      token_.text = "the end";
      return;
    }
    const auto c = static_cast<unsigned char>(text_[at_]);
    if (c == '\'' || c == '"' || c == '`') quoted(static_cast<char>(c));
    else if (std::isdigit(c) || (c == '.' && at_ + 1 < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_ + 1])))) number();
    else if (std::isalpha(c) || c == '_' || c >= 0x80) word();
    else sign();
  }

  void quoted(char quote) {
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string::npos) fail(fmt::format("no closing {}", quote));
    token_.kind = quote == '`' ? Kind::word : Kind::text;
    token_.is_quoted = true;
    token_.text = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
  }

  void number() {
    std::size_t end = at_;
    const auto is_part = [&](std::size_t i) {
      const auto c = static_cast<unsigned char>(text_[i]);
      if ((c == '+' || c == '-') && (text_[i - 1] == 'e' || text_[i - 1] == 'E')) return true;
      return std::isalnum(c) || c == '.';
    };
    while (end < text_.size() && is_part(end)) ++end;
    token_.kind = Kind::number;
    token_.text = text_.substr(at_, end - at_);
    const auto value = parse_double(token_.text);
    if (!value) fail(fmt::format("'{}' is not a number", token_.text));
    token_.number = *value;
    at_ = end;
  }

  void word() {
    std::size_t end = at_;
    const auto is_part = [&](unsigned char c) { return std::isalnum(c) || c == '_' || c == '.' || c >= 0x80; };
    while (end < text_.size() && is_part(static_cast<unsigned char>(text_[end]))) ++end;
    token_.kind = Kind::word;
    token_.text = text_.substr(at_, end - at_);
    at_ = end;
  }

  void sign() {
    token_.kind = Kind::sign;
    for (const char* two : {"<=", ">=", "==", "!=", "&&", "||"})
      if (text_.compare(at_, 2, two) == 0) token_.text = two;
    if (token_.text.empty()) token_.text = text_.substr(at_, 1);
    if (token_.text.size() == 1 && std::string("<>=!&+-*/(),[]").find(token_.text) == std::string::npos)
      fail(fmt::format("'{}' has no meaning here", token_.text));
    at_ += token_.text.size();
  }

  bool is_sign(const char* sign) const { return token_.kind == Kind::sign && token_.text == sign; }
  bool is_word(const char* word) const { return token_.kind == Kind::word && !token_.is_quoted && lower(token_.text) == word; }
  void expect(const char* sign) {
    if (!is_sign(sign)) fail(fmt::format("'{}' is missing before '{}'", sign, token_.text));
    next();
  }

  // The program.

  void emit(Instruction instruction, int numbers, int truths) {
    program_.instructions.push_back(instruction);
    numbers_ += numbers;
    truths_ += truths;
    program_.number_depth = std::max(program_.number_depth, static_cast<std::size_t>(numbers_));
    program_.truth_depth = std::max(program_.truth_depth, static_cast<std::size_t>(truths_));
  }

  void need_truth(const Value& value) const {
    if (value.gives != Gives::truth) fail_at(value.place, "a condition is needed, such as x > 1");
  }
  void need_number(const Value& value) const {
    if (value.gives == Gives::text) fail_at(value.place, "a text is no number (compare it with 'text' by == or !=)");
    if (value.gives == Gives::truth) fail_at(value.place, "a number is needed");
  }

  // The grammar, weakest binding first.

  Value parse_or() {
    if (++depth_ > depth_limit) fail("too many parentheses");
    Value left = parse_and();
    while (is_sign("||") || is_word("or")) {
      next();
      const Value right = parse_and();
      need_truth(left);
      need_truth(right);
      emit({.step = Step::either}, 0, -1);
    }
    --depth_;
    return left;
  }

  Value parse_and() {
    Value left = parse_not();
    while (is_sign("&&") || is_word("and")) {
      next();
      const Value right = parse_not();
      need_truth(left);
      need_truth(right);
      emit({.step = Step::both}, 0, -1);
    }
    return left;
  }

  Value parse_not() {
    bool is_turned = false;
    const std::size_t place = token_.place;
    bool has_not = false;
    for (; is_sign("!") || is_word("not"); next()) {
      is_turned = !is_turned;
      has_not = true;
    }
    const Value value = parse_comparison();
    if (has_not && value.gives != Gives::truth) fail_at(place, "'not' needs a condition behind it");
    if (is_turned) emit({.step = Step::opposite}, 0, 0);
    return value;
  }

  Value parse_comparison() {
    const Value left = parse_sum();
    if (is_word("in")) return parse_list(left);
    Step step;
    if (!relation(step)) return left;
    next();
    if (left.gives == Gives::text || token_.kind == Kind::text) return compare_text(left, step);
    const Value right = parse_sum();
    need_number(left);
    need_number(right);
    emit({.step = step}, -2, 1);
    return no_chain({Gives::truth, 0, left.place});
  }

  Value no_chain(const Value& value) const {
    Step ignored;
    if (relation(ignored)) fail("comparisons cannot be chained (write a < b and b < c)");
    return value;
  }

  bool relation(Step& step) const {
    static constexpr std::pair<const char*, Step> relations[] = {
        {"<", Step::less}, {"<=", Step::less_equal}, {">", Step::greater}, {">=", Step::greater_equal},
        {"==", Step::equal}, {"=", Step::equal}, {"!=", Step::not_equal}};
    for (const auto& [sign, meaning] : relations)
      if (is_sign(sign)) {
        step = meaning;
        return true;
      }
    return false;
  }

  Value compare_text(const Value& left, Step step) {
    if (left.gives != Gives::text) fail_at(left.place, "only a column of text is compared with a text");
    if (token_.kind != Kind::text) fail(fmt::format("a text in quotes is needed, not '{}'", token_.text));
    if (step != Step::equal && step != Step::not_equal) fail_at(left.place, "texts are compared by == and != only");
    program_.texts.push_back({token_.text});
    next();
    emit({.step = step == Step::equal ? Step::text_is_in : Step::text_is_not_in, .column = left.column,
          .list = program_.texts.size() - 1}, 0, 1);
    return no_chain({Gives::truth, 0, left.place});
  }

  Value parse_list(const Value& left) {
    next();
    expect("(");
    std::vector<double> numbers;
    std::vector<std::string> texts;
    for (bool more = true; more;) {
      const bool is_negative = is_sign("-");
      if (is_negative) next();
      if (token_.kind == Kind::number) numbers.push_back(is_negative ? -token_.number : token_.number);
      else if (token_.kind == Kind::text && !is_negative) texts.push_back(token_.text);
      else fail(fmt::format("a number or a text in quotes is needed, not '{}'", token_.text));
      next();
      more = is_sign(",");
      if (more) next();
    }
    expect(")");
    if (left.gives == Gives::truth || !(left.gives == Gives::text ? numbers : std::vector<double>(texts.size())).empty())
      fail_at(left.place, "the list has values of another kind than what stands before 'in'");
    if (left.gives == Gives::text) {
      program_.texts.push_back(texts);
      emit({.step = Step::text_is_in, .column = left.column, .list = program_.texts.size() - 1}, 0, 1);
    } else {
      program_.numbers.push_back(numbers);
      emit({.step = Step::is_in, .list = program_.numbers.size() - 1}, -1, 1);
    }
    return {Gives::truth, 0, left.place};
  }

  Value parse_sum() {
    const Value left = parse_product();
    while (is_sign("+") || is_sign("-")) {
      const Step step = is_sign("+") ? Step::add : Step::subtract;
      next();
      const Value right = parse_product();
      need_number(left);
      need_number(right);
      emit({.step = step}, -1, 0);
    }
    return left;
  }

  Value parse_product() {
    const Value left = parse_unary();
    while (is_sign("*") || is_sign("/")) {
      const Step step = is_sign("*") ? Step::multiply : Step::divide;
      next();
      const Value right = parse_unary();
      need_number(left);
      need_number(right);
      emit({.step = step}, -1, 0);
    }
    return left;
  }

  Value parse_unary() {
    bool is_negative = false, has_sign = false;
    for (; is_sign("-") || is_sign("+"); next()) {
      is_negative ^= is_sign("-");
      has_sign = true;
    }
    const Value value = parse_primary();
    if (has_sign) need_number(value);
    if (is_negative) emit({.step = Step::negate}, 0, 0);
    return value;
  }

  Value parse_primary() {
    const std::size_t place = token_.place;
    if (token_.kind == Kind::number) {
      emit({.step = Step::constant, .number = token_.number}, 1, 0);
      next();
      return {Gives::number, 0, place};
    }
    if (is_sign("(")) {
      next();
      Value value = parse_or();
      expect(")");
      return value;
    }
    if (token_.kind == Kind::text) fail("a text stands on the right of == or != only");
    if (token_.kind != Kind::word) fail(fmt::format("a column or number is needed, not '{}'", token_.text));
    if (is_word("and") || is_word("or") || is_word("in")) fail(fmt::format("a column or number is needed, not '{}'", token_.text));
    const Token name = token_;
    next();
    if (is_sign("(") && !name.is_quoted) return parse_function(name);
    return parse_column(name);
  }

  Value parse_function(const Token& name) {
    const std::string function = lower(name.text);
    if (function != "abs" && function != "missing") fail_at(name.place, fmt::format("no function '{}' (there are abs and missing)", name.text));
    next();
    const Value value = parse_or();
    expect(")");
    if (function == "missing" && value.gives == Gives::text) {
      program_.texts.push_back({""});
      emit({.step = Step::text_is_in, .column = value.column, .list = program_.texts.size() - 1}, 0, 1);
      return {Gives::truth, 0, name.place};
    }
    need_number(value);
    if (function == "abs") emit({.step = Step::absolute}, 0, 0);
    else emit({.step = Step::is_missing}, -1, 1);
    return {function == "abs" ? Gives::number : Gives::truth, 0, name.place};
  }

  Value parse_column(const Token& name) {
    const auto index = find_column(schema_, name.text);
    if (!index) {
      std::vector<std::string> names;
      for (const ColumnInfo& column : schema_) names.push_back(column.name);
      const std::string nearest = nearest_name(name.text, names);
      fail_at(name.place, fmt::format("no column '{}'{}", name.text, nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest)));
    }
    const ColumnInfo& info = schema_[*index];
    const std::size_t column = number_of(info.name);
    if (info.type == Type::text) return {Gives::text, column, name.place};
    const std::size_t element = parse_element(info, name);
    if (is_sign("&")) return parse_bits(info, column, element, name);
    emit({.step = Step::column, .column = column, .element = element}, 1, 0);
    return {Gives::number, 0, name.place};
  }

  std::size_t number_of(const std::string& column) {
    const auto found = std::find(columns_.begin(), columns_.end(), column);
    if (found != columns_.end()) return static_cast<std::size_t>(found - columns_.begin());
    columns_.push_back(column);
    return columns_.size() - 1;
  }

  std::size_t parse_element(const ColumnInfo& info, const Token& name) {
    if (!is_sign("[")) {
      if (info.width != 1) fail_at(name.place, fmt::format("{} has {} elements (write {}[0] for the first)", info.name, info.width, info.name));
      return 0;
    }
    next();
    const auto element = token_.kind == Kind::number ? parse_integer(token_.text) : std::nullopt;
    if (!element || *element >= static_cast<long long>(info.width))
      fail(fmt::format("{} has elements 0 to {}, not '{}'", info.name, info.width - 1, token_.text));
    next();
    expect("]");
    return static_cast<std::size_t>(*element);
  }

  Value parse_bits(const ColumnInfo& info, std::size_t column, std::size_t element, const Token& name) {
    next();
    const auto mask = token_.kind == Kind::number ? parse_integer(token_.text) : std::nullopt;
    if (!mask) fail(fmt::format("a whole number is needed behind &, not '{}'", token_.text));
    if (info.type == Type::f4 || info.type == Type::f8) fail_at(name.place, fmt::format("{} is no column of whole numbers, which have bits", info.name));
    next();
    emit({.step = Step::bits, .column = column, .element = element, .mask = *mask}, 1, 0);
    return {Gives::number, 0, name.place};
  }

  const std::string& text_;
  const Schema& schema_;
  const std::string& what_;
  std::vector<std::string>& columns_;
  Condition::Program program_;
  Token token_;
  std::size_t at_ = 0;
  int depth_ = 0, numbers_ = 0, truths_ = 0;
};

}  // namespace

Condition::Program compile_condition(const std::string& text, const Schema& schema, const std::string& what,
                                     std::vector<std::string>& columns) {
  if (trim(text).empty()) throw UsageError(what + ": an empty condition");
  return Compiler(text, schema, what, columns).compile();
}

}  // namespace skyfold
