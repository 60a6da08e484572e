// Cells of FITS tables as native values: big-endian numbers, scaled and unsigned ones, logicals, bits, texts and ASCII numbers.
#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "fits_text.hpp"
#include "skyfold/core/text.hpp"
#include "source_convert.hpp"
#include "source_fits_columns.hpp"

namespace skyfold {
namespace {

std::uint8_t swapped(std::uint8_t v) { return v; }
std::uint16_t swapped(std::uint16_t v) { return __builtin_bswap16(v); }
std::uint32_t swapped(std::uint32_t v) { return __builtin_bswap32(v); }
std::uint64_t swapped(std::uint64_t v) { return __builtin_bswap64(v); }

template <std::size_t size>
using Unsigned =
    std::conditional_t<size == 1, std::uint8_t,
                       std::conditional_t<size == 2, std::uint16_t, std::conditional_t<size == 4, std::uint32_t, std::uint64_t>>>;

/// A number stored most significant byte first, whatever this machine's order.
template <class T>
T load_big_endian(const char* p) {
  Unsigned<sizeof(T)> bits;
  std::memcpy(&bits, p, sizeof bits);
  if constexpr (std::endian::native == std::endian::little) bits = swapped(bits);
  return std::bit_cast<T>(bits);
}

/// The rows of a block, and one column's place in them.
struct Cells {
  const char* begin = nullptr;
  std::size_t row_bytes = 0, rows = 0, width = 1;
};

/// out[i] = convert(stored[i]) for all elements of a column.
template <class Stored, class Out, class Convert>
void decode_each(const Cells& cells, std::byte* out, Convert convert) {
  // Cells of a column lie a row apart: columns are decoded one by one from a block of rows that stays in the cache.
  const char* row = cells.begin;
  for (std::size_t i = 0; i < cells.rows; ++i, row += cells.row_bytes)
    for (std::size_t k = 0; k < cells.width; ++k, out += sizeof(Out)) {
      const Out value = convert(load_big_endian<Stored>(row + k * sizeof(Stored)));
      std::memcpy(out, &value, sizeof value);
    }
}

template <class Stored, class Out>
void decode_as(const FitsColumn& column, const Cells& cells, std::byte* out) {
  if (column.bias == 0) return decode_each<Stored, Out>(cells, out, [](Stored v) { return static_cast<Out>(v); });
  decode_each<Stored, Out>(cells, out, [bias = column.bias](Stored v) {
    // Modulo 2^64, where adding a bias is always defined and gives the right low bits.
    return static_cast<Out>(static_cast<std::uint64_t>(static_cast<std::int64_t>(v)) + bias);
  });
}

template <class Stored>
void decode_scaled(const FitsColumn& column, const Cells& cells, std::byte* out) {
  constexpr double missing = std::numeric_limits<double>::quiet_NaN();
  decode_each<Stored, double>(cells, out, [&](Stored v) {
    if constexpr (std::is_integral_v<Stored>)
      if (column.null && *column.null == static_cast<std::int64_t>(v)) return missing;
    // Two roundings, never one: a fused product and sum would give other last bits on other machines (-ffp-contract=off).
    return column.zero + column.scale * static_cast<double>(v);
  });
}

template <class Stored, class Out>
void decode_number(const FitsColumn& column, const Cells& cells, std::byte* out) {
  column.scaled ? decode_scaled<Stored>(column, cells, out) : decode_as<Stored, Out>(column, cells, out);
}

/// Unsigned 64-bit integers: those beyond the signed range cannot be held.
void decode_unsigned_64(const FitsColumn& column, const Cells& cells, std::int64_t first, std::byte* out, std::vector<BadCell>& bad) {
  for (std::size_t i = 0; i < cells.rows; ++i)
    for (std::size_t k = 0; k < cells.width; ++k, out += sizeof(std::int64_t)) {
      const auto stored = load_big_endian<std::int64_t>(cells.begin + i * cells.row_bytes + k * sizeof(std::int64_t));
      const std::uint64_t value = static_cast<std::uint64_t>(stored) + column.bias;
      const bool missing = column.null == stored, large = value > static_cast<std::uint64_t>(INT64_MAX);
      const std::int64_t held = missing || large ? missing_i8 : static_cast<std::int64_t>(value);
      std::memcpy(out, &held, sizeof held);
      if (large && !missing)
        bad.push_back(
            {first + static_cast<std::int64_t>(i), column.info.name, fmt::format("{} is beyond the range of 64-bit integers", value)});
    }
}

void decode_bits(const Cells& cells, std::byte* out) {
  for (std::size_t i = 0; i < cells.rows; ++i)
    for (std::size_t k = 0; k < cells.width; ++k) {
      const auto byte = static_cast<unsigned char>(cells.begin[i * cells.row_bytes + k / 8]);
      *out++ = std::byte((byte >> (7 - k % 8)) & 1);  // most significant bit first
    }
}

void decode_text(const FitsColumn& column, const Cells& cells, std::byte* out) {
  for (std::size_t i = 0; i < cells.rows; ++i) std::memcpy(out + i * cells.width, cells.begin + i * cells.row_bytes, cells.width);
  strip_padding({out, cells.rows * cells.width}, cells.width);
  for (std::size_t i = 0; column.is_encoded && i < cells.rows; ++i) {
    char* cell = reinterpret_cast<char*>(out) + i * cells.width;
    const std::string text = percent_decoded({cell, strnlen(cell, cells.width)});
    // What was encoded is longer than what it says, so the rest of the cell is cleared.
    std::memset(cell, 0, cells.width);
    std::memcpy(cell, text.data(), text.size());
  }
}

/// A number of an ASCII table; nothing when it is not one. Without a decimal point, the format places it.
std::optional<double> ascii_number(std::string_view text, int decimals) {
  std::string digits(text);
  std::replace(digits.begin(), digits.end(), 'D', 'E');
  std::optional<double> value = parse_double(digits);
  // FITS Standard 4.0, section 7.2.5: an implicit decimal point.
  if (value && decimals > 0 && digits.find('.') == std::string::npos) *value /= std::pow(10.0, decimals);
  return value;
}

template <class Out, class Parse>
void decode_ascii(const FitsColumn& column, const Cells& cells, std::int64_t first, std::byte* out, Out missing, std::vector<BadCell>& bad,
                  Parse parse) {
  for (std::size_t i = 0; i < cells.rows; ++i, out += sizeof(Out)) {
    const std::string_view text = trim({cells.begin + i * cells.row_bytes, column.bytes});
    Out value = missing;
    if (!text.empty() && (column.null_text.empty() || text != column.null_text)) {
      if (const auto parsed = parse(text))
        value = static_cast<Out>(*parsed);
      else
        bad.push_back({first + static_cast<std::int64_t>(i), column.info.name, fmt::format("'{}' is not a number", text)});
    }
    std::memcpy(out, &value, sizeof value);
  }
}

void decode_ascii_number(const FitsColumn& column, const Cells& cells, std::int64_t first, std::byte* out, std::vector<BadCell>& bad) {
  if (column.info.type == Type::i8)
    return decode_ascii(column, cells, first, out, missing_i8, bad, [](std::string_view text) { return parse_integer(text); });
  decode_ascii(column, cells, first, out, std::numeric_limits<double>::quiet_NaN(), bad, [&](std::string_view text) {
    std::optional<double> value = ascii_number(text, column.decimals);
    if (value && column.scaled) *value = column.zero + column.scale * *value;
    return value;
  });
}

}  // namespace

void decode_fits(const FitsColumn& column, std::span<const char> rows, std::size_t row_bytes, std::int64_t first, std::span<std::byte> out,
                 std::vector<BadCell>& bad) {
  const Cells cells{rows.data() + column.offset, row_bytes, rows.size() / row_bytes, column.info.width};
  std::byte* to = out.data();
  switch (column.form) {
    case FitsForm::logical:
      return decode_each<std::uint8_t, std::uint8_t>(cells, to, [](std::uint8_t v) -> std::uint8_t {
        // FITS 4.0, section 7.3.3: T, F, or 0 for missing.
        return v == 'T' ? 1 : v == 'F' ? 0 : static_cast<std::uint8_t>(missing_u1);
      });
    case FitsForm::bit:
      return decode_bits(cells, to);
    case FitsForm::u1:
      // With TZERO -128 or a scale the values leave the range of the stored type.
      if (column.info.type == Type::i4) return decode_number<std::uint8_t, std::int32_t>(column, cells, to);
      return decode_number<std::uint8_t, std::uint8_t>(column, cells, to);
    case FitsForm::i2:
      return decode_number<std::int16_t, std::int32_t>(column, cells, to);
    case FitsForm::i4:
      if (column.info.type == Type::i8) return decode_number<std::int32_t, std::int64_t>(column, cells, to);
      return decode_number<std::int32_t, std::int32_t>(column, cells, to);
    case FitsForm::i8:
      if (column.is_unsigned_64) return decode_unsigned_64(column, cells, first, to, bad);
      return decode_number<std::int64_t, std::int64_t>(column, cells, to);
    case FitsForm::f4:
      return decode_number<float, float>(column, cells, to);
    case FitsForm::f8:
      return decode_number<double, double>(column, cells, to);
    case FitsForm::text:
      return decode_text(column, cells, to);
    case FitsForm::ascii_integer:
    case FitsForm::ascii_real:
      return decode_ascii_number(column, cells, first, to, bad);
  }
}

}  // namespace skyfold
