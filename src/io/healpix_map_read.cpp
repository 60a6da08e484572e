// Pixel values of a map, decoded from whole rows in blocks. Missing ones are NaN afterwards: UNSEEN, BAD_DATA and NaN alike.
#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "healpix_map_state.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t block_bytes = std::int64_t{1} << 20;  // rows decoded at a time: they stay in the processor's cache
constexpr double lowest_value = -1e29;                       // what is below is UNSEEN, -1.6375e30, whatever its rounding

/// Some pixels of consecutive rows: all of each row but the first and the last.
struct Cells {
  const char* rows = nullptr;  ///< first byte of the first row
  std::size_t row_bytes = 0;
  std::int64_t per_row = 0, skip = 0;  ///< pixels of a row; of the first row before those that are wanted
  std::int64_t count = 0;              ///< pixels wanted
};

/// Calls use(first byte, pixels) for the wanted pixels of each row.
template <class Use>
void for_each_row(const Cells& cells, std::size_t offset, std::size_t size, const Use& use) {
  std::int64_t skip = cells.skip, left = cells.count;
  for (const char* row = cells.rows + offset; left > 0; row += cells.row_bytes) {
    // Only the first row begins in its middle, only the last one ends there.
    const std::int64_t n = std::min(cells.per_row - skip, left);
    use(row + static_cast<std::size_t>(skip) * size, n);
    left -= n;
    skip = 0;
  }
}

template <class Float, class Bits>
Float big_endian(const char* from) {
  Bits bits;
  std::memcpy(&bits, from, sizeof bits);
  if constexpr (std::endian::native == std::endian::little)
    bits = sizeof bits == 4 ? static_cast<Bits>(__builtin_bswap32(static_cast<std::uint32_t>(bits)))
                            : static_cast<Bits>(__builtin_bswap64(bits));
  return std::bit_cast<Float>(bits);
}

/// Numbers as they are stored: the only work is to swap bytes and to find the missing ones.
template <class Float, class Bits>
void decode_floats(const Cells& cells, const FitsColumn& column, std::optional<double> bad_data, std::byte* out) {
  constexpr Float nan = std::numeric_limits<Float>::quiet_NaN(), lowest = static_cast<Float>(lowest_value);
  const Float bad = bad_data ? static_cast<Float>(*bad_data) : nan;  // nothing equals NaN
  for_each_row(cells, column.offset, sizeof(Float), [&](const char* from, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
      const Float stored = big_endian<Float, Bits>(from + static_cast<std::size_t>(i) * sizeof(Float));
      const Float value = stored > lowest && stored != bad ? stored : nan;
      std::memcpy(out + static_cast<std::size_t>(i) * sizeof value, &value, sizeof value);
    }
    out += static_cast<std::size_t>(n) * sizeof(Float);
  });
}

/// Any other column, by way of the decoder for tables: whole rows, then the wanted pixels as doubles.
void decode_others(const Cells& cells, const FitsColumn& column, std::optional<double> bad_data, std::byte* out) {
  const auto rows = static_cast<std::size_t>((cells.skip + cells.count + cells.per_row - 1) / cells.per_row);
  Table table({column.info}, rows);
  std::vector<BadCell> ignored;  // values beyond 64 bits become missing
  decode_fits(column, {cells.rows, rows * cells.row_bytes}, cells.row_bytes, 0, table[0].bytes(), ignored);
  for (std::int64_t i = 0; i < cells.count; ++i) {
    const auto at = static_cast<std::size_t>(cells.skip + i), width = static_cast<std::size_t>(cells.per_row);
    double value = table[0].number(at / width, at % width);
    if (!(value > lowest_value) || (bad_data && value == *bad_data)) value = std::numeric_limits<double>::quiet_NaN();
    std::memcpy(out + static_cast<std::size_t>(i) * sizeof value, &value, sizeof value);
  }
}

/// Truth values as 0 and 1: T and F of a table (anything else is missing), or bits, the lowest of a byte first.
void decode_logicals(const Cells& cells, const FitsColumn& column, std::byte* out) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  for_each_row(cells, column.offset, 1, [&](const char* from, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
      const float value = from[i] == 'T' ? 1.0F : from[i] == 'F' ? 0.0F : nan;
      std::memcpy(out + static_cast<std::size_t>(i) * sizeof value, &value, sizeof value);
    }
    out += static_cast<std::size_t>(n) * sizeof(float);
  });
}

void decode_bits(const Cells& cells, std::optional<double> bad_data, std::byte* out) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const float values[] = {bad_data == 0.0 ? nan : 0.0F, bad_data == 1.0 ? nan : 1.0F};
  for (std::int64_t i = 0; i < cells.count; ++i) {
    // Rows are whole blocks, and blocks whole bytes: bits are counted through.
    const std::int64_t bit = cells.skip + i;
    const float value = values[(cells.rows[bit / 8] >> (bit % 8)) & 1];
    std::memcpy(out + static_cast<std::size_t>(i) * sizeof value, &value, sizeof value);
  }
}

void decode(const Cells& cells, const FitsColumn& column, std::optional<double> bad_data, std::byte* out) {
  if (column.form == FitsForm::logical) return decode_logicals(cells, column, out);
  if (column.form == FitsForm::f4 && !column.scaled) return decode_floats<float, std::uint32_t>(cells, column, bad_data, out);
  if (column.form == FitsForm::f8 && !column.scaled) return decode_floats<double, std::uint64_t>(cells, column, bad_data, out);
  decode_others(cells, column, bad_data, out);
}

/// Reads the rows that hold `slots` in blocks and calls use(cells, first slot) for each.
template <class Use>
void for_each_block(const HealpixMapFile::State& map, RowRange slots, const Use& use) {
  const std::int64_t step = std::max<std::int64_t>(1, block_bytes / map.row_bytes) * map.per_row;
  AlignedVector<char> block;
  for (std::int64_t begin = slots.begin; begin < slots.end;) {
    const std::int64_t first_row = begin / map.per_row, end = std::min(slots.end, first_row * map.per_row + step);
    const std::int64_t rows = (end + map.per_row - 1) / map.per_row - first_row;
    block.resize(static_cast<std::size_t>(rows * map.row_bytes));
    map.file.read_at(map.data_begin + first_row * map.row_bytes, block);
    use(Cells{block.data(), static_cast<std::size_t>(map.row_bytes), map.per_row, begin - first_row * map.per_row, end - begin}, begin);
    begin = end;
  }
}

/// A column of a block. In tables of healsparse one column says which pixels have values, for all of them.
void decode_column(const HealpixMapFile::State& map, const Cells& cells, std::size_t column, std::byte* out) {
  if (map.sparse && map.sparse->is_bit_packed) return decode_bits(cells, map.bad_data, out);
  const std::optional<std::size_t> primary = map.sparse ? map.sparse->primary : std::nullopt;
  if (!primary || column == *primary) return decode(cells, map.stored[column], map.bad_data, out);
  decode(cells, map.stored[column], std::nullopt, out);
  const bool is_f4 = map.columns[*primary].type == Type::f4;
  const auto n = static_cast<std::size_t>(cells.count), size = size_of(map.columns[column].type);
  std::vector<double> tells(n);  // large enough for floats, too
  const auto bytes = std::as_writable_bytes(std::span(tells));
  decode(cells, map.stored[*primary], map.bad_data, bytes.data());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const float nan_f4 = std::numeric_limits<float>::quiet_NaN();
  for (std::size_t i = 0; i < n; ++i) {
    float single;
    std::memcpy(&single, bytes.data() + i * sizeof single, sizeof single);
    if (std::isnan(is_f4 ? static_cast<double>(single) : tells[i]))
      std::memcpy(out + i * size, size == sizeof nan ? static_cast<const void*>(&nan) : &nan_f4, size);
  }
}

}  // namespace

void HealpixMapFile::read(RowRange slots, std::span<const std::size_t> columns, std::span<std::byte* const> out) const {
  for_each_block(*state_, slots, [&](const Cells& cells, std::int64_t first) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::size_t size = size_of(state_->columns[columns[i]].type);
      decode_column(*state_, cells, columns[i], out[i] + static_cast<std::size_t>(first - slots.begin) * size);
    }
  });
}

void HealpixMapFile::read_pixels(RowRange slots, std::span<std::int64_t> pixels) const {
  if (state_->sparse) {
    const std::int64_t fine = state_->sparse->fine;
    for (std::int64_t slot = slots.begin; slot < slots.end; ++slot) {
      const std::int64_t coarse = state_->sparse->coarse_of[static_cast<std::size_t>(slot / fine)];
      pixels[static_cast<std::size_t>(slot - slots.begin)] = coarse < 0 ? -1 : coarse * fine + slot % fine;
    }
    return;
  }
  // As doubles: pixel numbers of the largest maps are far below 2^53.
  const double all = 12.0 * static_cast<double>(nside()) * static_cast<double>(nside());
  std::vector<double> numbers;
  for_each_block(*state_, slots, [&](const Cells& cells, std::int64_t first) {
    numbers.resize(static_cast<std::size_t>(cells.count));
    decode_others(cells, state_->pixel_column, std::nullopt, std::as_writable_bytes(std::span(numbers)).data());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const std::int64_t slot = first + static_cast<std::int64_t>(i);
      if (!(numbers[i] >= 0.0 && numbers[i] < all))
        throw DataError(fmt::format("{}, row {}: pixel number {} (must be in 0 to {} for NSIDE {})", path(),
                                    grouped(slot / state_->per_row + 1), shortest(numbers[i]), shortest(all - 1.0), nside()));
      pixels[static_cast<std::size_t>(slot - slots.begin)] = static_cast<std::int64_t>(numbers[i]);
    }
  });
}

}  // namespace skyfold
