#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/io/fits_product.hpp"

namespace skyfold {

/// A product with one row per driving row, while it is filled: HDF5 in the catalogue's layout and, if asked for, the same
/// rows as a FITS table.
struct RowProduct {
  std::string rows;  ///< path of the HDF5 file
  std::string fits;  ///< path of the FITS file, "" for none
  CatalogueLayout layout;
  bool is_fits_along = true;  ///< its rows are written with those of the HDF5 file; else it is filled from that in the end
};
/// Calls its argument with tables that together have all texts of a product's rows.
using EachText = std::function<void(const std::function<void(const Table&)>&)>;
/// The text columns of `schema` in a file of rows, block by block.
[[nodiscard]] EachText texts_in(const RowReader& reader, const Schema& schema);

/// Lays out both files; rank 0, once.
/// @param extension_name  EXTNAME of the FITS table
/// @param texts           for FITS, which cannot hold all texts as they are
void create_product(const RowProduct& product, const std::string& extension_name, const EachText& texts);
/// Lays out the FITS table of a product alone. Rank 0.
void create_product_fits(const RowProduct& product, const std::string& extension_name, const EachText& texts,
                         FitsOrder order = FitsOrder::rows);
/// Copies all rows of a group of one file to another file with the same columns. Rank 0.
void take_rows(const std::string& from, const std::string& to, const std::string& group);
/// Adds indexes and checksums once all rows are there, and fills a FITS table that was not filled along; collective.
/// @param fits_sum  of all rows; rank 0; none when rows were rewritten, so that it must be taken from the file
void finish_product(const Ranks& ranks, const RowProduct& product, std::optional<std::uint32_t> fits_sum);

/// Writes rows of a RowProduct at their places. Main thread only.
class ProductWriter {
 public:
  explicit ProductWriter(const RowProduct& product);
  [[nodiscard]] const Schema& schema() const noexcept { return rows_.schema(); }
  /// Writes rows whose columns stand in `tables`, all of one length, each column of the product in one of them; adds to
  /// rows' bytes and checksums of `result`.
  void write(std::int64_t first_row, std::span<const Table* const> tables, JobResult& result);
  /// The checksum of rows as they stand in the product, chained as JobResult::checksum; none when its FITS table has other rows.
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange rows, std::uint64_t chained);
  void sync();

 private:
  RowWriter rows_;
  std::optional<FitsRowWriter> fits_;
};

}  // namespace skyfold
