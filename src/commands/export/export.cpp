// The command export: a catalogue or product in the formats of others. Ranges of rows are jobs: files of their own, or parts of the one
// file.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iterator>
#include <optional>

#include "../common/postgres.hpp"
#include "assembly.hpp"
#include "hats_files.hpp"
#include "margin.hpp"
#include "nested_pdfs.hpp"
#include "original_work.hpp"
#include "placed_work.hpp"
#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/catalogue/measurements.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/core/version.hpp"
#include "skyfold/dataset/chosen_rows.hpp"
#include "skyfold/dataset/csv.hpp"
#include "skyfold/dataset/rows.hpp"
#include "skyfold/io/moc.hpp"
#include "skyfold/io/row_numbers.hpp"
#include "skyfold/io/source.hpp"
#include "skyfold/io/votable_file.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/run/run.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/table/algebra.hpp"
#include "work.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

/// Of a leaf in memory; there are two at a time, and DuckDB has a third.
constexpr std::int64_t leaf_bytes = std::int64_t{256} << 20;
/// Rows of a part of a text, of which no file remains.
constexpr std::int64_t part_rows = 262'144;
constexpr const char *hats = "hats", *parquet = "parquet", *csv = "csv", *votable = "votable", *fits = "fits", *colfits = "colfits",
                     *moc = "moc", *postgres = "postgres";
constexpr const char* original = "original";
constexpr const char *objects = "object", *measurements = "meas", *orphans = "meas_orphan";

struct ExportOptions {
  std::string product, output, format, where, order = "catalogue", postgres_table = "object", table = objects;
  long max_rows = 1'000'000;
  std::string name, date;
  bool is_collection = false, has_pdfs = false;
  double margin = 0.0;
  int moc_order = 10;
};

/// One run of export.
class ExportRun {
 public:
  ExportRun(const ExportOptions& o, const CommandContext& context)
      : o_(o),
        context_(context),
        ranks_(*context.ranks),
        run_(ranks_, context.options, context.run, {"export", program_version, o_.output, {o_.output}, inputs(o), &context.process}) {}

  ExitCode run() {
    if (run_.is_complete()) return ExitCode::done;
    open_rows();
    if (o_.order == original)
      write_original();
    else if (o_.format == fits || o_.format == colfits)
      write_fits();
    else if (o_.format == csv || o_.format == votable || o_.format == postgres)
      write_text();
    else if (o_.format == moc)
      write_footprint();
    else
      write_files();
    context_.process.product(o_.output, "", size());
    run_.publish({o_.output});
    return run_.finish(context_.threads, "");
  }

 private:
  static std::vector<std::string> inputs(const ExportOptions& o) {
    std::vector<std::string> paths = {o.product};
    if (o.has_pdfs)
      for (const std::string& path : files_of_pdfs(o.product)) paths.push_back(path);
    return paths;
  }

  void open_rows() {
    std::optional<Condition> where;
    ranks_.together([&] {
      catalogue_.emplace(o_.product);
      schema_ = catalogue_->schema();
      if (o_.table != objects) open_measurements();
      if (!trim(o_.where).empty()) where.emplace(o_.where, schema_, "--where");
      if (o_.has_pdfs) pdfs_.emplace(*catalogue_);
      if (pdfs_) schema_.insert(schema_.end(), pdfs_->columns().begin(), pdfs_->columns().end());
    });
    if (measurements_) {
      if (ranks_.is_first()) log_info(fmt::format("{}: {} measurements", o_.product, grouped(size())));
      return;
    }
    if (where)
      rows_.emplace(ranks_, *catalogue_, *where);
    else
      rows_.emplace(*catalogue_);
    ranks_.together([&] {
      if (rows_->size() > 0) return;
      throw DataError(
          where ? fmt::format("{}: --where '{}' holds for none of {} rows", o_.product, trim(o_.where), grouped(catalogue_->rows()))
                : fmt::format("{}: has no rows to export", o_.product));
    });
    if (ranks_.is_first())
      log_info(fmt::format("{}: {} rows{}", o_.product, grouped(rows_->size()), where ? " of " + grouped(catalogue_->rows()) : ""));
  }

  void open_measurements() {
    if (o_.table == orphans && has_measurements(o_.product) && !has_orphans(o_.product))
      throw DataError(o_.product + ": has no measurements without an object");
    measurements_.emplace(o_.product, o_.table == orphans ? Measurements::Which::orphans : Measurements::Which::of_objects);
    // Their inputs have both, in one order.
    if (o_.order == original && has_orphans(o_.product)) orphans_.emplace(o_.product, Measurements::Which::orphans);
    schema_ = measurements_->schema();
  }
  /// Rows that are exported.
  [[nodiscard]] std::int64_t size() const {
    return measurements_ ? measurements_->rows() + (orphans_ ? orphans_->rows() : 0) : rows_->size();
  }
  void read(RowRange rows, Table& out) const {
    if (orphans_ && rows.end > measurements_->rows())
      read_with_orphans(rows, out);
    else if (measurements_)
      measurements_->read(rows, out);
    else
      rows_->read(rows, out);
  }

  /// Orphans are numbered behind the others.
  void read_with_orphans(RowRange rows, Table& out) const {
    const std::int64_t first = measurements_->rows();
    Table without(out.schema());
    orphans_->read({std::max<std::int64_t>(0, rows.begin - first), rows.end - first}, without);
    measurements_->read({std::min(rows.begin, first), first}, out);
    append(out, without);
  }

  /// One FITS table in the order of the inputs, with their bytes.
  void write_original() {
    const char* const name = measurements_ ? original_meas_form_name : original_form_name;
    std::optional<SourceOrder> order;
    std::string form;
    const auto read_rows = [this](RowRange rows, Table& out) { read(rows, out); };
    ranks_.together([&] {
      if (!find_column(schema_, source_row_column))
        throw DataError(fmt::format("{}: does not know where its rows were (import --keep-order keeps it)", from()));
      order.emplace(read_rows, size(), from());
      const Attributes attributes = read_attributes(o_.product);
      if (const auto kept = attributes.find(name); kept != attributes.end()) form = kept->second;
    });
    run_.once("table", [&] {
      for (const std::string& remark : create_original_fits(root(), form, schema_, size(), creator_of("export"))) log_info(remark);
    });
    std::shared_ptr<OriginalWork> work;
    ranks_.together([&] { work = std::make_shared<OriginalWork>(read_rows, *order, root(), form, original_columns(form, schema_)); });
    run_.farm({"export", "rows", "1", false, true}, ranges(part_leaves(size(), part_rows, "")), work);
  }

  /// One table, whose rows have their places: by rows, or column by column.
  void write_fits() {
    const FitsOrder order = o_.format == colfits ? FitsOrder::columns : FitsOrder::rows;
    CatalogueLayout layout = catalogue_->layout();
    layout.schema = schema_;
    layout.rows = size();
    run_.once("table", [&] { create_product_fits({"", root(), layout}, "CATALOGUE", texts(), order); });
    FitsLayout placed;
    std::shared_ptr<PlacedWork> work;
    ranks_.together([&] {
      placed = open_fits(root(), schema_, size(), order);
      work = std::make_shared<PlacedWork>([this](RowRange rows, Table& out) { read(rows, out); }, root(), placed);
    });
    run_.farm({"export", "rows", "1", false, true}, ranges(part_leaves(size(), part_rows, "")), work);
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    const std::optional<std::uint32_t> sum = run_.fits_sum();
    ranks_.on_first_only([&] { finish_fits(root(), placed, sum ? *sum : fits_data_sum(root(), placed)); });
  }

  /// All texts of the rows: FITS must know them before the first row.
  [[nodiscard]] EachText texts() const {
    return [this](const std::function<void(const Table&)>& use) {
      Schema columns;
      std::ranges::copy_if(schema_, std::back_inserter(columns), [](const ColumnInfo& info) { return info.type == Type::text; });
      if (columns.empty()) return;
      Table block(columns);
      for (std::int64_t begin = 0; begin < size(); begin += zone_rows) {
        read({begin, std::min(begin + zone_rows, size())}, block);
        use(block);
      }
    };
  }

  /// Rows of text have no places before they are written: each part is a file first.
  void write_text() {
    const std::string parts = run_.partial("parts.scratch");
    std::vector<Leaf> leaves = part_leaves(size(), std::min(part_rows, most_rows()), "");
    // The folder is cleared of files with such names at the end.
    for (std::size_t i = 0; i < leaves.size(); ++i) leaves[i].place = std::to_string(i);
    run_.once("folders", [&] { fs::create_directories(parts); });
    LeafFormat format{[](const Table&, const std::string&, std::int64_t) {},
                      [](const std::string& path, const Table& rows) { write_part(path, rows, add_csv_rows); }};
    if (o_.format == votable)
      format = {check_xml_texts, [](const std::string& path, const Table& rows) { write_part(path, rows, add_votable_rows); }};
    if (o_.format == postgres) format.check = check_utf8;
    run_.farm({"export", "rows", "1", true, true}, ranges(leaves),
              std::make_shared<ExportWork>(all_rows(), schema_, leaves, parts, format));
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    std::vector<std::string> files;
    for (const Leaf& leaf : leaves) files.push_back(parts + "/" + leaf.place);
    assemble(ranks_, root(), text_head(), files, text_tail());
  }

  static void write_part(const std::string& path, const Table& rows, void (*add_rows)(const Table&, std::string&)) {
    std::string text;
    add_rows(rows, text);
    File file = File::created(path);
    file.write(0, text);
    file.close();
  }

  [[nodiscard]] std::string text_head() const {
    if (o_.format == votable)
      return votable_head(schema_,
                          columns_beyond_ascii(
                              ranks_, size(), [this](RowRange rows, Table& out) { read(rows, out); }, schema_),
                          {{"creator", catalogue_->layout().creator}, {"provenance", catalogue_->layout().provenance}});
    if (o_.format == postgres) return postgres_begin() + postgres_table(postgres_rows()) + postgres_copy(postgres_rows());
    const bool is_ecsv = lower(fs::path(o_.output).extension().string()) == ".ecsv";
    return (is_ecsv ? ecsv_header(schema_) : "") + csv_header(schema_);
  }

  [[nodiscard]] std::string text_tail() const {
    if (o_.format == votable) return votable_tail();
    return o_.format == postgres ? postgres_copy_end() + postgres_indexes(postgres_rows()) + postgres_end() : "";
  }
  [[nodiscard]] PostgresTable postgres_rows() const {
    if (!measurements_) return {o_.postgres_table, schema_, catalogue_->layout().roles};
    // Many have the id of one object: it is no key.
    return {o_.postgres_table == objects ? o_.table : o_.postgres_table,
            schema_,
            {"", measurements_->roles().ra, measurements_->roles().dec, ""}};
  }

  void write_footprint() {
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    const Region region = covered_pixels(ranks_, *rows_, o_.moc_order);
    ranks_.on_first_only([&] { write_moc(root(), region, o_.moc_order); });
    if (ranks_.is_first()) log_info(fmt::format("{:.6g} square degrees in pixels of order {}", area_deg2(region), o_.moc_order));
  }

  /// Parquet files.
  void write_files() {
    ranks_.together([&] {
      choose_columns();
      choose_leaves();
    });
    if (ranks_.is_first()) log_info(fmt::format("{} file{}", grouped(std::ssize(leaves_)), leaves_.size() == 1 ? "" : "s"));
    run_.once("folders", [&] { make_folders(); });
    // A job is a file, never a part of one: a leaf that was cut could not be written by two ranks.
    run_.farm({"export", "rows", "1", true, true}, ranges(leaves_),
              std::make_shared<ExportWork>(all_rows(), schema_, leaves_, root(), as_parquet()));
    if (o_.format == hats) {
      describe_catalogue();
      if (o_.margin > 0.0) write_margin();
      if (o_.is_collection) ranks_.on_first_only([&] { write_collection(root(), name(), margin_rows_ > 0 ? margin_name() : ""); });
    }
    ranks_.on_first_only([&] { sync_folders(); });
  }

  /// Columns of the product itself, in the order of the export.
  [[nodiscard]] Schema plain_schema() const {
    Schema plain = schema_;
    if (pdfs_) std::erase_if(plain, [&](const ColumnInfo& info) { return find_column(pdfs_->columns(), info.name).has_value(); });
    return plain;
  }
  [[nodiscard]] std::vector<ParquetStruct> structs() const { return pdfs_ ? pdfs_->structs() : std::vector<ParquetStruct>(); }
  void read_rows(RowRange rows, Table& out) const {
    if (!pdfs_) return read(rows, out);
    Table plain(plain_schema());
    rows_->read(rows, plain);
    out.resize(plain.rows());
    for (std::size_t c = 0; c < plain.columns(); ++c) copy_rows(plain[c], 0, plain.rows(), out.at(plain[c].info().name), 0);
    pdfs_->read(rows_->rows_of(rows), plain.find(catalogue_->layout().roles.id), out);
  }

  [[nodiscard]] LeafRows all_rows() const {
    return {[this](RowRange rows, Table& out) { read_rows(rows, out); }, from()};
  }
  /// Rows that a condition has chosen have other numbers than in their file.
  [[nodiscard]] std::string from() const {
    if (measurements_) return o_.product + ", " + o_.table;
    return o_.product + (rows_->size() == catalogue_->rows() ? "" : " (of its rows that --where chooses)");
  }

  [[nodiscard]] LeafFormat as_parquet() const {
    return {check_utf8, [metadata = parquet_metadata(plain_schema()), structs = structs()](const std::string& path, const Table& rows) {
              write_parquet(path, rows, metadata, structs);
            }};
  }

  /// The index of the sky comes first in HATS.
  void choose_columns() {
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

  /// A leaf is in memory as a whole, so long rows make it shorter than the user allows.
  [[nodiscard]] std::int64_t most_rows() const {
    const std::int64_t row_bytes = std::max<std::int64_t>(1, static_cast<std::int64_t>(bytes_per_row(schema_)));
    return std::clamp<std::int64_t>(leaf_bytes / row_bytes, 1, o_.max_rows);
  }

  void choose_leaves() {
    if (o_.format == hats) {
      leaves_ = hats_leaves(ordered_rows(), most_rows());
      for (Leaf& leaf : leaves_) leaf.place = in_collection(leaf.place);
      return;
    }
    leaves_ = part_leaves(size(), most_rows(), ".parquet");
    const std::string ending = lower(fs::path(o_.output).extension().string());
    if (ending != ".parquet" && ending != ".parq" && ending != ".pq") return;
    if (leaves_.size() > 1)
      throw UsageError(fmt::format("--output {}: {} rows are more than one file takes, {} (name a folder: one without .parquet at its end)",
                                   o_.output, grouped(size()), grouped(most_rows())));
    // An empty place stands for the output itself.
    leaves_.front().place.clear();
  }

  /// The chosen rows in the order of the sky, by their numbers.
  [[nodiscard]] OrderedRows ordered_rows() const {
    OrderedRows ordered;
    ordered.rows = rows_->size();
    ordered.row_of_key = [this, all = catalogue_->ordered_rows()](std::int64_t key, RowRange within) {
      if (rows_->size() == all.rows) return all.row_of_key(key, within);
      return rows_->among({0, all.row_of_key(key, {0, all.rows})}).end;
    };
    return ordered;
  }

  void make_folders() {
    if (leaves_.front().place.empty()) return;
    fs::create_directories(root());
    // All folders before the run: ranks then make files only, without a race for the folders above them.
    for (const Leaf& leaf : leaves_) fs::create_directories(folder_of(root() + "/" + leaf.place));
  }

  /// Leaves as partitions of the rows; rank 0 has them.
  [[nodiscard]] std::vector<Partition> ranges(const std::vector<Leaf>& leaves) const {
    std::vector<Partition> partitions;
    if (ranks_.is_first())
      for (const Leaf& leaf : leaves)
        partitions.push_back(
            {std::ssize(partitions), leaf.place.empty() ? o_.output : leaf.place, leaf.rows, static_cast<double>(leaf.rows.size())});
    return partitions;
  }

  void describe_catalogue() {
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    const int order = skymap_order(leaves_);
    std::vector<std::int64_t> counts(static_cast<std::size_t>(pixel_count(order)));
    ranks_.together([&] {
      Table keys;
      keys.add(schema_.front());
      for (std::int64_t begin = ranks_.rank() * zone_rows; begin < rows_->size(); begin += ranks_.size() * zone_rows) {
        rows_->read({begin, std::min(begin + zone_rows, rows_->size())}, keys);
        for (const std::int64_t key : keys[0].values<std::int64_t>()) ++counts[static_cast<std::size_t>(pixel_of(key, order))];
      }
    });
    // Whole numbers, so that the map is the same for any number of ranks.
    ranks_.sum(counts);
    const Roles& roles = catalogue_->layout().roles;
    const HatsDescription description{name(), "object", roles.ra, roles.dec, o_.date, "", 0.0, rows_->size(), most_rows()};
    ranks_.on_first_only([&] {
      std::vector<Leaf> leaves = leaves_;
      for (Leaf& leaf : leaves) leaf.place.erase(0, in_collection("").size());
      write_hats_files(root() + "/" + in_collection(""), description, leaves, schema_, parquet_metadata(plain_schema()), structs(), counts);
    });
  }

  /// Rows of other leaves near the borders of each, as a catalogue of its own.
  void write_margin() {
    std::vector<Leaf> leaves = leaves_;
    for (Leaf& leaf : leaves) leaf.place = margin_name() + leaf.place.substr(name().size());
    run_.once("margin folders", [&] {
      for (const Leaf& leaf : leaves) fs::create_directories(folder_of(root() + "/" + leaf.place));
    });
    std::shared_ptr<Work> work;
    std::optional<MarginRows> near;
    ranks_.together([&] {
      near.emplace(*rows_, leaves, o_.margin, [this](RowRange rows, Table& out) { read_rows(rows, out); });
      LeafRows rows{[&near](RowRange leaf, Table& out) { near->read(leaf, out); }, from(), true};
      work = std::make_shared<ExportWork>(rows, schema_, leaves, root(), as_parquet());
    });
    run_.farm({"export of margins", "rows", "1", true, true}, ranges(leaves), work);
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    std::erase_if(leaves, [&](const Leaf& leaf) { return !fs::exists(root() + "/" + leaf.place); });
    margin_rows_ = 0;
    for (const std::string& rows : ranks_.run_units(
             leaves.size(), [&](std::size_t i) { return std::to_string(open_source(root() + "/" + leaves[i].place, {})->rows()); }))
      margin_rows_ += std::stoll(rows);
    ranks_.on_first_only([&] { describe_margin(leaves); });
  }

  void describe_margin(std::vector<Leaf> leaves) {
    const std::string folder = root() + "/" + margin_name();
    remove_empty_folders(folder);
    log_info(fmt::format("{} rows are within {} arcsec of other leaves{}", grouped(margin_rows_), shortest(o_.margin),
                         margin_rows_ == 0 ? ": no margin catalogue" : ""));
    if (leaves.empty()) return;
    for (Leaf& leaf : leaves) leaf.place.erase(0, margin_name().size() + 1);
    const Roles& roles = catalogue_->layout().roles;
    HatsDescription description{margin_name(), "margin", roles.ra, roles.dec, o_.date, name(), o_.margin, margin_rows_, most_rows()};
    write_hats_files(folder, description, leaves, schema_, parquet_metadata(plain_schema()), structs(), {});
  }

  [[nodiscard]] std::string collection_properties() const {
    std::string text = fmt::format("#HATS Collection\nobs_collection={}\nhats_primary_table_url={}\n", name(), name());
    if (margin_rows_ > 0) text += fmt::format("all_margins={0}\ndefault_margin={0}\n", margin_name());
    return text;
  }

  /// Files are on the disk; their names must be, too, before the whole gets its own.
  void sync_folders() const {
    if (!fs::is_directory(root())) return;
    for (const auto& entry : fs::recursive_directory_iterator(root()))
      if (entry.is_directory()) sync_path(entry.path().string());
    sync_path(root());
  }

  [[nodiscard]] std::string name() const { return o_.name.empty() ? fs::path(o_.output).filename().string() : o_.name; }
  /// As hats-import names them.
  [[nodiscard]] std::string margin_name() const { return fmt::format("{}_{}arcs", name(), shortest(o_.margin)); }
  /// Where a file of the catalogue is, relative to the export.
  [[nodiscard]] std::string in_collection(const std::string& place) const { return o_.is_collection ? name() + "/" + place : place; }
  [[nodiscard]] std::string root() const { return run_.partial(o_.output); }

  const ExportOptions& o_;
  const CommandContext& context_;
  Ranks& ranks_;
  Run run_;
  std::optional<Catalogue> catalogue_;
  std::optional<ChosenRows> rows_;            ///< of the objects
  std::optional<Measurements> measurements_;  ///< in their place
  std::optional<Measurements> orphans_;       ///< behind these
  Schema schema_;
  std::optional<NestedPdfs> pdfs_;
  std::vector<Leaf> leaves_;
  std::int64_t margin_rows_ = 0;
};

class ExportCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("product", o_.product, "catalogue or product of skyfold").required().positional().layout();
    option("format", o_.format,
           "fits, colfits (one row of whole columns), csv (an output X.ecsv has units), votable, postgres (statements and rows for psql), "
           "moc (the "
           "footprint): one file; parquet: files of rows; hats: a catalogue in pixels of the sky")
        .required()
        .one_of({fits, colfits, csv, votable, postgres, moc, parquet, hats});
    option("output", o_.output, "file to make; for hats and parquet a folder, or for parquet one file, X.parquet, if the rows fit in it")
        .required()
        .layout();
    option("table", o_.table, "what to export: the objects, their measurements, or measurements without an object")
        .one_of({objects, measurements, orphans});
    option("order", o_.order,
           "fits: rows as the catalogue has them, or original: as the inputs had them, with the bytes of their FITS columns (needs import "
           "--keep-order)")
        .one_of({"catalogue", original});
    option("where", o_.where, "condition that rows must meet (see docs/conditions.md); the others are left out");
    option("max-rows", o_.max_rows, "parquet, hats: rows of a file, at most; fewer where rows are long (256 MB)").range(1, 10'000'000);
    option("pdfs", o_.has_pdfs, "parquet, hats: PDFs from the files beside the product, nested in columns X_ens_interp, X_ens_mixmod, ...");
    option("postgres.table", o_.postgres_table, "postgres: name of the table");
    option("moc.order", o_.moc_order, "moc: order of the pixels that have rows; 10: 3.4 arcmin").range(0, 29);
    option("hats.name", o_.name, "name of the catalogue (obs_collection); empty: that of its folder");
    option("hats.collection", o_.is_collection,
           "make a collection: the catalogue is in a folder of its name, beside collection.properties");
    option("hats.margin", o_.margin,
           "radius [arcsec] of a margin catalogue, which has for each file the rows of others so near to its pixel; makes a collection; 0: "
           "none")
        .range(0.0, 36'000.0);
    option("hats.date", o_.date, "date of creation and release to be noted; empty: none, so that equal rows give equal bytes");
  }
  ExitCode run(const CommandContext& context) override {
    // The name of the run folder is made from it.
    while (o_.output.size() > 1 && o_.output.ends_with('/')) o_.output.pop_back();
    if (o_.name.find('/') != std::string::npos || o_.name.find('\n') != std::string::npos || o_.name.starts_with('.'))
      throw UsageError(fmt::format("--hats.name {}: is no name of a folder", o_.name));
    if (o_.order == original && (o_.format != fits || o_.table == orphans))
      throw UsageError(fmt::format("--order original with {} (it goes with --format fits, for objects or all measurements)",
                                   o_.format != fits ? "--format " + o_.format : "--table " + o_.table));
    const ExportOptions usual;
    if (o_.format != hats)
      refuse_idle_options("--format hats", {{"hats.name", o_.name != usual.name},
                                            {"hats.collection", o_.is_collection},
                                            {"hats.margin", o_.margin != usual.margin},
                                            {"hats.date", o_.date != usual.date}});
    if (o_.format != hats && o_.format != parquet)
      refuse_idle_options("--format parquet or hats", {{"max-rows", o_.max_rows != usual.max_rows}, {"pdfs", o_.has_pdfs}});
    if (o_.format != postgres) refuse_idle_options("--format postgres", {{"postgres.table", o_.postgres_table != usual.postgres_table}});
    if (o_.postgres_table.empty() || o_.postgres_table.size() > 63)
      throw UsageError(fmt::format("postgres.table = '{}' (1 to 63 bytes)", o_.postgres_table));
    if (o_.table != objects)
      for (const auto& [name, is_given] : {std::pair{"where", !trim(o_.where).empty()}, std::pair{"pdfs", o_.has_pdfs},
                                           std::pair{"format hats", o_.format == hats}, std::pair{"format moc", o_.format == moc}})
        if (is_given) throw UsageError(fmt::format("--{} does not go with --table {} (it is about objects)", name, o_.table));
    if (o_.format != moc) refuse_idle_options("--format moc", {{"moc.order", o_.moc_order != usual.moc_order}});
    o_.is_collection = o_.is_collection || o_.margin > 0.0;
    context.ranks->on_first_only([&] { check_outputs({o_.output}, {o_.product}); });
    return ExportRun(o_, context).run();
  }

 private:
  ExportOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_export_command() { return std::make_unique<ExportCommand>(); }

}  // namespace skyfold
