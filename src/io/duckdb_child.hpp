#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "child_message.hpp"

namespace skyfold {

/// Memory that this process and its child with DuckDB share: values of rows go through it.
inline constexpr std::size_t duckdb_window_bytes = std::size_t{32} << 20;

/// Asks DuckDB, which runs in a child process, since damaged files can crash it: the child dies in our place, and the next question has
/// a new one. There is one child for all files. Calls by several threads are answered one after the other.
///
/// @param question  begins with its kind (duckdb_answers.hpp)
/// @param path      of the file that it is about, for messages
/// Throws DataError when the child dies of the file, and whatever the child throws.
[[nodiscard]] ChildMessage ask_duckdb(const ChildMessage& question, const std::string& path);

/// What the last answer left in the window. Only between two questions of a caller who holds `DuckDbTurn`.
[[nodiscard]] std::span<std::byte> duckdb_window();

/// Holds off questions of other threads, while one asks several that belong together.
class DuckDbTurn {
 public:
  DuckDbTurn();
  ~DuckDbTurn();
  DuckDbTurn(const DuckDbTurn&) = delete;
  DuckDbTurn& operator=(const DuckDbTurn&) = delete;
};

}  // namespace skyfold
