#pragma once

#include <memory>
#include <string>

#include "skyfold/registry/sql_connection.hpp"

namespace skyfold {

/// Opens a PostgreSQL database by its URL.
[[nodiscard]] std::unique_ptr<SqlConnection> open_postgres(const std::string& url);

}  // namespace skyfold
