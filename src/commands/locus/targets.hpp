#pragma once

#include <memory>
#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/dataset/scan.hpp"
#include "skyfold/dataset/selection.hpp"
#include "skyfold/plan/plan.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

inline constexpr const char* target_row_column = "row";

/// The targets of a run of locus, in the order of the product, cut into parts: what a rank does at a time. The same on
/// every rank, and for any number of ranks.
class LocusTargets {
 public:
  virtual ~LocusTargets() = default;
  /// Columns that `read` fills: those that the kernel needs, and those that go into the product: `row` (of the target
  /// in its table), the id, `_healpix_29` where the product is in its order.
  [[nodiscard]] virtual const Schema& schema() const = 0;
  /// Columns of schema() that go into the product.
  [[nodiscard]] virtual std::vector<std::string> passed() const = 0;
  /// Rows of the product.
  [[nodiscard]] const std::vector<Partition>& parts() const noexcept { return parts_; }
  [[nodiscard]] std::int64_t rows() const noexcept { return parts_.empty() ? 0 : parts_.back().rows.end; }
  /// Column of ids; "" for none.
  [[nodiscard]] virtual std::string id() const = 0;
  [[nodiscard]] virtual Ordering ordering() const = 0;
  /// Targets of a part, into a table with the columns of schema() that is resized to them. Main thread.
  virtual void read(std::size_t part, Table& out) const = 0;

 protected:
  std::vector<Partition> parts_;
};

/// All objects of a catalogue, or those that a selection picks.
class CatalogueTargets final : public LocusTargets {
 public:
  /// @param needs      columns of the catalogue that the kernel reads
  /// @param partition  how it is cut; parts are cut further where they hold more rows than fit a block of `block_rows`
  /// Collective, since the selection is counted.
  CatalogueTargets(const Ranks& ranks, const Catalogue& catalogue, const std::vector<std::string>& needs, const Selection& selection,
                   const PartitionOptions& partition, std::int64_t block_rows);

  [[nodiscard]] const Schema& schema() const override { return schema_; }
  [[nodiscard]] std::vector<std::string> passed() const override { return passed_; }
  [[nodiscard]] std::string id() const override { return catalogue_.layout().roles.id; }
  [[nodiscard]] Ordering ordering() const override {
    // Rows of another order are in that of their catalogue.
    return catalogue_.layout().ordering == Ordering::healpix ? Ordering::healpix : Ordering::none;
  }
  void read(std::size_t part, Table& out) const override;

 private:
  void count_selected(const Ranks& ranks);
  [[nodiscard]] std::vector<std::size_t> selected_of(RowRange rows) const;

  const Catalogue& catalogue_;
  std::unique_ptr<CatalogueScan> scan_;  ///< none where all rows are taken
  Schema schema_;
  std::vector<std::string> passed_;
  std::vector<RowRange> sources_;  ///< rows of the catalogue, by part
};

/// Targets in memory, put in the order of the sky.
class ListedTargets final : public LocusTargets {
 public:
  /// @param table  all rows of the list
  /// @param rows   the targets among them
  /// @param path   of the list, for messages
  /// Throws DataError for a target without valid position.
  ListedTargets(const Table& table, const std::vector<std::size_t>& rows, const std::string& ra, const std::string& dec,
                const std::string& id, const std::string& path, std::int64_t block_rows);

  [[nodiscard]] const Schema& schema() const override { return schema_; }
  [[nodiscard]] std::vector<std::string> passed() const override { return passed_; }
  [[nodiscard]] std::string id() const override { return id_; }
  [[nodiscard]] Ordering ordering() const override { return Ordering::healpix; }
  void read(std::size_t part, Table& out) const override;

 private:
  std::string id_;
  Table table_;
  Schema schema_;
  std::vector<std::string> passed_;
};

/// Copies rows of `from` to `to`, which is resized to them; columns of `to` that `from` lacks are left to be filled.
void gather_known(const Table& from, const std::vector<std::size_t>& rows, Table& to);

}  // namespace skyfold
