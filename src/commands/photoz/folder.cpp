// Photo-z of the files of a folder, each straight from its own format. Pieces of all files are numbered as the rows of one table, so that
// one farm does them all; products are filled in the run folder and get their names when all is done, the manifest last.
#include "folder.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "folder_files.hpp"
#include "folder_manifest.hpp"
#include "folder_work.hpp"
#include "results.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/run/run.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr const char* rows_ending = ".hdf5";

/// A text of several, and back: whatever bytes they have.
std::string packed(const std::vector<std::string>& texts) { return with_texts(nlohmann::json(texts), reversible_utf8).dump(); }
std::vector<std::string> unpacked(const std::string& text) {
  return with_texts(nlohmann::json::parse(text), bytes_of_reversible).get<std::vector<std::string>>();
}

std::int64_t size_at(const std::string& path) {
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  return error ? -1 : static_cast<std::int64_t>(bytes);
}

bool is_there(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

/// One run over the files of a folder.
class FolderRun {
 public:
  FolderRun(const FolderOptions& o, const CommandContext& context) : o_(o), context_(context), ranks_(*context.ranks) {}

  ExitCode run() {
    ranks_.together([&] {
      survey_ = take_survey(o_.survey, o_.bands);
      for (const std::string& path : o_.models.paths)
        if (!class_of(path).empty()) require_class(path, {product_class::photoz_model}, "model");
      // Named for any product: what comes behind its name is the same for all.
      std::vector<NamedModel> named = name_models(o_.models, std::string("x") + rows_ending);
      endings_ = {rows_ending};
      for (const NamedModel& model : named)
        if (!model.pdf_path.empty()) endings_.push_back(model.pdf_path.substr(1));
      fits_.emplace(FolderAsked{o_.models, context_.options, o_.bands, survey_, o_.where, o_.pdf_where}, std::move(named));
    });
    list_files();
    identify();
    if (!begin()) return ExitCode::done;
    prepare();
    compute();
    find_failures();
    finish_products();
    return publish();
  }

 private:
  void list_files() {
    const std::vector<std::string> texts = unpacked(ranks_.on_first([&] {
      const FolderListing listing = list_folder_files(o_.files);
      check_folder_outputs(listing, o_.output, endings_);
      say_left_out(listing);
      std::vector<std::string> all;
      for (const FolderFile& file : listing.files) all.insert(all.end(), {file.path, file.place, file.stem});
      return packed(all);
    }));
    // As rank 0 has found them: a folder may be listed while files come and go.
    for (std::size_t i = 0; i + 2 < texts.size(); i += 3) files_.push_back({texts[i], texts[i + 1], texts[i + 2]});
  }

  void say_left_out(const FolderListing& listing) const {
    if (listing.left_out.empty()) return;
    log_info(fmt::format("{}: {} {} no table{} and left out (first: {}){}", o_.files, grouped(std::ssize(listing.left_out)),
                         listing.left_out.size() == 1 ? "entry is" : "entries are", listing.left_out.size() == 1 ? "" : "s",
                         listing.left_out.front(),
                         listing.is_walked ? "; by the endings of their names: a pattern or a list takes any" : ""));
  }

  /// Hashes of all files, and of what decides their products beside them.
  void identify() {
    const PhaseScope scope(ranks_.clock(), Phase::read);
    const auto texts = ranks_.run_units(files_.size(), [&](std::size_t i) {
      try {
        check_stop();
        return file_identity(files_[i].path);
      } catch (const IoError& error) {
        return "!" + std::string(error.what());
      }
    });
    for (std::size_t i = 0; i < files_.size(); ++i) {
      const bool is_read = !texts[i].starts_with('!');
      FolderEntry& entry = entries_.emplace_back();
      entry.input = files_[i].place;
      (is_read ? entry.hash : entry.problem) = is_read ? texts[i] : texts[i].substr(1);
    }
    identity_ = ranks_.on_first([&] {
      std::uint64_t hash = hash_text(program_version);
      for (const auto& [name, value] : context_.options.answer_options()) hash = hash_text(name + "=" + value + "\n", hash);
      for (const std::string& path : side_paths()) hash = hash_text(file_identity(path), hash);
      return hex64(hash);
    });
  }

  /// Inputs beside the files.
  std::vector<std::string> side_paths() const {
    std::vector<std::string> paths = o_.models.paths;
    for (const std::string& path : files_of(o_.bands)) paths.push_back(path);
    if (!survey_.path.empty()) paths.push_back(survey_.path);
    return paths;
  }

  /// Takes up or starts the run of what is left to do; false when nothing is.
  bool begin() {
    RunOptions options = context_.run;
    for (bool heeds_manifest = !options.fresh; true; heeds_manifest = true) {
      choose_pending(heeds_manifest);
      if (pending_.empty()) return say_complete();
      open_tables();
      ranks_.on_first_only([&] { make_output(); });
      std::vector<std::string> inputs;
      for (const std::size_t i : pending_)
        if (!entries_[i].hash.empty()) inputs.push_back(files_[i].path);
      for (const std::string& path : side_paths()) inputs.push_back(path);
      run_.emplace(ranks_, context_.options, options,
                   RunSetup{"photoz", program_version, manifest_path(), {manifest_path()}, inputs, &context_.process});
      if (!run_->is_complete()) return true;
      // It has just given the last name, or somebody has removed products since.
      run_.reset();
      options.fresh = true;
    }
  }

  /// Files without a product by their present bytes.
  void choose_pending(bool heeds_manifest) {
    const std::string text = ranks_.on_first([&] {
      const auto manifest = read_folder_manifest(manifest_path());
      FolderManifest kept{identity_, {}};
      if (manifest && heeds_manifest && manifest->run == identity_)
        for (const FolderEntry& entry : manifest->files)
          if (is_current(entry)) kept.files.push_back(entry);
      return manifest_text(kept);
    });
    std::map<std::string, FolderEntry> kept;
    for (FolderEntry& entry : folder_manifest_from(text, manifest_path()).files) kept.emplace(entry.input, entry);
    pending_.clear();
    for (std::size_t i = 0; i < files_.size(); ++i) {
      const auto found = kept.find(files_[i].place);
      if (found != kept.end() && !entries_[i].hash.empty() && found->second.hash == entries_[i].hash)
        entries_[i] = found->second;
      else
        pending_.push_back(i);
    }
  }

  bool is_current(const FolderEntry& entry) const {
    return entry.problem.empty() && entry.products.size() == endings_.size() &&
           std::ranges::all_of(entry.products,
                               [&](const ProductFile& product) { return size_at(o_.output + "/" + product.name) == product.bytes; });
  }

  bool say_complete() const {
    if (ranks_.is_first()) {
      context_.process.found(manifest_path());
      log_info(fmt::format("{} is complete: nothing to do (--fresh makes it again)", o_.output));
    }
    return false;
  }

  /// Opens the files that are left to do and fits the model to them. What is wrong with one is its own affair, unless all are wrong.
  void open_tables() {
    tasks_.clear();
    task_files_.clear();
    const PhaseScope scope(ranks_.clock(), Phase::read);
    const auto texts = ranks_.run_units(pending_.size(), [&](std::size_t i) {
      check_stop();
      return entries_[pending_[i]].hash.empty() ? std::string() : folder_table_text(files_[pending_[i]].path, o_.input);
    });
    Failure first;
    ranks_.together([&] {
      for (std::size_t i = 0; i < pending_.size(); ++i) {
        FolderEntry& entry = entries_[pending_[i]];
        Failure failure{ExitCode::io, entry.problem};
        if (!texts[i].empty()) failure = add_task(pending_[i], folder_table_from(texts[i]));
        entry.problem = failure.message;
        if (failure && !first) first = failure;
      }
    });
    count_chosen(first);
    // One mistake in the options is wrong with every file, and is told as for a single one.
    if (tasks_.empty() && pending_.size() == files_.size()) throw SharedError(first.code, first.message);
    number_rows();
    if (ranks_.is_first()) say_plan();
  }

  Failure add_task(std::size_t file, FolderTable table) {
    if (table.failure) return table.failure;
    FolderTask task;
    task.path = files_[file].path;
    try {
      task.fit = fits_->fit(task.path, table);
    } catch (const Error& error) {
      return {error.code(), error.what()};
    }
    task.table = std::move(table);
    tasks_.push_back(std::move(task));
    task_files_.push_back(file);
    return {};
  }

  /// Numbers of rows that conditions choose, piece by piece, so that the place of every row in the products is known before the run.
  void count_chosen(Failure& first) {
    struct Unit {
      std::size_t task, piece;
    };
    std::vector<Unit> units;
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      FolderTask& task = tasks_[t];
      task.rows.assign(task.table.piece_rows.size() + 1, 0);
      std::partial_sum(task.table.piece_rows.begin(), task.table.piece_rows.end(), task.rows.begin() + 1);
      task.objects = task.pdfs = task.rows;
      if (task.fit->where || task.fit->pdf_where)
        for (std::size_t piece = 0; piece < task.table.piece_rows.size(); ++piece) units.push_back({t, piece});
    }
    if (units.empty()) return;
    OpenTables open(o_.input);
    const auto counts = ranks_.run_units(units.size(), [&](std::size_t u) -> std::string {
      const FolderTask& task = tasks_[units[u].task];
      check_stop();
      try {
        Table rows(columns_of_conditions(*task.fit));
        const ChosenInPiece chosen = read_folder_piece(open, task, units[u].piece, rows);
        return fmt::format("{} {}", chosen.objects.size(), chosen.with_pdf.size());
      } catch (const Error& error) {
        if (error.code() == ExitCode::stopped) throw;
        return fmt::format("!{} {}", static_cast<int>(error.code()), error.what());
      }
    });
    for (std::size_t u = 0; u < units.size(); ++u) {
      FolderTask& task = tasks_[units[u].task];
      std::string& problem = entries_[task_files_[units[u].task]].problem;
      const std::size_t blank = counts[u].find(' '), piece = units[u].piece;
      if (counts[u].starts_with('!')) {
        if (problem.empty()) problem = counts[u].substr(blank + 1);
        if (!first) first = {static_cast<ExitCode>(std::stoi(counts[u].substr(1))), problem};
        continue;
      }
      task.objects[piece + 1] = task.objects[piece] + std::stoll(counts[u]);
      task.pdfs[piece + 1] = task.pdfs[piece] + std::stoll(counts[u].substr(blank));
    }
    drop_failed_tasks();
    require_some("where", o_.where, &FolderTask::objects);
    require_some("pdf.where", o_.pdf_where, &FolderTask::pdfs);
  }

  static Schema columns_of_conditions(const FolderFit& fit) {
    Schema columns;
    for (const ColumnInfo& column : fit.read)
      for (const auto* condition : {&fit.where, &fit.pdf_where})
        if (*condition && std::ranges::find((*condition)->columns(), column.name) != (*condition)->columns().end() &&
            !find_column(columns, column.name))
          columns.push_back(column);
    return columns;
  }

  void require_some(const char* option, const std::string& text, std::vector<std::int64_t> FolderTask::*counts) const {
    std::int64_t rows = 0, chosen = 0;
    for (const FolderTask& task : tasks_) {
      rows += task.rows.back();
      chosen += (task.*counts).back();
    }
    if (trim(text).empty() || rows == 0 || chosen > 0) return;
    throw SharedError(ExitCode::data,
                      fmt::format("{}: --{} '{}' holds for none of {} objects", o_.files, option, trim(text), grouped(rows)));
  }

  void drop_failed_tasks() {
    std::size_t kept = 0;
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      if (!entries_[task_files_[t]].problem.empty()) continue;
      if (kept != t) tasks_[kept] = std::move(tasks_[t]);
      task_files_[kept++] = task_files_[t];
    }
    tasks_.resize(kept);
    task_files_.resize(kept);
  }

  void number_rows() {
    std::int64_t first_row = 0;
    std::uint64_t hash = 0;
    partitions_.clear();
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      FolderTask& task = tasks_[t];
      task.first_row = first_row;
      hash = hash_text(fmt::format("{}\n{}\n{}\n", task.path, task.objects.back(), task.pdfs.back()), hash);
      for (std::int64_t& row : task.rows) row += first_row;
      for (std::size_t piece = 0; piece + 1 < task.rows.size(); ++piece) {
        const RowRange rows{task.rows[piece], task.rows[piece + 1]};
        hash = hash_text(std::to_string(rows.end), hash);
        if (rows.size() > 0) partitions_.push_back({std::ssize(partitions_), task.path, rows, static_cast<double>(rows.size())});
      }
      first_row = task.rows.back();
    }
    plan_hash_ = hex64(hash);
  }

  void say_plan() const {
    std::set<std::string> said;
    std::int64_t rows = 0, objects = 0;
    for (const FolderTask& task : tasks_) {
      for (const std::string& line : task.fit->lines)
        if (said.insert(line).second) log_info(line);
      rows += task.table.rows();
      objects += task.objects.back();
    }
    log_info(fmt::format("{}: {} objects{} in {} of {} files; model {}", o_.files, grouped(objects),
                         objects == rows ? "" : fmt::format(" of {}", grouped(rows)), grouped(std::ssize(tasks_)),
                         grouped(std::ssize(files_)), tasks_.front().fit->models.front().summary()));
    for (std::size_t i = 1; i < o_.models.paths.size(); ++i) log_info("  and model " + tasks_.front().fit->models[i].summary());
    if (pending_.size() < files_.size())
      log_info(fmt::format("{} files have their products from an earlier run", grouped(std::ssize(files_) - std::ssize(pending_))));
  }

  /// The folder, and those in it; what could not get its name shows now.
  void make_output() const {
    std::error_code error;
    fs::create_directories(o_.output, error);
    if (!fs::is_directory(o_.output)) throw IoError(fmt::format("{}: cannot be made a folder ({})", o_.output, error.message()));
    for (const std::size_t file : task_files_) {
      const std::string folder = folder_of(final_path(file, rows_ending));
      fs::create_directories(folder, error);
      if (!fs::is_directory(folder)) throw IoError(fmt::format("{}: cannot be made a folder ({})", folder, error.message()));
      for (const std::string& ending : endings_) {
        check_replaceable({final_path(file, ending)});
        refuse_special_output(final_path(file, ending));
      }
    }
  }

  void prepare() {
    find_places();
    ranks_.together([&] {
      std::vector<std::pair<std::string, std::string>> side;
      for (const std::string& path : side_paths()) side.emplace_back(path, file_identity(path));
      for (std::size_t t = 0; t < tasks_.size(); ++t) describe_task(t, side);
    });
    const std::string step = "files " + plan_hash_;
    if (run_->has_made("files") && !run_->has_made(step))
      throw SharedError(
          ExitCode::data,
          fmt::format("{}: its files have other rows than when the unfinished run began (start over with --fresh)", o_.files));
    run_->once(step, [&] {
      fs::create_directories(scratch());
      for (const FolderTask& task : tasks_) {
        create_product(task.product, "PHOTOZ", {});
        const PdfObjects some;
        for (std::size_t i = 0; i < task.pdf_files.size(); ++i)
          create_pdf_file(task.pdf_files[i], task.fit->models[i].pdf, task.fit->models[i].kernel->gives(), task.pdfs.back(),
                          task.fit->pdf_where ? &some : nullptr, task.fit->pdf_copies);
      }
    });
    run_->once("files", [] {});
    ranks_.on_first_only([&] {
      // A kill may have come in the middle of a change of structure.
      for (const FolderTask& task : tasks_)
        for (const std::string& path : filled_files(task))
          if (path.starts_with(scratch()) && is_there(path)) roll_back(path);
    });
  }

  /// Where products are: in the run folder, or, where an attempt was stopped while names were given, already in their places.
  void find_places() {
    const bool has_names = run_->has_made("names");
    const std::vector<std::string> places = unpacked(ranks_.on_first([&] {
      std::vector<std::string> all;
      for (const std::size_t file : task_files_)
        for (std::size_t which = 0; which < endings_.size(); ++which) {
          const std::string path = fmt::format("{}/{}", scratch(), endings_.size() * file + which);
          all.push_back(has_names && !is_there(path) ? final_path(file, endings_[which]) : path);
        }
      return packed(all);
    }));
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      const auto mine = places.begin() + std::ssize(endings_) * static_cast<std::ptrdiff_t>(t);
      tasks_[t].product.rows = *mine;
      tasks_[t].pdf_files.assign(mine + 1, mine + std::ssize(endings_));
    }
  }

  static std::vector<std::string> filled_files(const FolderTask& task) {
    std::vector<std::string> paths = {task.product.rows};
    paths.insert(paths.end(), task.pdf_files.begin(), task.pdf_files.end());
    return paths;
  }

  /// @param side  names and hashes of the inputs beside the file
  void describe_task(std::size_t t, const std::vector<std::pair<std::string, std::string>>& side) {
    FolderTask& task = tasks_[t];
    const std::size_t file = task_files_[t];
    CatalogueLayout& layout = task.product.layout;
    layout.schema = task.fit->product;
    layout.rows = task.objects.back();
    const auto renamed = [&](const std::string& name) {
      const auto column = std::ranges::find(task.fit->copied, name, &CopiedColumn::from);
      return column == task.fit->copied.end() ? "" : column->as.name;
    };
    const Roles& roles = task.table.roles;
    layout.roles = {renamed(roles.id), renamed(roles.ra), renamed(roles.dec), renamed(roles.tile)};
    layout.creator = creator_of("photoz");
    layout.product_class = product_class::photoz;
    std::vector<std::pair<std::string, std::string>> identities = {{files_[file].path, entries_[file].hash}};
    identities.insert(identities.end(), side.begin(), side.end());
    layout.provenance = provenance_json("photoz", context_.options, identities);
  }

  void compute() {
    problems_ = run_->parts("problems");
    std::shared_ptr<FolderWork> work;
    ranks_.together([&] { work = std::make_shared<FolderWork>(tasks_, o_.input, problems_, context_.threads); });
    report_ = run_->farm({"photoz", "rows", "1", true}, partitions_, work);
    work.reset();
    // Read anew: every rank has kept what it found.
    problems_ = run_->parts("problems");
  }

  /// Which files have no product: what is wrong with the first piece that something is wrong with.
  void find_failures() {
    const std::vector<std::string> problems = unpacked(ranks_.on_first([&] {
      std::vector<std::string> found(tasks_.size());
      for (std::size_t t = 0; t < tasks_.size(); ++t)
        for (std::size_t piece = 0; piece + 1 < tasks_[t].rows.size() && found[t].empty(); ++piece)
          if (const auto kept = problems_->find({tasks_[t].rows[piece], tasks_[t].rows[piece + 1]})) found[t] = problems_->read(*kept);
      for (const JobOutcome& failure : report_.failures)
        for (std::size_t t = 0; t < tasks_.size(); ++t)
          if (tasks_[t].path == partitions_[static_cast<std::size_t>(failure.job.first_partition)].label && found[t].empty())
            found[t] = fmt::format("{}: {}", tasks_[t].path, failure.message);
      return packed(found);
    }));
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      FolderEntry& entry = entries_[task_files_[t]];
      entry.problem = problems[t];
      if (ranks_.is_first() && !problems[t].empty())
        for (const std::string& path : filled_files(tasks_[t])) remove_file(path);
    }
    drop_failed_tasks();
    if (!ranks_.is_first()) return;
    for (const std::size_t file : pending_)
      if (!entries_[file].problem.empty()) run_->note_failure(entries_[file].problem + " (this file has no product)");
  }

  void finish_products() {
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    std::vector<ModelResults> results;
    std::int64_t objects = 0;
    for (const FolderTask& task : tasks_) {
      // One that has its name was finished before.
      if (task.product.rows.starts_with(scratch())) finish_product(ranks_, task.product, std::nullopt);
      for (const std::string& path : task.pdf_files)
        if (path.starts_with(scratch())) finish_pdf_file(ranks_, path);
      ranks_.together([&] { count(task, results); });
      objects += task.objects.back();
    }
    context_.process.fact("objects", grouped(objects));
    for (ModelResults& result : results) {
      for (const std::span<std::int64_t> counts : result.all()) ranks_.sum(counts);
      (void)result.describe(context_.process);
    }
  }

  void count(const FolderTask& task, std::vector<ModelResults>& results) const {
    const RowReader product(task.product.rows, "/object", ZoneCheck::off);
    const std::vector<FittedModel>& models = task.fit->models;
    if (results.empty())
      for (const FittedModel& model : models) {
        results.emplace_back(photoz_form(o_.models.columns), models.size() > 1 ? model.named.name : "", model.named.name);
        if (!model.named.pdf_path.empty()) results.back().watch(model.pdf);
      }
    for (std::int64_t begin = ranks_.rank() * zone_rows; begin < product.rows(); begin += ranks_.size() * zone_rows)
      for (ModelResults& result : results) result.add(product, {begin, std::min(begin + zone_rows, product.rows())}, nullptr);
  }

  ExitCode publish() {
    run_->once("names", [] {});
    ranks_.on_first_only([&] {
      run_->require_publishable();
      for (std::size_t t = 0; t < tasks_.size(); ++t) name_products(t);
      std::set<std::string> folders;
      for (const std::size_t file : task_files_) folders.insert(folder_of(final_path(file, rows_ending)));
      for (const std::string& folder : folders) sync_path(folder);
      write_durably(run_->partial(manifest_path()), manifest_text({identity_, entries_}));
    });
    std::int64_t objects = 0;
    if (ranks_.is_first()) objects = tell_process();
    run_->publish({manifest_path()});
    const auto failed = std::ranges::count_if(entries_, [](const FolderEntry& entry) { return !entry.problem.empty(); });
    return run_->finish(context_.threads,
                        fmt::format("{}: {} objects of {} files{}\n", o_.output, grouped(objects), grouped(std::ssize(entries_) - failed),
                                    failed ? fmt::format(", {} failed", grouped(failed)) : ""));
  }

  void name_products(std::size_t t) {
    const std::size_t file = task_files_[t];
    FolderEntry& entry = entries_[file];
    entry.rows = tasks_[t].table.rows();
    entry.objects = tasks_[t].objects.back();
    const std::vector<std::string> filled = filled_files(tasks_[t]);
    entry.products.resize(filled.size());
    // The product last: who finds it finds its PDFs, too.
    for (std::size_t which = filled.size(); which-- > 0;) {
      const std::string to = final_path(file, endings_[which]);
      if (filled[which] != to) {
        sync_path(filled[which]);
        put_in_place(filled[which], to);
        fault_point("renamed one");
      }
      entry.products[which] = {files_[file].stem + endings_[which], size_at(to)};
    }
  }

  /// What the registry and the log are told; returns the number of objects of all products.
  std::int64_t tell_process() const {
    Process& process = context_.process;
    process.product(manifest_path());
    LogTable table{"Files", {"file", "rows", "objects", "problem"}, {}, ""};
    std::int64_t objects = 0;
    for (const FolderEntry& entry : entries_) {
      objects += entry.objects;
      table.rows.push_back({entry.input, entry.problem.empty() ? grouped(entry.rows) : "",
                            entry.problem.empty() ? grouped(entry.objects) : "", entry.problem});
    }
    for (const std::size_t file : task_files_)
      for (const std::string& ending : endings_) process.product(final_path(file, ending));
    process.fact("files", grouped(std::ssize(entries_)));
    process.add("results", table);
    return objects;
  }

  std::string manifest_path() const { return o_.output + "/photoz.json"; }
  std::string final_path(std::size_t file, const std::string& ending) const { return o_.output + "/" + files_[file].stem + ending; }
  std::string scratch() const { return run_->partial(o_.output + "/files.scratch"); }

  const FolderOptions& o_;
  const CommandContext& context_;
  Ranks& ranks_;
  TakenSurvey survey_;
  std::optional<FolderFits> fits_;
  std::vector<std::string> endings_;  ///< of the products of a file
  std::vector<FolderFile> files_;
  std::vector<FolderEntry> entries_;  ///< of the files
  std::string identity_;              ///< of the run
  std::vector<std::size_t> pending_;  ///< files that this run is to do
  std::vector<FolderTask> tasks_;     ///< those of them that can be read
  std::vector<std::size_t> task_files_;
  std::vector<Partition> partitions_;
  std::string plan_hash_;
  std::optional<Run> run_;
  std::shared_ptr<Parts> problems_;
  FarmReport report_;  ///< failures on rank 0
};

}  // namespace

ExitCode estimate_folder(const FolderOptions& o, const CommandContext& context) { return FolderRun(o, context).run(); }

}  // namespace skyfold
