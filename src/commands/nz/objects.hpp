#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "options.hpp"
#include "skyfold/io/row_file.hpp"
#include "skyfold/kernels/nz/sums.hpp"
#include "skyfold/plan/plan.hpp"
#include "skyfold/table/expression.hpp"
#include "skyfold/table/number_expression.hpp"

namespace skyfold {

/// A table that knows more of the objects of a file of PDFs, asked by the rows of that file.
class ObjectColumns {
 public:
  virtual ~ObjectColumns() = default;
  [[nodiscard]] virtual const Schema& schema() const noexcept = 0;
  [[nodiscard]] virtual const std::string& path() const noexcept = 0;
  /// Names the columns that will be read, once.
  virtual void want(const Schema& columns) = 0;
  /// Adds them to `out`, which has as many rows; `found` is cleared where there is no row.
  /// @param ids  of the objects; empty where the PDFs have none
  virtual void read(RowRange pdfs, std::span<const std::int64_t> ids, Table& out, std::vector<std::uint8_t>& found) = 0;
};

/// What is known of the objects besides their PDFs: columns of the catalogue, of the product beside the PDFs, and of the file of PDFs, each
/// taken from the first of these that has it.
class NzObjects {
 public:
  /// Throws UsageError for columns that none has, DataError for tables that do not belong to the PDFs.
  /// @param o     `truth` and `point` get the names that were guessed
  /// @param rows  of the PDFs
  NzObjects(NzOptions& o, const nz::TomographicBins& bins, std::int64_t rows);

  [[nodiscard]] static std::vector<std::string> paths(const NzOptions& o);
  [[nodiscard]] bool has_truth() const noexcept { return !truth_.empty(); }
  /// Whether the PDFs have ids; else objects are known by their rows.
  [[nodiscard]] bool has_ids() const noexcept { return !id_.empty(); }
  [[nodiscard]] bool has_patches() const noexcept { return order_ >= 0; }
  /// What was guessed and found, a line each.
  [[nodiscard]] const std::vector<std::string>& lines() const noexcept { return lines_; }

  /// Reads what is known of some objects. Main thread.
  void read(RowRange pdfs, Table& columns, std::vector<std::uint8_t>& found, std::vector<std::int64_t>& ids) const;
  /// Makes of it what sums are of. Any thread.
  void judge(const Table& columns, const std::vector<std::uint8_t>& found, const std::vector<std::int64_t>& ids,
             nz::Objects& objects) const;

 private:
  void open_sources(const NzOptions& o, std::int64_t rows);
  [[nodiscard]] bool has_rows(const std::string& path, std::int64_t pdfs) const;
  [[nodiscard]] static int reason_of(bool is_found, bool holds, double weight, int bin) noexcept;
  /// The first source that has the column; adds it to what is read. Throws UsageError when none has.
  void want(const std::string& name, const std::string& named_by);
  [[nodiscard]] std::string known(std::span<const std::string> names) const;
  void find_truth(NzOptions& o);
  void find_patches(const NzOptions& o);

  std::shared_ptr<const RowReader> ancil_;  ///< of the file of PDFs; may be null
  std::vector<std::unique_ptr<ObjectColumns>> sources_;
  std::vector<Schema> wanted_;  ///< of each source
  std::string id_;              ///< the column of ids in the file of PDFs; "" for none
  std::string weight_, point_, truth_, ra_, dec_;
  nz::TomographicBins bins_;
  std::optional<Condition> condition_;
  std::vector<NumberExpression> space_;
  std::uint64_t seed_;
  int order_ = -1;  ///< of the patches; -1: none
  bool counts_missing_;
  std::vector<std::string> lines_;
};

}  // namespace skyfold
