// What of a query is looked at before DuckDB sees it: forms of ADQL, and a cone by which rows need not be read. Only what is certain is
// used.
#include "adql.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

using Kind = SqlToken::Kind;
using Tokens = std::vector<SqlToken>;

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

/// The place behind a number or a word that begins at `at`.
std::size_t end_of_number(const std::string& sql, std::size_t at) {
  while (at < sql.size()) {
    const bool is_exponent_sign = (sql[at] == '+' || sql[at] == '-') && (sql[at - 1] == 'e' || sql[at - 1] == 'E');
    if (!is_digit(sql[at]) && sql[at] != '.' && !is_letter(sql[at]) && !is_exponent_sign) break;
    ++at;
  }
  return at;
}

/// The place behind the closing parenthesis of tokens[open]; the number of tokens where there is none.
std::size_t behind_parenthesis(const Tokens& tokens, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < tokens.size(); ++i) {
    if (tokens[i].is_sign('(')) ++depth;
    if (tokens[i].is_sign(')') && --depth == 0) return i + 1;
  }
  return tokens.size();
}

/// The arguments of a call whose '(' is tokens[open], as ranges of tokens.
std::vector<std::pair<std::size_t, std::size_t>> arguments(const Tokens& tokens, std::size_t open) {
  std::vector<std::pair<std::size_t, std::size_t>> list;
  const std::size_t end = behind_parenthesis(tokens, open);
  if (end == tokens.size() && !tokens[end - 1].is_sign(')')) return list;
  int depth = 0;
  std::size_t begin = open + 1;
  for (std::size_t i = open + 1; i < end; ++i) {
    const bool is_last = i + 1 == end;
    if (tokens[i].is_sign('(')) ++depth;
    if (depth == 0 && (is_last || tokens[i].is_sign(','))) {
      list.emplace_back(begin, i);
      begin = i + 1;
    }
    if (tokens[i].is_sign(')')) --depth;
  }
  return list;
}

std::string text_of(const std::string& sql, const Tokens& tokens, std::pair<std::size_t, std::size_t> range) {
  if (range.first >= range.second) return "";
  return sql.substr(tokens[range.first].begin, tokens[range.second - 1].end - tokens[range.first].begin);
}

/// The numbers of POINT or CIRCLE, tokens `range`, without the frame that ADQL 2.0 has first.
std::vector<std::string> shape(const std::string& sql, const Tokens& tokens, std::pair<std::size_t, std::size_t> range, const char* name,
                               std::size_t count) {
  if (range.second - range.first < 3 || !tokens[range.first].is_word(name) || !tokens[range.first + 1].is_sign('('))
    throw UsageError(fmt::format("the query: '{}': {} is expected here (of the shapes of ADQL POINT and CIRCLE are known)",
                                 text_of(sql, tokens, range), upper(name)));
  std::vector<std::string> values;
  for (const auto& argument : arguments(tokens, range.first + 1)) {
    const bool is_frame = values.empty() && argument.second == argument.first + 1 && tokens[argument.first].kind == Kind::text;
    if (!is_frame) values.push_back(from_adql(text_of(sql, tokens, argument)));
  }
  if (values.size() != count)
    throw UsageError(fmt::format("the query: '{}': {} has {} numbers (RA, Dec{}, degrees)", text_of(sql, tokens, range), upper(name), count,
                                 count == 3 ? ", radius" : ""));
  return values;
}

/// A call of ADQL that begins at tokens[i], in SQL; "" for any other.
/// @param next  set to the token behind it
std::string rewritten(const std::string& sql, const Tokens& tokens, std::size_t i, std::size_t& next) {
  const bool is_contains = tokens[i].is_word("contains"), is_distance = tokens[i].is_word("distance");
  if ((!is_contains && !is_distance) || i + 2 >= tokens.size() || !tokens[i + 1].is_sign('(') || !tokens[i + 2].is_word("point")) return "";
  const auto two = arguments(tokens, i + 1);
  if (two.size() != 2) return "";
  next = behind_parenthesis(tokens, i + 1);
  const auto point = shape(sql, tokens, two[0], "point", 2);
  if (is_distance) {
    const auto other = shape(sql, tokens, two[1], "point", 2);
    return fmt::format("angsep({}, {}, {}, {})", point[0], point[1], other[0], other[1]);
  }
  const auto circle = shape(sql, tokens, two[1], "circle", 3);
  const std::string search = fmt::format("q3c_radial_query({}, {}, {}, {}, {})", point[0], point[1], circle[0], circle[1], circle[2]);
  // CONTAINS is 1 or 0; asked for as 1 it is the condition, of which a cone is known.
  if (next + 1 >= tokens.size() || !tokens[next].is_sign('=') || tokens[next + 1].text != "1") return "CAST(" + search + " AS INTEGER)";
  next += 2;
  return search;
}

std::optional<double> number_of(const std::string& sql, const Tokens& tokens, std::pair<std::size_t, std::size_t> range) {
  std::string text = text_of(sql, tokens, range);
  if (const std::size_t slash = text.find('/'); slash != std::string::npos) {
    // 0.2/3600 is how arcseconds are usually written.
    const auto above = parse_double(trim(text.substr(0, slash))), below = parse_double(trim(text.substr(slash + 1)));
    if (above && below && *below != 0.0) return *above / *below;
    return std::nullopt;
  }
  return parse_double(text);
}

/// A column that may stand behind the name of its table.
std::string column_at(const Tokens& tokens, std::pair<std::size_t, std::size_t> range) {
  const std::size_t count = range.second - range.first;
  if (count == 1 && tokens[range.first].kind == Kind::word) return tokens[range.first].text;
  if (count == 3 && tokens[range.first + 1].is_sign('.') && tokens[range.first + 2].kind == Kind::word) return tokens[range.first + 2].text;
  return "";
}

}  // namespace

bool SqlToken::is_word(std::string_view lower_case) const { return kind == Kind::word && !is_quoted && lower(text) == lower_case; }

std::vector<SqlToken> sql_tokens(const std::string& sql) {
  Tokens tokens;
  for (std::size_t at = 0; at < sql.size();) {
    const char c = sql[at];
    SqlToken token;
    token.begin = at;
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      ++at;
      continue;
    }
    if (sql.compare(at, 2, "--") == 0) {
      at = std::min(sql.find('\n', at), sql.size());
      continue;
    }
    if (sql.compare(at, 2, "/*") == 0) {
      const std::size_t end = sql.find("*/", at + 2);
      at = end == std::string::npos ? sql.size() : end + 2;
      continue;
    }
    if (c == '\'' || c == '"') {
      token.kind = c == '"' ? Kind::word : Kind::text;
      token.is_quoted = true;
      // A doubled quote is one.
      for (++at; at < sql.size(); ++at) {
        if (sql[at] == c && (at + 1 >= sql.size() || sql[at + 1] != c)) break;
        if (sql[at] == c) ++at;
        token.text += sql[at];
      }
      at = std::min(at + 1, sql.size());
    } else if (is_letter(c)) {
      token.kind = Kind::word;
      while (at < sql.size() && (is_letter(sql[at]) || is_digit(sql[at]))) ++at;
      token.text = sql.substr(token.begin, at - token.begin);
    } else if (is_digit(c) || (c == '.' && at + 1 < sql.size() && is_digit(sql[at + 1]))) {
      token.kind = Kind::number;
      at = end_of_number(sql, at + 1);
      token.text = sql.substr(token.begin, at - token.begin);
    } else {
      token.text = sql.substr(at++, 1);
    }
    token.end = at;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::string from_adql(const std::string& sql) {
  const Tokens tokens = sql_tokens(sql);
  std::string text, limit;
  std::size_t copied = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::string with;
    std::size_t next = i + 1;
    if (i == 1 && tokens[0].is_word("select") && tokens[1].is_word("top") && tokens.size() > 2 && tokens[2].kind == Kind::number) {
      limit = " LIMIT " + tokens[2].text;
      next = 3;
    } else {
      with = rewritten(sql, tokens, i, next);
      if (with.empty()) continue;
    }
    text += sql.substr(copied, tokens[i].begin - copied) + with;
    copied = tokens[next - 1].end;
    i = next - 1;
  }
  text += sql.substr(copied);
  if (limit.empty()) return text;
  text = trim(text);
  while (text.ends_with(';')) text = trim(text.substr(0, text.size() - 1));
  // On a line of its own: the query may end with a comment.
  return text + "\n" + limit;
}

std::optional<QueryCone> cone_of(const std::string& sql) {
  const Tokens tokens = sql_tokens(sql);
  QueryCone cone;
  std::size_t from = 0, where = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    // Anything by which rows outside could be in the answer.
    for (const char* word : {"or", "not", "case", "join", "union", "except", "intersect", "with", "over", "having", "exists", "in"})
      if (tokens[i].is_word(word)) return std::nullopt;
    if (i > 0 && tokens[i].is_word("select")) return std::nullopt;
    if (tokens[i].is_word("from")) from = from == 0 ? i : tokens.size();
    if (tokens[i].is_word("where")) where = i;
  }
  if (from == 0 || from + 2 > where || where >= tokens.size()) return std::nullopt;
  std::size_t at = from + 1;
  cone.table = tokens[at].text;
  if (at + 2 < where && tokens[at + 1].is_sign('.')) {
    cone.table += "." + tokens[at + 2].text;
    at += 2;
  }
  // A second table, or a function in the place of one.
  for (std::size_t i = at + 1; i < where; ++i)
    if (tokens[i].kind != Kind::word) return std::nullopt;
  int depth = 0;
  for (std::size_t i = where + 1; i < tokens.size(); ++i) {
    if (tokens[i].is_sign('(')) ++depth;
    if (tokens[i].is_sign(')')) --depth;
    if (depth != 0 || !tokens[i].is_word("q3c_radial_query") || i + 1 >= tokens.size() || !tokens[i + 1].is_sign('(')) continue;
    // A condition by itself: between WHERE, AND and the end.
    const std::size_t next = behind_parenthesis(tokens, i + 1);
    const bool is_begun = i == where + 1 || tokens[i - 1].is_word("and");
    bool is_ended = next >= tokens.size();
    for (const char* word : {"and", "group", "order", "limit"}) is_ended = is_ended || (next < tokens.size() && tokens[next].is_word(word));
    is_ended = is_ended || (next < tokens.size() && tokens[next].is_sign(';'));
    const auto of = arguments(tokens, i + 1);
    if (!is_begun || !is_ended || of.size() != 5) continue;
    cone.ra = column_at(tokens, of[0]);
    cone.dec = column_at(tokens, of[1]);
    const auto ra0 = number_of(sql, tokens, of[2]), dec0 = number_of(sql, tokens, of[3]), radius = number_of(sql, tokens, of[4]);
    if (cone.ra.empty() || cone.dec.empty() || !ra0 || !dec0 || !radius) continue;
    cone.ra0 = *ra0;
    cone.dec0 = *dec0;
    cone.radius_deg = *radius;
    return cone;
  }
  return std::nullopt;
}

}  // namespace skyfold
