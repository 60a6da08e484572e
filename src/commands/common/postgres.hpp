#pragma once

#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"

namespace skyfold {

/// A table as PostgreSQL gets it.
struct PostgresTable {
  std::string name;
  Schema schema;
  Roles roles;  ///< id: the primary key; ra and dec: the index of Q3C
};

/// CREATE TABLE, with units and descriptions as comments. Arrays have a column for each number (NAME_0), as in CSV.
[[nodiscard]] std::string postgres_table(const PostgresTable& table);
/// The primary key, and the index of positions by Q3C (Koposov & Bartunov 2006), by which the rows are then put in order; for after the
/// load.
[[nodiscard]] std::string postgres_indexes(const PostgresTable& table);
/// COPY of all columns from rows of CSV behind it, which end with postgres_copy_end().
[[nodiscard]] std::string postgres_copy(const PostgresTable& table);
[[nodiscard]] std::string postgres_copy_end();
/// What stands before and behind all of it, for a load that is done as a whole or not at all.
[[nodiscard]] std::string postgres_begin();
[[nodiscard]] std::string postgres_end();

}  // namespace skyfold
