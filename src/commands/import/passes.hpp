#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rows.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/io/row_file.hpp"

namespace skyfold {

/// A file of 64-bit numbers, one per row, that all ranks write and read while an import runs.
class ScratchArray {
 public:
  /// Makes the file: rank 0, before any rank opens it.
  static void create(const std::string& path, std::int64_t rows);
  explicit ScratchArray(const std::string& path) : file_(path) {}
  void write(std::int64_t row, std::span<const std::int64_t> values) { file_.write(row * 8, std::as_bytes(values)); }
  void read(std::int64_t row, std::span<std::int64_t> values) { file_.read(row * 8, std::as_writable_bytes(values)); }
  void sync() { file_.sync(); }

 private:
  SharedFile file_;
};

/// Where rows go: bucket b holds the catalogue's rows [starts[b], starts[b + 1]), which are the rows of the inputs
/// whose (key, row) lies between two splitters; inside it block k's rows begin at `block_starts[k][b]`, in the order of
/// the input until the bucket is sorted.
struct Placement {
  std::vector<std::pair<std::int64_t, std::int64_t>> splitters;  ///< (key, row), increasing
  std::vector<std::int64_t> starts;
  std::vector<std::vector<std::int64_t>> block_starts;

  [[nodiscard]] std::size_t bucket_of(std::int64_t key, std::int64_t row) const;
};

/// First pass: makes the key of every row, and checks rows.
class ScanPass final : public Work {
 public:
  /// @param rejects_folder  a file per block with rows that are dropped, for ordering and writing at the end
  ScanPass(const Inputs& inputs, const ImportOptions& o, const std::string& keys_path, const std::string& ids_path,
           const std::string& rejects_folder);
  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override;
  void mark_failed(RowRange) override {}

 private:
  struct Buffers {
    Table table;
    std::vector<std::int64_t> keys, ids;
    std::vector<Reject> rejects;
  };
  const Inputs& inputs_;
  const ImportOptions& options_;
  KeyMaker key_maker_;
  Schema columns_;
  ScratchArray keys_, ids_;
  std::string rejects_folder_;
  Slots<Buffers> slots_;
};

/// Second pass: writes every row into its bucket's range.
class PlacePass final : public Work {
 public:
  /// @param keys_are_healpix  the sort keys are the order-29 HEALPix indexes
  /// @param path              a file with the catalogue's columns
  /// @param placed_keys_path  where the keys go, in the order of that file; "" when there is one bucket, in order
  PlacePass(const Inputs& inputs, const Placement& placement, bool keys_are_healpix, const std::string& path, const std::string& keys_path,
            const std::string& placed_keys_path);
  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override;
  void mark_failed(RowRange) override {}

 private:
  struct Buffers {
    Table in, out;  ///< as read; by bucket, with the generated columns
    std::vector<std::int64_t> keys;
    std::vector<std::size_t> order;   ///< rows that stay, by bucket
    std::vector<std::size_t> counts;  ///< rows per bucket
  };
  const Inputs& inputs_;
  const Placement& placement_;
  bool keys_are_healpix_;
  ScratchArray keys_;
  std::optional<ScratchArray> placed_keys_;
  RowWriter catalogue_;
  std::vector<std::size_t> places_;                  ///< of the columns of `out` in the file
  std::vector<std::optional<std::size_t>> sources_;  ///< of those that come from the inputs, among the columns of `in`
  Slots<Buffers> slots_;
};

/// Third pass: sorts each bucket in memory and writes it to the catalogue. Not in place, so that a bucket can be sorted
/// again after a death in the middle of it.
class SortPass final : public Work {
 public:
  SortPass(const std::string& placed_path, const std::string& placed_keys_path, const std::string& catalogue_path);
  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override { catalogue_.sync(); }
  void mark_failed(RowRange) override {}
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override;

 private:
  struct Buffers {
    Table rows, sorted;
    std::vector<std::int64_t> keys;
  };
  ScratchArray placed_keys_;
  RowReader placed_;
  RowWriter catalogue_;
  Slots<Buffers> slots_;
};

}  // namespace skyfold
