#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skyfold/io/source.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// Attributes of a catalogue with the form of its objects, and of its measurements, by `original_form`.
inline constexpr const char *original_form_name = "original_form", *original_meas_form_name = "original_meas_form";

/// How a FITS binary table has its columns: the cards of its header that are about them, as text, and how its texts are padded. "" for an
/// input of another kind.
[[nodiscard]] std::string original_form(const std::string& path, const SourceOptions& o);
/// The order of the columns alone, for an input of another kind.
[[nodiscard]] std::string form_of_names(const Schema& schema);
/// The same, with a note that a column is no longer in the unit of the input.
[[nodiscard]] std::string with_converted_column(std::string form, const std::string& column);

/// Columns of a catalogue that come from its inputs, in their order.
/// @param form  by `original_form`; "": none is known
[[nodiscard]] Schema original_columns(const std::string& form, const Schema& schema);

/// Lays out a FITS table of these columns in the form that they had; rows are zero until written. Returns what is not as it was, in lines.
/// @param form    "": columns have the form that their types have in FITS
/// @param schema  of the catalogue
std::vector<std::string> create_original_fits(const std::string& path, const std::string& form, const Schema& schema, std::int64_t rows,
                                              const std::string& creator);

/// Writes rows of such a table at their places, in the bytes of the input. Main thread only.
class OriginalFitsWriter {
 public:
  /// @param form     as it was laid out with
  /// @param columns  those of original_columns
  OriginalFitsWriter(const std::string& path, const std::string& form, const Schema& columns);
  ~OriginalFitsWriter();
  OriginalFitsWriter(const OriginalFitsWriter&) = delete;
  OriginalFitsWriter& operator=(const OriginalFitsWriter&) = delete;

  /// @param places  of the rows in the table, increasing
  /// @param order   which row of `rows` goes to each place
  /// Returns the bytes written. Throws DataError for a value that the form cannot hold.
  std::int64_t write(const Table& rows, std::span<const std::int64_t> places, std::span<const std::size_t> order);
  void sync();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skyfold
