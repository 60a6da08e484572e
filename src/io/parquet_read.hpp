#pragma once

#include <cstdint>
#include <vector>

#include "child_message.hpp"
#include "parquet_types.hpp"
#include "skyfold/io/source.hpp"
#include "source_parquet.hpp"

namespace skyfold {

/// Names a file in a question to DuckDB's child.
void put_file(ChildMessage& question, const ParquetFile& file);
/// To be called before a question of another kind: the rows that a child has open are then no longer there.
void forget_parquet_stream();

/// Bytes of the longest text of each column in rows `first ... first + rows`.
[[nodiscard]] std::vector<std::int64_t> longest_parquet_texts(const ParquetFile& file, const std::vector<std::string>& lengths,
                                                              std::int64_t first, std::int64_t rows);

/// Reads rows `first ... first + rows` of a file into rows `to ...` of `out`, whose columns are laid out like those or wider.
/// @param columns   one for each of out's
/// @param bad_from  number of the file's first row, for `bad`
void read_parquet(const ParquetFile& file, const std::vector<const ParquetColumn*>& columns, std::int64_t first, std::int64_t rows,
                  Table& out, std::size_t to, std::int64_t bad_from, std::vector<BadCell>& bad);

}  // namespace skyfold
