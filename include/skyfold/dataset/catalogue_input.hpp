#pragma once

#include <string>

#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/source.hpp"

namespace skyfold {

class OptionSet;

/// The table of objects that a command goes through: a catalogue or product of skyfold, or any other table, which is put in order first.
struct CatalogueInput {
  std::string path;
  std::string ra, dec, id, tile;  ///< columns of a table that is no catalogue; "" = guessed
  SourceOptions source;           ///< how such a table is read; commands read their other tables by it, too
};
/// Options `catalogue.*` and `input.*`; the command describes `catalogue` in its own words.
void describe(OptionSet& option, CatalogueInput& o);

/// Throws DataError for a product of skyfold that has no row per object: a model, PDFs, a validation.
void require_objects(const std::string& path, const Attributes& attributes);

/// Throws UsageError for columns that are named for nothing.
/// @param needs  what there would have to be, for the message
void refuse_idle_columns(const CatalogueInput& in, const char* needs);
/// Says that `input.*` has no part in reading a catalogue, where it was given.
void remark_idle_source(const CatalogueInput& in);

/// True for a table that is no catalogue of skyfold, and is not known to lack objects: tables of other programs, and tables of skyfold
/// that nobody has put in order.
///
/// Throws UsageError for columns that are named though the table is a catalogue, which knows its own; DataError for a product without
/// objects, such as a model; IoError for a file that cannot be read.
[[nodiscard]] bool is_plain_table(const CatalogueInput& in);

}  // namespace skyfold
