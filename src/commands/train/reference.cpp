// Comparison of a training set with the catalogue that its models will estimate: coverage of the reference by the training set, and
// weights that make the training set resemble it (Lima et al. 2008; kernels/samples/weights does the counting).
#include "reference.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/model_photometry.hpp"
#include "skyfold/dataset/part_values.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/kernels/samples/weights.hpp"
#include "skyfold/registry/process.hpp"
#include "skyfold/table/features.hpp"
#include "subsets.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t rows_per_piece = 1 << 18;

/// The features of Lima et al. 2008, section 3, as far as the bands have them; else a magnitude and all colours.
std::vector<std::string> default_space(const std::vector<std::string>& bands) {
  std::vector<std::string> space;
  const auto has = [&](const char* band) { return std::find(bands.begin(), bands.end(), band) != bands.end(); };
  if (has("i")) space.push_back("i");
  for (const auto& [blue, red] : {std::pair{"g", "r"}, {"r", "i"}, {"i", "z"}})
    if (has(blue) && has(red)) space.push_back(std::string(blue) + "-" + red);
  // Bands of other surveys: what these terms mean is for the layer of features to know.
  if (space.size() < 3) space = {"reference", "colours"};
  if (bands.size() == 1) space = {"reference"};
  return space;
}

/// Reads the reference in pieces.
class Reference {
 public:
  Reference(const TrainOptions& o, const PhotozModel& model) : o_(o), model_(model) {
    for (const std::string& path : input_files(o.reference)) {
      require_class(path, {product_class::catalogue, product_class::training_set, ""}, "reference");
      tables_.emplace_back(path, o.source);
      rows_ += tables_.back().rows();
    }
    has_ids_ = !id_column(tables_.front(), "").empty();
  }

  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] bool has_ids() const noexcept { return has_ids_; }

  /// Calls `skip(rows)` for each piece of the reference, in order, and `use(rows, photometry, ids)` where that gives false;
  /// non-detections are `undetected`. Pieces depend on the reference alone.
  template <class Skip, class Use>
  void for_each(Skip skip, Use use, int threads) const {
    Photometry photometry;
    std::vector<std::int64_t> ids;
    std::int64_t first = 0;
    for (const Dataset& dataset : tables_) {
      PhotozModel model = model_;  // with the sentinels of this table
      const TablePhotometry photometry_here =
          model_photometry(o_.of_reference, model, "the sample", photometric_table(dataset, {dataset.path()}), "reference.");
      const auto& [columns, corrections, lines] = photometry_here;
      const std::string id = has_ids_ ? id_column(dataset, "") : "";
      if (has_ids_ && id.empty()) throw DataError(dataset.path() + ": no column of ids, which the first reference has");
      Table table(schema_of(dataset, columns, id, corrections));
      for (const Piece& piece : dataset.source().pieces(rows_per_piece)) {
        const RowRange rows{first, first + piece.rows};
        first = rows.end;
        // Without reading it: what is kept of a piece saves the reading, too.
        if (skip(rows)) continue;
        read_piece(dataset.source(), piece, table);
        corrections.apply(table, corrections.look_up(table), threads);
        gather_photometry(table, columns, model.bands, {}, photometry);
        ids.resize(table.rows());
        for (std::size_t i = 0; i < ids.size(); ++i)
          ids[i] = id.empty() ? rows.begin + static_cast<std::int64_t>(i) : table.at(id).integer(i);
        use(rows, photometry, ids);
      }
    }
  }

 private:
  static Schema schema_of(const Dataset& dataset, const BandColumns& columns, const std::string& id, const Corrections& corrections) {
    Schema schema;
    const auto add = [&](const ColumnInfo& column) {
      if (!find_column(schema, column.name)) schema.push_back(column);
    };
    // Corrected magnitudes keep the type of their column, so that they are those of match and photoz to the last bit.
    for (const std::string& name : columns.magnitude)
      add(corrections.is_empty() ? dataset.number_column(name, "") : dataset.column(name, ""));
    for (const std::string& name : columns.error) add(corrections.is_empty() ? dataset.number_column(name, "") : dataset.column(name, ""));
    for (const std::string& name : corrections.needs()) add(dataset.column(name, ""));
    if (!id.empty()) add({id, Type::i8});
    for (ColumnInfo& column : schema)
      if (column.source.empty()) column.source = column.name;
    return schema;
  }

  const TrainOptions& o_;
  const PhotozModel& model_;
  std::vector<Dataset> tables_;
  std::int64_t rows_ = 0;
  bool has_ids_ = false;
};

/// The file of coverage, written piece by piece at its columns' places.
class CoverageFile {
 public:
  CoverageFile(const std::string& path, std::int64_t rows, bool has_ids, const std::string& provenance) {
    if (path.empty()) return;
    const Schema schema = {{"id", Type::i8, 1, "", "meta.id", has_ids ? "identifier in the reference" : "row of the reference, from 0"},
                           {"n_balls", Type::i4, 1, "", "meta.number",
                            "balls of training objects that contain the object; 0: outside coverage; -1: a magnitude is missing"}};
    create_columns(path, {{"/object", schema, rows}}, {{"product_class", "training_coverage"}, {"provenance", provenance}});
    const ColumnPlaces places = open_columns(path, "/object");
    // HDF5 lists the columns of a group by name, whatever the order in which they were made.
    for (std::size_t i = 0; i < 2; ++i) place_[places.group.schema[i].name == "id" ? 0 : 1] = places.offsets[i];
    file_.emplace(File::for_update(path));
  }
  void write(std::span<const std::int64_t> ids, std::span<const std::int32_t> balls) {
    if (!file_) return;
    append(0, std::as_bytes(ids));
    append(1, std::as_bytes(balls));
  }
  [[nodiscard]] bool is_wanted() const noexcept { return file_.has_value(); }
  void finish() {
    if (!file_) return;
    file_->sync();
    file_->close();
  }

 private:
  void append(std::size_t column, std::span<const std::byte> bytes) {
    // Pieces come in their order, so each column is written from its beginning to its end.
    file_->write(place_[column], bytes);
    place_[column] += std::ssize(bytes);
  }

  std::optional<File> file_;
  std::int64_t place_[2] = {};
};

/// What a piece of the reference says.
struct ReferencePart {
  std::vector<std::int64_t> balls;    ///< objects in each ball of the training objects, then of the held-out ones
  std::vector<std::int64_t> tally;    ///< objects counted, and of them those covered, likewise
  std::vector<double> distributions;  ///< whole numbers, so that sums are exact
  std::vector<std::int64_t> ids;      ///< these two for the file of coverage
  std::vector<std::int32_t> inside;
};

/// Balls around the training objects and, where they are weighted too, around the held-out ones.
class BallSets {
 public:
  void add(std::unique_ptr<TrainingBalls> balls) { sets_.push_back(std::move(balls)); }
  [[nodiscard]] const TrainingBalls& of_training() const noexcept { return *sets_.front(); }
  [[nodiscard]] std::vector<double> held_out_weights() const { return sets_.size() > 1 ? sets_[1]->weights() : std::vector<double>(); }

  /// Counts photometric objects; gives what they add.
  /// @param inside  filled: how many balls of training objects contain each
  void count(std::span<const double> points, std::span<std::int32_t> inside, int threads, ReferencePart& part) {
    std::vector<std::int32_t> ignored(sets_.size() > 1 ? inside.size() : 0);
    for (const auto& set : sets_) {
      const std::vector<std::int64_t> before(set->counts().begin(), set->counts().end());
      const std::int64_t counted = set->counted(), covered = set->covered();
      set->count(points, set == sets_.front() ? inside : std::span(ignored), threads);
      for (std::size_t i = 0; i < before.size(); ++i) part.balls.push_back(set->counts()[i] - before[i]);
      part.tally.push_back(set->counted() - counted);
      part.tally.push_back(set->covered() - covered);
    }
  }
  void add(const ReferencePart& part) {
    std::size_t first = 0, k = 0;
    for (const auto& set : sets_) {
      set->add(std::span(part.balls).subspan(first, set->counts().size()), part.tally.at(k), part.tally.at(k + 1));
      first += set->counts().size();
      k += 2;
    }
  }

 private:
  std::vector<std::unique_ptr<TrainingBalls>> sets_;
};

/// Pieces are never cut, so that sums need not be, either.
struct ReferenceCodec {
  using Value = ReferencePart;

  static void put(PartWriter& to, const ReferencePart& part) {
    to.list(part.balls);
    to.list(part.tally);
    to.list(part.distributions);
    to.list(part.ids);
    to.list(part.inside);
  }
  [[nodiscard]] static ReferencePart get(PartReader& from) {
    ReferencePart part;
    part.balls = from.list<std::int64_t>();
    part.tally = from.list<std::int64_t>();
    part.distributions = from.list<double>();
    part.ids = from.list<std::int64_t>();
    part.inside = from.list<std::int32_t>();
    return part;
  }
  [[nodiscard]] static ReferencePart cut(ReferencePart, RowRange, RowRange) { throw std::logic_error("a piece of the reference was cut"); }
};

/// Adds up pieces in their order, those that an earlier attempt kept and those that are compared now.
class Comparison {
 public:
  Comparison(const PartsOf<ReferenceCodec>& parts, const std::vector<std::string>& bands, const FeatureLayer& layer, BallSets& balls,
             CoverageFile& coverage, ReferenceResult& result)
      : parts_(parts), bands_(bands), layer_(layer), balls_(balls), coverage_(coverage), result_(result) {}

  /// Takes over what is kept of a piece, if anything is.
  bool take(RowRange rows) {
    const auto found = parts_.parts().find(rows);
    if (!found) return false;
    const ReferencePart part = parts_.read(*found);
    balls_.add(part);
    result_.distributions.add_counts(part.distributions);
    coverage_.write(part.ids, part.inside);
    taken_ += rows.size();
    return true;
  }

  void compare(RowRange rows, Photometry& photometry, const std::vector<std::int64_t>& ids, const std::vector<double>& limits,
               int threads) {
    // Before limits stand in for what was not detected, which would pile up at them.
    PhotometricDistributions distributions(bands_);
    distributions.add(photometry);
    result_.distributions.add_counts(distributions.counts());
    apply_limits(photometry, limits);
    layer_.gather(photometry, features_);
    ReferencePart part{{}, {}, distributions.counts(), {}, {}};
    inside_.resize(ids.size());
    balls_.count(features_.value, inside_, threads, part);
    coverage_.write(ids, inside_);
    if (coverage_.is_wanted()) part.ids = ids, part.inside = inside_;
    JobResult ignored;
    parts_.keep(rows, part, ignored);
    // Each piece at once: a comparison is killed more often by a time limit than by a crash, and then all pieces before count.
    parts_.parts().sync();
    fault_point(fmt::format("reference part {}", ++compared_));
  }

  [[nodiscard]] std::int64_t taken() const noexcept { return taken_; }

 private:
  const PartsOf<ReferenceCodec>& parts_;
  const std::vector<std::string>& bands_;
  const FeatureLayer& layer_;
  BallSets& balls_;
  CoverageFile& coverage_;
  ReferenceResult& result_;
  Features features_;
  std::vector<std::int32_t> inside_;
  std::int64_t taken_ = 0, compared_ = 0;
};

}  // namespace

ReferenceResult compare_with_reference(const TrainOptions& o, const TrainingSet& training, const TrainingSet& held_out,
                                       const PhotozModel& model, const std::shared_ptr<Parts>& kept, const std::string& coverage_path,
                                       const std::string& provenance, int threads) {
  FeatureOptions space;
  space.terms = o.weights.space.empty() ? default_space(model.bands.bands) : o.weights.space;
  const FeatureLayer layer(space, model.bands.bands);
  BallSets balls;
  for (const TrainingSet* set : {&training, &held_out}) {
    // Held-out objects have balls of their own only where their weights are wanted.
    if (set->z.empty()) continue;
    Features features;
    layer.gather(set->photometry, features);
    balls.add(std::make_unique<TrainingBalls>(features.value, layer.size(), static_cast<std::size_t>(o.weights.neighbours), threads));
  }
  const Reference reference(o, model);
  ReferenceResult result{.space = layer.names(),
                         .objects = reference.rows(),
                         .weight = {},
                         .held_out_weight = {},
                         .distributions = PhotometricDistributions(model.bands.bands)};
  CoverageFile coverage(coverage_path, reference.rows(), reference.has_ids(), provenance);
  Progress progress("reference", reference.rows(), "objects");
  const PartsOf<ReferenceCodec> parts(kept);
  Comparison comparison(parts, model.bands.bands, layer, balls, coverage, result);
  reference.for_each([&](RowRange rows) { return comparison.take(rows); },
                     [&](RowRange rows, Photometry& photometry, const std::vector<std::int64_t>& ids) {
                       comparison.compare(rows, photometry, ids, model.bands.limits, threads);
                       progress.update(rows.end);
                     },
                     threads);
  progress.finish();
  if (comparison.taken() > 0)
    log_info(fmt::format("reference: went on from an earlier attempt, {} of {} objects were done", grouped(comparison.taken()),
                         grouped(reference.rows())));
  coverage.finish();
  result.counted = balls.of_training().counted();
  result.covered = balls.of_training().covered();
  result.weight = balls.of_training().weights();
  result.held_out_weight = balls.held_out_weights();
  if (o.weights.method != "none" && result.covered == 0)
    throw DataError(fmt::format("{}: no object lies near any training object (weights would all be 0)", o.reference.front()));
  return result;
}

Table weighted_sample(const TrainOptions& o, const TrainSample& sample, const std::vector<std::size_t>& rows,
                      const std::vector<double>& weight) {
  const auto seed = static_cast<std::uint64_t>(o.seed);
  const double target = o.weights.target > 0.0 ? o.weights.target : static_cast<double>(rows.size());
  std::vector<std::int64_t> id;
  for (const std::size_t row : rows) id.push_back(sample.id[row]);
  const std::vector<std::int32_t> copies = weighted_copies(id, weight, target, seed);
  std::vector<std::size_t> repeated;
  std::vector<std::int32_t> copy;
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::int32_t c = 0; c < copies[i]; ++c) {
      repeated.push_back(rows[i]);
      copy.push_back(c);
    }
  if (repeated.empty())
    throw DataError(fmt::format("{}: no copy drawn for the weighted sample (of {} objects, weights.target = {})", o.sample.front(),
                                rows.size(), shortest(target)));
  Table table = sample_table(sample, repeated, o);
  const std::size_t bands = sample.photometry.n_bands;
  for (std::size_t band = 0; band < bands; ++band) {
    Column& values = table.at(sample.band_columns.magnitude[band]);
    // Fluxes are spread by the errors of fluxes, as they stand in the table.
    const bool has_fluxes = sample.corrections.scale.is_set() && !sample.recorded.scale.is_set() && !sample.band_columns.error.empty();
    const Column* const errors = has_fluxes ? &table.at(sample.band_columns.error[band]) : nullptr;
    for (std::size_t k = 0; k < repeated.size(); ++k) {
      // A magnitude that stands for "not detected" stays what it is.
      if (!sample.is_detected(repeated[k], band)) continue;
      const double error = errors ? errors->number(k) : sample.photometry.mag_err[repeated[k] * bands + band];
      if (errors && !(error > 0.0)) continue;
      // Copies of one object would be one point many times: each is another draw within the errors of measurement.
      const double spread =
          spread_magnitude(values.number(k), error, seed, sample.id[repeated[k]], copy[k], static_cast<std::uint32_t>(band));
      if (values.info().type == Type::f8)
        values.values<double>()[k] = spread;
      else
        values.values<float>()[k] = static_cast<float>(spread);
    }
  }
  if (!table.find("copy")) {
    const auto column = table.add({"copy", Type::i4, 1, "", "meta.number", "which copy of the object, from 0", ""}).values<std::int32_t>();
    std::copy(copy.begin(), copy.end(), column.begin());
  }
  return table;
}

}  // namespace skyfold
