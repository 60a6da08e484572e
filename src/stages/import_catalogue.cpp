#include "import_catalogue.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "import_duplicates.hpp"
#include "import_passes.hpp"
#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/products/run_folder.hpp"
#include "skyfold/stages/provenance.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t cached_rows = 1 << 17;   // 1 MB of 8-byte values
constexpr std::int64_t sample_rows = 1 << 18;   // keys sampled to choose the buckets: about 4 MB

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + "\"";
}

/// One import: the steps in order, each collective.
class Import {
 public:
  Import(ImportOptions o, const StageContext& context)
      : o_(std::move(o)), context_(context), ranks_(*context.ranks), memory_(o_.memory_mb * 1'000'000) {}

  ImportResult run() {
    ranks_.on_first_only([&] { check_outputs({o_.output, rejects_path()}, input_files(o_.input)); });
    {
      const PhaseScope scope(ranks_.clock(), Phase::read);
      inputs_ = open_inputs(ranks_, o_, memory_ / 32);
    }
    if (ranks_.is_first()) {
      log_info(fmt::format("{} file{}, {} rows, {} columns", inputs_.sources.size(), inputs_.sources.size() == 1 ? "" : "s",
                           grouped(inputs_.rows), inputs_.schema.input.size()));
      for (const std::string& remark : inputs_.schema.remarks) log_info(remark);
    }
    result_.files = inputs_.sources.size();
    ranks_.on_first_only([&] {
      folder_.emplace(o_.output, context_.options.ini(false));
      for (const std::string& path : {keys_path(), ids_path(), sorted_keys_path()}) ScratchArray::create(path, inputs_.rows);
    });
    scan();
    drop_duplicates();
    place();
    sort();
    publish();
    return result_;
  }

 private:
  std::string scratch(const char* name) const { return partial_path(o_.output, name); }
  std::string keys_path() const { return scratch("keys.scratch"); }
  std::string ids_path() const { return scratch("ids.scratch"); }
  std::string sorted_keys_path() const { return scratch("sorted_keys.scratch"); }
  std::string catalogue_path() const { return partial_path(o_.output, o_.output); }

  /// Runs one pass over `jobs` with its own line of progress.
  void farm(Work& work, std::vector<Job> jobs, const std::string& title, std::int64_t rows) {
    std::int64_t largest = 1;
    for (const Job& job : jobs) largest = std::max(largest, job.rows.size());
    FarmOptions options;
    options.block_rows = largest;  // a job is read whole: a block of the input, or a bucket
    RunLog log("", title, rows, "rows");
    const FarmReport report = run_farm(ranks_, std::move(jobs), {}, work, log, options);
    if (!report.failures.empty()) throw IoError(fmt::format("{}: {}", title, report.failures.front().message));
    result_.report.jobs += report.jobs;
    result_.report.bytes_read += report.bytes_read;
    result_.report.bytes_written += report.bytes_written;
    result_.report.write_s += report.write_s;
  }

  std::vector<Job> block_jobs() const {
    std::vector<Job> jobs;
    for (std::size_t i = 0; i < inputs_.blocks.size(); ++i)
      jobs.push_back({std::ssize(jobs), static_cast<std::int64_t>(i), 1, inputs_.blocks[i].rows});
    return jobs;
  }

  void scan() {
    std::optional<ScanPass> pass;
    ranks_.together([&] { pass.emplace(inputs_, o_, keys_path(), ids_path(), std::max<std::int64_t>(1, inputs_.rows / sample_rows)); });
    farm(*pass, block_jobs(), "import (1 of 3, keys)", inputs_.rows);
    gather_sample(pass->sample);
    std::string text;
    for (const Reject& reject : pass->rejects) text += reject_line(reject);
    rejects_ = text;
    result_.dropped = static_cast<std::int64_t>(pass->rejects.size());
  }

  void gather_sample(const std::vector<std::pair<std::int64_t, std::int64_t>>& mine) {
    const auto bytes = std::as_bytes(std::span(mine));
    for (const std::string& text : ranks_.gather({reinterpret_cast<const char*>(bytes.data()), bytes.size()})) {
      const std::size_t before = sample_.size();
      sample_.resize(before + text.size() / sizeof sample_[0]);
      if (!text.empty()) std::memcpy(static_cast<void*>(sample_.data() + before), text.data(), text.size());
    }
    std::sort(sample_.begin(), sample_.end());
  }

  /// "row file line" of the rejects file; the row leads so that lines of all ranks can be put in order.
  std::string reject_line(const Reject& reject) const {
    const std::string place = inputs_.place_of(reject.row);
    const std::size_t comma = place.rfind(", row ");
    return fmt::format("{:020}{},{},{},{}\n", reject.row, quoted(place.substr(0, comma)), place.substr(comma + 6), quoted(reject.column),
                       quoted(reject.problem));
  }

  void drop_duplicates() {
    if (inputs_.schema.generates_id) return;
    const auto duplicates = find_duplicate_ids(ranks_, inputs_.rows, ids_path(), keys_path(), memory_ / 4);
    if (duplicates.empty()) return;
    const std::string& id = inputs_.schema.roles.id;
    if (o_.on_bad_row == "error")
      throw DataError(fmt::format("{}, column {}: the id occurs before, in {} ({} such row{}; --on-bad-row=drop leaves them out)",
                                  inputs_.place_of(duplicates[0].row), id, inputs_.place_of(duplicates[0].earlier_row),
                                  grouped(std::ssize(duplicates)), duplicates.size() == 1 ? "" : "s"));
    ranks_.on_first_only([&] {
      ScratchArray keys(keys_path());
      for (const DuplicateId& duplicate : duplicates) {
        keys.write(duplicate.row, std::span(&dropped_key, 1));
        rejects_ += reject_line({duplicate.row, id, "the id occurs before, in " + inputs_.place_of(duplicate.earlier_row)});
      }
      result_.dropped += std::ssize(duplicates);
    });
  }

  void place() {
    choose_splitters();
    count_rows();
    if (result_.rows == 0) throw DataError(fmt::format("{}: no row is left to import", inputs_.sources.front()->path()));
    ranks_.on_first_only([&] { create_catalogue(catalogue_path(), layout()); });
    std::optional<PlacePass> pass;
    ranks_.together([&] { pass.emplace(inputs_, placement_, o_.ordering == "healpix", catalogue_path(), keys_path(), sorted_keys_path()); });
    farm(*pass, block_jobs(), "import (2 of 3, placing)", inputs_.rows);
  }

  /// Buckets small enough that two of them, and what sorting needs, fit in memory.
  void choose_splitters() {
    const auto row_bytes = static_cast<std::int64_t>(bytes_per_row(catalogue_schema(inputs_.schema))) + 8;
    // Sorting is quickest while a column of a bucket fits a processor's cache; too many buckets make small writes.
    const std::int64_t bucket_rows = std::clamp<std::int64_t>(std::max<std::int64_t>(cached_rows, inputs_.rows / 512), 1,
                                                              std::max<std::int64_t>(1, memory_ / 8 / row_bytes));
    const std::int64_t buckets = std::max<std::int64_t>(inputs_.rows / bucket_rows + 1, 4 * ranks_.size());
    for (std::int64_t i = 1; i < buckets && !sample_.empty(); ++i) {
      const auto& splitter = sample_[static_cast<std::size_t>(std::ssize(sample_) * i / buckets)];
      if (placement_.splitters.empty() || placement_.splitters.back() < splitter) placement_.splitters.push_back(splitter);
    }
    sample_ = {};
  }

  /// Exact numbers of rows per block and bucket give every row's place, without any coordination later.
  void count_rows() {
    const std::size_t buckets = placement_.splitters.size() + 1;
    std::optional<ScratchArray> keys;
    ranks_.together([&] { keys.emplace(keys_path()); });
    const auto texts = ranks_.run_units(inputs_.blocks.size(), [&](std::size_t i) {
      const RowRange rows = inputs_.blocks[i].rows;
      std::vector<std::int64_t> key(static_cast<std::size_t>(rows.size())), counts(buckets);
      keys->read(rows.begin, key);
      for (std::size_t k = 0; k < key.size(); ++k)
        if (key[k] != dropped_key) ++counts[placement_.bucket_of(key[k], rows.begin + static_cast<std::int64_t>(k))];
      return std::string(reinterpret_cast<const char*>(counts.data()), counts.size() * sizeof counts[0]);
    });
    std::vector<std::vector<std::int64_t>> counts(texts.size(), std::vector<std::int64_t>(buckets));
    for (std::size_t i = 0; i < texts.size(); ++i) std::memcpy(counts[i].data(), texts[i].data(), texts[i].size());
    placement_.block_starts.assign(counts.size(), std::vector<std::int64_t>(buckets));
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
    return {catalogue_schema(inputs_.schema), result_.rows, ordering_named(o_.ordering), o_.ordering_column, inputs_.schema.roles,
            creator_of("import"), provenance_json("import", context_.options, files, o_.source_fingerprint)};
  }

  void sort() {
    std::vector<Job> jobs;
    for (std::size_t b = 0; b + 1 < placement_.starts.size(); ++b)
      if (placement_.starts[b] < placement_.starts[b + 1])
        jobs.push_back({std::ssize(jobs), static_cast<std::int64_t>(b), 1, {placement_.starts[b], placement_.starts[b + 1]}});
    std::optional<SortPass> pass;
    ranks_.together([&] { pass.emplace(catalogue_path(), sorted_keys_path()); });
    farm(*pass, std::move(jobs), "import (3 of 3, sorting)", result_.rows);
    ranks_.together([&] {
      const PhaseScope scope(ranks_.clock(), Phase::write);
      pass->sync();
    });
  }

  void publish() {
    finalise_catalogue(ranks_, catalogue_path());
    std::vector<std::string> lines;
    for (const std::string& text : ranks_.gather(rejects_))
      for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = text.find('\n', begin) + 1;
        lines.push_back(text.substr(begin, end - begin));
        begin = end;
      }
    std::sort(lines.begin(), lines.end());
    result_.dropped = std::ssize(lines);
    result_.report.rows = inputs_.rows;
    ranks_.on_first_only([&] {
      const PhaseScope scope(ranks_.clock(), Phase::consolidate);
      std::vector<std::string> products = {o_.output};
      if (!lines.empty()) {
        products.push_back(rejects_path());
        std::ofstream file(folder_->partial(rejects_path()));
        file << "file,row,column,problem\n";
        for (const std::string& line : lines) file << line.substr(20);
        file.close();
        if (!file) throw IoError(rejects_path() + ": cannot write");
      }
      folder_->publish(products);
      folder_.reset();
    });
  }

  std::string rejects_path() const { return o_.rejects.empty() ? o_.output + ".rejects.csv" : o_.rejects; }

  ImportOptions o_;
  const StageContext& context_;
  const Ranks& ranks_;
  std::int64_t memory_;
  Inputs inputs_;
  std::optional<RunFolder> folder_;                                ///< rank 0
  std::vector<std::pair<std::int64_t, std::int64_t>> sample_;
  Placement placement_;
  std::string rejects_;                                            ///< lines of this rank
  ImportResult result_;
};

}  // namespace

ImportResult import_catalogue(const ImportOptions& o, const StageContext& context) { return Import(o, context).run(); }

}  // namespace skyfold
