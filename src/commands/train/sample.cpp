// The sample to train with, read whole: photometry, redshifts, ids, and which rows a condition selects. The first file settles which
// columns are what; the others must have them too.
#include "sample.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/extinction.hpp"
#include "skyfold/dataset/model_photometry.hpp"
#include "skyfold/dataset/repeated_ids.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/registry/process.hpp"
#include "skyfold/table/algebra.hpp"
#include "skyfold/table/expression.hpp"

namespace skyfold {
namespace {

void add_once(Schema& schema, const ColumnInfo& column) {
  if (!find_column(schema, column.name)) schema.push_back(column);
}

/// Reads file after file.
class Reader {
 public:
  explicit Reader(TrainOptions& o) : o_(o) {}

  TrainSample read() {
    const std::vector<std::string> paths = input_files(o_.sample);
    sample_.recorded = common_corrections(paths);
    take_sentinels(sample_.recorded, o_.bands);
    for (const std::string& line : sample_.recorded.lines()) log_info(paths.front() + ": " + line);
    for (const std::string& path : paths) {
      require_class(path, {product_class::training_set, product_class::spectroscopic_sample, product_class::catalogue, ""}, "sample");
      const Dataset dataset(path, o_.source);
      if (path == paths.front()) choose_columns(dataset);
      check_columns(dataset);
      dataset.each_block(wanted_, 1 << 20, [&](const Table& table, std::int64_t first) { append(table, dataset.path(), first); });
    }
    if (sample_.z.empty()) throw DataError(fmt::format("{}: no rows", paths.front()));
    // Copies of one object in a weighted sample have its id on purpose.
    if (!o_.id.empty() && !sample_.columns.find(copy_column)) check_ids();
    return std::move(sample_);
  }

 private:
  /// An object that occurs twice has the same photometry in both rows.
  void check_ids() const {
    const Photometry& photometry = sample_.photometry;
    const std::size_t bytes = photometry.n_bands * sizeof(double);
    const auto is_same = [&](std::span<const double> values, std::size_t a, std::size_t b) {
      return std::memcmp(&values[a * photometry.n_bands], &values[b * photometry.n_bands], bytes) == 0;
    };
    check_repeated_ids(
        sample_.id, [&](std::size_t a, std::size_t b) { return is_same(photometry.mag, a, b) && is_same(photometry.mag_err, a, b); },
        fmt::format("{}, column {}", o_.sample.front(), o_.id));
  }

  void choose_columns(const Dataset& dataset) {
    const Schema& schema = dataset.schema();
    take_flux_names(o_.flux, o_.bands, schema, dataset.path());
    const TableRoles roles = find_roles(schema, {.path = dataset.path(),
                                                 .magnitude = RoleAsked{"bands.magnitude", o_.bands.magnitude},
                                                 .bands = o_.bands,
                                                 .redshift = RoleAsked{"redshift", o_.redshift}});
    say_guesses(roles);
    o_.bands = roles.bands;
    o_.redshift = roles.redshift;
    sample_.band_columns = roles.columns;
    choose_corrections(dataset);
    const bool guesses_id = o_.id.empty();
    o_.id = id_column(dataset, o_.id);
    if (guesses_id)
      log_info(o_.id.empty() ? "no column of ids that are whole numbers: the draws go by row numbers" : "guessed id = " + o_.id);
    if (trim(o_.cuts.select).empty()) {
      std::string line;
      o_.cuts.select = condition_for(o_.preset, schema, dataset.path(), line);
      if (!line.empty()) log_info(line);
    }
    if (!trim(o_.cuts.select).empty()) condition_.emplace(o_.cuts.select, schema, "--cuts.select");
    const bool is_product = !class_of(dataset.path()).empty();
    for (const auto* names : {&sample_.band_columns.magnitude, &sample_.band_columns.error})
      // What is corrected keeps the type of its column, so that it is that of match and photoz to the last bit.
      for (const std::string& name : *names) add_once(wanted_, corrects() ? dataset.column(name, "") : dataset.number_column(name, ""));
    add_once(wanted_, dataset.number_column(o_.redshift, ""));
    for (const std::string& name : corrections_.needs()) add_once(wanted_, dataset.column(name, ""));
    if (!o_.id.empty()) add_once(wanted_, dataset.number_column(o_.id, "", Type::i8));
    if (condition_)
      for (const std::string& name : condition_->columns()) add_once(wanted_, dataset.column(name, ""));
    Schema kept;
    // Of our own products all columns go on into the sets that are written; of any other table those that were used.
    if (is_product)
      for (const ColumnInfo& column : schema) {
        add_once(wanted_, dataset.column(column.name, ""));
        kept.push_back(wanted_[*find_column(wanted_, column.name)]);
      }
    else if (corrects())
      kept = wanted_;  // what is held out is as it was measured: the model knows what to do with it
    if (condition_) condition_.emplace(o_.cuts.select, wanted_, "--cuts.select");  // of the types that are read
    sample_.columns = Table(kept);
  }

  bool corrects() const { return !corrections_.is_empty(); }

  void choose_corrections(const Dataset& dataset) {
    const PhotometricTable table = photometric_table(dataset, {dataset.path()});
    TablePhotometry found =
        sample_photometry(o_.flux, o_.extinction, o_.bands, sample_.band_columns, sample_.recorded, {}, table, dataset.path());
    corrections_ = std::move(found.corrections);
    sample_.band_columns = std::move(found.columns);
    for (const std::string& line : found.lines) log_info(line);
    for (const std::string& line : corrections_.record().lines()) log_info(line);
    sample_.corrections = corrects() ? corrections_.record() : sample_.recorded;
  }

  void check_columns(const Dataset& dataset) const {
    for (const ColumnInfo& column : wanted_) {
      const auto index = find_column(dataset.schema(), column.name);
      if (!index) throw DataError(fmt::format("{}: no column {} (all samples must have the same columns)", dataset.path(), column.name));
      const ColumnInfo& theirs = dataset.schema()[*index];
      if (theirs.width > column.width || (theirs.type == Type::text) != (column.type == Type::text))
        // Tables have one layout for all files, and a wider text would be cut off.
        throw DataError(fmt::format("{}: column {} is wider or of another type than in the first sample", dataset.path(), column.name));
    }
  }

  /// @param path, first  the file of the rows, and where they begin in it
  void append(const Table& table, const std::string& path, std::int64_t first) {
    Photometry block;
    Table corrected;
    if (corrects()) {
      corrected = table;
      corrections_.apply(corrected);
    }
    gather_photometry(corrects() ? corrected : table, sample_.band_columns, o_.bands, {}, block);
    Photometry& all = sample_.photometry;
    all.n_bands = block.n_bands;
    all.n_objects += block.n_objects;
    all.mag.insert(all.mag.end(), block.mag.begin(), block.mag.end());
    all.mag_err.insert(all.mag_err.end(), block.mag_err.begin(), block.mag_err.end());
    all.observed.insert(all.observed.end(), block.observed.begin(), block.observed.end());
    for (std::size_t i = 0; i < table.rows(); ++i) {
      sample_.z.push_back(table.at(o_.redshift).number(i));
      sample_.id.push_back(o_.id.empty() ? std::ssize(sample_.id) : table.at(o_.id).integer(i));
      if (!o_.id.empty() && table.at(o_.id).info().null == sample_.id.back())
        throw DataError(fmt::format("{}, row {}, column {}: no id", path, first + static_cast<std::int64_t>(i) + 1, o_.id));
    }
    skyfold::append(sample_.columns, table);
    sample_.is_selected.resize(sample_.size(), 1);
    if (condition_) condition_->evaluate(table, std::span(sample_.is_selected).last(table.rows()));
  }

  TrainOptions& o_;
  Schema wanted_;
  Corrections corrections_;
  std::optional<Condition> condition_;
  TrainSample sample_;
};

}  // namespace

TrainSample read_sample(TrainOptions& o) { return Reader(o).read(); }

TrainSample without_objects(const TrainOptions& o) {
  if (o.bands.bands.empty()) throw UsageError("--bands is missing (without --sample no table tells which bands there are)");
  if (!o.bands.limits.empty() && o.bands.limits.size() != o.bands.bands.size())
    throw UsageError(fmt::format("--bands.limits: {} values for {} bands", o.bands.limits.size(), o.bands.bands.size()));
  TrainSample sample;
  sample.photometry.n_bands = o.bands.bands.size();
  sample.corrections.bands = o.bands.bands;
  if (o.flux.is_set()) {
    if (o.flux.hyperbolic.empty() && o.flux.flux_zeropoint.empty())
      throw UsageError("--bands.flux_zeropoint is missing (without --sample no column tells the unit of --bands.flux)");
    BandOptions bands = o.bands;
    if (!o.flux.flux.empty()) bands.magnitude = o.flux.flux, bands.error = o.flux.flux_error;
    std::string guess;
    sample.corrections.scale = flux_scale(o.flux, bands, {}, {}, "", guess);
  }
  set_extinction(o.extinction, sample.corrections);
  return sample;
}

std::string id_column(const Dataset& dataset, const std::string& wanted) {
  std::vector<std::string> lines;
  std::string name = whole_id_column(dataset, {"id", wanted}, known_columns::id, lines);
  for (const std::string& line : lines) log_info(line);
  return name;
}

}  // namespace skyfold
