#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// How the values of a column are stored: as they are, or in chunks that HDF5's filters make smaller without loss.
namespace skyfold {

/// shuffle_deflate: bytes of equal weight together, then zlib; every HDF5 library reads it. zstd: the same with Zstandard (filter
/// 32015 of the HDF Group's list), which readers other than skyfold need a plugin for. Both keep a checksum of each chunk.
enum class Compression { none, shuffle_deflate, zstd };

/// Their names: none, shuffle-deflate, zstd.
[[nodiscard]] std::vector<std::string> compression_names();
[[nodiscard]] Compression compression_named(std::string_view name);
[[nodiscard]] const char* name_of(Compression compression);

/// The stored form of a chunk: the same bytes for the same values, whoever makes it.
/// @param element_bytes  of one number; of the whole text of a row
[[nodiscard]] std::string packed_chunk(Compression compression, std::span<const std::byte> values, std::size_t element_bytes);
/// The values of a stored chunk; false when it is damaged, or is not that of so many bytes.
[[nodiscard]] bool unpack_chunk(Compression compression, std::span<const std::byte> stored, std::size_t element_bytes,
                                std::span<std::byte> values);

}  // namespace skyfold
