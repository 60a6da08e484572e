// The chunks of compressed columns, made and read without the HDF5 library, which is not thread-safe; its filters give the same.
#include "skyfold/io/compression.hpp"

#include <zlib.h>
#include <zstd.h>

#include <array>
#include <memory>

#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

constexpr int deflate_level = 4, zstd_level = 3;
constexpr std::array names = {"none", "shuffle-deflate", "zstd"};

/// First bytes of all elements, then the second ones, ...: HDF5's filter `shuffle`.
// Exponents of neighbouring numbers are alike, their last digits are not: apart from each other they compress far better.
void shuffle(std::span<const std::byte> from, std::size_t element_bytes, std::span<std::byte> to) {
  const std::size_t elements = from.size() / element_bytes;
  for (std::size_t b = 0; b < element_bytes; ++b)
    for (std::size_t i = 0; i < elements; ++i) to[b * elements + i] = from[i * element_bytes + b];
}

void unshuffle(std::span<const std::byte> from, std::size_t element_bytes, std::span<std::byte> to) {
  const std::size_t elements = from.size() / element_bytes;
  for (std::size_t b = 0; b < element_bytes; ++b)
    for (std::size_t i = 0; i < elements; ++i) to[i * element_bytes + b] = from[b * elements + i];
}

std::string deflated(std::span<const std::byte> bytes) {
  uLongf size = compressBound(bytes.size());
  std::string packed(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(),
                deflate_level) != Z_OK)
    throw IoError("zlib cannot compress a chunk (out of memory?)");
  packed.resize(size);
  return packed;
}

struct FreeZstd {
  void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
};

/// With the checksum of the content, which zlib's form has of itself.
std::string zstandard(std::span<const std::byte> bytes) {
  const std::unique_ptr<ZSTD_CCtx, FreeZstd> context(ZSTD_createCCtx());
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, zstd_level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string packed(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size = ZSTD_compress2(context.get(), packed.data(), packed.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(size)) throw IoError(std::string("zstd cannot compress a chunk: ") + ZSTD_getErrorName(size));
  packed.resize(size);
  return packed;
}

bool inflated(std::span<const std::byte> stored, std::span<std::byte> values) {
  uLongf size = values.size();
  return uncompress(reinterpret_cast<Bytef*>(values.data()), &size, reinterpret_cast<const Bytef*>(stored.data()), stored.size()) == Z_OK &&
         size == values.size();
}

}  // namespace

std::vector<std::string> compression_names() { return {names.begin(), names.end()}; }

Compression compression_named(std::string_view name) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (name == names[i]) return static_cast<Compression>(i);
  throw UsageError("no compression '" + std::string(name) + "'");
}

const char* name_of(Compression compression) { return names[static_cast<std::size_t>(compression)]; }

std::string packed_chunk(Compression compression, std::span<const std::byte> values, std::size_t element_bytes) {
  std::vector<std::byte> ordered(values.size());
  shuffle(values, element_bytes, ordered);
  return compression == Compression::zstd ? zstandard(ordered) : deflated(ordered);
}

bool unpack_chunk(Compression compression, std::span<const std::byte> stored, std::size_t element_bytes, std::span<std::byte> values) {
  std::vector<std::byte> ordered(values.size());
  // Exactly as many bytes as the chunk has, or it is damaged: neither library may decide how much is written.
  if (compression == Compression::zstd) {
    if (ZSTD_decompress(ordered.data(), ordered.size(), stored.data(), stored.size()) != ordered.size()) return false;
  } else if (!inflated(stored, ordered)) {
    return false;
  }
  unshuffle(ordered, element_bytes, values);
  return true;
}

}  // namespace skyfold
