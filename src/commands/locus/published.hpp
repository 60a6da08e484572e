#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "skyfold/kernels/locus/options.hpp"
#include "stars.hpp"
#include "targets.hpp"

namespace skyfold {

/// A set of the published programs: targets, and the field files whose stars are put together about them.
struct PublishedSet {
  std::vector<std::string> files;
  std::vector<std::array<double, 7>> targets;  ///< RA, Dec, u, g, r, i, z
  std::string reference;                       ///< file whose stars all are targets; "" when `targets` are given
  std::int64_t count = 0;                      ///< number of targets
  std::int64_t id = 0;                         ///< of the target of a list
};

/// A parameter file (PPR), or one of the published lists.
struct PublishedParameters {
  double fov_deg = 0.0, resolution_deg = 0.0, dmag = 0.0, dcol = 0.0;  ///< 0 in lists, which do not say
  std::vector<PublishedSet> sets;
};

/// Reads a binary parameter file, little-endian, with counts of 4 or 8 bytes: whichever fits the file's size exactly.
/// Throws IoError, or DataError when neither does.
[[nodiscard]] PublishedParameters read_parameter_file(const std::string& path);

/// Reads a published list, CSV: 13 columns (specObjID, number of fields, run, rerun, camcol, field, RA, Dec, u, g, r,
/// i, z; a line per field of each target) or 11 (number of fields, field number, row, run, rerun, camcol, field of the
/// reference, run, rerun, camcol, field; a line per field about each reference field, all of whose stars are targets).
/// Field files are looked for below `root`, as SDSS lays them out. Throws DataError.
[[nodiscard]] PublishedParameters read_published_list(const std::string& path, const std::string& root);

/// The field file that the published programs would read: X_local.fit for X.fit. Throws IoError that names it when it
/// is missing.
[[nodiscard]] std::string local_field_file(const std::string& path, const std::string& root);

/// Columns of the tables that field files give.
[[nodiscard]] Schema published_schema();
/// Rows of a field file, ra, dec and mag[5], as a table with the columns of published_schema().
[[nodiscard]] Table read_field_file(const std::string& path);

/// Targets of published sets, in their order.
class PublishedTargets final : public LocusTargets {
 public:
  PublishedTargets(PublishedParameters parameters, const std::string& root);

  [[nodiscard]] const Schema& schema() const override { return schema_; }
  [[nodiscard]] std::vector<std::string> passed() const override;
  [[nodiscard]] std::string id() const override { return has_id_ ? "specObjID" : ""; }
  [[nodiscard]] Ordering ordering() const override { return Ordering::none; }
  void read(std::size_t part, Table& out) const override;
  [[nodiscard]] const PublishedSet& set(std::size_t part) const { return sets_[part]; }
  /// All field files that targets and stars are read from, each once.
  [[nodiscard]] std::set<std::string> files() const;

 private:
  std::vector<PublishedSet> sets_;
  bool has_id_ = false;
  Schema schema_;
};

/// Stars of the field files of each set.
class FieldFileStars final : public LocusStars {
 public:
  FieldFileStars(const PublishedTargets& targets, const LocusKernel& kernel) : targets_(targets), kernel_(kernel) {}
  void read(std::size_t part, const Table& targets, StarBlock& out) override;

 private:
  const PublishedTargets& targets_;
  const LocusKernel& kernel_;
};

}  // namespace skyfold
