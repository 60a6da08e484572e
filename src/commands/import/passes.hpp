#pragma once

#include <optional>
#include <string>
#include <vector>

#include "overlap_scan.hpp"
#include "rows.hpp"
#include "scratch_array.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/io/row_file.hpp"

namespace skyfold {

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
  /// @param overlaps        what is kept of each row to find repeated detections; null: nothing
  ScanPass(const Inputs& inputs, const ImportOptions& o, const std::string& keys_path, const std::string& ids_path,
           const std::string& rejects_folder, std::unique_ptr<OverlapScan> overlaps);
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
    OverlapBlock overlaps;
  };
  const Inputs& inputs_;
  const ImportOptions& options_;
  std::unique_ptr<OverlapScan> overlaps_;
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
  /// @param repeated_path     1 for each row that is a repeated detection; "" where no column tells
  PlacePass(const Inputs& inputs, const Placement& placement, bool keys_are_healpix, const std::string& path, const std::string& keys_path,
            const std::string& placed_keys_path, const std::string& repeated_path);
  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override;
  void mark_failed(RowRange) override {}

 private:
  struct Buffers {
    Table in, out;  ///< as read; by bucket, with the generated columns
    std::vector<std::int64_t> keys, repeated;
    std::vector<std::size_t> order;   ///< rows that stay, by bucket
    std::vector<std::size_t> counts;  ///< rows per bucket
  };
  const Inputs& inputs_;
  const Placement& placement_;
  bool keys_are_healpix_;
  ScratchArray keys_;
  std::optional<ScratchArray> placed_keys_, repeated_;
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
