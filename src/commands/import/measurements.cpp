// Measurements of the objects of a catalogue, step by step: the object of each, places, sorting, publishing. Like the import of objects,
// with the row of its object as the key of a measurement (docs/measurements.md).
#include "measurements.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "measurement_columns.hpp"
#include "measurement_passes.hpp"
#include "object_copy.hpp"
#include "skyfold/catalogue/zone_hashes.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/correction_record.hpp"
#include "skyfold/io/fits_original.hpp"
#include "skyfold/io/ids.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/run/run.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t cached_rows = 1 << 17;
constexpr std::int64_t sample_rows = 1 << 18;

template <class T>
std::string packed(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}
template <class T>
std::vector<T> unpacked(const std::string& text) {
  std::vector<T> values(text.size() / sizeof(T));
  if (!values.empty()) std::memcpy(static_cast<void*>(values.data()), text.data(), values.size() * sizeof(T));
  return values;
}

/// One import of measurements: the steps in order, each collective; what they decide is kept for another attempt.
class MeasurementImport {
 public:
  MeasurementImport(const ImportOptions& o, const CommandContext& context)
      : o_(o),
        context_(context),
        ranks_(*context.ranks),
        memory_(o_.memory_mb * 1'000'000),
        rule_(join_rule(o_.join)),
        run_(ranks_, context.options, context.run,
             {"import", program_version, o_.output, {o_.output, rejects_path()}, all_inputs(), &context.process, {rejects_path()}}) {}

  void run() {
    if (run_.is_complete()) return;
    try {
      make();
    } catch (const Error& error) {
      if (error.code() == ExitCode::data) run_.discard();
      throw;
    }
  }

 private:
  [[nodiscard]] std::vector<std::string> all_inputs() const {
    // Scratch files of another command, which tells itself what it reads.
    if (!o_.provenance.empty()) return {};
    std::vector<std::string> paths = input_files(o_.measurements);
    paths.push_back(o_.objects);
    return paths;
  }

  void make() {
    {
      const PhaseScope scope(ranks_.clock(), Phase::read);
      ranks_.together([&] { objects_.emplace(o_.objects); });
      ranks_.together([&] { check_objects(*objects_, rule_); });
      open_measurements();
    }
    if (ranks_.is_first()) {
      log_info(fmt::format("{} file{}, {} measurements, {} columns; {}: {} objects", inputs_.sources.size(),
                           inputs_.sources.size() == 1 ? "" : "s", grouped(inputs_.rows), inputs_.schema.input.size(), o_.objects,
                           grouped(objects_->rows())));
      for (const std::string& remark : inputs_.schema.remarks) log_info(remark);
    }
    join();
    find_dictionaries();
    choose_places();
    lay_out();
    copy_objects();
    place();
    sort();
    publish();
  }

  std::string keys_path() const { return run_.partial("keys.scratch"); }
  std::string separations_path() const { return run_.partial("separations.scratch"); }
  std::string placed_path() const { return run_.partial("placed.scratch"); }
  std::string placed_keys_path() const { return run_.partial("placed_keys.scratch"); }
  std::string splitters_path() const { return run_.partial("splitters.scratch"); }
  std::string shares_path() const { return run_.partial("shares.scratch"); }
  std::string rejects_folder() const { return run_.partial("rejects.scratch"); }
  std::string output_path() const { return run_.partial(o_.output); }
  std::string rejects_path() const { return o_.rejects.empty() ? o_.output + ".rejects.csv" : o_.rejects; }

  void farm(const std::string& name, const std::vector<Partition>& partitions, const std::shared_ptr<Work>& work) {
    run_.farm({name, "rows", "1", true, true}, partitions, work);
  }

  void open_measurements() {
    ImportOptions o = o_;
    o.input = o_.measurements;
    // Positions are found where there are any; by position they are needed.
    o.ordering = "healpix";
    o.takes_any_order = rule_.is_by_id();
    o.id = rule_.is_by_id() ? rule_.id : no_column;
    inputs_ = open_inputs(ranks_, o, memory_ / 32);
    ranks_.together([&] {
      roles_ = measurement_roles(inputs_, o_, rule_, *objects_);
      join_columns_ = rule_.is_by_id() ? std::vector{roles_.id} : std::vector{roles_.ra, roles_.dec};
    });
  }

  MeasurementInputs known() const {
    return {inputs_, *objects_, rule_, join_columns_, roles_, o_.filters, o_.on_bad_row == "drop", context_.threads};
  }

  /// The key of every measurement: the row of its object. As many passes as there are shares of the objects in memory.
  void join() {
    run_.once("scratch files", [&] {
      // Kept: an attempt with more memory must not leave passes out that one with less had begun.
      write_durably(shares_path(), std::to_string(object_shares(*objects_, rule_, memory_ / 2)));
      for (const std::string& path : {keys_path(), placed_keys_path(), separations_path()}) ScratchArray::create(path, inputs_.rows);
      remove_scratch_folder(rejects_folder());
      fs::create_directory(rejects_folder());
    });
    const std::int64_t shares = std::stoll(ranks_.on_first([&] { return read_file(shares_path()); }));
    texts_ = run_.parts("texts");
    const MeasurementInputs in = known();
    std::optional<KeyMaker> condition;
    ImportOptions o = o_;
    o.ordering = "none";
    ranks_.together([&] { condition.emplace(inputs_, o); });
    for (std::int64_t share = 0; share < shares; ++share) {
      const std::string name = fmt::format("measurements (objects {} of {})", share + 1, shares);
      std::shared_ptr<JoinPass> pass;
      const PhaseScope scope(ranks_.clock(), Phase::read);
      ranks_.together([&] {
        const bool keeps_separations = !rule_.is_by_id() && shares > 1;
        pass = std::make_shared<JoinPass>(in, *condition, read_object_share(*objects_, rule_, join_columns_, share, shares), share == 0,
                                          keys_path(), keeps_separations ? separations_path() : "", rejects_folder(), texts_);
      });
      farm(name, inputs_.partitions(ranks_), pass);
    }
  }

  void find_dictionaries() {
    const std::vector<std::string> columns = text_columns(inputs_.schema.input);
    if (columns.empty()) return;
    // By rank 0 for all: each block has a list of its own.
    const std::string all = ranks_.on_first([&] { return packed_dictionaries(united_texts(*texts_, inputs_.rows, columns)); });
    dictionaries_ = unpacked_dictionaries(all);
    for (const std::string& column : columns)
      if (ranks_.is_first() && !dictionaries_.contains(column))
        log_info(fmt::format("column {} has more than {} texts: they are stored as they are", column, grouped(most_texts)));
    if (ranks_.is_first() && dictionaries_.contains(roles_.filter)) {
      const std::vector<std::string>& filters = dictionaries_.at(roles_.filter);
      const std::vector<std::string> first(filters.begin(), filters.begin() + std::min<std::ptrdiff_t>(std::ssize(filters), 20));
      log_info(fmt::format("{} filters: {}{}", filters.size(), skyfold::join(first, ", "), filters.size() > first.size() ? ", ..." : ""));
    }
  }

  void choose_places() {
    const PhaseScope scope(ranks_.clock(), Phase::compute);
    std::optional<ScratchArray> keys;
    ranks_.together([&] { keys.emplace(keys_path()); });
    choose_splitters(*keys);
    count_rows(*keys);
    if (measured_ > 0) return;
    throw DataError(fmt::format("{}: none of {} measurements has an object in {} (--join {})", inputs_.sources.front()->path(),
                                grouped(places_.orphans), o_.objects, o_.join));
  }

  template <class Use>
  void for_each_key(ScratchArray& keys, std::size_t block, const Use& use) const {
    const RowRange rows = inputs_.blocks[block].rows;
    std::vector<std::int64_t> key(static_cast<std::size_t>(rows.size()));
    keys.read(rows.begin, key);
    for (std::size_t i = 0; i < key.size(); ++i)
      if (key[i] != dropped_key) use(key[i], rows.begin + static_cast<std::int64_t>(i));
  }

  void choose_splitters(ScratchArray& keys) {
    const std::int64_t stride = std::max<std::int64_t>(1, inputs_.rows / sample_rows), orphan = objects_->rows();
    std::vector<std::int64_t> sample;
    for (const std::string& text : ranks_.run_units(inputs_.blocks.size(), [&](std::size_t i) {
           std::vector<std::int64_t> drawn;
           for_each_key(keys, i, [&](std::int64_t key, std::int64_t row) {
             if (key != orphan && row % stride == 0) drawn.push_back(key);
           });
           return packed(drawn);
         })) {
      const std::vector<std::int64_t> drawn = unpacked<std::int64_t>(text);
      sample.insert(sample.end(), drawn.begin(), drawn.end());
    }
    run_.once("splitters", [&] {
      const auto row_bytes = static_cast<std::int64_t>(bytes_per_row(stored_columns(inputs_.schema.input, dictionaries_))) + 8;
      const std::int64_t bucket_rows = std::clamp<std::int64_t>(std::max<std::int64_t>(cached_rows, inputs_.rows / 512), 1,
                                                                std::max<std::int64_t>(1, memory_ / 8 / row_bytes));
      const std::int64_t buckets = std::max<std::int64_t>(inputs_.rows / bucket_rows + 1, 4 * ranks_.size());
      std::sort(sample.begin(), sample.end());
      std::vector<std::int64_t> splitters;
      for (std::int64_t i = 1; i < buckets && !sample.empty(); ++i) {
        const std::int64_t splitter = sample[static_cast<std::size_t>(std::ssize(sample) * i / buckets)];
        // Between objects: all measurements of one are in one bucket.
        if (splitters.empty() ? splitter > 0 : splitters.back() < splitter) splitters.push_back(splitter);
      }
      write_durably(splitters_path(), packed(splitters));
    });
    places_.splitters = unpacked<std::int64_t>(ranks_.on_first([&] { return read_file(splitters_path()); }));
  }

  void count_rows(ScratchArray& keys) {
    const std::size_t buckets = places_.splitters.size() + 2;
    std::vector<std::vector<std::int64_t>> counts;
    for (const std::string& text : ranks_.run_units(inputs_.blocks.size(), [&](std::size_t i) {
           std::vector<std::int64_t> of_block(buckets);
           for_each_key(keys, i, [&](std::int64_t key, std::int64_t) { ++of_block[places_.bucket_of(key, objects_->rows())]; });
           return packed(of_block);
         }))
      counts.push_back(unpacked<std::int64_t>(text));
    places_.block_starts.assign(counts.size(), std::vector<std::int64_t>(buckets));
    for (std::size_t b = 0; b < buckets; ++b) {
      const bool are_orphans = b + 1 == buckets;
      std::int64_t& next = are_orphans ? places_.orphans : measured_;
      if (!are_orphans) places_.starts.push_back(next);
      for (std::size_t i = 0; i < counts.size(); ++i) {
        places_.block_starts[i][b] = next;
        next += counts[i][b];
      }
    }
    places_.starts.push_back(measured_);
  }

  void lay_out() {
    const Schema stored = stored_columns(inputs_.schema.input, dictionaries_);
    run_.once("catalogue", [&] {
      std::vector<ColumnGroup> groups = {{"/object", objects_->schema(), objects_->rows()},
                                         {meas_group, stored, measured_},
                                         {meas_offset_group,
                                          {{"first_row", Type::i8, 1, "", "", "first measurement of each object; at the end their number"}},
                                          objects_->rows() + 1}};
      if (places_.orphans > 0) groups.push_back({meas_orphan_group, stored, places_.orphans});
      create_columns(output_path(), groups, attributes());
      std::map<std::string, Table> small;
      for (const auto& [column, texts] : dictionaries_) small.emplace(meas_dictionary_group(column), text_table(texts));
      if (has_columns(o_.objects, std::string("/") + correction_table))
        small.emplace(std::string("/") + correction_table, read_columns(o_.objects, std::string("/") + correction_table));
      add_columns(output_path(), small);
      add_links(output_path(), {{meas_offset_link, std::string(meas_offset_group) + "/first_row"}});
      create_columns(placed_path(), {{meas_group, stored, measured_}}, {});
    });
  }

  Attributes attributes() const {
    Attributes attributes = read_attributes(o_.objects);
    // Of the file as it was stored and finished.
    attributes.erase("fingerprint");
    attributes.erase("compression");
    MeasurementRoles roles = roles_;
    for (const auto& [column, texts] : dictionaries_) roles.texts.push_back(column);
    for (const auto& [name, value] : attributes_of(roles)) attributes[name] = value;
    if (!inputs_.form.empty()) attributes[original_meas_form_name] = inputs_.form;
    attributes["meas_join"] = o_.join;
    attributes["creator"] = o_.creator.empty() ? creator_of("import") : o_.creator;
    std::vector<std::pair<std::string, std::string>> files;
    for (const auto& source : inputs_.sources) files.emplace_back(source->path(), fmt::format("{} rows", source->rows()));
    files.emplace_back(o_.objects, objects_->fingerprint());
    attributes["provenance"] = o_.provenance.empty() ? provenance_json("import", context_.options, files) : o_.provenance;
    return attributes;
  }

  void copy_objects() {
    std::vector<Partition> blocks;
    for (std::int64_t begin = 0; begin < objects_->rows() && ranks_.is_first(); begin += zone_rows) {
      const RowRange rows{begin, std::min(begin + zone_rows, objects_->rows())};
      blocks.push_back({std::ssize(blocks), fmt::format("rows {} to {}", rows.begin, rows.end), rows, static_cast<double>(rows.size())});
    }
    std::shared_ptr<ObjectCopy> pass;
    ranks_.together([&] { pass = std::make_shared<ObjectCopy>(*objects_, output_path()); });
    farm("measurements (objects)", blocks, pass);
  }

  void place() {
    const MeasurementInputs in = known();
    std::shared_ptr<MeasurementPlacing> pass;
    ranks_.together([&] {
      pass =
          std::make_shared<MeasurementPlacing>(in, places_, dictionaries_, placed_path(), output_path(), keys_path(), placed_keys_path());
    });
    farm("measurements (placing)", inputs_.partitions(ranks_), pass);
  }

  /// Those with rows; together they write the offsets of all objects.
  std::vector<MeasurementBucket> filled_buckets() const {
    std::vector<MeasurementBucket> buckets;
    for (std::size_t b = 0; b + 1 < places_.starts.size(); ++b) {
      const RowRange rows{places_.starts[b], places_.starts[b + 1]};
      if (rows.size() == 0) continue;
      const std::int64_t first = buckets.empty() ? 0 : places_.splitters[b - 1];
      if (!buckets.empty()) buckets.back().objects.end = first;
      buckets.push_back({rows, {first, objects_->rows()}});
    }
    return buckets;
  }

  void sort() {
    const MeasurementInputs in = known();
    const std::vector<MeasurementBucket> buckets = filled_buckets();
    std::vector<Partition> partitions;
    for (std::size_t b = 0; b < buckets.size() && ranks_.is_first(); ++b)
      partitions.push_back(
          {static_cast<std::int64_t>(b), fmt::format("bucket {}", b), buckets[b].rows, static_cast<double>(buckets[b].rows.size())});
    counts_ = run_.parts("counts");
    std::shared_ptr<MeasurementSorting> pass;
    ranks_.together([&] {
      pass = std::make_shared<MeasurementSorting>(in, buckets, dictionaries_, placed_path(), placed_keys_path(), output_path(), counts_);
    });
    farm("measurements (sorting)", partitions, pass);
  }

  void publish() {
    std::vector<std::string> groups = {meas_group, meas_offset_group};
    if (places_.orphans > 0) groups.emplace_back(meas_orphan_group);
    for (const auto& [column, texts] : dictionaries_) groups.push_back(meas_dictionary_group(column));
    for (const std::string& group : groups) add_zone_hashes(ranks_, output_path(), group, true);
    finalise_catalogue(ranks_, output_path());
    const std::int64_t dropped =
        std::stoll(ranks_.on_first([&] { return std::to_string(write_rejects(rejects_folder(), run_.partial(rejects_path()))); }));
    std::vector<std::string> products = {o_.output};
    if (dropped > 0) products.push_back(rejects_path());
    const std::string lines = ranks_.on_first([&] { return summary(dropped); });
    run_.publish(products);
    run_.finish(context_.threads, lines);
  }

  std::string summary(std::int64_t dropped) const {
    std::int64_t repeats = 0, measured = 0;
    for (const Parts::Piece& piece : counts_->pieces({0, measured_})) {
      std::istringstream numbers(counts_->read(piece));
      std::int64_t of_bucket[2] = {0, 0};
      numbers >> of_bucket[0] >> of_bucket[1];
      repeats += of_bucket[0];
      measured += of_bucket[1];
    }
    std::string lines = fmt::format("{} measurements of {} objects; {} objects have none\n", grouped(measured_), grouped(measured),
                                    grouped(objects_->rows() - measured));
    if (places_.orphans > 0)
      lines += fmt::format("{} measurements have no object: they are in {}\n", grouped(places_.orphans), meas_orphan_group);
    if (repeats > 0)
      lines += fmt::format("{} measurements repeat object, filter and time of another one (all are kept)\n", grouped(repeats));
    const std::int64_t left_out = inputs_.rows - measured_ - places_.orphans - dropped;
    if (!trim(o_.where).empty()) lines += fmt::format("left out {} rows by --where\n", grouped(left_out));
    if (dropped > 0) lines += fmt::format("dropped {} rows, listed in {}\n", grouped(dropped), rejects_path());
    return lines;
  }

  ImportOptions o_;
  const CommandContext& context_;
  Ranks& ranks_;
  std::int64_t memory_;
  JoinRule rule_;
  Run run_;
  std::optional<Catalogue> objects_;
  Inputs inputs_;
  MeasurementRoles roles_;
  std::vector<std::string> join_columns_;
  std::shared_ptr<Parts> texts_, counts_;
  Dictionaries dictionaries_;
  MeasurementPlaces places_;
  std::int64_t measured_ = 0;  ///< measurements with an object
};

}  // namespace

void import_measurements(ImportOptions& o, const CommandContext& context) { MeasurementImport(o, context).run(); }

}  // namespace skyfold
