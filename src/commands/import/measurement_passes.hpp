#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "measurement_texts.hpp"
#include "object_join.hpp"
#include "passes.hpp"
#include "rows.hpp"
#include "skyfold/catalogue/measurements.hpp"
#include "skyfold/dataset/parts.hpp"
#include "skyfold/farm/farm.hpp"

namespace skyfold {

/// What all passes over measurements know.
struct MeasurementInputs {
  const Inputs& rows;
  const Catalogue& objects;
  JoinRule rule;
  std::vector<std::string> join_columns;  ///< id, or right ascension and declination
  MeasurementRoles roles;
  std::vector<std::string> filters;  ///< that are known; empty: all
  bool drops_bad_rows = false;
  int threads = 1;

  /// Key of a measurement without an object: behind those of all objects.
  [[nodiscard]] std::int64_t orphan_key() const noexcept { return objects.rows(); }
};

/// First pass, once for each share of the objects: the key of a measurement is the row of its object. The first time rows are checked, and
/// texts collected.
class JoinPass final : public Work {
 public:
  JoinPass(const MeasurementInputs& in, const KeyMaker& condition, std::unique_ptr<ObjectShare> share, bool is_first,
           const std::string& keys_path, const std::string& separations_path, const std::string& rejects_folder,
           std::shared_ptr<Parts> texts);
  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override;
  void mark_failed(RowRange) override {}

 private:
  struct Buffers {
    Table rows;
    std::vector<std::int64_t> keys;
    std::vector<double> separations;
    std::vector<Reject> rejects;
    std::string texts;
  };
  void check_rows(RowRange block, Buffers& slot) const;
  [[nodiscard]] std::string problem_of(const Table& rows, std::size_t row, std::string& column) const;

  const MeasurementInputs& in_;
  const KeyMaker& condition_;
  std::unique_ptr<ObjectShare> share_;
  bool is_first_;
  Schema columns_;
  std::vector<std::string> text_columns_;
  ScratchArray keys_;
  std::optional<ScratchArray> separations_;
  std::string rejects_folder_;
  std::shared_ptr<Parts> texts_;
  Slots<Buffers> slots_;
};

/// Where measurements go: buckets of whole objects, and behind them the orphans.
struct MeasurementPlaces {
  std::vector<std::int64_t> splitters;                  ///< first object of each bucket but the first one
  std::vector<std::int64_t> starts;                     ///< first row of each bucket in /meas; one more at the end
  std::vector<std::vector<std::int64_t>> block_starts;  ///< by block: first row in each bucket, and in /meas_orphan
  std::int64_t orphans = 0;

  /// Bucket of a key; the number of buckets for an orphan.
  [[nodiscard]] std::size_t bucket_of(std::int64_t key, std::int64_t orphan_key) const;
};

/// Second pass: writes every measurement into its bucket, texts as numbers; orphans to their places.
class MeasurementPlacing final : public Work {
 public:
  MeasurementPlacing(const MeasurementInputs& in, const MeasurementPlaces& places, const Dictionaries& dictionaries,
                     const std::string& placed_path, const std::string& output_path, const std::string& keys_path,
                     const std::string& placed_keys_path);
  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override;
  void mark_failed(RowRange) override {}

 private:
  struct Buffers {
    Table in, coded, out;
    std::vector<std::int64_t> keys;
    std::vector<std::size_t> counts;
  };
  void encode(Buffers& slot) const;

  const MeasurementInputs& in_;
  const MeasurementPlaces& places_;
  std::map<std::string, std::unordered_map<std::string_view, std::int64_t>> codes_;
  Schema stored_;
  ScratchArray keys_, placed_keys_;
  RowWriter placed_;
  std::optional<RowWriter> orphans_;
  std::vector<std::size_t> columns_;  ///< of the stored schema in the files
  Slots<Buffers> slots_;
};

/// A bucket that has rows, and the objects whose offsets it writes.
struct MeasurementBucket {
  RowRange rows, objects;
};

/// Third pass: sorts each bucket by object, filter and time, and writes it and the offsets of its objects.
class MeasurementSorting final : public Work {
 public:
  MeasurementSorting(const MeasurementInputs& in, const std::vector<MeasurementBucket>& buckets, const Dictionaries& dictionaries,
                     const std::string& placed_path, const std::string& placed_keys_path, const std::string& output_path,
                     std::shared_ptr<Parts> counts);
  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override;
  void mark_failed(RowRange) override {}
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override;

 private:
  struct Buffers {
    Table rows, sorted, ids;
    std::vector<std::int64_t> keys, offsets;
    RowRange objects;
    std::int64_t repeats = 0, measured = 0;  ///< measurements like the one before; objects with measurements
  };
  void check_ids(const Buffers& slot) const;

  const MeasurementInputs& in_;
  const std::vector<MeasurementBucket>& buckets_;
  const std::vector<std::string>* id_texts_;  ///< by number; null where ids are no such texts
  ScratchArray placed_keys_;
  RowReader placed_;
  RowWriter rows_, offsets_;
  std::shared_ptr<Parts> counts_;
  Slots<Buffers> slots_;
};

}  // namespace skyfold
