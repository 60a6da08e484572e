#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "skyfold/core/log.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/source.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/products/run_folder.hpp"
#include "skyfold/stages/model_file.hpp"
#include "skyfold/stages/provenance.hpp"
#include "skyfold/stages/stage.hpp"

namespace skyfold {
namespace {

struct TrainOptions {
  std::string algorithm = "dnf";
  std::vector<std::string> sample;
  std::string output, validation, redshift, id;
  double fraction = 1.0;
  long seed = 1;
  double z_min = 0.001, z_max = 10.0;               // below 0.001: stars
  std::vector<double> mag_min, mag_max, error_max, snr_min;
  long min_bands = 0;
  BandOptions bands;
  SourceOptions source;
};

void describe_training(OptionSet& option, TrainOptions& o) {
  option("algorithm", o.algorithm, "photo-z algorithm").one_of(photoz_algorithm_names());
  option("sample", o.sample, "objects with known redshift: any table that import reads").required().layout();
  option("output", o.output, "model to write, HDF5").required().layout();
  option("redshift", o.redshift, "column of spectroscopic redshifts; empty: guessed");
  option("id", o.id, "column of ids; empty: guessed, or the row numbers");
  option("train.fraction", o.fraction, "share of the sample to train with, drawn by id; the rest is for validation").range(0.001, 1.0);
  option("train.validation", o.validation, "where the rest is written; empty: OUTPUT with .validation before the ending").layout();
  option("seed", o.seed, "seed of the draw");
  option("cuts.z_min", o.z_min, "smallest redshift used").range(-1.0, 100.0);
  option("cuts.z_max", o.z_max, "largest redshift used").range(-1.0, 100.0);
  option("cuts.mag_min", o.mag_min, "bright limit: one value for all bands, or one per band; empty: none").unit("mag");
  option("cuts.mag_max", o.mag_max, "faint limit, as mag_min").unit("mag");
  option("cuts.error_max", o.error_max, "largest magnitude error, as mag_min").unit("mag");
  option("cuts.snr_min", o.snr_min, "smallest signal to noise, 1.0857 / error, as mag_min");
  option("cuts.min_bands", o.min_bands, "smallest number of bands observed; 0: all").range(0, 32);
  describe(option, o.bands);
  describe(option, o.source);
}

// Usual names, most specific first.
const std::vector<std::string> redshift_names = {"z_spec", "zspec", "redshift", "specz", "z_true", "true_redshift", "z", "zs"};
const std::vector<std::string> id_names = {"id", "coadd_object_id", "coadd_objects_id", "object_id", "objid", "source_id"};

/// One value for all bands, or one per band; a limit that is not set lets everything pass.
std::vector<double> per_band(const std::vector<double>& values, std::size_t bands, double none, const char* option) {
  if (values.empty()) return std::vector<double>(bands, none);
  if (values.size() == 1) return std::vector<double>(bands, values[0]);
  if (values.size() != bands) throw UsageError(fmt::format("--{}: {} values for {} bands", option, values.size(), bands));
  return values;
}

/// What the cuts removed, cut by cut.
struct CutCounts {
  std::size_t redshift = 0, bands = 0, magnitude = 0, error = 0;
};

/// Reads the sample, cuts it, splits it, trains.
class Training {
 public:
  Training(TrainOptions& o, PhotozAlgorithm& algorithm, const StageContext& context)
      : o_(o), algorithm_(algorithm), context_(context) {}

  void run() {
    check_outputs({o_.output, validation_path()}, input_files(o_.sample));
    read_sample();
    select();
    split();
    PhotozModel model = make_model();
    algorithm_.train(subset(training_), model);
    write(model);
  }

 private:
  void read_sample() {
    const std::vector<std::string> paths = input_files(o_.sample);
    for (const std::string& path : paths) {
      const auto source = open_source(path, o_.source);
      if (path == paths.front()) choose_columns(*source);
      Table table(columns_);
      for (const Piece& piece : source->pieces(1 << 20)) {
        std::vector<BadCell> bad;
        check_columns(*source);
        source->read(piece, table, bad);
        if (!bad.empty())
          throw DataError(fmt::format("{}, row {}, column {}: {}", path, bad[0].row + 1, bad[0].column, bad[0].problem));
        append(table);
      }
    }
    if (z_.empty()) throw DataError(fmt::format("{}: no rows", paths.front()));
  }

  void choose_columns(const Source& source) {
    const Schema& schema = source.schema();
    const bool guesses_bands = o_.bands.magnitude.empty();
    band_columns_ = resolve_bands(o_.bands, schema, source.path());
    if (guesses_bands)
      log_info(fmt::format("guessed bands = {}, magnitudes {}, errors {}", join(o_.bands.bands, ","), o_.bands.magnitude, o_.bands.error));
    if (o_.redshift.empty()) {
      o_.redshift = known_column(without_magnitudes(schema), redshift_names);
      if (o_.redshift.empty()) throw UsageError(source.path() + ": no column of redshifts found (name it with --redshift)");
      log_info("guessed redshift = " + o_.redshift);
    }
    if (o_.id.empty()) o_.id = known_column(schema, id_names);
    if (!o_.id.empty()) {
      const auto id = find_column(schema, o_.id);
      if (id && (schema[*id].type == Type::text || schema[*id].type == Type::f4 || schema[*id].type == Type::f8)) o_.id.clear();
    }
    std::vector<std::string> names = band_columns_.magnitude;
    names.insert(names.end(), band_columns_.error.begin(), band_columns_.error.end());
    names.push_back(o_.redshift);
    if (!o_.id.empty()) names.push_back(o_.id);
    for (const std::string& name : names) {
      const auto index = find_column(schema, name);
      if (!index) throw UsageError(fmt::format("{}: no column '{}'", source.path(), name));
      ColumnInfo column = schema[*index];
      if (column.type == Type::text || column.width != 1)
        throw DataError(fmt::format("{}: column {} is not a column of numbers", source.path(), name));
      column.source = name;
      if (name == o_.id) column.type = Type::i8;
      else column.type = Type::f8;
      column.null = {};
      if (!find_column(columns_, name)) columns_.push_back(column);
    }
  }

  /// In surveys whose band z is a column z, that is not the redshift.
  Schema without_magnitudes(const Schema& schema) const {
    Schema others;
    for (const ColumnInfo& column : schema)
      if (std::find(band_columns_.magnitude.begin(), band_columns_.magnitude.end(), column.name) == band_columns_.magnitude.end())
        others.push_back(column);
    return others;
  }

  void check_columns(const Source& source) const {
    for (const ColumnInfo& column : columns_)
      if (!find_column(source.schema(), column.name))
        throw DataError(fmt::format("{}: no column {} (all samples must have the same columns)", source.path(), column.name));
  }

  void append(const Table& table) {
    const std::vector<double> placeholder(o_.bands.bands.size(), 99.0);  // limits are known once the whole sample is
    Photometry block;
    gather_photometry(table, band_columns_, o_.bands, placeholder, block);
    photometry_.n_bands = block.n_bands;
    photometry_.n_objects += block.n_objects;
    photometry_.mag.insert(photometry_.mag.end(), block.mag.begin(), block.mag.end());
    photometry_.mag_err.insert(photometry_.mag_err.end(), block.mag_err.begin(), block.mag_err.end());
    photometry_.observed.insert(photometry_.observed.end(), block.observed.begin(), block.observed.end());
    for (std::size_t i = 0; i < table.rows(); ++i) {
      z_.push_back(table.at(o_.redshift).number(i));
      id_.push_back(o_.id.empty() ? std::ssize(id_) : table.at(o_.id).integer(i));
    }
  }

  bool is_detected(std::size_t i, std::size_t band) const { return photometry_.mag[i * photometry_.n_bands + band] != 99.0; }

  /// Applies the cuts in the order of the summary.
  void select() {
    const std::size_t bands = photometry_.n_bands;
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const auto mag_min = per_band(o_.mag_min, bands, -infinity, "cuts.mag_min"), mag_max = per_band(o_.mag_max, bands, infinity, "cuts.mag_max");
    auto error_max = per_band(o_.error_max, bands, infinity, "cuts.error_max");
    const auto snr_min = per_band(o_.snr_min, bands, 0.0, "cuts.snr_min");
    for (std::size_t band = 0; band < bands; ++band)
      if (snr_min[band] > 0.0) error_max[band] = std::min(error_max[band], 2.5 / std::log(10.0) / snr_min[band]);
    const int needed = o_.min_bands == 0 ? static_cast<int>(bands) : static_cast<int>(o_.min_bands);
    for (std::size_t i = 0; i < z_.size(); ++i) {
      if (!(z_[i] >= o_.z_min && z_[i] <= o_.z_max)) { ++cuts_.redshift; continue; }
      if (__builtin_popcount(photometry_.observed[i]) < needed) { ++cuts_.bands; continue; }
      bool magnitudes = true, errors = true;
      for (std::size_t band = 0; band < bands; ++band) {
        const double mag = photometry_.mag[i * bands + band], error = photometry_.mag_err[i * bands + band];
        if (std::isnan(mag) || !is_detected(i, band)) continue;
        magnitudes &= mag >= mag_min[band] && mag <= mag_max[band];
        errors &= !(error > error_max[band]) && (!std::isnan(error) || std::isinf(error_max[band]));
      }
      if (!magnitudes) { ++cuts_.magnitude; continue; }
      if (!errors) { ++cuts_.error; continue; }
      selected_.push_back(i);
    }
    if (selected_.empty()) throw DataError(fmt::format("{}: no object passes the cuts", o_.sample.front()));
  }

  /// Drawn by id, so that neither the order nor the number of files matters.
  void split() {
    for (const std::size_t i : selected_) {
      ObjectRandom random(static_cast<std::uint64_t>(o_.seed), static_cast<std::uint64_t>(id_[i]));
      (o_.fraction >= 1.0 || random.uniform() < o_.fraction ? training_ : held_out_).push_back(i);
    }
    if (training_.empty()) throw DataError(fmt::format("{}: no object drawn for training (of {})", o_.sample.front(), selected_.size()));
  }

  PhotozModel make_model() {
    PhotozModel model;
    model.algorithm = o_.algorithm;
    model.redshift = o_.redshift;
    if (o_.bands.limits.empty()) o_.bands.limits = limits_from_sample();
    model.bands = o_.bands;
    model.z_min = model.z_max = z_[training_.front()];
    for (const std::size_t i : training_) {
      model.z_min = std::min(model.z_min, z_[i]);
      model.z_max = std::max(model.z_max, z_[i]);
    }
    return model;
  }

  /// Limiting magnitude of each band, for objects that are not detected in it: where the signal to noise is 1, which is
  /// also the error that they are given. A sample too bright to reach that gives its faintest detection; one without
  /// errors the 90 % quantile.
  std::vector<double> limits_from_sample() const {
    constexpr double one_sigma_mag = 1.0857;  // 2.5 / ln 10
    constexpr std::size_t enough = 20;
    std::vector<double> limits;
    for (std::size_t band = 0; band < photometry_.n_bands; ++band) {
      std::vector<double> detected, at_one_sigma;
      for (const std::size_t i : training_) {
        const std::size_t cell = i * photometry_.n_bands + band;
        if (std::isnan(photometry_.mag[cell]) || !is_detected(i, band)) continue;
        detected.push_back(photometry_.mag[cell]);
        if (std::abs(std::log(photometry_.mag_err[cell] / one_sigma_mag)) < 0.1) at_one_sigma.push_back(photometry_.mag[cell]);
      }
      if (detected.empty()) throw DataError(fmt::format("{}: band {} has no detection", o_.sample.front(), o_.bands.bands[band]));
      if (at_one_sigma.size() >= enough) limits.push_back(median(at_one_sigma));
      else limits.push_back(quantile(detected, band_columns_.error.empty() ? 0.9 : 1.0));
    }
    return limits;
  }

  TrainingSet subset(const std::vector<std::size_t>& rows) const {
    TrainingSet set;
    const std::size_t bands = photometry_.n_bands;
    set.photometry.n_bands = bands;
    set.photometry.n_objects = rows.size();
    for (const std::size_t i : rows) {
      set.id.push_back(id_[i]);
      set.z.push_back(z_[i]);
      set.photometry.observed.push_back(photometry_.observed[i]);
      for (std::size_t band = 0; band < bands; ++band) {
        const double mag = photometry_.mag[i * bands + band];
        set.photometry.mag.push_back(!std::isnan(mag) && !is_detected(i, band) ? o_.bands.limits[band] : mag);
        set.photometry.mag_err.push_back(photometry_.mag_err[i * bands + band]);
      }
    }
    return set;
  }

  std::string validation_path() const {
    if (!o_.validation.empty()) return o_.validation;
    const std::size_t dot = o_.output.rfind('.');
    const bool has_ending = dot != std::string::npos && o_.output.find('/', dot) == std::string::npos;
    return has_ending ? o_.output.substr(0, dot) + ".validation" + o_.output.substr(dot) : o_.output + ".validation.h5";
  }

  /// The held-out objects with the sample's own column names, so that import and photoz take them as they are.
  Table held_out_table() const {
    Schema schema = {{o_.id.empty() ? "id" : o_.id, Type::i8}, {o_.redshift, Type::f8}};
    const std::size_t bands = photometry_.n_bands;
    for (const auto* names : {&band_columns_.magnitude, &band_columns_.error})
      for (const std::string& name : *names) schema.push_back({name, Type::f8, 1, "mag"});
    Table table(schema, held_out_.size());
    for (std::size_t k = 0; k < held_out_.size(); ++k) {
      const std::size_t i = held_out_[k];
      table[0].values<std::int64_t>()[k] = id_[i];
      table[1].values<double>()[k] = z_[i];
      for (std::size_t band = 0; band < bands; ++band) {
        table[2 + band].values<double>()[k] = photometry_.mag[i * bands + band];
        if (!band_columns_.error.empty()) table[2 + bands + band].values<double>()[k] = photometry_.mag_err[i * bands + band];
      }
    }
    return table;
  }

  void write(const PhotozModel& model) {
    RunFolder folder(o_.output);
    folder.clear();
    std::vector<std::pair<std::string, std::string>> inputs;
    for (const std::string& path : input_files(o_.sample)) inputs.emplace_back(path, file_identity(path));
    const std::string provenance = provenance_json("train", context_.options, inputs);
    std::vector<std::string> products = {o_.output};
    write_model(folder.partial(o_.output), model, provenance);
    if (!held_out_.empty()) {
      products.push_back(validation_path());
      write_columns(folder.partial(validation_path()), {{"/object", held_out_table()}}, {{"provenance", provenance}});
    }
    publish_products(o_.output, products, false);
    print_summary(model);
  }

  void print_summary(const PhotozModel& model) const {
    fmt::print("sample     {:>10} objects\n", grouped(std::ssize(z_)));
    for (const auto& [what, count] : {std::pair{"redshift", cuts_.redshift}, std::pair{"bands observed", cuts_.bands},
                                      std::pair{"magnitude", cuts_.magnitude}, std::pair{"error or S/N", cuts_.error}})
      fmt::print("  cut      {:>10} by {}\n", grouped(static_cast<long long>(count)), what);
    fmt::print("training   {:>10} objects, {} to {} in {}\n", grouped(std::ssize(training_)), shortest(model.z_min), shortest(model.z_max),
               model.redshift);
    std::vector<std::string> limits;
    for (std::size_t band = 0; band < model.bands.bands.size(); ++band)
      limits.push_back(fmt::format("{} {:.2f}", model.bands.bands[band], model.bands.limits[band]));
    fmt::print("limits     {} mag\nwrote {}\n", join(limits, ", "), o_.output);
    if (!held_out_.empty()) fmt::print("wrote {}: {} objects held out for validation\n", validation_path(), grouped(std::ssize(held_out_)));
  }

  TrainOptions& o_;
  PhotozAlgorithm& algorithm_;
  const StageContext& context_;
  BandColumns band_columns_;
  Schema columns_;
  Photometry photometry_;                     ///< 99 where not detected
  std::vector<double> z_;
  std::vector<std::int64_t> id_;
  CutCounts cuts_;
  std::vector<std::size_t> selected_, training_, held_out_;
};

class TrainStage final : public Stage {
 public:
  TrainStage() {
    for (const std::string& name : photoz_algorithm_names()) algorithms_.push_back(make_photoz_algorithm(name));
  }

  void describe(OptionSet& option) override {
    describe_training(option, options_);
    for (const auto& algorithm : algorithms_) algorithm->describe(option);
  }

  ExitCode run(const StageContext& context) override {
    const auto algorithm = std::find_if(algorithms_.begin(), algorithms_.end(), [&](const auto& a) { return a->name() == options_.algorithm; });
    Training(options_, **algorithm, context).run();
    return ExitCode::done;
  }

 private:
  TrainOptions options_;
  std::vector<std::unique_ptr<PhotozAlgorithm>> algorithms_;
};

}  // namespace

std::unique_ptr<Stage> make_train_stage() { return std::make_unique<TrainStage>(); }

}  // namespace skyfold
