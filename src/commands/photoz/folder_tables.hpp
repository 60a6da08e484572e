#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/failure.hpp"
#include "skyfold/dataset/catalogue_input.hpp"
#include "skyfold/dataset/dataset.hpp"

namespace skyfold {

/// A table of a folder, open for reading by pieces of about a zone of rows.
struct OpenTable {
  /// @param in  how its columns are called, and how it is read
  OpenTable(const std::string& path, const CatalogueInput& in);

  std::unique_ptr<Dataset> dataset;
  Roles roles;
  std::vector<Piece> pieces;
};

/// What every rank knows of a table that one rank has opened.
struct FolderTable {
  Schema schema;
  Roles roles;
  bool is_own = false;                   ///< a catalogue or product of skyfold, with a record of its corrections
  std::vector<std::int64_t> piece_rows;  ///< of each piece
  Failure failure;                       ///< why it could not be opened

  [[nodiscard]] std::int64_t rows() const noexcept;
};
/// Opens a table, or finds out why it cannot be opened, as a text that other ranks understand.
[[nodiscard]] std::string folder_table_text(const std::string& path, const CatalogueInput& in);
[[nodiscard]] FolderTable folder_table_from(const std::string& text);

/// The tables that a rank has open: the last ones that it has asked for.
class OpenTables {
 public:
  explicit OpenTables(const CatalogueInput& in) : in_(in) {}
  /// Throws as Dataset, and DataError for a file that is not what it was when it was first opened.
  [[nodiscard]] const OpenTable& at(const std::string& path, const FolderTable& known);

 private:
  struct Held {
    std::string path;
    std::unique_ptr<OpenTable> table;
  };
  const CatalogueInput& in_;
  std::list<Held> held_;
};

}  // namespace skyfold
