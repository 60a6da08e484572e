// From the text of a condition to its program: a parser by recursive descent, weakest binding first, as in Python.
#include <fmt/core.h>

#include <algorithm>

#include "expression_code.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr int depth_limit = 100;

using Kind = ConditionToken::Kind;
using Value = ConditionValue;
using Gives = ConditionValue::Gives;

/// Trailing blanks are no part of a text, in columns and in conditions.
std::string without_padding(const std::string& text) { return text.substr(0, text.find_last_not_of(' ') + 1); }

class Compiler {
 public:
  Compiler(const std::string& text, const Schema& schema, const std::string& what, const ColumnAliases& aliases,
           std::vector<std::string>& columns)
      : tokens_(text, what), schema_(schema), aliases_(aliases), columns_(columns), code_(tokens_, fmt::format("{}: '{}'", what, text)) {}

  // Code comes out while the text is read: no tree, and a mistake is told with the place where it was met.
  Condition::Program compile() {
    next();
    (void)code_.truth_of(parse_or());
    return finished();
  }
  Condition::Program compile_number() {
    next();
    code_.leave_real(parse_or());
    return finished();
  }

 private:
  Condition::Program finished() {
    // All of the text must be understood: "mag_i < 23 25" is no condition with a remark behind it.
    if (token_.kind != Kind::end) fail(fmt::format("'{}' was not expected", token_.text));
    return code_.finish();
  }
  [[noreturn]] void fail(const std::string& problem) const { tokens_.fail_at(token_.place, problem); }
  [[noreturn]] void fail_at(std::size_t place, const std::string& problem) const { tokens_.fail_at(place, problem); }
  void next() { token_ = tokens_.next(); }
  bool is_sign(const char* sign) const { return token_.is_sign(sign); }
  bool is_word(const char* word) const { return token_.is_word(word); }
  void expect(const char* sign) {
    if (!is_sign(sign)) fail(fmt::format("'{}' is missing before '{}'", sign, token_.text));
    next();
  }

  Value parse_or() {
    // Recursion uses the stack of the process: a text of a million parentheses must not end it.
    if (++depth_ > depth_limit) fail("too many parentheses");
    Value left = parse_and();
    while (is_sign("||") || is_word("or")) {
      // At once, while the left side's code is still the last: the program is postfix.
      left = code_.truth_of(left);
      next();
      (void)code_.truth_of(parse_and());
      left = code_.join(left, Step::either);
    }
    --depth_;
    return left;
  }

  Value parse_and() {
    Value left = parse_not();
    while (is_sign("&&") || is_word("and")) {
      left = code_.truth_of(left);
      next();
      (void)code_.truth_of(parse_not());
      left = code_.join(left, Step::both);
    }
    return left;
  }

  // "not" binds weaker than a comparison, as in Python: not a < b is not (a < b). "!" is the same word, unlike in C.
  Value parse_not() {
    bool is_turned = false;
    const std::size_t place = token_.place;
    bool has_not = false;
    for (; is_sign("!") || is_word("not"); next()) {
      is_turned = !is_turned;
      has_not = true;
    }
    const Value value = parse_comparison();
    if (!has_not) return value;
    if (value.gives != Gives::truth && !value.is_bits) fail_at(place, "'not' needs a condition behind it");
    const Value truth = code_.truth_of(value);
    return is_turned ? code_.opposite(truth) : truth;
  }

  Value parse_comparison() {
    const Value left = parse_bit_or();
    if (is_word("in")) return parse_list(left);
    Step step;
    if (!relation(step)) return left;
    next();
    // A text on either side makes it a comparison of texts, which refuses the other side if it is none.
    if (left.gives == Gives::text || token_.kind == Kind::text) return no_chain(compare_text(left, step));
    return no_chain(code_.compare(left, parse_bit_or(), step));
  }

  Value no_chain(const Value& value) const {
    Step ignored;
    if (relation(ignored)) fail("comparisons cannot be chained (write a < b and b < c)");
    return value;
  }

  bool relation(Step& step) const {
    // "=" is accepted for "==", as in SQL; nothing can be assigned here.
    static constexpr std::pair<const char*, Step> relations[] = {
        {"<", Step::less},   {"<=", Step::less_equal}, {">", Step::greater},   {">=", Step::greater_equal},
        {"==", Step::equal}, {"=", Step::equal},       {"!=", Step::not_equal}};
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
    const std::string text = without_padding(token_.text);
    next();
    return code_.is_text_in(left, {text}, step == Step::equal);
  }

  Value parse_list(const Value& left) {
    next();
    expect("(");
    std::vector<ExactNumber> numbers;
    std::vector<std::string> texts;
    for (bool more = true; more;) {
      // Lists hold values, not sums: the sign is part of the number, so that -9223372036854775808 is exact, too.
      const bool is_negative = is_sign("-");
      if (is_negative) next();
      if (token_.kind == Kind::number)
        numbers.push_back(is_negative ? token_.number.negated() : token_.number);
      else if (token_.kind == Kind::text && !is_negative)
        texts.push_back(without_padding(token_.text));
      else
        fail(fmt::format("a number or a text in quotes is needed, not '{}'", token_.text));
      next();
      more = is_sign(",");
      if (more) next();
    }
    expect(")");
    // A number never equals a text: the list would be a silent "never".
    if (left.gives == Gives::truth || (left.gives == Gives::text ? !numbers.empty() : !texts.empty()))
      fail_at(left.place, "the list has values of another kind than what stands before 'in'");
    return left.gives == Gives::text ? code_.is_text_in(left, std::move(texts), true) : code_.is_in(left, numbers);
  }

  // Signs of bits bind stronger than comparisons, as in Python and unlike in C: flags & 4 == 0 is (flags & 4) == 0.
  Value parse_bit_or() {
    Value left = parse_bit_xor();
    while (is_sign("|")) {
      next();
      left = code_.combine_bits(left, parse_bit_xor(), "|", Step::bit_or, Step::either);
    }
    return left;
  }
  Value parse_bit_xor() {
    Value left = parse_bit_and();
    while (is_sign("^")) {
      next();
      left = code_.combine_bits(left, parse_bit_and(), "^", Step::bit_xor, Step::differ);
    }
    return left;
  }
  Value parse_bit_and() {
    Value left = parse_shift();
    while (is_sign("&")) {
      next();
      left = code_.combine_bits(left, parse_shift(), "&", Step::bit_and, Step::both);
    }
    return left;
  }

  // Between bits and sums, again as in Python.
  Value parse_shift() {
    Value left = parse_sum();
    while (is_sign("<<") || is_sign(">>")) {
      const std::string sign = token_.text;
      next();
      left = code_.shift(left, parse_sum(), sign);
    }
    return left;
  }

  Value parse_sum() {
    Value left = parse_product();
    while (is_sign("+") || is_sign("-")) {
      const Step step = is_sign("+") ? Step::add : Step::subtract;
      next();
      left = code_.calculate(left, parse_product(), step);
    }
    return left;
  }

  Value parse_product() {
    Value left = parse_unary();
    while (is_sign("*") || is_sign("/")) {
      const Step step = is_sign("*") ? Step::multiply : Step::divide;
      next();
      left = code_.calculate(left, parse_unary(), step);
    }
    return left;
  }

  Value parse_unary() {
    if (!is_sign("-") && !is_sign("+") && !is_sign("~")) return parse_primary();
    // The same counter: a million minus signs fill the stack as well as parentheses do.
    if (++depth_ > depth_limit) fail("too many signs");
    const ConditionToken sign = token_;
    next();
    const Value value = parse_unary();
    --depth_;
    if (sign.text == "~") return code_.turn_bits(value);
    return code_.with_sign(value, sign.text == "-", sign.place);
  }

  Value parse_primary() {
    if (token_.kind == Kind::number) {
      const ConditionToken number = token_;
      next();
      return code_.number(number);
    }
    if (is_sign("(")) {
      next();
      const Value value = parse_or();
      expect(")");
      return value;
    }
    if (token_.kind == Kind::text) fail("a text stands on the right of == or != only");
    if (token_.kind != Kind::word) fail(fmt::format("a column or number is needed, not '{}'", token_.text));
    // A column may be called like that: in backquotes.
    if (is_word("and") || is_word("or") || is_word("in")) fail(fmt::format("a column or number is needed, not '{}'", token_.text));
    const ConditionToken name = token_;
    next();
    // A column in backquotes is never a function, even if a parenthesis follows.
    if (is_sign("(") && !name.is_quoted) return parse_function(name);
    return parse_column(name);
  }

  Value parse_function(const ConditionToken& name) {
    const std::string function = lower(name.text);
    if (function != "abs" && function != "missing")
      fail_at(name.place, fmt::format("no function '{}' (there are abs and missing)", name.text));
    next();
    const Value value = parse_or();
    expect(")");
    if (function == "abs") return code_.absolute(value, name.place);
    // Texts have no value that stands for missing: an empty one does.
    return value.gives == Gives::text ? code_.is_text_in(value, {""}, true) : code_.is_missing(value, name.place);
  }

  Value parse_column(const ConditionToken& name) {
    auto index = find_column(schema_, name.text);
    // A column of that very name goes before an alias.
    if (const auto alias = aliases_.find(name.text); !index && alias != aliases_.end()) index = find_column(schema_, alias->second);
    if (!index) fail_at(name.place, fmt::format("no column '{}'{}", name.text, hint_for(name)));
    const ColumnInfo& info = schema_[*index];
    const std::size_t column = number_of(info.name);
    // A text makes no code of its own: it has no place on the stack of numbers, and the comparison reads the column itself.
    if (info.type == Type::text) return code_.text_column(info, column, name.place);
    return code_.column(info, column, parse_element(info, name), name.place);
  }

  /// A name that needs backquotes, or one that is near.
  std::string hint_for(const ConditionToken& name) const {
    std::vector<std::string> names;
    for (const ColumnInfo& column : schema_) names.push_back(column.name);
    for (const std::string& other : names)
      if (!name.is_quoted && other.size() > name.text.size() && tokens_.from(name.place).starts_with(other))
        return fmt::format(" (a name with other characters stands in backquotes: `{}`)", other);
    const std::string nearest = nearest_name(name.text, names);
    return nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest);
  }

  std::size_t number_of(const std::string& column) {
    // Each column is read once, however often the condition names it.
    const auto found = std::find(columns_.begin(), columns_.end(), column);
    if (found != columns_.end()) return static_cast<std::size_t>(found - columns_.begin());
    columns_.push_back(column);
    return columns_.size() - 1;
  }

  std::size_t parse_element(const ColumnInfo& info, const ConditionToken& name) {
    if (!is_sign("[")) {
      if (info.width != 1)
        fail_at(name.place, fmt::format("{} has {} elements (write {}[0] for the first)", info.name, info.width, info.name));
      return 0;
    }
    next();
    // From 0, as in Python; a sign would be another token, so the number is not negative.
    const auto element = token_.kind == Kind::number ? parse_integer(token_.text) : std::nullopt;
    if (!element || *element >= static_cast<long long>(info.width))
      fail(fmt::format("{} has elements 0 to {}, not '{}'", info.name, info.width - 1, token_.text));
    next();
    expect("]");
    return static_cast<std::size_t>(*element);
  }

  ConditionTokens tokens_;
  const Schema& schema_;
  const ColumnAliases& aliases_;
  std::vector<std::string>& columns_;
  ConditionCode code_;
  ConditionToken token_;
  int depth_ = 0;
};

}  // namespace

Condition::Program compile_condition(const std::string& text, const Schema& schema, const std::string& what, const ColumnAliases& aliases,
                                     std::vector<std::string>& columns) {
  if (trim(text).empty()) throw UsageError(what + ": an empty condition");
  return Compiler(text, schema, what, aliases, columns).compile();
}

Condition::Program compile_number(const std::string& text, const Schema& schema, const std::string& what,
                                  std::vector<std::string>& columns) {
  if (trim(text).empty()) throw UsageError(what + ": an empty expression");
  return Compiler(text, schema, what, {}, columns).compile_number();
}

}  // namespace skyfold
