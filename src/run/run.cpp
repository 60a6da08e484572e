// The life of a run: it takes the lock, finds what an earlier attempt left, does what is left, and publishes. state.json tells the
// phase (running, publishing, done), and every change of phase is on the disk before what it promises begins (docs/robustness.md).
#include "skyfold/run/run.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "log.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/farm/dispatcher.hpp"
#include "skyfold/io/fits_product.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/structure.hpp"
#include "skyfold/registry/content.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/run/same_inputs.hpp"
#include "state.hpp"
#include "task_history.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

const std::string structure_label = "structure ";

/// Names a product in the run folder, where links and their targets have one.
std::string name_in_run(const std::string& path) { return fs::path(partial_path("", path)).filename().string(); }

}  // namespace

void describe(OptionSet& option, RunOptions& o) {
  option("fresh", o.fresh, "start over, whatever an interrupted attempt left").call_only();
  option("verify", o.verify, "when a run goes on, read the rows that are done and compare their checksums; false: trust them").call_only();
  describe(option, o.farm);
}

struct Run::Impl {
  Impl(Ranks& all, const RunOptions& options, RunSetup what) : ranks(all), o(options), setup(std::move(what)) {}

  void open(const OptionSet& options);
  bool take_up(const RunState& before);
  void narrow_siblings(const RunState& before);
  [[nodiscard]] bool is_published(const RunState& before, const std::string& path) const;
  [[nodiscard]] bool is_whole(const RunState& before) const;
  bool reopen(const RunState& before);
  void read_crash_notes();
  void begin_session();
  [[nodiscard]] std::map<std::string, std::string> hdf5_files() const;
  void note_structure(const std::string& label, std::uint64_t hash);
  void forget_structures();
  void note_structures();
  void check_structures();
  void check_stored_rows(Work& work, int task, TaskHistory& history);
  FarmPlan plan(const TaskInfo& info, const std::vector<Partition>& partitions, TaskHistory& history);
  void append(Event event, const std::string& label, int value);
  void sum_fits(const TaskHistory& history, const FarmReport& report);
  void check_inputs();
  void note_end(ExitCode code) noexcept;

  Ranks& ranks;
  RunOptions o;
  RunSetup setup;
  std::vector<std::string> hosts;  ///< by rank
  int next_task = 0;
  std::set<std::string> along;  ///< names of products that are filled with the rows
  // Rank 0:
  std::optional<RunFolder> folder;
  RunState state;
  std::optional<Journal> journal;
  std::optional<Trace> trace;
  RunStatistics statistics;
  std::vector<JobOutcome> failures;
  std::vector<std::string> failed_labels;
  std::vector<std::string> published;  ///< final paths, as they were given
  std::set<std::string> steps;
  std::map<std::string, std::uint64_t> structures;  ///< of files, by label; 0: not known
  std::optional<std::uint32_t> fits_sum;
  bool has_earlier_work = false;  ///< ranges that earlier attempts completed
  std::string unit = "rows";
  bool is_complete = false;
};

Run::Run(Ranks& ranks, const OptionSet& options, const RunOptions& o, RunSetup setup)
    : impl_(std::make_unique<Impl>(ranks, o, std::move(setup))) {
  Impl& my = *impl_;
  my.hosts = ranks.gather(host_name());
  check_same_inputs(ranks, my.setup.inputs);
  // Rank 0 opens the run; what the others must know travels as one text.
  const std::string found = ranks.on_first([&] {
    my.open(options);
    return fmt::format("{}/{}/{}", my.is_complete ? "complete" : "", my.state.reopened > 0 ? "verify" : "", join(my.state.along, "/"));
  });
  std::vector<std::string> parts = split(found, '/');
  my.is_complete = parts.at(0) == "complete";
  if (parts.at(1) == "verify") my.o.verify = true;  // published files may have been changed
  my.along.insert(parts.begin() + 2, parts.end());
  if (ranks.is_first() && my.setup.process) {
    if (my.is_complete)
      for (const ProductState& product : my.state.products) my.setup.process->found(product.path);
    else
      for (const std::string& input : my.setup.inputs) my.setup.process->input(input);
  }
  // From here on the folder is there for a note.
  catch_crashes(fmt::format("{}/crash.{}", run_path(my.setup.output), ranks.rank()));
}

Run::~Run() = default;

bool Run::is_complete() const noexcept { return impl_->is_complete; }

std::string Run::partial(const std::string& final_path) const { return partial_path(impl_->setup.output, final_path); }

void Run::Impl::open(const OptionSet& options) {
  check(o.farm);
  check_outputs(setup.products, setup.inputs);
  state.command = setup.command;
  state.version = setup.version;
  state.output = setup.output;
  state.options = options.answer_options();
  for (const std::string& input : setup.inputs) state.inputs.push_back(input_state(input));
  for (const std::string& product : setup.products) {
    state.declared.push_back(canonical_form(product));
    state.products.push_back({canonical_form(product), 0});
  }
  folder.emplace(setup.output, setup.products);
  std::error_code absent;
  folder->keep(fs::exists(folder->file("state.json"), absent));  // also if it cannot be read, or the run is refused now
  const auto before = o.fresh ? std::nullopt : read_run_state(folder->file("state.json"));
  const bool goes_on = before && take_up(*before);
  if (is_complete) return;
  check_replaceable(setup.products);
  // What an earlier run left is not of this one, and is cleared before anything of this run is there.
  if (!goes_on) {
    folder->keep(false);
    folder->clear();
    for (const std::string& product : setup.products) state.along.push_back(name_in_run(product));
  }
  write_durably(folder->file("config.ini"), options.ini(false));
  write_durably(folder->file("state.json"), state.text());
  journal.emplace(folder->file("journal"));
  // What has failed may be tried again by who repeats the command.
  if (!journal->found().empty() && journal->found().back().event == Event::ended &&
      journal->found().back().attempt == static_cast<int>(ExitCode::incomplete))
    append(Event::retry, "", 0);
  trace.emplace(folder->file("trace.json"));
  // Before anything is read of the products: a kill may have come in the middle of a change of structure.
  for (const std::string& name : names_in(folder->file("products"))) roll_back(folder->file("products/" + name));
  check_structures();
  for (const JournalRecord& record : journal->found())
    if (record.event == Event::step) steps.insert(record.label);
  has_earlier_work = std::any_of(journal->found().begin(), journal->found().end(),
                                 [](const JournalRecord& record) { return record.event == Event::done; });
  read_crash_notes();
  begin_session();
}

/// Whether this run goes on from what `before` tells. Sets `is_complete` when nothing is left to do.
bool Run::Impl::take_up(const RunState& before) {
  if (before.phase == "running") {
    check_same_run(before, state);
    narrow_siblings(before);
    state.reopened = before.reopened;
    return true;
  }
  // Everything was whole when that phase began: only names are left to be given.
  if (before.phase == "publishing") {
    std::vector<std::string> paths;
    for (const ProductState& product : before.products) paths.push_back(product.path);
    for (const ProductState& product : before.products) check_unchanged(product, partial_path(canonical_form(setup.output), product.path));
    publish_products(canonical_form(setup.output), paths, true);
    RunState ended = before;
    ended.phase = "done";
    write_durably(folder->file("state.json"), ended.text());
    folder->clear_products(before.exit_code != 0);
  }
  // What is published is finished: another run of this output is a new one.
  try {
    check_same_run(before, state);
  } catch (const Error&) {
    return false;
  }
  if (before.exit_code != 0 || !is_whole(before)) return reopen(before);
  state.products = before.products;
  log_info(fmt::format("{} is complete: nothing to do (--fresh makes it again)", setup.output));
  is_complete = true;
  return true;
}

/// Products beside the main one that were not asked for at every attempt have holes.
void Run::Impl::narrow_siblings(const RunState& before) {
  for (const std::string& product : setup.products) {
    const std::string name = name_in_run(product);
    const bool is_derived = std::ranges::find(setup.derived, product) != setup.derived.end();
    if (std::ranges::find(before.along, name) != before.along.end())
      state.along.push_back(name);
    else if (!is_derived)
      throw UsageError(fmt::format(
          "{}: is made while the rows are, and the unfinished run of {} was without it: repeat it as it was, or start over with --fresh",
          product, setup.output));
  }
}

/// Whether the product that was published at a path is still there.
bool Run::Impl::is_published(const RunState& before, const std::string& path) const {
  const auto product = std::ranges::find(before.products, canonical_form(path), &ProductState::path);
  if (product == before.products.end()) return false;
  std::error_code error;
  return static_cast<std::int64_t>(fs::file_size(product->path, error)) == product->bytes && !error;
}

/// Whether all that is asked for now was asked for then, and what was published of it is there. (Rejects are not, when
/// there were none.)
bool Run::Impl::is_whole(const RunState& before) const {
  return std::ranges::all_of(setup.products, [&](const std::string& path) {
    if (is_published(before, path)) return true;
    const std::string canonical = canonical_form(path);
    return path != setup.output && std::ranges::find(before.declared, canonical) != before.declared.end() &&
           std::ranges::find(before.products, canonical, &ProductState::path) == before.products.end();
  });
}

/// Takes a finished run up again, if its rows can be had: for what failed, or for products that are missing.
bool Run::Impl::reopen(const RunState& before) {
  using Reopen = RunSetup::Reopen;
  if (setup.reopen == Reopen::never || (setup.reopen == Reopen::when_failed && before.exit_code == 0)) return false;
  for (const std::string& path : setup.products) {
    if (std::ranges::find(setup.derived, path) != setup.derived.end()) continue;
    if (!is_published(before, path)) return false;
    state.along.push_back(name_in_run(path));
  }
  check_replaceable(setup.products);
  state.reopened = before.reopened + 1;
  log_info(before.exit_code != 0 ? fmt::format("{}: partitions failed in the last run: they are tried again", setup.output)
                                 : fmt::format("{}: all rows are there: making what is missing", setup.output));
  if (before.exit_code != 0) {
    journal.emplace(folder->file("journal"));
    append(Event::retry, "", 0);
    journal.reset();
  }
  return true;
}

/// The HDF5 files that the run fills: their paths, by the label of their step in the journal.
std::map<std::string, std::string> Run::Impl::hdf5_files() const {
  std::map<std::string, std::string> files;
  for (const std::string& name : names_in(folder->file("products"))) {
    const std::string path = folder->file("products/" + name);
    if (fs::is_regular_file(path) && container_of(path) == Container::hdf5) files.emplace(structure_label + hex64(hash_text(name)), path);
  }
  return files;
}

void Run::Impl::note_structure(const std::string& label, std::uint64_t hash) {
  JournalRecord record;
  record.event = Event::step;
  record.rows_checksum = structures[label] = hash;
  set_field(record.label, label);
  journal->append(record);
}

/// Before a step that may change what all but the rows of a file is: it is not known from now on.
void Run::Impl::forget_structures() {
  // A kill during the step then leaves "not known", not a hash that no longer fits.
  for (const auto& [label, hash] : structures)
    if (hash != 0) note_structure(label, 0);
  journal->sync();
}

void Run::Impl::note_structures() {
  for (const auto& [label, path] : hdf5_files()) note_structure(label, structure_hash(path));
  journal->sync();
}

/// Rows have checksums of their own; here is what they lie in.
void Run::Impl::check_structures() {
  for (const JournalRecord& record : journal->found())
    if (record.event == Event::step && std::string_view(record.label).starts_with(structure_label))
      structures[record.label] = record.rows_checksum;
  for (const auto& [label, path] : hdf5_files()) {
    if (!structures.contains(label) || structures.at(label) == 0) continue;
    (void)read_attributes(path);  // throws where the library would not survive the file
    if (structure_hash(path) != structures.at(label))
      throw IoError(fmt::format("{}: is not as it was made (changed or damaged since: start over with --fresh)", path));
  }
}

/// Work that killed a process of an earlier attempt has used up one of its own attempts.
void Run::Impl::read_crash_notes() {
  for (const std::string& name : names_in(folder->path())) {
    if (!name.starts_with("crash.")) continue;
    std::istringstream notes(read_file(folder->file(name)));
    for (std::string line; std::getline(notes, line);) {
      std::vector<std::int64_t> numbers;
      for (const std::string& word : split(line, ' ')) numbers.push_back(parse_integer(word).value_or(-1));
      // A note may be cut short by the crash itself.
      if (numbers.size() != 7 || std::count(numbers.begin(), numbers.end(), -1) > 0) continue;
      JournalRecord record;
      record.event = Event::lost;
      record.task = static_cast<std::int32_t>(numbers[0]);
      record.first_partition = numbers[1];
      record.partition_count = numbers[2];
      record.rows = {numbers[3], numbers[4]};
      record.attempt = static_cast<std::int32_t>(numbers[5]) + 1;
      record.rank = static_cast<std::int32_t>(numbers[6]);
      set_field(record.message, "its kernel killed the process");
      journal->append(record);
    }
    remove_file(folder->file(name));
  }
  journal->sync();
}

void Run::Impl::begin_session() {
  JournalRecord record;
  record.event = Event::session;
  record.rank = ranks.size();
  record.partition_count = processor_count();
  record.read_s = ranks.clock().wall_s();
  set_field(record.host, host_name());
  journal->append(record);
}

void Run::Impl::append(Event event, const std::string& label, int value) {
  JournalRecord record;
  record.event = event;
  record.attempt = value;
  set_field(record.label, label);
  journal->append(record);
  journal->sync();
}

/// What was under way did not kill this process. Without this record it looks so.
void Run::Impl::note_end(ExitCode code) noexcept {
  try {
    if (journal) append(Event::ended, "", static_cast<int>(code));
  } catch (const std::exception&) {  // the disk may be full, which is what is being reported
  }
}

/// Rows that were computed of inputs that changed meanwhile are worth nothing to a later attempt.
void Run::Impl::check_inputs() {
  try {
    setup.process->check_inputs();
  } catch (const DataError&) {
    folder->keep(false);
    throw;
  }
}

void Run::once(const std::string& name, const std::function<void()>& make) {
  impl_->ranks.on_first_only([&] {
    check_stop();
    if (impl_->steps.contains(name)) return;
    impl_->forget_structures();
    make();
    // A kill here makes the step again: steps must stand being made twice.
    fault_point("made " + name);
    impl_->append(Event::step, name, 0);
    impl_->note_structures();
    impl_->steps.insert(name);
  });
}

void Run::lay_out(const std::function<void()>& make) {
  once(impl_->state.reopened > 0 ? fmt::format("products, taken up {}", impl_->state.reopened) : "products", make);
}

std::string Run::earlier(const std::string& final_path) const { return impl_->state.reopened > 0 ? canonical_form(final_path) : ""; }

bool Run::is_filled_along(const std::string& final_path) const { return impl_->along.contains(name_in_run(final_path)); }

bool Run::has_made(const std::string& name) const {
  return impl_->ranks.on_first([&] { return std::string(impl_->steps.contains(name) ? "yes" : ""); }) == "yes";
}

std::shared_ptr<Parts> Run::parts(const std::string& name) {
  Impl& my = *impl_;
  once("parts " + name, [&] { my.folder->make_parts(name, true); });
  my.ranks.on_first_only([&] { my.folder->make_parts(name, false); });
  return std::make_shared<Parts>(parts_path(my.setup.output, name), name);
}

/// Compares the rows of ranges that are done with their checksums; ranges that differ are to be done again.
void Run::Impl::check_stored_rows(Work& work, int task, TaskHistory& history) {
  if (!o.verify) return;
  const std::string path = ranks.broadcast(folder ? folder->file("journal") : "");
  std::vector<JournalRecord> done;
  ranks.together([&] { done = TaskHistory(read_journal(path), task).done; });
  const auto verdicts = ranks.run_units(done.size(), [&](std::size_t i) {
    const JournalRecord& record = done[i];
    if (record.rows_checksum == 0) return std::string("unknown");  // of work that keeps none
    std::optional<std::uint64_t> checksum = 0;
    for (std::int64_t begin = record.rows.begin; begin < record.rows.end && checksum; begin += record.block_rows)
      checksum = work.stored_checksum({begin, std::min(begin + record.block_rows, record.rows.end)}, *checksum);
    return std::string(checksum && *checksum == record.rows_checksum ? "" : "differs");
  });
  ranks.on_first_only([&] {
    const auto unknown = std::count(verdicts.begin(), verdicts.end(), "unknown");
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < done.size(); ++i) {
      if (verdicts[i] != "differs") continue;
      JournalRecord record = done[i];
      record.event = Event::revoked;
      journal->append(record);
      ++wrong;
    }
    history = TaskHistory(read_journal(path), task);
    if (std::ssize(done) == unknown) return;
    log_info(fmt::format("verified {} ranges that were done: {} of them differ from their checksums{}", std::ssize(done) - unknown, wrong,
                         wrong > 0 ? " and are computed again" : ""));
  });
}

/// What is left of a pass, as jobs.
FarmPlan Run::Impl::plan(const TaskInfo& info, const std::vector<Partition>& partitions, TaskHistory& history) {
  const TaskHistory::Left left = history.left(partitions, info.whole_jobs);
  FarmPlan plan;
  plan.partitions = partitions;
  JobOptions options{info.partitions_per_job, o.farm.order, worker_count(o.farm, ranks.size())};
  if (info.whole_jobs) options.partitions_per_job = "1";
  plan.jobs = build_jobs(left.pieces, options);
  plan.jobs.insert(plan.jobs.end(), left.suspects.begin(), left.suspects.end());
  for (const auto& [job, message] : left.given_up) {
    if (info.must_succeed) {  // nothing can be done without it: one more attempt
      Job again = job;
      again.attempts = Dispatcher::max_attempts - 1;
      plan.jobs.push_back(again);
      continue;
    }
    JobOutcome outcome;
    outcome.job = job;
    outcome.end = JobEnd::failed;
    outcome.message = message;
    plan.failures.push_back(outcome);
  }
  statistics.rows = 0;  // of the last pass, not their sum
  statistics.skipped_rows = history.rows_done();
  return plan;
}

FarmReport Run::farm(const TaskInfo& info, const std::vector<Partition>& partitions, const std::shared_ptr<Work>& work) {
  Impl& my = *impl_;
  const int task = my.next_task++;
  FarmOptions options = my.o.farm;
  if (info.whole_jobs) options.block_rows = std::numeric_limits<long>::max() / 2;
  TaskHistory history;
  my.ranks.on_first_only([&] { history = TaskHistory(read_journal(my.folder->file("journal")), task); });
  my.check_stored_rows(*work, task, history);

  FarmPlan plan;
  plan.task = task;
  std::optional<RunLog> log;
  struct Nobody final : FarmObserver {
    void started(const Job&, int) override {}
    void finished(const JobOutcome&) override {}
  } nobody;
  my.ranks.on_first_only([&] {
    my.unit = info.unit;
    plan = my.plan(info, partitions, history);
    plan.task = task;
    std::int64_t rows = 0;
    for (const Partition& partition : partitions) rows += partition.rows.size();
    JournalRecord record;
    record.event = Event::task;
    record.task = task;
    record.rows = {0, rows};
    record.partition_count = std::ssize(partitions);
    set_field(record.label, info.name);
    set_field(record.message, info.unit);
    my.journal->append(record);
    const std::int64_t done = history.rows_done();
    if (done > 0 && done < rows)
      log_info(
          fmt::format("{}: going on from an earlier attempt, {} of {} {} are done", info.name, grouped(done), grouped(rows), info.unit));
    log.emplace(RunLog::Place{task, rows, done, info.name, info.unit, options.block_rows, partitions, my.hosts}, *my.journal, *my.trace,
                my.statistics);
  });
  FarmReport report;
  try {
    report = run_farm(my.ranks, std::move(plan), work, log ? static_cast<FarmObserver&>(*log) : nobody, options);
  } catch (const Error& error) {
    // Rows may have been written: the work is kept for another attempt.
    if (my.folder) my.folder->keep();
    if (error.code() == ExitCode::data) discard();
    my.note_end(error.code());
    throw;
  }
  if (my.folder) my.folder->keep();
  if (my.ranks.has_lost_ranks()) my.hosts = my.ranks.gather(host_name());
  my.ranks.on_first_only([&] {
    my.journal->sync();
    my.trace->flush();
    my.sum_fits(TaskHistory(read_journal(my.folder->file("journal")), task), report);
    if (info.must_succeed && my.ranks.has_lost_ranks())  // one that wakes later could write over what the next pass writes
      throw IoError(info.name + ": ranks fell silent (run the same command again)");
    if (info.must_succeed && !report.failures.empty())
      throw Error(ExitCode::bug, fmt::format("{}: rows {} to {}: {}", info.name, report.failures.front().job.rows.begin,
                                             report.failures.front().job.rows.end, report.failures.front().message));
    for (const JobOutcome& failure : report.failures) {
      my.failures.push_back(failure);
      my.failed_labels.push_back(partitions[static_cast<std::size_t>(failure.job.first_partition)].label);
    }
  });
  return report;
}

void Run::discard() noexcept {
  if (impl_->folder && !impl_->has_earlier_work) impl_->folder->keep(false);
}

/// The sum is that of the records if each row was written once.
void Run::Impl::sum_fits(const TaskHistory& history, const FarmReport& report) {
  std::uint32_t sum = 0;
  std::int64_t rows = 0;
  for (const JournalRecord& record : history.done) {
    sum = add_fits_sums(sum, static_cast<std::uint32_t>(record.fits_sum));
    rows += record.rows.size();
  }
  fits_sum.reset();
  if (rows == history.rows_done() && report.failures.empty()) fits_sum = sum;
}

std::optional<std::uint32_t> Run::fits_sum() const noexcept { return impl_->fits_sum; }

void Run::publish(const std::vector<std::string>& products) {
  Impl& my = *impl_;
  my.ranks.on_first_only([&] {
    const PhaseScope scope(my.ranks.clock(), Phase::consolidate);
    check_stop();  // the last moment to stop: the rest takes milliseconds
    // A run that was stopped for minutes may have been taken for dead: then the output is another's.
    my.folder->require_lock();
    if (my.setup.process) my.check_inputs();
    for (const std::string& path : products) sync_path(partial_path(my.setup.output, path));  // "publishing" promises that they are whole
    my.state.phase = "publishing";
    my.state.exit_code = static_cast<int>(my.failures.empty() ? ExitCode::done : ExitCode::incomplete);
    my.state.products.clear();
    for (const std::string& path : products)
      my.state.products.push_back(product_state(canonical_form(path), partial_path(my.setup.output, path)));
    my.published = products;
    write_durably(my.folder->file("state.json"), my.state.text());
    fault_point("publishing");
    publish_products(my.setup.output, products, false);
    fault_point("published");
    my.state.phase = "done";
    write_durably(my.folder->file("state.json"), my.state.text());
    my.folder->clear_products(!my.failures.empty());
  });
}

ExitCode Run::finish(int threads, const std::string& lines) {
  Impl& my = *impl_;
  const RunSummary summary = run_summary(my.ranks, my.statistics, threads, my.unit);
  const ExitCode code = static_cast<ExitCode>(
      std::stoi(my.ranks.on_first([&] { return std::to_string(my.failures.empty() ? 0 : static_cast<int>(ExitCode::incomplete)); })));
  if (my.ranks.is_first()) {
    for (std::size_t i = 0; i < my.failures.size(); ++i)
      log_warning(fmt::format("{} failed (rows {} to {}): {}", my.failed_labels[i], my.failures[i].job.rows.begin,
                              my.failures[i].job.rows.end, my.failures[i].message));
    fmt::print("{}\n{}", summary.text, lines);
    for (const std::string& path : my.published)
      if (my.setup.process) my.setup.process->product(path);
    if (my.setup.process) my.setup.process->add("timing", summary.text);
    fmt::print("wrote {}\n", join(my.published, ", "));
    JournalRecord record;
    record.event = Event::ended;
    record.attempt = static_cast<int>(code);
    record.rank = threads;
    record.bytes_written = summary.peak_bytes;
    my.journal->append(record);
    my.journal->sync();
  }
  // A kernel that never returns would keep the process from ending in good order.
  if (!has_hung_thread()) return code;
  if (my.setup.process) my.setup.process->end(code, "");
  std::fflush(nullptr);
  my.ranks.end_process(my.ranks.is_first() ? code : ExitCode::done);
}

}  // namespace skyfold
