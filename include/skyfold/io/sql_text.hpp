#pragma once

#include <string>
#include <string_view>

namespace skyfold {

/// 'text' as SQL writes it, and "name", whatever is in them.
[[nodiscard]] std::string sql_text(std::string_view text);
[[nodiscard]] std::string sql_name(std::string_view name);

}  // namespace skyfold
