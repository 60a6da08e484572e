// The command patch: sources are measured on maps, and compared with the fluxes that their catalogue has.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>

#include "maps.hpp"
#include "pairs.hpp"
#include "plot.hpp"
#include "report.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/kernels/patch/own_maps.hpp"
#include "skyfold/registry/gnuplot.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/prepare_rows.hpp"
#include "skyfold/run/run.hpp"
#include "sources.hpp"
#include "work.hpp"

namespace skyfold {
namespace {

struct PatchStageOptions {
  PatchPairing pairing;
  PatchMapOptions maps;
  PatchSourceOptions sources;
  bool has_own_maps = false;  ///< each table of sources is measured on its own map
  std::string output, fits, text, partitions_per_job = "auto";
  bool plot = false;
  PatchOptions measure;
  PatchCompareOptions compare;
};

void describe_patch(OptionSet& option, PatchStageOptions& o) {
  option("maps", o.maps.maps, "HEALPix maps to measure, FITS").layout();
  option("sources", o.pairing.sources,
         "table of sources, FITS, CSV, text, HDF5 or Parquet; or CATALOGUE=MAP, ..., each measured on its own map")
      .layout();
  option("manifest", o.pairing.manifest, "table with columns frequency, catalogue and map, in place of --sources and --maps").layout();
  option("output", o.output, "measurements of every source, HDF5").required().layout().writes(FileKind::hdf5);
  option("fits", o.fits, "the same as a FITS binary table").layout().writes(FileKind::fits);
  option("text", o.text, "the means as text, NAME_10arcminmean<tab>value; needs measure mean or disc").layout().writes(FileKind::text);
  option("plot", o.plot,
         "draw OUTPUT.fluxes.svg (against the catalogue's fluxes, or their distribution) and OUTPUT.sources.svg; needs gnuplot")
      .layout();
  option("channels", o.maps.channels, "channel of each map, by channel.name; empty: by the keyword FREQ, else in their order");
  option("masks", o.maps.masks, "HEALPix masks, > 0 where a pixel counts: one for all maps, or one per map").layout();
  option("ordering", o.sources.ordering,
         "order of the product: of the sky; or of tiles or an attribute, whose tiles or bins are the patches then")
      .one_of({"healpix", "tile", "attribute"});
  describe(option, o.measure);
  option("partitions-per-job", o.partitions_per_job, "patches that a rank takes at a time: auto or a count").layout();
  describe(option, o.sources);
  describe(option, o.maps);
  describe(option, o.compare);
}

/// One run of patch.
class PatchRun {
 public:
  PatchRun(PatchStageOptions o, const CommandContext& context) : o_(std::move(o)), context_(context), ranks_(*context.ranks) {}

  ExitCode run() {
    ranks_.together([&] { check_options(); });
    run_.emplace(ranks_, context_.options, context_.run,
                 RunSetup{"patch", program_version, o_.output, product_paths(), inputs(), &context_.process, derived_paths(),
                          RunSetup::Reopen::always});
    if (run_->is_complete()) return ExitCode::done;
    open_inputs();
    prepare();
    compute();
    return publish();
  }

 private:
  bool measures_means() const { return o_.measure.measures("mean") || o_.measure.measures("disc"); }

  void check_options() const {
    check(o_.measure);
    if (!o_.text.empty() && !measures_means()) throw UsageError("--text writes means (add mean or disc to --measure)");
    // Now, not after the measurement; and only where the plots are drawn.
    if (o_.plot && ranks_.is_first()) require_gnuplot();
  }

  /// What identifies the run: tables come first where each has a map of its own, so that the same files measured otherwise are another run.
  std::vector<std::string> inputs() const {
    std::vector<std::string> paths = o_.maps.maps;
    paths.insert(paths.end(), o_.maps.masks.begin(), o_.maps.masks.end());
    paths.insert(o_.has_own_maps ? paths.begin() : paths.end(), o_.sources.paths.begin(), o_.sources.paths.end());
    if (!o_.pairing.manifest.empty()) paths.push_back(o_.pairing.manifest);
    return paths;
  }

  std::vector<std::string> product_paths() const {
    std::vector<std::string> paths = {o_.output};
    for (const std::string& path : {o_.fits, o_.text})
      if (!path.empty()) paths.push_back(path);
    if (o_.plot) paths.insert(paths.end(), {beside("fluxes.svg"), beside("sources.svg")});
    return paths;
  }

  std::vector<std::string> derived_paths() const {
    std::vector<std::string> paths = product_paths();
    // All but the main product can be made again from it.
    return {paths.begin() + 1, paths.end()};
  }

  /// O.h5 -> O.ENDING
  std::string beside(const std::string& ending) const { return std::filesystem::path(o_.output).replace_extension("." + ending).string(); }

  void open_inputs() {
    ranks_.together([&] {
      const PhaseScope scope(ranks_.clock(), Phase::read);
      maps_.emplace(o_.maps, o_.measure);
      // Before the sources are read, and long before the maps are.
      check_reach();
      sources_ = read_patch_sources(o_.sources, own_maps());
      check_compared(sources_, *maps_, o_.measure, o_.compare);
    });
    maps_->load(ranks_, sources_of_maps(), context_.threads);
    ranks_.together([&] {
      const PatchPositions positions{sources_.lon, sources_.lat, sources_.frame};
      kernel_ = o_.has_own_maps ? make_own_maps_kernel(o_.measure, maps_->maps(), positions, own_map_column)
                                : make_patch_kernel(o_.measure, maps_->maps(), positions);
      // Products carry the columns of the sources along, so that no table has to be joined to use them.
      for (const ColumnInfo& column : kernel_->gives())
        if (!known_column(sources_.table.schema(), std::array{lower(column.name)}).empty())  // FITS names have no case
          throw UsageError(
              fmt::format("{}: its column {} goes into the product, which has a column of that name (--channel.name ends the product's)",
                          o_.sources.paths.front(), column.name));
    });
    // All ranks found the same.
    if (!ranks_.is_first()) return;
    for (const std::vector<std::string>& remarks : {sources_.remarks, maps_->remarks()})
      for (const std::string& remark : remarks) log_info(remark);
    log_info(fmt::format("{} sources in {} patches, {} maps", grouped(static_cast<long long>(sources_.table.rows())),
                         grouped(std::ssize(sources_.patches)), maps_->size()));
  }

  std::vector<OwnMap> own_maps() const {
    std::vector<OwnMap> own;
    for (std::size_t i = 0; i < maps_->size() && o_.has_own_maps; ++i) own.push_back({maps_->label(i), maps_->map(i).unit});
    return own;
  }

  std::vector<std::int64_t> sources_of_maps() const {
    if (!o_.has_own_maps) return std::vector<std::int64_t>(maps_->size(), static_cast<std::int64_t>(sources_.table.rows()));
    std::vector<std::int64_t> counts(maps_->size(), 0);
    for (const std::int32_t map : sources_.own_map) ++counts[static_cast<std::size_t>(map)];
    return counts;
  }

  // A patch is what a rank reads the surroundings of: with a larger radius it would read more surroundings than patch.
  void check_reach() const {
    const double side = patch_side_deg(o_.sources), reach = maps_->reach_arcmin() / 60.0;
    if (reach > side)
      throw UsageError(fmt::format(
          "radius of {:.4g} degrees is larger than the patches of {:.4g} degrees (choose smaller radii or a smaller partition.nside)",
          reach, side));
  }

  void prepare() {
    product_.rows = run_->partial(o_.output);
    product_.fits = o_.fits.empty() ? "" : run_->partial(o_.fits);
    product_.is_fits_along = run_->is_filled_along(o_.fits);
    product_.layout.schema = sources_.table.schema();
    for (const ColumnInfo& column : kernel_->gives()) product_.layout.schema.push_back(column);
    product_.layout.rows = static_cast<std::int64_t>(sources_.table.rows());
    product_.layout.ordering = sources_.ordering;
    product_.layout.attribute = sources_.attribute;
    const bool is_equatorial = sources_.frame == Frame::equatorial;
    // Other frames have no column of RA and Dec, which is what the roles mean.
    product_.layout.roles = {sources_.id, is_equatorial ? sources_.lon : "", is_equatorial ? sources_.lat : "", sources_.tile};
    product_.layout.creator = creator_of("patch");
    product_.layout.product_class = "patch_photometry";
    std::vector<std::pair<std::string, std::string>> identities;
    for (const std::string& path : o_.sources.paths) identities.emplace_back(path, file_identity(path));
    // By size only: hashing maps of tens of gigabytes would take longer than measuring a few sources. The registry has their hashes.
    for (const std::string& path : maps_->paths()) identities.emplace_back(path, std::to_string(std::filesystem::file_size(path)));
    product_.layout.provenance = provenance_json("patch", context_.options, identities);
    prepare_product(*run_, ranks_, product_, o_.output, "PATCH", [&](const auto& use) { use(sources_.table); });
  }

  void compute() {
    std::shared_ptr<PatchWork> work;
    ranks_.together([&] { work = std::make_shared<PatchWork>(sources_, *maps_, *kernel_, product_, context_.threads); });
    run_->farm({"patch", "sources", o_.partitions_per_job}, sources_.patches, work);
  }

  ExitCode publish() {
    finish_product(ranks_, product_, run_->fits_sum());
    std::string summary;
    ranks_.on_first_only([&] {
      const PhaseScope scope(ranks_.clock(), Phase::consolidate);
      const std::vector<FluxPair> pairs = flux_pairs(product_.rows, sources_, *maps_, o_.measure, o_.compare);
      // From the finished product, not from what ranks held: so it is the same after an interruption.
      summary = patch_summary(product_.rows, sources_, *maps_, o_.measure, pairs);
      if (!o_.text.empty()) write_patch_text(run_->partial(o_.text), product_.rows, sources_, *maps_, o_.measure);
      if (!o_.plot) return;
      const std::string fluxes = run_->partial(beside("fluxes.svg"));
      pairs.empty() ? draw_distributions(product_.rows, sources_, *maps_, o_.measure, fluxes) : draw_fluxes(pairs, fluxes);
      draw_contact_sheet(contact_sheet(product_.rows, sources_, *maps_, o_.measure, pairs), sources_, *maps_, o_.measure,
                         run_->partial(beside("sources.svg")));
    });
    run_->publish(product_paths());
    return run_->finish(context_.threads, summary);
  }

  const PatchStageOptions o_;
  const CommandContext& context_;
  Ranks& ranks_;
  std::optional<Run> run_;
  std::optional<PatchMaps> maps_;
  PatchSources sources_;
  std::unique_ptr<Kernel> kernel_;
  RowProduct product_;
};

class PatchCommand final : public Command {
 public:
  void describe(OptionSet& option) override { describe_patch(option, options_); }
  ExitCode run(const CommandContext& context) override {
    // A copy: what the options say is told to whom repeats the run, not what follows from it.
    PatchStageOptions o = options_;
    context.ranks->together([&] { o.has_own_maps = set_pairs(o.pairing, o.sources, o.maps); });
    return PatchRun(std::move(o), context).run();
  }

 private:
  PatchStageOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_patch_command() { return std::make_unique<PatchCommand>(); }

}  // namespace skyfold
