#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "skyfold/farm/ranks.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/row_file.hpp"
#include "skyfold/plan/plan.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// Name of the column with the nested HEALPix index at order 29 (the name used by HATS catalogues).
inline constexpr const char* healpix_column = "_healpix_29";
/// Rows of a zone: the unit of statistics, checksums and consolidation.
inline constexpr std::int64_t zone_rows = 65'536;

/// Which columns mean what; "" where the catalogue has none.
struct Roles {
  std::string id, ra, dec, tile;
};

/// What is decided about a catalogue before its rows are written.
struct CatalogueLayout {
  Schema schema;  ///< columns of /object, `_healpix_29` included for catalogues with positions
  std::int64_t rows = 0;
  Ordering ordering = Ordering::none;
  std::string attribute;  ///< the column, for ordering attribute
  Roles roles;
  std::string creator;                      ///< e.g. "skyfold 0.1.0 import"
  std::string provenance;                   ///< JSON; of the inputs and options that decide the content, of nothing else
  std::string product_class = "catalogue";  ///< what a stage that takes it must have asked for
};

/// The attributes of a catalogue that is not finished.
[[nodiscard]] Attributes catalogue_attributes(const CatalogueLayout& layout);
/// Lays out the file with undefined rows. Rank 0.
void create_catalogue(const std::string& path, const CatalogueLayout& layout);

/// Reads back every row, checks the order, and adds the indexes, the zones' statistics and the fingerprint of the
/// content; collective. Throws IoError when rows are not as they should be.
void finalise_catalogue(const Ranks& ranks, const std::string& path);

/// A finished catalogue, open for reading.
class Catalogue {
 public:
  /// Throws IoError or DataError that names the file.
  explicit Catalogue(const std::string& path) : Catalogue(path, read_attributes(path)) {}
  /// @param attributes  of the file
  Catalogue(const std::string& path, const Attributes& attributes);

  [[nodiscard]] const CatalogueLayout& layout() const noexcept { return layout_; }
  [[nodiscard]] const std::string& path() const noexcept { return reader_.path(); }
  [[nodiscard]] std::int64_t rows() const noexcept { return layout_.rows; }
  [[nodiscard]] const Schema& schema() const noexcept { return layout_.schema; }
  /// Hash of all columns' content, independent of the file's layout.
  [[nodiscard]] const std::string& fingerprint() const noexcept { return fingerprint_; }
  [[nodiscard]] const RowReader& reader() const noexcept { return reader_; }

  /// What partition strategies need; valid while this object lives.
  [[nodiscard]] OrderedRows ordered_rows() const;
  /// First row of each order-5 pixel and, at the end, the number of rows, shape [12 x 32^2 + 1]; empty unless the
  /// ordering is healpix.
  [[nodiscard]] const std::vector<std::int64_t>& order5() const noexcept { return order5_; }
  /// Tiles with their rows; ordering tile only.
  [[nodiscard]] std::vector<OrderedRows::Tile> tiles() const;
  /// What the zones of a column hold: columns min, max, missing and hash, a row for each zone. Throws DataError when they are not what was
  /// written, by a hash that older catalogues do not have.
  [[nodiscard]] Table zone_statistics(const std::string& column) const;

 private:
  RowReader reader_;
  CatalogueLayout layout_;
  std::string fingerprint_;
  std::vector<std::int64_t> order5_;
};

/// True when the file is a finished skyfold catalogue.
[[nodiscard]] bool is_catalogue(const std::string& path);
/// By the attributes of the file.
[[nodiscard]] bool is_catalogue(const Attributes& attributes);

}  // namespace skyfold
