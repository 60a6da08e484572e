// The owner of a pipeline: hands jobs to agents, records what comes of them, says what fails, and goes on from the journal after any death.
#include "skyfold/workflow/runner.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "flow.hpp"
#include "job_files.hpp"
#include "notice.hpp"
#include "orders.hpp"
#include "outputs.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/core/version.hpp"
#include "skyfold/run/lock.hpp"
#include "skyfold/workflow/agent.hpp"
#include "skyfold/workflow/ledger.hpp"
#include "skyfold/workflow/post.hpp"
#include "step_jobs.hpp"

namespace skyfold::workflow {
namespace {

constexpr double idle_interval_s = 0.5;  // outcomes and news of guests end a wait
constexpr double sync_interval_s = 1.0;  // of the journal, and the ledger
constexpr double show_interval_s = 5.0;
constexpr double guests_patience_s = 10.0;  // for those of the own launcher to come and to be told that all is done
constexpr double guests_interval_s = 0.02;

/// HOME, with the folders in it.
std::string made_home(const PipelineFile& file) {
  for (const char* name : {"", "/log", "/scratch", "/agents"}) {
    std::error_code error;
    std::filesystem::create_directories(file.home() + name, error);
    if (error) throw IoError(fmt::format("{}{}: cannot be made: {}", file.home(), name, error.message()));
  }
  return file.home();
}

std::map<std::string, std::string> fingerprints_of(const PipelineFile& file) {
  std::map<std::string, std::string> fingerprints;
  for (const Node& node : file.nodes)
    if (!node.is_step) fingerprints[node.name] = task_fingerprint(node);
  return fingerprints;
}

}  // namespace

struct PipelineOwner::Impl {
  Impl(PipelineFile pipeline, RunnerOptions options, CommandBook commands)
      : file(std::move(pipeline)),
        o(std::move(options)),
        book(std::move(commands)),
        home(made_home(file)),
        lock(home, home),
        engine(file, [this](const Record& record) { journal_record(record); }),
        products(file),
        steps(file, o, book) {
    JournalReader reader(home + "/journal");
    if (std::filesystem::exists(home + "/journal"))
      reader.read([this](const Record& record) {
        engine.replay(record);
        learn(record);
      });
    journal.emplace(home + "/journal");
    products.settle(engine.state());
    open_ledger();
  }

  /// It is a view: that it cannot be had harms nothing.
  void open_ledger() {
    try {
      ledger.emplace(home);
    } catch (const Error& error) {
      log_warning(fmt::format("there is no ledger: {}", error.what()));
    }
  }
  void learn(const Record& record) {
    const auto* end = std::get_if<EndRecord>(&record);
    if (!end) return;
    products.learn(*end);
    steps.learn(*end, engine.state());
  }
  void write(const Record& record) {
    journal->add(record);
    if (ledger) ledger->note(record);
  }
  void journal_record(const Record& record) {
    write(record);
    learn(record);
    // What fails before it begins is the engine's to find; the rest is told by finish().
    if (const auto* end = std::get_if<EndRecord>(&record); end && end->attempt == 0 && end->how == "failed")
      log_warning(fmt::format("{}: failed: {}", text_of(engine.state().jobs().at(end->job).record), one_line(end->message)));
  }

  // --- before the run
  void begin(const std::vector<Keys>& targets) {
    write(SessionRecord{unix_time_s(), host_name(), program_version, user_name(), getpid(), o.slots});
    engine.begin(targets, o.chosen);
    look_at_old_steps();
    warn_of_changed_tasks();
    journal->sync();
  }

  /// Steps that are done are looked at again: their options or inputs may have changed since.
  void look_at_old_steps() {
    for (const Node& node : file.nodes) {
      if (!node.is_step || !o.chosen.contains(node.name)) continue;
      for (const std::int64_t id : done_jobs_of(node.name))
        if (const auto why = reason_to_redo(node, id)) engine.redo(id, *why);
    }
  }
  std::vector<std::int64_t> done_jobs_of(const std::string& node) const {
    std::vector<std::int64_t> ids;
    for (const auto& [id, job] : engine.state().jobs())
      if (job.is_valid && job.record.node == node && (job.state == "completed" || job.state == "current")) ids.push_back(id);
    return ids;
  }
  std::optional<std::string> reason_to_redo(const Node& node, std::int64_t id) {
    const JobState& job = engine.state().jobs().at(id);
    if (!job.is_valid) return {};  // what it came of is done again, and so is it
    const EndRecord& end = job.ends.back();
    try {
      const StepDecision decision = decide_step(steps.call(node, job, engine.state()), book, end.fingerprint, end.outputs, file.folder);
      if (decision.is_current) return {};
      return decision.why;
    } catch (const Error& error) {
      return error.what();
    }
  }

  /// A task that is done stays done, whatever its command is now: programs may take weeks. But it is said.
  void warn_of_changed_tasks() const {
    std::map<std::string, int> changed;
    for (const auto& [id, job] : engine.state().jobs()) {
      if (!job.is_valid || job.state != "completed") continue;
      const auto now = fingerprints.find(job.record.node);
      if (now != fingerprints.end() && now->second != job.ends.back().fingerprint) ++changed[now->first];
    }
    for (const auto& [name, count] : changed)
      log_warning(fmt::format("task {} was changed since {} of its jobs were done; they stay done (skyfold pipeline retry {} --node {})",
                              name, count, file.path, name));
  }

  // --- jobs begin
  void hand_out() {
    std::vector<Order> own;
    std::vector<std::pair<std::string, Order>> away;
    int free = agent->free_slots();
    for (std::optional<std::int64_t> job; free > 0 && (job = engine.next(free, agent->slots()));)
      if (auto order = begin_job(*job, agent->name(), host_name(), agent->slots())) {
        free -= order->slots;
        own.push_back(std::move(*order));
      }
    for (const PostOffice::Guest& guest : post->guests()) {
      int room = guest.free_slots;
      for (std::optional<std::int64_t> job; room > 0 && (job = engine.next(room, guest.slots, true));)
        if (auto order = begin_job(*job, guest.name, guest.host, guest.slots)) {
          room -= order->slots;
          away.emplace_back(guest.name, std::move(*order));
        }
    }
    if (own.empty() && away.empty()) return;
    journal->flush();  // nothing begins that the journal does not know of
    fault_point("pipeline-started");
    for (const Order& order : own) agent->start(order);
    for (const auto& [name, order] : away) post->send(name, order);
  }

  /// The order for a job that begins; none for one that has ended by that: it was up to date, or cannot be called.
  std::optional<Order> begin_job(std::int64_t id, const std::string& agent_name, const std::string& host, int agent_slots) {
    engine.start(id, agent_name, host, unix_time_s());
    const JobState& job = engine.state().jobs().at(id);
    const int attempt = job.starts.back().attempt;
    const Node& node = *file.node(job.record.node);
    try {
      std::optional<Order> order = node.is_step ? step_order(node, job, attempt, agent_slots) : task_order(file, node, job.record, attempt);
      if (order && order->slots == 0) order->slots = agent_slots;
      return order;
    } catch (const Error& error) {
      EndRecord end = ended(id, attempt, "failed");
      end.message = error.what();
      finish(std::move(end));
      return {};
    }
  }

  std::optional<Order> step_order(const Node& node, const JobState& job, int attempt, int agent_slots) {
    const StepCall call = steps.call(node, job, engine.state());
    const StepDecision decision = steps.decide(call, job, engine.state());
    if (decision.is_current) {
      EndRecord end = ended(job.record.id, attempt, "current");
      steps.complete(end, call, decision.fingerprint, node);
      finish(std::move(end));
      return {};
    }
    log_info(fmt::format("{}: {}", text_of(job.record), decision.why));
    calls[job.record.id] = {call, decision.fingerprint};
    return steps.order(node, call, job.record, attempt, node.slots == 0 ? agent_slots : std::min(node.slots, agent_slots));
  }

  // --- jobs end
  static EndRecord ended(std::int64_t job, int attempt, const char* how) {
    EndRecord end;
    end.job = job;
    end.attempt = attempt;
    end.how = how;
    end.time_s = unix_time_s();
    return end;
  }

  void take(std::vector<Outcome> outcomes) {
    if (outcomes.empty()) return;
    std::vector<EndRecord> to_move;
    for (Outcome& outcome : outcomes)
      if (auto end = take_one(std::move(outcome))) to_move.push_back(std::move(*end));
    journal->flush();
    fault_point("pipeline-ended");
    for (const EndRecord& end : to_move) products.move(end);
  }

  /// What was recorded of an attempt whose products are to be moved.
  std::optional<EndRecord> take_one(Outcome outcome) {
    const auto job = engine.state().jobs().find(outcome.job);
    if (job == engine.state().jobs().end()) return {};
    EndRecord end = std::move(outcome.end);
    end.job = outcome.job;
    end.attempt = outcome.attempt;
    end.message = masked(end.message);
    const Node& node = *file.node(job->second.record.node);
    try {
      if (end.how == "completed") complete(end, node, job->second.record);
    } catch (const Error& error) {
      end.how = "failed";
      end.message = error.what();
      end.outputs.clear();
      end.events.clear();
    }
    const bool is_step = node.is_step;
    if (is_step) calls.erase(outcome.job);
    if (!finish(end)) {
      products.forget(outcome.job, outcome.attempt);
      return {};
    }
    const EndRecord& recorded = engine.state().jobs().at(outcome.job).ends.back();
    if (recorded.how == "completed" && !is_step) return recorded;
    products.forget(outcome.job, outcome.attempt);
    return {};
  }

  /// Events and names of files go into the journal as they are: what masks them would change them.
  void require_no_secrets(const EndRecord& end) const {
    for (const EventRecord& event : end.events)
      for (const auto& [key, value] : event.keys)
        if (masked(value) != value)
          throw DataError(fmt::format("its event {} has the value of a hidden variable in {} (env.hide: it would be written down)",
                                      event.event_class, key));
    for (const OutputFile& output : end.outputs)
      if (masked(output.path) != output.path)
        throw DataError(fmt::format("the name of its product {} has the value of a hidden variable (env.hide)", masked(output.path)));
  }

  void complete(EndRecord& end, const Node& node, const JobRecord& job) {
    if (!node.is_step) {
      require_no_secrets(end);
      end.fingerprint = fingerprints.at(node.name);
      return products.name(end, node, job, end.attempt);
    }
    const auto call = calls.find(job.id);
    if (call == calls.end()) throw DataError("a step has ended that this process has not begun");
    steps.complete(end, call->second.first, call->second.second, node);
  }

  bool finish(EndRecord end) {
    const std::int64_t id = end.job;
    if (!engine.end(std::move(end))) return false;
    const JobState& job = engine.state().jobs().at(id);
    const EndRecord& recorded = job.ends.back();
    if (recorded.how == "failed" || recorded.how == "killer")
      log_warning(fmt::format("{}: failed{}{} ({})", text_of(job.record), recorded.again ? ", is tried again" : "",
                              recorded.message.empty() ? "" : ": " + one_line(recorded.message), log_path(file.name, job.record)));
    return true;
  }

  void take_news(const PostOffice::News& news) {
    take(news.outcomes);
    for (const std::string& name : news.lost) {
      log_warning(fmt::format("{} is gone: what it had is given to others", name));
      engine.lose(name, unix_time_s());
    }
  }

  // --- texts
  [[nodiscard]] std::string text_of(const JobRecord& job) const {
    std::string text = fmt::format("job {} {}", job.id, job.node);
    for (const auto& [name, value] : job.keys)
      if (!is_product_key(name)) text += fmt::format(" {}={}", name, one_line(value));
    return text;
  }
  /// Without the values of hidden variables.
  [[nodiscard]] std::string masked(std::string_view text) const { return workflow::masked(text, secrets); }

  // --- the life of a run
  /// The journal is on the disk; the ledger follows, and that it cannot be written harms nothing.
  void sync() {
    journal->sync();
    try {
      if (ledger) ledger->write(engine.state());
    } catch (const Error& error) {
      if (!std::exchange(has_told_of_ledger, true)) log_warning(fmt::format("the ledger is behind: {}", error.what()));
    }
  }
  void beat() {
    const double now = now_s();
    if (now >= next_sync_s) {
      sync();
      progress.update(engine.counts());
      next_sync_s = now_s() + sync_interval_s;
    }
    if (now >= next_show_s) show();
  }
  /// What it costs stays small beside the work. A page that cannot be written at the beginning is the user's mistake; later it is none.
  void show() {
    if (!o.show) return;
    const double begin_s = now_s();
    try {
      o.show(engine.state());
    } catch (const Error& error) {
      if (next_show_s == 0.0) throw;
      if (!std::exchange(has_told_of_page, true)) log_warning(error.what());
    }
    next_show_s = now_s() + std::max(show_interval_s, 20.0 * (now_s() - begin_s));
  }

  void work() {
    agent.emplace(fmt::format("{}:{}", host_name(), getpid()), o.slots, home);
    post.emplace(home);
    agent->wake_on(post->descriptor());
    while (!engine.is_over()) {
      check_stop();
      if (!lock.is_held()) throw IoError(fmt::format("{}: another process has taken this pipeline", home));
      hand_out();
      if (engine.is_over()) break;
      take(agent->wait(std::min(idle_interval_s, post->interval_s())));
      take_news(post->look());
      guests_seen = std::max(guests_seen, post->guests().size());
      beat();
    }
    tell_guests();
  }

  /// Guests of the own launcher that come late must hear, too, that there is nothing more to do.
  void tell_guests() {
    post->close();
    for (const double end_s = now_s() + guests_patience_s; static_cast<int>(guests_seen) < o.guests && now_s() < end_s;) {
      (void)agent->wait(guests_interval_s);
      (void)post->look();
      guests_seen = std::max(guests_seen, post->guests().size());
    }
  }

  ExitCode close() {
    if (const std::int64_t stale = products.remove_stale(engine.state()); stale > 0)
      log_info(fmt::format("{} files of jobs that no longer count are removed", grouped(stale)));
    const Counts counts = engine.counts();
    const bool is_whole = counts.failed + counts.quarantined + counts.blocked == 0;
    const ExitCode code = is_whole ? ExitCode::done : ExitCode::incomplete;
    write(CloseRecord{unix_time_s(), static_cast<int>(code)});
    sync();
    show();
    progress.finish();
    const std::string summary = summary_text(file, engine.state(), counts, now_s() - start_s);
    log_info(summary);
    if (!file.notify.empty()) notify(file, summary);
    return code;
  }

  PipelineFile file;
  RunnerOptions o;
  CommandBook book;
  std::string home;
  RunLock lock;
  Engine engine;
  Products products;
  StepJobs steps;
  std::optional<JournalWriter> journal;
  std::optional<Ledger> ledger;
  std::optional<Agent> agent;
  std::optional<PostOffice> post;
  ProgressLine progress{file.name};
  std::map<std::int64_t, std::pair<StepCall, std::string>> calls;           ///< of steps that run, with their fingerprints
  std::map<std::string, std::string> fingerprints = fingerprints_of(file);  ///< of tasks, by name
  std::vector<std::string> secrets = values_of_variables(file.hidden);
  bool has_told_of_ledger = false, has_told_of_page = false;
  std::size_t guests_seen = 0;
  double start_s = now_s(), next_sync_s = 0.0, next_show_s = 0.0;
};

PipelineOwner::PipelineOwner(PipelineFile file, RunnerOptions o, CommandBook book)
    : impl_(std::make_unique<Impl>(std::move(file), std::move(o), std::move(book))) {}
PipelineOwner::~PipelineOwner() = default;

void PipelineOwner::begin(const std::vector<Keys>& targets) { impl_->begin(targets); }
Engine& PipelineOwner::engine() noexcept { return impl_->engine; }

ExitCode PipelineOwner::run() {
  impl_->sync();
  try {
    impl_->work();
  } catch (...) {
    if (impl_->agent) impl_->agent->end_all(impl_->o.grace_s);
    throw;
  }
  return impl_->close();
}

void PipelineOwner::leave() {
  impl_->write(CloseRecord{unix_time_s(), static_cast<int>(ExitCode::stopped)});
  impl_->sync();
}

}  // namespace skyfold::workflow
