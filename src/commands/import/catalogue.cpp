// Import, step by step: keys, duplicates, places, sorting, crowding, publishing. Three passes through files instead of an exchange
// between ranks, so that each can be repeated after a death (docs/import.md).
#include "catalogue.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "crowding.hpp"
#include "duplicates.hpp"
#include "overlaps.hpp"
#include "passes.hpp"
#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/correction_record.hpp"
#include "skyfold/dataset/survey_preset.hpp"
#include "skyfold/io/fits_original.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/run/run.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t cached_rows = 1 << 17;  // 1 MB of 8-byte values
constexpr std::int64_t sample_rows = 1 << 18;  // keys sampled to choose the buckets: about 4 MB

using RowKey = std::pair<std::int64_t, std::int64_t>;  // (key, row over all inputs)

template <class T>
std::string packed(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

template <class T>
void append_packed(const std::string& text, std::vector<T>& values) {
  const std::size_t before = values.size();
  values.resize(before + text.size() / sizeof(T));
  if (!text.empty()) std::memcpy(static_cast<void*>(values.data() + before), text.data(), text.size());
}

/// One import: the steps in order, each collective. Every step can be repeated after a death in the middle of it, and
/// what it decides (duplicates, buckets) is kept, so that another attempt decides the same.
class Import {
 public:
  Import(ImportOptions& o, const CommandContext& context)
      : asked_(o),
        o_(o),
        context_(context),
        ranks_(*context.ranks),
        memory_(o_.memory_mb * 1'000'000),
        survey_(take_survey_for(o_)),
        run_(ranks_, context.options, context.run,
             {"import",
              program_version,
              o_.output,
              {o_.output, rejects_path(), list_path()},
              all_inputs(),
              &context.process,
              {rejects_path(), list_path()}}) {}

  ImportResult run() {
    if (run_.is_complete()) return {};
    try {
      make();
    } catch (const Error& error) {
      // The inputs will be others next time: nothing of this run is of use to it.
      if (error.code() == ExitCode::data) run_.discard();
      throw;
    }
    return result_;
  }

 private:
  /// Sentinels of the preset, where the user has named none.
  static TakenSurvey take_survey_for(ImportOptions& o) {
    ModelBandOptions bands;
    bands.nondetection = o.nondetection;
    bands.missing = o.missing;
    bands.nan = o.nan;
    bands.inf = o.inf;
    TakenSurvey taken = take_survey(o.survey, bands);
    o.nondetection = bands.nondetection;
    o.missing = bands.missing;
    o.nan = bands.nan;
    o.inf = bands.inf;
    return taken;
  }
  [[nodiscard]] std::vector<std::string> all_inputs() const {
    std::vector<std::string> paths = input_paths(o_);
    if (!survey_.path.empty()) paths.push_back(survey_.path);
    return paths;
  }
  /// The preset's condition, where the inputs have its columns.
  void take_condition() {
    std::string line;
    if (!trim(o_.where).empty() || survey_.path.empty()) return;
    o_.where = condition_for(survey_, inputs_.schema.input, inputs_.sources.front()->path(), line);
    if (!line.empty()) log_info(line);
  }

  void make() {
    {
      const PhaseScope scope(ranks_.clock(), Phase::read);
      inputs_ = open_inputs(ranks_, o_, memory_ / 32);
      asked_.ordering = o_.ordering;  // as it is recorded
      ranks_.together([&] { take_condition(); });
      // What has been done to the magnitudes of a matched sample goes with them.
      ranks_.on_first_only([&] {
        corrections_ = common_corrections(input_paths(o_));
        if (!o_.nondetection.empty()) corrections_.nondetection = o_.nondetection;
        if (!o_.missing.empty()) corrections_.missing = o_.missing;
        if (!o_.nan.empty()) corrections_.nan = o_.nan;
        if (!o_.inf.empty()) corrections_.inf = o_.inf;
      });
    }
    if (o_.check) ranks_.together([&] { o_.check(layout()); });
    if (o_.dedup != "none") ranks_.together([&] { overlaps_.emplace(inputs_, o_); });
    if (ranks_.is_first()) {
      log_info(fmt::format("{} file{}, {} rows, {} columns", inputs_.sources.size(), inputs_.sources.size() == 1 ? "" : "s",
                           grouped(inputs_.rows), inputs_.schema.input.size()));
      for (const std::string& remark : inputs_.schema.remarks) log_info(remark);
      for (const std::string& remark : overlaps_ ? overlaps_->remarks() : std::vector<std::string>()) log_info(remark);
    }
    scan();
    if (overlaps_) find_overlaps();
    drop_duplicates();
    place();
    if (!in_order_) sort();
    if (inputs_.schema.flags_crowding) flag_crowding();
    publish();
  }

  std::string keys_path() const { return run_.partial("keys.scratch"); }
  std::string ids_path() const { return run_.partial("ids.scratch"); }
  std::string placed_path() const { return run_.partial("placed.scratch"); }
  std::string placed_keys_path() const { return run_.partial("placed_keys.scratch"); }
  std::string splitters_path() const { return run_.partial("splitters.scratch"); }
  std::string rejects_folder() const { return run_.partial("rejects.scratch"); }
  std::string duplicates_path() const { return rejects_folder() + "/duplicates"; }
  std::string overlaps_folder() const { return run_.partial("overlaps.scratch"); }
  std::string repeated_path() const { return run_.partial("repeated.scratch"); }
  std::string marks_path() const { return run_.partial("marks.scratch"); }
  std::string catalogue_path() const { return run_.partial(o_.output); }
  std::string list_path() const { return o_.dedup_list.empty() ? o_.output + ".repeated.csv" : o_.dedup_list; }
  std::string rejects_path() const { return o_.rejects.empty() ? o_.output + ".rejects.csv" : o_.rejects; }

  void farm(const std::string& name, const std::vector<Partition>& partitions, const std::shared_ptr<Work>& work) {
    run_.farm({name, "rows", "1", true, true}, partitions, work);
  }

  void scan() {
    run_.once("scratch files", [&] {
      for (const std::string& path : {keys_path(), ids_path(), placed_keys_path()}) ScratchArray::create(path, inputs_.rows);
      if (overlaps_) {
        remove_scratch_folder(overlaps_folder());
        fs::create_directory(overlaps_folder());
        OverlapArrays::create(overlaps_folder(), inputs_.rows);
      }
      // A death may have left rejects of blocks that were cut otherwise.
      remove_scratch_folder(rejects_folder());
      fs::create_directory(rejects_folder());
    });
    std::shared_ptr<ScanPass> pass;
    ranks_.together([&] {
      auto overlaps = overlaps_ ? std::make_unique<OverlapScan>(*overlaps_, overlaps_folder()) : nullptr;
      pass = std::make_shared<ScanPass>(inputs_, o_, keys_path(), ids_path(), rejects_folder(), std::move(overlaps));
    });
    // Keys of all rows come first: only when they are known can a row's place be.
    farm("import (1 of 3, keys)", inputs_.partitions(ranks_), pass);
  }

  /// Repeated detections get the key of dropped rows, or a mark.
  void find_overlaps() {
    if (!run_.has_made("overlaps")) {
      const OverlapSearch search{inputs_.rows, o_.dedup_radius, overlaps_->has_middles(), overlaps_folder(),
                                 keys_path(),  memory_ / 4,     context_.threads};
      const std::vector<Repeated> found = find_repeated(ranks_, search);
      // Kept: another attempt must drop the same rows, though their keys are gone.
      run_.once("overlaps", [&] { write_durably(repeated_path(), packed(found)); });
    }
    ranks_.on_first_only([&] {
      append_packed(read_file(repeated_path()), repeated_);
      if (o_.dedup_mark) ScratchArray::create(marks_path(), inputs_.rows);
      ScratchArray marked(o_.dedup_mark ? marks_path() : keys_path());
      const std::int64_t mark = o_.dedup_mark ? 1 : dropped_key;
      for (const Repeated& row : repeated_) marked.write(row.row, std::span(&mark, 1));
      marked.sync();
    });
  }

  void drop_duplicates() {
    if (inputs_.schema.generates_id) return;
    if (!run_.has_made("duplicates")) {
      const std::string& id = inputs_.schema.roles.id;
      auto duplicates = find_duplicate_ids(ranks_, inputs_.rows, ids_path(), keys_path(), memory_ / 4);
      if (inputs_.schema.input[*find_column(inputs_.schema.input, id)].type == Type::text)
        duplicates = with_same_text(ranks_, inputs_, duplicates);
      if (!duplicates.empty() && o_.on_bad_row == "error")
        throw DataError(
            fmt::format("{}, column {}: the id occurs before, in {} ({} such row{}; import with --on-bad-row=drop leaves them out)",
                        inputs_.place_of(duplicates[0].row), id, inputs_.place_of(duplicates[0].earlier_row),
                        grouped(std::ssize(duplicates)), duplicates.size() == 1 ? "" : "s"));
      run_.once("duplicates", [&] {
        std::string lines;
        for (const DuplicateId& duplicate : duplicates)
          lines += reject_line(inputs_, {duplicate.row, id, "the id occurs before, in " + inputs_.place_of(duplicate.earlier_row)});
        // Kept: another attempt must drop the same rows, without finding them again.
        write_durably(duplicates_path(), lines);
      });
    }
    ranks_.on_first_only([&] {
      ScratchArray keys(keys_path());
      std::istringstream lines(read_file(duplicates_path()));
      // Each attempt marks them anew: a death may have come between the list and the marks.
      for (std::string line; std::getline(lines, line);) keys.write(std::stoll(line.substr(0, 20)), std::span(&dropped_key, 1));
      keys.sync();
    });
  }

  /// What is known of the keys of one block of the inputs.
  struct BlockKeys {
    std::int64_t rows = 0, first = 0, last = 0, is_ordered = 1;
  };

  void place() {
    survey_keys();
    count_rows();
    if (result_.rows == 0)
      throw DataError(fmt::format("{}: no row is left to import{}", inputs_.sources.front()->path(),
                                  trim(o_.where).empty() ? "" : fmt::format(" (--where '{}')", trim(o_.where))));
    run_.once("catalogue", [&] {
      create_catalogue(catalogue_path(), layout());
      write_corrections(catalogue_path(), corrections_);
      if (!inputs_.form.empty()) write_attributes(catalogue_path(), {{original_form_name, inputs_.form}});
      // Sorting reads one file and writes another: a death in the middle leaves the source as it was.
      if (!in_order_) create_catalogue(placed_path(), layout());
    });
    std::shared_ptr<PlacePass> pass;
    ranks_.together([&] {
      pass = std::make_shared<PlacePass>(inputs_, placement_, o_.ordering == "healpix", in_order_ ? catalogue_path() : placed_path(),
                                         keys_path(), in_order_ ? "" : placed_keys_path(), overlaps_ && o_.dedup_mark ? marks_path() : "");
    });
    farm("import (2 of 3, placing)", inputs_.partitions(ranks_), pass);
  }

  /// Whether the rows are in order as they are, and if not, the bounds of the buckets to sort.
  void survey_keys() {
    const PhaseScope scope(ranks_.clock(), Phase::compute);
    std::optional<ScratchArray> keys;
    ranks_.together([&] { keys.emplace(keys_path()); });
    const std::int64_t stride = std::max<std::int64_t>(1, inputs_.rows / sample_rows);
    std::vector<RowKey> sample;
    std::vector<BlockKeys> blocks;
    for (const std::string& text : ranks_.run_units(inputs_.blocks.size(), [&](std::size_t i) {
           const RowRange rows = inputs_.blocks[i].rows;
           std::vector<std::int64_t> key(static_cast<std::size_t>(rows.size()));
           keys->read(rows.begin, key);
           BlockKeys block;
           std::vector<RowKey> drawn;
           for (std::int64_t row = rows.begin; row < rows.end; ++row) {
             const std::int64_t k = key[static_cast<std::size_t>(row - rows.begin)];
             if (k == dropped_key) continue;
             if (block.rows++ == 0) block.first = block.last = k;
             if (k < block.last) block.is_ordered = 0;
             block.last = k;
             // By row, not at random: the sample, and so the buckets, are the same for any number of ranks.
             if (row % stride == 0) drawn.emplace_back(k, row);
           }
           return packed(std::vector{block}) + packed(drawn);
         })) {
      append_packed(text.substr(0, sizeof(BlockKeys)), blocks);
      append_packed(text.substr(sizeof(BlockKeys)), sample);
    }
    std::erase_if(blocks, [](const BlockKeys& block) { return block.rows == 0; });
    // Inputs that are in order already, such as a catalogue that is imported again, are written straight to their places.
    in_order_ = true;
    for (std::size_t i = 0; i < blocks.size(); ++i)
      if (!blocks[i].is_ordered || (i > 0 && blocks[i].first < blocks[i - 1].last)) in_order_ = false;
    if (!in_order_) choose_splitters(std::move(sample));
  }

  /// Buckets small enough that two of them, and what sorting needs, fit in memory. They are kept, since they would be
  /// others with another number of ranks.
  void choose_splitters(std::vector<RowKey> sample) {
    run_.once("splitters", [&] {
      const auto row_bytes = static_cast<std::int64_t>(bytes_per_row(catalogue_schema(inputs_.schema))) + 8;
      // Sorting is quickest while a column of a bucket fits a processor's cache; too many buckets make small writes.
      const std::int64_t bucket_rows = std::clamp<std::int64_t>(std::max<std::int64_t>(cached_rows, inputs_.rows / 512), 1,
                                                                std::max<std::int64_t>(1, memory_ / 8 / row_bytes));
      const std::int64_t buckets = std::max<std::int64_t>(inputs_.rows / bucket_rows + 1, 4 * ranks_.size());
      std::sort(sample.begin(), sample.end());
      std::vector<RowKey> splitters;
      for (std::int64_t i = 1; i < buckets && !sample.empty(); ++i) {
        const RowKey& splitter = sample[static_cast<std::size_t>(std::ssize(sample) * i / buckets)];
        // Keys with their rows: many equal keys are cut between rows, so no bucket outgrows the memory.
        if (splitters.empty() || splitters.back() < splitter) splitters.push_back(splitter);
      }
      write_durably(splitters_path(), packed(splitters));
    });
    append_packed(ranks_.on_first([&] { return read_file(splitters_path()); }), placement_.splitters);
  }

  /// Exact numbers of rows per block and bucket give every row's place, without any coordination later.
  void count_rows() {
    const PhaseScope scope(ranks_.clock(), Phase::compute);
    const std::size_t buckets = placement_.splitters.size() + 1;
    std::optional<ScratchArray> keys;
    ranks_.together([&] { keys.emplace(keys_path()); });
    const auto texts = ranks_.run_units(inputs_.blocks.size(), [&](std::size_t i) {
      const RowRange rows = inputs_.blocks[i].rows;
      std::vector<std::int64_t> key(static_cast<std::size_t>(rows.size())), counts(buckets);
      keys->read(rows.begin, key);
      for (std::size_t k = 0; k < key.size(); ++k)
        if (key[k] != dropped_key) ++counts[placement_.bucket_of(key[k], rows.begin + static_cast<std::int64_t>(k))];
      return packed(counts);
    });
    std::vector<std::vector<std::int64_t>> counts(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) append_packed(texts[i], counts[i]);
    placement_.block_starts.assign(counts.size(), std::vector<std::int64_t>(buckets));
    // Bucket by bucket, and block by block within it: equal keys keep the order of the inputs.
    for (std::size_t b = 0; b < buckets; ++b) {
      placement_.starts.push_back(result_.rows);
      for (std::size_t i = 0; i < counts.size(); ++i) {
        placement_.block_starts[i][b] = result_.rows;
        result_.rows += counts[i][b];
      }
    }
    placement_.starts.push_back(result_.rows);
  }

  CatalogueLayout layout() const {
    std::vector<std::pair<std::string, std::string>> files;
    for (const auto& source : inputs_.sources) files.emplace_back(source->path(), fmt::format("{} rows", source->rows()));
    return {catalogue_schema(inputs_.schema),
            result_.rows,
            ordering_named(o_.ordering),
            o_.ordering_column,
            inputs_.schema.roles,
            creator_of("import"),
            provenance_json("import", context_.options, files, o_.source_fingerprint)};
  }

  void sort() {
    std::vector<Partition> buckets;
    for (std::size_t b = 0; b + 1 < placement_.starts.size() && ranks_.is_first(); ++b) {
      const RowRange rows{placement_.starts[b], placement_.starts[b + 1]};
      if (rows.size() > 0) buckets.push_back({std::ssize(buckets), fmt::format("bucket {}", b), rows, static_cast<double>(rows.size())});
    }
    std::shared_ptr<SortPass> pass;
    ranks_.together([&] { pass = std::make_shared<SortPass>(placed_path(), placed_keys_path(), catalogue_path()); });
    farm("import (3 of 3, sorting)", buckets, pass);
  }

  /// Flags crowded stars, now that all are in order.
  void flag_crowding() {
    std::vector<Partition> blocks;
    for (std::int64_t begin = 0; begin < result_.rows && ranks_.is_first(); begin += zone_rows) {
      const RowRange rows{begin, std::min(begin + zone_rows, result_.rows)};
      blocks.push_back({std::ssize(blocks), fmt::format("rows {} to {}", rows.begin, rows.end), rows, static_cast<double>(rows.size())});
    }
    std::shared_ptr<CrowdingPass> pass;
    ranks_.together([&] { pass = std::make_shared<CrowdingPass>(catalogue_path(), o_.profile); });
    farm("import (crowding)", blocks, pass);
  }

  void publish() {
    finalise_catalogue(ranks_, catalogue_path());
    const std::string dropped =
        ranks_.on_first([&] { return std::to_string(write_rejects(rejects_folder(), run_.partial(rejects_path()))); });
    result_.dropped = std::stoll(dropped);
    std::vector<std::string> products = {o_.output};
    if (result_.dropped > 0) products.push_back(rejects_path());
    const std::int64_t repeated = std::stoll(ranks_.on_first([&] { return std::to_string(repeated_.size()); }));
    if (repeated > 0 && !o_.dedup_mark) {
      ranks_.on_first_only([&] { write_repeated(run_.partial(list_path()), inputs_, repeated_); });
      products.push_back(list_path());
    }
    run_.publish(products);
    // Whatever is neither in the catalogue nor listed.
    const std::int64_t left_out = inputs_.rows - result_.rows - result_.dropped - (o_.dedup_mark ? 0 : repeated);
    const std::string chosen = trim(o_.where).empty() ? "" : fmt::format("left out {} rows by --where\n", grouped(left_out));
    const std::string note =
        result_.dropped == 0 ? "" : fmt::format("dropped {} rows, listed in {}\n", grouped(result_.dropped), rejects_path());
    run_.finish(context_.threads,
                fmt::format("{} rows, ordered by {}\n{}", grouped(result_.rows), o_.ordering, chosen + note + overlap_note(repeated)));
  }

  [[nodiscard]] std::string overlap_note(std::int64_t repeated) const {
    if (!overlaps_) return "";
    context_.process.fact("repeated detections", grouped(repeated));
    if (repeated == 0) return "no repeated detections\n";
    return o_.dedup_mark ? fmt::format("marked {} repeated detections ({} = 1)\n", grouped(repeated), repeated_column)
                         : fmt::format("left out {} repeated detections, listed in {}\n", grouped(repeated), list_path());
  }

  ImportOptions& asked_;  ///< what the record of this import tells
  ImportOptions o_;
  const CommandContext& context_;
  Ranks& ranks_;
  std::int64_t memory_;
  TakenSurvey survey_;
  Run run_;
  Inputs inputs_;
  std::optional<OverlapRule> overlaps_;
  std::vector<Repeated> repeated_;  ///< rank 0
  CorrectionRecord corrections_;    ///< of the inputs; rank 0
  bool in_order_ = false;
  Placement placement_;
  ImportResult result_;
};

}  // namespace

ImportResult import_catalogue(ImportOptions& o, const CommandContext& context) { return Import(o, context).run(); }

}  // namespace skyfold
