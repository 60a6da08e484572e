#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/io/hdf5.hpp"

/// A columnar HDF5 file made anew with compressed columns, chunk by chunk.
namespace skyfold {

/// A chunk of a column: the unit in which values are compressed.
struct PackedChunk {
  std::string group;
  ColumnInfo column;
  RowRange rows;
};

/// Chunks of the file `path` that are to be compressed, in the order in which they will be stored. Groups below 64 KiB and indexes stay
/// as they are.
[[nodiscard]] std::vector<PackedChunk> chunks_to_pack(const std::string& path);
/// Creates `packed` with all that is in `path` but the values of those chunks. Throws IoError.
void create_packed(const std::string& path, const std::string& packed, Compression compression);
/// The stored form of a chunk; a short one at the end of a column is filled up with zeros.
[[nodiscard]] std::string stored_form(const PackedChunk& chunk, std::int64_t rows, std::span<const std::byte> values,
                                      Compression compression);
/// Adds chunks in their order. Throws IoError.
void write_chunks(const std::string& packed, std::span<const PackedChunk> chunks, std::span<const std::string> stored);
/// Name of what a product was compressed with; that of none for a file that never was.
[[nodiscard]] std::string compression_of_product(const std::string& path);

}  // namespace skyfold
