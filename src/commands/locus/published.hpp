#pragma once

#include <set>
#include <string>
#include <vector>

#include "published_files.hpp"
#include "stars.hpp"
#include "targets.hpp"

namespace skyfold {

/// The field file that the published programs would read: X_local.fit for X.fit; relative paths start from `root`.
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
