#pragma once

#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/catalogue/measurements.hpp"
#include "skyfold/commands/curve_options.hpp"
#include "skyfold/dataset/rows.hpp"
#include "skyfold/farm/farm.hpp"

namespace skyfold {

/// Describes blocks of objects by their measurements, and writes their rows.
class ObjectWork final : public Work {
 public:
  /// All must outlive this.
  /// @param copied  columns of objects that go into the product as they are
  ObjectWork(const Catalogue& catalogue, const Measurements& measurements, const CurveSetup& setup, const lightcurve::ObjectOptions& o,
             const Schema& copied, const RowProduct& product, int threads)
      : catalogue_(catalogue), measurements_(measurements), setup_(setup), o_(o), copied_(copied), threads_(threads), product_(product) {}

  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override { product_.sync(); }
  void mark_failed(RowRange block) override;
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override {
    return product_.stored_checksum(block, chained);
  }

 private:
  struct Buffers {
    Table objects, measurements, out;
    std::vector<std::int64_t> first;  ///< of each object, from the first of the block
    std::vector<double> ra, dec;      ///< of the objects
  };
  Buffers& buffers(int slot);

  const Catalogue& catalogue_;
  const Measurements& measurements_;
  const CurveSetup& setup_;
  const lightcurve::ObjectOptions& o_;
  const Schema& copied_;
  int threads_;
  Slots<Buffers> slots_;
  ProductWriter product_;
};

}  // namespace skyfold
