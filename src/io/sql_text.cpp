// Foreign texts and names within statements of SQL.
#include "skyfold/io/sql_text.hpp"

namespace skyfold {
namespace {

/// A quote within is doubled; backslashes mean nothing in standard SQL.
std::string between(char quote, std::string_view text) {
  std::string quoted(1, quote);
  for (const char c : text) quoted.append(c == quote ? 2 : 1, c);
  return quoted + quote;
}

}  // namespace

std::string sql_text(std::string_view text) { return between('\'', text); }
std::string sql_name(std::string_view name) { return between('"', name); }

}  // namespace skyfold
