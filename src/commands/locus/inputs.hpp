#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "published.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/dataset/catalogue_input.hpp"
#include "skyfold/dataset/selection.hpp"
#include "stars.hpp"
#include "targets.hpp"

namespace skyfold {

struct LocusStageOptions {
  CatalogueInput catalogue;  ///< of the stars; its `source` is also how targets are read
  std::string targets, where, parameters, list, root, output, fits, csv, stars;
  bool traverse = false;
  std::vector<std::string> plot;
  std::string plot_format = "svg", plot_date;
  std::string ra, dec, id, magnitude, survey;
  std::string pm_ra, pm_dec, epoch;  ///< columns of motions of the stars; "": guessed
  LocusOptions locus;
  BandOptions bands;
  PartitionOptions partition;
};

void describe(OptionSet& option, LocusStageOptions& o);

/// Catalogues of a traversal by partitions that are none of the sky: the targets in the order of these, and the stars in that of the sky.
struct TraversalPaths {
  std::string targets, stars;  ///< "" where one catalogue is both
};
/// Puts them in order, where partitions by tile or attribute are asked for; collective.
[[nodiscard]] TraversalPaths traversal_paths(const LocusStageOptions& o, const CommandContext& context);

/// What a run of locus reads: targets, stars, and the kernel that suits their columns. The same on every rank.
class LocusInputs {
 public:
  /// Opens everything; collective. Throws UsageError for options that contradict each other, and what reading throws.
  LocusInputs(const LocusStageOptions& o, const CommandContext& context, const TraversalPaths& paths);
  LocusInputs(const LocusInputs&) = delete;
  LocusInputs& operator=(const LocusInputs&) = delete;

  /// Files that are read, by the options.
  [[nodiscard]] static std::vector<std::string> paths(const LocusStageOptions& o, const TraversalPaths& paths);

  [[nodiscard]] const LocusKernel& kernel() const noexcept { return *kernel_; }
  [[nodiscard]] const LocusTargets& targets() const noexcept { return *targets_; }
  [[nodiscard]] LocusStars& stars() const noexcept { return *stars_; }
  /// Stars of the catalogue; 0 without one.
  [[nodiscard]] std::int64_t star_count() const noexcept { return catalogue_ ? catalogue_->rows() : 0; }
  [[nodiscard]] const std::vector<std::string>& bands() const noexcept { return bands_.bands; }
  /// Name and hash of each input that decides the product, for its provenance.
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& identities() const noexcept { return identities_; }

  enum class Mode { traverse, targets, parameters, list };  ///< the way in which targets are given
  /// Throws UsageError for options that contradict each other, before any file is opened.
  [[nodiscard]] static Mode mode_of(const LocusStageOptions& o);

 private:
  void open_published(Mode mode);
  [[nodiscard]] PublishedParameters read_parameters();
  [[nodiscard]] PublishedParameters read_list() const;
  void take_settings(const PublishedParameters& p);
  void open_catalogue(Mode mode);
  void open_traversal();
  void open_list();
  void take_preset();
  void take_motions(const Schema& schema, LocusColumns& columns) const;
  [[nodiscard]] LocusColumns columns_of_stars(const CatalogueLayout& layout);
  /// And that of their ids, "" for none.
  [[nodiscard]] std::pair<LocusColumns, std::string> columns_of_targets(const Schema& schema) const;
  [[nodiscard]] ColumnAliases band_aliases(const BandColumns& columns) const;

  const LocusStageOptions& o_;
  const CommandContext& context_;
  Ranks& ranks_;
  LocusOptions locus_;
  BandOptions bands_;
  const TraversalPaths& paths_;
  std::optional<Catalogue> catalogue_, target_catalogue_;  // the second where targets have another order than stars
  LocusColumns star_columns_;
  std::optional<LocusKernel> kernel_;
  std::optional<Selection> selection_;
  std::unique_ptr<LocusTargets> targets_;
  std::unique_ptr<LocusStars> stars_;
  std::vector<std::pair<std::string, std::string>> identities_;
};

}  // namespace skyfold
