#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// A card of a FITS header that has a value.
struct FitsCard {
  std::string key, value;
  bool is_text = false;  ///< the value stands in quotes
};

/// A header and data unit of a FITS file: what its header says, and where it is.
struct FitsHdu {
  std::vector<FitsCard> cards;                      ///< in order, repeated keywords too
  std::int64_t begin = 0, data_begin = 0, end = 0;  ///< bytes in the file; data are padded to whole blocks
  std::int64_t data_bytes = 0;                      ///< without padding

  /// The first card of that keyword; null for none.
  [[nodiscard]] const FitsCard* find(std::string_view key) const noexcept;
  /// A table of rows, not an image in compressed tiles.
  [[nodiscard]] bool is_table() const noexcept;
  /// An image with pixels, in compressed tiles or not.
  [[nodiscard]] bool is_image() const noexcept;
};

/// All HDUs of a FITS file, the primary one first; only headers are read. Throws IoError for a file that is truncated, DataError for one
/// that is damaged.
[[nodiscard]] std::vector<FitsHdu> read_fits_hdus(const std::string& path);

/// What the hash of a file and its own checksums tell.
struct FitsFileCheck {
  std::string hash;    ///< XXH3 (64 bit) of all bytes, as hex64
  std::string damage;  ///< "extension 2: DATASUM is 5, the data have 7"; "" for none
};
/// Reads all bytes once: hashes them, and compares DATASUM and CHECKSUM where headers have them (FITS Standard 4.0, section 4.4.2.7).
/// Throws IoError when the file cannot be read; what is wrong with its content is `damage`.
[[nodiscard]] FitsFileCheck check_fits_file(const std::string& path);

/// The rows of all binary tables of a FITS file, decoded as `import` does it.
class FitsTables {
 public:
  explicit FitsTables(const std::string& path);
  ~FitsTables();
  FitsTables(FitsTables&&) noexcept;

  [[nodiscard]] std::size_t size() const noexcept;
  /// Number of the HDU: the primary one is 0.
  [[nodiscard]] int extension(std::size_t table) const;
  [[nodiscard]] std::int64_t rows(std::size_t table) const;
  /// Tables with the same columns, of one file or one after the other, have the same one.
  [[nodiscard]] const std::shared_ptr<const Schema>& schema(std::size_t table) const;
  /// Reads all rows of the columns of `out`, found by `info().source`; throws DataError that names what cannot be converted.
  void read(std::size_t table, Table& out) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace skyfold
