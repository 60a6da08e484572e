// The life of a run: it takes the lock, finds what an earlier attempt left, does what is left, and publishes. state.json tells the
// phase (running, publishing, done), and every change of phase is on the disk before what it promises begins (docs/robustness.md).
#include "skyfold/run/run.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "impl.hpp"
#include "packing.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/compression.hpp"
#include "skyfold/run/same_inputs.hpp"

namespace skyfold {

void describe_fresh(OptionSet& option, RunOptions& o) {
  option("fresh", o.fresh, "start over, whatever an interrupted attempt left").call_only();
}

void describe(OptionSet& option, RunOptions& o) {
  describe_fresh(option, o);
  option("verify", o.verify, "when a run goes on, read the rows that are done and compare their checksums; false: trust them").call_only();
  option("compress", o.compress, "how the columns of HDF5 products are stored; zstd needs a plugin in readers other than skyfold")
      .one_of(compression_names())
      .layout();
  describe(option, o.farm);
}

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
    // An earlier attempt made it: its record is in the journal, which is written after the step.
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
  // First an empty folder, once per run; then, in every attempt, only that it is there.
  once("parts " + name, [&] { my.folder->make_parts(name, true); });
  my.ranks.on_first_only([&] { my.folder->make_parts(name, false); });
  return std::make_shared<Parts>(parts_path(my.setup.output, name), name);
}

void Run::discard() noexcept {
  if (impl_->folder && !impl_->has_earlier_work) impl_->folder->keep(false);
}

std::optional<std::uint32_t> Run::fits_sum() const noexcept { return impl_->fits_sum; }

void Run::note_failure(const std::string& message) { impl_->other_failures.push_back(message); }

void Run::require_publishable() {
  check_stop();
  // A run that was stopped for minutes may have been taken for dead: then the output is another's.
  impl_->folder->require_lock();
  if (impl_->setup.process) impl_->check_inputs();
}

void Run::publish(const std::vector<std::string>& products) {
  Impl& my = *impl_;
  pack_products(my.ranks, my.setup.output, products, my.o.compress);
  my.ranks.on_first_only([&] {
    const PhaseScope scope(my.ranks.clock(), Phase::consolidate);
    require_publishable();  // the last moment to stop: the rest takes milliseconds
    for (const std::string& path : products) sync_path(finished_path(my.setup.output, path));  // "publishing" promises that they are whole
    my.state.phase = "publishing";
    my.state.exit_code = static_cast<int>(my.ending());
    // With sizes and times, so that an attempt that finishes the renaming can tell whether these are still those files.
    my.state.products.clear();
    for (const std::string& path : products)
      my.state.products.push_back(product_state(canonical_form(path), finished_path(my.setup.output, path)));
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
  // Rank 0 alone knows of failures; all ranks must end with the same code.
  const ExitCode code = static_cast<ExitCode>(std::stoi(my.ranks.on_first([&] { return std::to_string(static_cast<int>(my.ending())); })));
  if (my.ranks.is_first()) {
    for (std::size_t i = 0; i < my.failures.size(); ++i)
      log_warning(fmt::format("{} failed (rows {} to {}): {}", my.failed_labels[i], my.failures[i].job.rows.begin,
                              my.failures[i].job.rows.end, my.failures[i].message));
    for (const std::string& line : my.other_failures) log_warning(line);
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
