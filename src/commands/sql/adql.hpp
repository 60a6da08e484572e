#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace skyfold {

/// A word, number, text or sign of SQL, and where it stands.
struct SqlToken {
  enum class Kind { word, number, text, sign } kind = Kind::sign;
  std::string text;  ///< words in quotes without them
  std::size_t begin = 0, end = 0;
  bool is_quoted = false;

  [[nodiscard]] bool is_word(std::string_view lower_case) const;
  [[nodiscard]] bool is_sign(char sign) const { return kind == Kind::sign && text.size() == 1 && text[0] == sign; }
};
/// The tokens of a query, without comments. What is no SQL gives tokens of some kind, too.
[[nodiscard]] std::vector<SqlToken> sql_tokens(const std::string& sql);

/// A query of ADQL (IVOA 2.1) in DuckDB's SQL: CONTAINS(POINT(...), CIRCLE(...)), DISTANCE(POINT, POINT), SELECT TOP n.
/// Throws UsageError for shapes other than circles.
[[nodiscard]] std::string from_adql(const std::string& sql);

/// A cone that every row of an answer lies in, since the query asks for it by q3c_radial_query.
struct QueryCone {
  std::string table;    ///< as the query calls it
  std::string ra, dec;  ///< columns
  double ra0 = 0.0, dec0 = 0.0, radius_deg = 0.0;
};
/// Of a query of one table, without join, subquery and OR, whose WHERE has a q3c_radial_query about a place in numbers as one of
/// its conditions; nothing of any other.
[[nodiscard]] std::optional<QueryCone> cone_of(const std::string& sql);

}  // namespace skyfold
