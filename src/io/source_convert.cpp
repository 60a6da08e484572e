// From a file's type to a column's: only to types that hold every value, and cell by cell where that depends on the value. Whatever
// would be lost is reported as a bad cell.
#include "source_convert.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/table/column_index.hpp"

namespace skyfold {
namespace {

template <class T>
T load(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
template <class T>
void store(std::byte* p, T value) {
  std::memcpy(p, &value, sizeof value);
}

template <class From, class To>
void widen_numbers(const ColumnInfo& from, const ColumnInfo& to, std::int64_t first_row, std::span<const std::byte> values,
                   std::span<std::byte> out, std::vector<BadCell>& bad) {
  // Cells are loaded and stored by memcpy: those of a row in a file need not be aligned.
  constexpr bool to_float = std::is_floating_point_v<To>;
  constexpr std::int64_t exact = std::int64_t{1} << 53;  // beyond it not every integer is a double
  const std::size_t count = values.size() / sizeof(From);
  for (std::size_t i = 0; i < count; ++i) {
    const From value = load<From>(values.data() + i * sizeof(From));
    To converted{};
    if constexpr (!(std::is_floating_point_v<From> && std::is_integral_v<To>)) converted = static_cast<To>(value);
    if constexpr (std::is_integral_v<From>) {
      // TNULL is one of the column's numbers; as a float it becomes NaN, as an integer the number that stands for missing here.
      const bool missing = from.null && *from.null == static_cast<std::int64_t>(value);
      if constexpr (to_float) {
        if (missing) converted = std::numeric_limits<To>::quiet_NaN();
        if constexpr (sizeof(From) == 8) {
          // Rounded to a double an id would be that of another object.
          if (!missing && (value > exact || value < -exact)) {
            converted = std::numeric_limits<To>::quiet_NaN();
            bad.push_back({first_row + static_cast<std::int64_t>(i / from.width), from.name,
                           fmt::format("{} has more digits than a {} column can hold", value, name_of(to.type))});
          }
        }
      } else if (missing && to.null) {
        converted = static_cast<To>(*to.null);
      } else if (missing || to.null == static_cast<std::int64_t>(value)) {  // of several inputs, others than the first
        bad.push_back({first_row + static_cast<std::int64_t>(i / from.width), from.name,
                       missing ? fmt::format("no value ({}), but the column has no integer that stands for missing", value)
                               : fmt::format("{} is a value here, but stands for missing in the column", value)});
      }
    }
    if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
      constexpr From digits = sizeof(From) == 8 ? static_cast<From>(exact) : static_cast<From>(1 << 24);
      // False for NaN, too, which no integer can be.
      const bool is_whole = std::abs(value) < digits && value == std::floor(value);
      converted = is_whole ? static_cast<To>(value) : static_cast<To>(to.null.value_or(0));
      if (!is_whole)
        bad.push_back({first_row + static_cast<std::int64_t>(i / from.width), from.name,
                       fmt::format("{} is not a whole number with all its digits, as the column needs", value)});
    }
    store(out.data() + i * sizeof(To), converted);
  }
}

void widen_text(const ColumnInfo& from, const ColumnInfo& to, std::span<const std::byte> values, std::span<std::byte> out) {
  // Zeros fill up what is shorter than the column, as HDF5 has it.
  std::fill(out.begin(), out.end(), std::byte{0});
  for (std::size_t row = 0; row < values.size() / from.width; ++row)
    std::memcpy(out.data() + row * to.width, values.data() + row * from.width, from.width);
}

/// Types that hold every value of a type, itself first.
std::vector<Type> wider(Type type) {
  switch (type) {
    case Type::u1:
      return {Type::u1, Type::i4, Type::i8, Type::f4, Type::f8};
    case Type::i4:
      return {Type::i4, Type::i8, Type::f8};
    case Type::i8:
      return {Type::i8, Type::f8};
    case Type::f4:
      // i8, too: pandas makes ids floating-point numbers as soon as one is missing; each value is checked to be whole.
      return {Type::f4, Type::f8, Type::i8};
    case Type::f8:
      return {Type::f8, Type::i8};
    default:
      return {type};
  }
}

}  // namespace

void check_names(const std::string& path, const std::vector<std::string>& names) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty())
      throw DataError(fmt::format("{}: column {} of {} has no name (columns are used by name)", path, i + 1, names.size()));
    if (!seen.insert(names[i]).second)
      throw DataError(fmt::format("{}: two columns are named '{}' (columns are used by name)", path, names[i]));
  }
}

std::vector<std::size_t> match_columns(const Source& source, const Table& out) {
  std::vector<std::size_t> matched;
  matched.reserve(out.columns());
  // An index costs more than searching for a few names; catalogues of a thousand columns need it.
  const ColumnIndex index = out.columns() > 8 ? ColumnIndex(source.schema()) : ColumnIndex();
  for (std::size_t i = 0; i < out.columns(); ++i) {
    const std::string& name = out[i].info().source;
    const auto same = i < source.schema().size() && source.schema()[i].name == name ? std::optional(i) : std::nullopt;
    if (const auto found = same ? same : index.size() > 0 ? index.find(name) : find_column(source.schema(), name)) {
      matched.push_back(*found);
      continue;
    }
    for (const LeftOut& column : source.left_out())
      if (column.column == name) throw DataError(fmt::format("{}: column '{}' cannot be read ({})", source.path(), name, column.reason));
    std::vector<std::string> names;
    for (const ColumnInfo& info : source.schema()) names.push_back(info.name);
    const std::string nearest = nearest_name(name, names);
    throw DataError(
        fmt::format("{}: no column '{}'{}", source.path(), name, nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest)));
  }
  return matched;
}

bool same_layout(const ColumnInfo& from, const ColumnInfo& to) noexcept {
  const bool is_integer = from.type == Type::i4 || from.type == Type::i8 || from.type == Type::u1;
  return from.type == to.type && from.width == to.width && (!is_integer || from.null == to.null);
}

void check_widening(const std::string& path, const ColumnInfo& from, const ColumnInfo& to) {
  const std::vector<Type> types = wider(from.type);
  const bool fits = from.type == Type::text ? to.width >= from.width : to.width == from.width;
  // Several inputs make one column: the first decides its type, and what the others have must go into it without loss.
  if (fits && std::find(types.begin(), types.end(), to.type) != types.end()) return;
  throw DataError(fmt::format("{}: column '{}' is {} x {} and cannot be stored as {} x {} (values would be lost)", path, from.name,
                              name_of(from.type), from.width, name_of(to.type), to.width));
}

void widen(const ColumnInfo& from, const ColumnInfo& to, std::int64_t first_row, std::span<const std::byte> values,
           std::span<std::byte> out, std::vector<BadCell>& bad) {
  if (from.type == Type::text) return widen_text(from, to, values, out);
  const auto with_types = [&]<class From>(From) {
    switch (to.type) {
      case Type::f4:
        return widen_numbers<From, float>(from, to, first_row, values, out, bad);
      case Type::f8:
        return widen_numbers<From, double>(from, to, first_row, values, out, bad);
      case Type::i4:
        return widen_numbers<From, std::int32_t>(from, to, first_row, values, out, bad);
      case Type::i8:
        return widen_numbers<From, std::int64_t>(from, to, first_row, values, out, bad);
      case Type::u1:
        return widen_numbers<From, std::uint8_t>(from, to, first_row, values, out, bad);
      case Type::text:
        // Numbers do not become texts.
        assert(false && "refused by check_widening");
    }
  };
  switch (from.type) {
    case Type::f4:
      return with_types(float{});
    case Type::f8:
      return with_types(double{});
    case Type::i4:
      return with_types(std::int32_t{});
    case Type::i8:
      return with_types(std::int64_t{});
    default:
      return with_types(std::uint8_t{});
  }
}

void strip_padding(std::span<std::byte> texts, std::size_t width) noexcept {
  for (std::byte* text = texts.data(); text < texts.data() + texts.size(); text += width) {
    void* const nul = std::memchr(text, 0, width);
    std::byte* end = nul ? static_cast<std::byte*>(nul) : text + width;
    // Behind a NUL anything may stand in FITS: it is cleared with the blanks.
    while (end > text && end[-1] == std::byte{' '}) --end;
    if (end < text + width) std::memset(end, 0, static_cast<std::size_t>(text + width - end));
  }
}

std::vector<Piece> even_pieces(std::int64_t rows, std::int64_t step) {
  assert(step > 0);
  std::vector<Piece> pieces;
  for (std::int64_t row = 0; row < rows; row += step) pieces.push_back({row, std::min(step, rows - row), 0, 0});
  return pieces;
}

}  // namespace skyfold
