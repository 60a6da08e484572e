#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/io/source.hpp"
#include "source_text_header.hpp"

/// The pass over a text table that finds its rows and the types of its columns.
///
/// The file is cut into units that are scanned independently, anywhere. A unit begins after a line feed, and only one
/// thing about it depends on what comes before: whether that line feed is inside quotes. So each unit is scanned
/// as if it were not, and notes in which state it ends for either start; the true states follow one from the other,
/// and the few units that began inside quotes are scanned once more.
namespace skyfold {

/// Sizes of the scan, in bytes; other values than these serve tests.
struct ScanSizes {
  std::int64_t block = 1 << 20;       ///< text in memory at once; inputs are cut into pieces between blocks
  std::int64_t unit = 8 << 20;        ///< smallest range that is scanned on its own
  std::int64_t sample_rows = 10'000;  ///< rows that decide whether a column holds numbers or text
};

/// What the scan has seen of a column.
struct ColumnSeen {
  std::uint32_t width = 0;                             ///< longest cell, bytes
  std::uint32_t numbers = 0, booleans = 0, texts = 0;  ///< cells of these kinds, while kinds are looked at
  std::uint32_t large = 0;                             ///< numbers that are whole and beyond 64 bits
  std::uint16_t kinds = 0;                             ///< bits of `kind`

  void add(const ColumnSeen& other) noexcept {
    width = std::max(width, other.width);
    numbers = sum(numbers, other.numbers);
    booleans = sum(booleans, other.booleans);
    texts = sum(texts, other.texts);
    large = sum(large, other.large);
    kinds |= other.kinds;
  }
  void add_kind(std::uint16_t kind) noexcept;

 private:
  static std::uint32_t sum(std::uint32_t a, std::uint32_t b) noexcept { return a + b < a ? UINT32_MAX : a + b; }
};

/// Where a block of rows begins.
struct Mark {
  std::int64_t byte = 0;
  std::int64_t row = 0;
};

/// The rows of a text table.
struct TextScan {
  std::int64_t rows = 0;
  std::vector<Mark> marks;            ///< of every block, then one behind the last row
  std::vector<ColumnInfo> columns;    ///< with types, widths and missing values
  std::vector<bool> dash_is_text;     ///< of a text column: "-" is not a missing cell but a text, as in a column of signs
  std::vector<bool> is_void;          ///< a column without any value
  std::vector<std::string> mixtures;  ///< of a text column with numbers in it: what there is, for the user; "" for others
};

/// Finds rows and types.
///
/// A column holds what nine tenths of the sample's cells with a value are: numbers, truth values or texts; in a column of numbers or
/// truth values other cells are bad ones. Without such a majority it is text, and `mixtures` says so. Throws DataError when no row of the
/// sample has as many cells as the header has names.
[[nodiscard]] TextScan scan_text(const InputFile& file, const TextHeader& header, const ScanRunner& run, const ScanSizes& sizes);

}  // namespace skyfold
