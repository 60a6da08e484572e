#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "folder_fit.hpp"
#include "skyfold/dataset/parts.hpp"
#include "skyfold/dataset/rows.hpp"
#include "skyfold/farm/farm.hpp"

namespace skyfold {

/// A file of a folder while it is estimated.
struct FolderTask {
  std::string path;
  FolderTable table;
  std::shared_ptr<const FolderFit> fit;
  RowProduct product;
  std::vector<std::string> pdf_files;  ///< paths, one for each model; none without PDFs
  std::int64_t first_row = 0;          ///< in the rows of all files
  /// Of each piece the first row in all files, in the product and in the file of PDFs; one more at the end.
  std::vector<std::int64_t> rows, objects, pdfs;
};

/// Rows of a piece that a condition chooses; numbers in the piece.
struct ChosenInPiece {
  std::vector<std::size_t> objects;
  std::vector<std::size_t> with_pdf;  ///< places in `objects`
};
/// Reads a piece of a file, and finds those that the conditions choose. Throws DataError that names the file, IoError.
[[nodiscard]] ChosenInPiece read_folder_piece(OpenTables& open, const FolderTask& task, std::size_t piece, Table& rows);

/// Estimates pieces of files, each a job, and writes them to the products of their files. What is wrong with a file is kept in the parts,
/// by piece: it ends neither the run nor the other files.
class FolderWork final : public Work {
 public:
  /// @param tasks  in the order of their rows; they must outlive this
  FolderWork(const std::vector<FolderTask>& tasks, const CatalogueInput& in, std::shared_ptr<Parts> problems, int threads);
  ~FolderWork() override;

  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override;
  void mark_failed(RowRange) override {}  // its file gets no name
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override;

 private:
  /// Rows of one model.
  struct ModelRows {
    Table in, out;
    RowCorrections found;
  };
  struct Buffers {
    Table all;  ///< the piece as it is read
    ChosenInPiece chosen;
    std::vector<ModelRows> models;
    Table consensus;      ///< of them
    Table through;        ///< columns of the file that go into products, under their own names
    Table copied;         ///< the same as the product has them
    std::string problem;  ///< what is wrong with the file
  };
  struct Place {
    std::size_t task = 0, piece = 0;
  };
  class Products;
  [[nodiscard]] Place place_of(RowRange block) const;
  [[nodiscard]] Products& products_of(std::size_t task);
  void take(const FolderTask& task, std::size_t piece, Buffers& mine) const;

  const std::vector<FolderTask>& tasks_;
  OpenTables open_;
  std::shared_ptr<Parts> problems_;
  int threads_;
  Slots<Buffers> slots_;
  std::list<std::unique_ptr<Products>> products_;  ///< that are open, the last one used first
};

}  // namespace skyfold
