// The command export: a catalogue or product as Parquet files, or as a HATS catalogue. Each file is a range of rows, and a job.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "hats_files.hpp"
#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/core/version.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/run/run.hpp"
#include "skyfold/sky/healpix.hpp"
#include "work.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

/// Of a leaf in memory; there are two at a time, and DuckDB has a third.
constexpr std::int64_t leaf_bytes = std::int64_t{256} << 20;
constexpr const char* hats = "hats";

struct ExportOptions {
  std::string product, output, format;
  long max_rows = 1'000'000;
  std::string name, date;
  bool is_collection = false;
};

/// One run of export.
class ExportRun {
 public:
  ExportRun(const ExportOptions& o, const CommandContext& context)
      : o_(o),
        context_(context),
        ranks_(*context.ranks),
        run_(ranks_, context.options, context.run, {"export", program_version, o_.output, {o_.output}, {o_.product}, &context.process}) {}

  ExitCode run() {
    if (run_.is_complete()) return ExitCode::done;
    ranks_.together([&] {
      catalogue_.emplace(o_.product);
      choose_columns();
      choose_leaves();
    });
    if (ranks_.is_first())
      log_info(fmt::format("{}: {} rows in {} file{}", o_.product, grouped(catalogue_->rows()), grouped(std::ssize(leaves_)),
                           leaves_.size() == 1 ? "" : "s"));
    run_.once("folders", [&] { make_folders(); });
    write_leaves();
    if (o_.format == hats) describe_catalogue();
    ranks_.on_first_only([&] { sync_folders(); });
    context_.process.product(o_.output, "", catalogue_->rows());
    run_.publish({o_.output});
    return run_.finish(context_.threads, "");
  }

 private:
  /// The index of the sky comes first in HATS.
  void choose_columns() {
    schema_ = catalogue_->schema();
    if (o_.format != hats) return;
    if (catalogue_->layout().ordering != Ordering::healpix)
      throw DataError(
          fmt::format("{}: is ordered by {}, but a HATS catalogue by HEALPix (skyfold import --input {} --ordering healpix makes one)",
                      o_.product, name_of(catalogue_->layout().ordering), o_.product));
    // The others keep the order that the catalogue has them in.
    std::ranges::stable_partition(schema_, [](const ColumnInfo& info) { return info.name == healpix_column; });
    for (const char* name : {"Norder", "Dir", "Npix"})
      if (find_column(schema_, name))
        throw DataError(fmt::format("{}: has a column {}, which readers of HATS take for the folders' (leave it out at import with --keep)",
                                    o_.product, name));
  }

  void choose_leaves() {
    const std::int64_t row_bytes = std::max<std::int64_t>(1, static_cast<std::int64_t>(bytes_per_row(schema_)));
    // A leaf is in memory as a whole, so long rows make it shorter than the user allows.
    most_rows_ = std::clamp<std::int64_t>(leaf_bytes / row_bytes, 1, o_.max_rows);
    if (catalogue_->rows() == 0) throw DataError(fmt::format("{}: has no rows to export", o_.product));
    if (o_.format == hats) {
      leaves_ = hats_leaves(catalogue_->ordered_rows(), most_rows_);
      for (Leaf& leaf : leaves_) leaf.place = in_collection(leaf.place);
      return;
    }
    leaves_ = part_leaves(catalogue_->rows(), most_rows_);
    const std::string ending = lower(fs::path(o_.output).extension().string());
    if (ending != ".parquet" && ending != ".parq" && ending != ".pq") return;
    if (leaves_.size() > 1)
      throw UsageError(fmt::format("--output {}: {} rows are more than one file takes, {} (name a folder: one without .parquet at its end)",
                                   o_.output, grouped(catalogue_->rows()), grouped(most_rows_)));
    // An empty place stands for the output itself.
    leaves_.front().place.clear();
  }

  void make_folders() {
    if (leaves_.front().place.empty()) return;
    fs::create_directories(root());
    // All folders before the run: ranks then make files only, without a race for the folders above them.
    for (const Leaf& leaf : leaves_) fs::create_directories(folder_of(root() + "/" + leaf.place));
  }

  void write_leaves() {
    std::vector<Partition> partitions;
    if (ranks_.is_first())
      for (const Leaf& leaf : leaves_)
        partitions.push_back(
            {std::ssize(partitions), leaf.place.empty() ? o_.output : leaf.place, leaf.rows, static_cast<double>(leaf.rows.size())});
    const auto work = std::make_shared<ExportWork>(catalogue_->reader(), schema_, leaves_, root(), parquet_metadata(schema_));
    // A job is a file, never a part of one: a leaf that was cut could not be written by two ranks.
    run_.farm({"export", "rows", "1", true, true}, partitions, work);
  }

  void describe_catalogue() {
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    const int order = skymap_order(leaves_);
    std::vector<std::int64_t> counts(static_cast<std::size_t>(pixel_count(order)));
    ranks_.together([&] {
      Table keys;
      keys.add(schema_.front());
      for (std::int64_t begin = ranks_.rank() * zone_rows; begin < catalogue_->rows(); begin += ranks_.size() * zone_rows) {
        catalogue_->reader().read({begin, std::min(begin + zone_rows, catalogue_->rows())}, keys);
        for (const std::int64_t key : keys[0].values<std::int64_t>()) ++counts[static_cast<std::size_t>(pixel_of(key, order))];
      }
    });
    // Whole numbers, so that the map is the same for any number of ranks.
    ranks_.sum(counts);
    const Roles& roles = catalogue_->layout().roles;
    const HatsDescription description{name(), "object", roles.ra, roles.dec, o_.date, catalogue_->rows(), most_rows_};
    ranks_.on_first_only([&] {
      std::vector<Leaf> leaves = leaves_;
      for (Leaf& leaf : leaves) leaf.place.erase(0, in_collection("").size());
      write_hats_files(root() + "/" + in_collection(""), description, leaves, schema_, parquet_metadata(schema_), counts);
      if (o_.is_collection)
        write_durably(root() + "/collection.properties",
                      fmt::format("#HATS Collection\nobs_collection={}\nhats_primary_table_url={}\n", name(), name()));
    });
  }

  /// Files are on the disk; their names must be, too, before the whole gets its own.
  void sync_folders() const {
    if (!fs::is_directory(root())) return;
    for (const auto& entry : fs::recursive_directory_iterator(root()))
      if (entry.is_directory()) sync_path(entry.path().string());
    sync_path(root());
  }

  [[nodiscard]] std::string name() const { return o_.name.empty() ? fs::path(o_.output).filename().string() : o_.name; }
  /// Where a file of the catalogue is, relative to the export.
  [[nodiscard]] std::string in_collection(const std::string& place) const { return o_.is_collection ? name() + "/" + place : place; }
  [[nodiscard]] std::string root() const { return run_.partial(o_.output); }

  const ExportOptions& o_;
  const CommandContext& context_;
  Ranks& ranks_;
  Run run_;
  std::optional<Catalogue> catalogue_;
  Schema schema_;
  std::int64_t most_rows_ = 0;
  std::vector<Leaf> leaves_;
};

class ExportCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("product", o_.product, "catalogue or product of skyfold").required().positional().layout();
    option("format", o_.format, "parquet: files of rows; hats: a catalogue in pixels of the sky").required().one_of({"parquet", hats});
    option("output", o_.output, "folder to make; for parquet also one file, X.parquet, if the rows fit in it").required().layout();
    option("max-rows", o_.max_rows, "rows of a file, at most; fewer where rows are long (256 MB)").range(1, 10'000'000);
    option("hats.name", o_.name, "name of the catalogue (obs_collection); empty: that of its folder");
    option("hats.collection", o_.is_collection,
           "make a collection: the catalogue is in a folder of its name, beside collection.properties");
    option("hats.date", o_.date, "date of creation and release to be noted; empty: none, so that equal rows give equal bytes");
  }
  ExitCode run(const CommandContext& context) override {
    // The name of the run folder is made from it.
    while (o_.output.size() > 1 && o_.output.ends_with('/')) o_.output.pop_back();
    if (o_.name.find('/') != std::string::npos || o_.name.find('\n') != std::string::npos || o_.name.starts_with('.'))
      throw UsageError(fmt::format("--hats.name {}: is no name of a folder", o_.name));
    context.ranks->on_first_only([&] { check_outputs({o_.output}, {o_.product}); });
    return ExportRun(o_, context).run();
  }

 private:
  ExportOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_export_command() { return std::make_unique<ExportCommand>(); }

}  // namespace skyfold
