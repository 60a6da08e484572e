#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/io/row_file.hpp"

namespace skyfold {

/// Copies the objects, block by block.
class ObjectCopy final : public Work {
 public:
  ObjectCopy(const Catalogue& objects, const std::string& output_path);
  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job&, RowRange, int) override {}
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override { writer_.sync(); }
  void mark_failed(RowRange) override {}
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override;

 private:
  const Catalogue& objects_;
  RowWriter writer_;
  Slots<Table> slots_;
};

}  // namespace skyfold
