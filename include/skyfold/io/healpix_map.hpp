#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "skyfold/core/file.hpp"
#include "skyfold/plan/plan.hpp"
#include "skyfold/sky/frame.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// What is said about a map file by hand, where its keywords are missing or wrong; "" for what the file says.
struct HealpixKeywords {
  std::string hdu;       ///< number or EXTNAME; "" = the first table with HEALPix keywords
  std::string ordering;  ///< RING or NESTED
  std::string frame;     ///< G, C or E
};

/// A column of a map; values are given in single precision where the file holds them so, else in double precision.
struct HealpixColumn {
  std::string name, unit;
  Type type = Type::f4;  ///< f4 or f8
};

/// A HEALPix map in a FITS binary table: any number of pixels per row, floating-point, integer or logical columns with TSCAL,
/// TZERO and TNULL, RING or NESTED, all pixels, a range of them (FIRSTPIX), or listed ones (INDXSCHM = EXPLICIT); or a map of
/// healsparse, whose pixels count as listed.
///
/// The pixels of a file stand in *slots*: slot s is pixel s of the map for a full one, FIRSTPIX + s for a range, the number
/// in the first column for listed pixels; healsparse has slots for the fine pixels of each coarse one. Constant after opening; threads may
/// read at the same time.
class HealpixMapFile {
 public:
  /// Throws IoError for a file that cannot be read, DataError for one that is not a HEALPix map, or is damaged.
  explicit HealpixMapFile(const std::string& path, const HealpixKeywords& keywords = {});

  [[nodiscard]] const std::string& path() const noexcept;
  [[nodiscard]] long nside() const noexcept;
  [[nodiscard]] bool is_nested() const noexcept;
  [[nodiscard]] std::optional<Frame> frame() const noexcept;  ///< nothing when COORDSYS is missing
  [[nodiscard]] bool is_iau() const noexcept;                 ///< POLCCONV = IAU; else COSMO
  [[nodiscard]] const std::vector<HealpixColumn>& columns() const noexcept;
  [[nodiscard]] bool is_explicit() const noexcept;          ///< pixels are listed
  [[nodiscard]] bool is_sparse() const noexcept;            ///< of healsparse
  [[nodiscard]] bool is_full() const noexcept;              ///< every pixel has a slot, in order
  [[nodiscard]] std::int64_t slots() const noexcept;        ///< pixels in the file
  [[nodiscard]] std::int64_t first_pixel() const noexcept;  ///< of slot 0, unless pixels are listed
  [[nodiscard]] std::int64_t pixels_per_row() const noexcept;
  [[nodiscard]] std::int64_t row_bytes() const noexcept;
  /// Text of a keyword of the table's header.
  [[nodiscard]] std::optional<std::string> keyword(const std::string& name) const;

  /// Column by name, in any case. Throws UsageError that suggests the nearest.
  [[nodiscard]] std::size_t column(const std::string& name) const;
  /// The first column that is called like one of `names` (lower case); nothing when there is none.
  [[nodiscard]] std::optional<std::size_t> known_column(std::span<const std::string> names) const;

  /// Reads the values of slots in [begin, end); missing ones (NaN, below -1e29, BAD_DATA, TNULL) become NaN.
  ///
  /// @param columns  by number
  /// @param out      for each column, slots.size() floats or doubles as `columns()` says
  void read(RowRange slots, std::span<const std::size_t> columns, std::span<std::byte* const> out) const;
  /// Pixel numbers of slots; only for listed pixels. -1 for a slot that healsparse does not use. Throws DataError for one that is
  /// not in the map.
  void read_pixels(RowRange slots, std::span<std::int64_t> pixels) const;

  /// Pixels that follow one another in the file as on the sky.
  struct Piece {
    RowRange pixels, slots;
  };
  /// Where pixels of [begin, end) are in the file, in increasing order; those that are not there are left out. Not for listed pixels,
  /// but for those of healsparse.
  [[nodiscard]] std::vector<Piece> pieces(RowRange pixels) const;

  struct State;  ///< for this layer
  /// Where the table's data are: the file, their first byte and how many they are, with the heap and the padding.
  struct Data {
    const class InputFile* file = nullptr;
    std::int64_t begin = 0, bytes = 0;
  };
  [[nodiscard]] Data data() const;

 private:
  std::shared_ptr<const State> state_;
};

/// What is decided about a map before it is written: a full one, or one of listed pixels.
struct HealpixMapLayout {
  long nside = 1;
  bool nested = false;
  std::optional<Frame> frame;
  bool iau = false;                    ///< of polarisation; written when a column is called Q...
  std::vector<HealpixColumn> columns;  ///< f4 or f8
  std::vector<std::string> history;
  std::optional<std::int64_t> listed = {};  ///< how many pixels are listed (INDXSCHM = EXPLICIT); none: all are there, in order
};

/// A map file that threads and ranks fill at once.
class HealpixMapWriter {
 public:
  /// Writes the header and reserves the space; one rank, before the others open it. Throws IoError.
  static void create(const std::string& path, const HealpixMapLayout& layout);

  HealpixMapWriter(const std::string& path, HealpixMapLayout layout);

  /// Pixels per row of the table; pieces that are written begin and end at multiples.
  [[nodiscard]] std::int64_t pixels_per_row() const noexcept;
  /// Writes values of the pixels [begin, end) of all columns, big-endian; NaN is written as UNSEEN, -1.6375e30. Of listed pixels these
  /// are places in the list.
  ///
  /// @param values  for each column, floats or doubles as the layout says; of listed pixels first their numbers, std::int64_t
  void write(RowRange pixels, std::span<const std::byte* const> values) const;
  void sync() const;

 private:
  HealpixMapLayout layout_;
  std::int64_t data_begin_ = 0;
  File file_;
};

}  // namespace skyfold
