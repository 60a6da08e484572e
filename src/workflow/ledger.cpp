// The ledger of a pipeline: rows of what has changed since the last time, taken from the state, so that there is one way in which they come
// about, whether one job has ended or all is made anew.
#include "skyfold/workflow/ledger.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "skyfold/core/error.hpp"

namespace skyfold::workflow {
namespace {

constexpr const char* form = "1";  ///< of the tables; another one is made anew
/// Characters at the end of a line of the journal: its checksum and the line break.
constexpr std::int64_t mark_length = 17;
constexpr std::size_t ids_at_a_time = 500;

constexpr const char* tables[] = {"events", "event_keys", "jobs", "job_events", "attempts", "outputs", "sessions", "place"};
constexpr const char* views[] = {"work", "results", "costs"};
constexpr const char* schema[] = {
    "CREATE TABLE events (id BIGINT PRIMARY KEY, parent BIGINT, class TEXT, is_valid BIGINT)",
    "CREATE TABLE event_keys (event BIGINT, position BIGINT, name TEXT, value TEXT)",
    "CREATE TABLE jobs (id BIGINT PRIMARY KEY, node TEXT, state TEXT, is_valid BIGINT, attempts BIGINT, lost BIGINT, killed BIGINT, "
    "options TEXT)",
    "CREATE TABLE job_events (job BIGINT, event BIGINT)",
    "CREATE TABLE attempts (job BIGINT, attempt BIGINT, agent TEXT, host TEXT, start_s DOUBLE PRECISION, how TEXT, exit_code BIGINT, "
    "signal BIGINT, timed_out BIGINT, end_s DOUBLE PRECISION, wall_s DOUBLE PRECISION, cpu_s DOUBLE PRECISION, memory_bytes BIGINT, "
    "message TEXT)",
    "CREATE TABLE outputs (job BIGINT, path TEXT, hash TEXT, bytes BIGINT)",
    "CREATE TABLE sessions (session BIGINT PRIMARY KEY, start_s DOUBLE PRECISION, end_s DOUBLE PRECISION, exit_code BIGINT, host TEXT, "
    "username TEXT, version TEXT, pid BIGINT, slots BIGINT)",
    "CREATE TABLE place (name TEXT PRIMARY KEY, value TEXT)",
    "CREATE INDEX event_keys_by_event ON event_keys (event)",
    "CREATE INDEX event_keys_by_value ON event_keys (name, value)",
    "CREATE INDEX job_events_by_job ON job_events (job)",
    "CREATE INDEX job_events_by_event ON job_events (event)",
    "CREATE INDEX attempts_by_job ON attempts (job, attempt)",
    "CREATE INDEX outputs_by_job ON outputs (job)",
    "CREATE INDEX outputs_by_path ON outputs (path)",
    "CREATE VIEW work AS SELECT jobs.id AS job, node, state, attempts.attempt, agent, host, start_s, wall_s, cpu_s, memory_bytes, "
    "exit_code, "
    "message FROM jobs LEFT JOIN attempts ON attempts.job = jobs.id AND attempts.attempt = "
    "(SELECT MAX(attempt) FROM attempts WHERE job = jobs.id) WHERE jobs.is_valid = 1",
    "CREATE VIEW results AS SELECT path, hash, bytes, job, node FROM outputs JOIN jobs ON jobs.id = outputs.job WHERE jobs.is_valid = 1",
    "CREATE VIEW costs AS SELECT node, COUNT(*) AS attempts, SUM(wall_s) AS wall_s, SUM(cpu_s) AS cpu_s, MAX(memory_bytes) AS "
    "memory_bytes, "
    "SUM(how = 'failed') AS failures FROM attempts JOIN jobs ON jobs.id = attempts.job GROUP BY node"};

std::string journal_of(const std::string& home) { return home + "/journal"; }

std::int64_t size_of_file(const std::string& path) {
  std::error_code none;
  const auto size = std::filesystem::file_size(path, none);
  return none ? 0 : static_cast<std::int64_t>(size);
}

/// What stands before a place in the journal; "" when there is not so much.
std::string mark_before(const std::string& path, std::int64_t offset) {
  std::array<char, mark_length> mark{};
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return "";
  const ssize_t got = offset < mark_length ? -1 : pread(descriptor, mark.data(), mark.size(), offset - mark_length);
  close(descriptor);
  return got == mark_length && mark.back() == '\n' ? std::string(mark.data(), mark.size() - 1) : "";
}

/// Removes the rows of ids from a table.
void remove_rows(SqlConnection& database, const std::string& table, const std::string& column, const std::set<std::int64_t>& ids) {
  std::string list;
  std::size_t count = 0;
  for (auto id = ids.begin(); id != ids.end();) {
    list += (list.empty() ? "" : ",") + std::to_string(*id);
    if (++id != ids.end() && ++count % ids_at_a_time != 0) continue;
    database.run(fmt::format("DELETE FROM {} WHERE {} IN ({})", table, column, list));
    list.clear();
  }
}

template <class Map>
std::set<std::int64_t> ids_of(const Map& map) {
  std::set<std::int64_t> ids;
  for (const auto& [id, what] : map) ids.insert(ids.end(), id);
  return ids;
}

SqlRow attempt_row(const StartRecord* start, const EndRecord* end, std::int64_t job, std::int64_t attempt) {
  SqlRow row = {job, attempt, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
  if (start) {
    row[2] = start->agent;
    row[3] = start->host;
    row[4] = start->time_s;
  }
  if (!end) return row;
  row[5] = end->how;
  row[6] = std::int64_t{end->exit_code};
  row[7] = std::int64_t{end->signal};
  row[8] = std::int64_t{end->timed_out};
  row[9] = end->time_s;
  row[10] = end->wall_s;
  row[11] = end->cpu_s;
  row[12] = end->memory_bytes;
  row[13] = end->message;
  return row;
}

/// Attempts of a job: those that began, with their ends, and ends without a beginning (skipped, up to date).
void add_attempts(const JobState& job, std::vector<SqlRow>& rows) {
  for (const StartRecord& start : job.starts) {
    const auto end = std::ranges::find(job.ends, start.attempt, &EndRecord::attempt);
    rows.push_back(attempt_row(&start, end == job.ends.end() ? nullptr : &*end, job.record.id, start.attempt));
  }
  for (const EndRecord& end : job.ends)
    if (std::ranges::find(job.starts, end.attempt, &StartRecord::attempt) == job.starts.end())
      rows.push_back(attempt_row(nullptr, &end, job.record.id, end.attempt));
}

}  // namespace

Ledger::Ledger(std::string home) : home_(std::move(home)) {
  try {
    open();
  } catch (const Error&) {
    open_anew();
  }
}

Ledger::~Ledger() = default;

void Ledger::open() {
  database_ = open_database(home_ + "/ledger.db");
  if (!fits()) {
    make_tables();
    is_empty_ = has_all_to_write_ = true;
    return;
  }
  JournalReader(journal_of(home_), std::stoll(kept("offset"))).read([this](const Record& record) { note(record); });
}

/// It is a view: a damaged one is no loss.
void Ledger::open_anew() {
  database_.reset();
  std::error_code ignored;
  for (const char* const name : {"/ledger.db", "/ledger.db-journal"}) std::filesystem::remove(home_ + name, ignored);
  open();
}

void Ledger::make_tables() {
  SqlTransaction together(*database_);
  for (const char* view : views) database_->run(fmt::format("DROP VIEW IF EXISTS {}", view));
  for (const char* table : tables) database_->run(fmt::format("DROP TABLE IF EXISTS {}", table));
  for (const char* statement : schema) database_->run(statement);
  together.commit();
}

std::string Ledger::kept(const std::string& name) const {
  const auto rows = database_->run("SELECT value FROM place WHERE name = $1", {name});
  return rows.empty() ? "" : sql_text(rows.front().front());
}

bool Ledger::fits() const {
  if (!database_->has_table("place") || kept("form") != form) return false;
  const std::string offset = kept("offset"), mark = kept("mark");
  if (offset.empty() || offset.find_first_not_of("0123456789") != std::string::npos || offset.size() > 18) return false;
  return !mark.empty() && mark == mark_before(journal_of(home_), std::stoll(offset));
}

void Ledger::note(const Record& record) {
  is_behind_ = true;
  if (const auto* event = std::get_if<EventRecord>(&record)) events_.insert(event->id);
  if (const auto* job = std::get_if<JobRecord>(&record)) jobs_.insert(job->id);
  if (const auto* start = std::get_if<StartRecord>(&record)) jobs_.insert(start->job);
  if (const auto* end = std::get_if<EndRecord>(&record)) {
    jobs_.insert(end->job);
    for (const EventRecord& event : end->events) events_.insert(event.id);
  }
  if (const auto* invalid = std::get_if<InvalidRecord>(&record)) {
    jobs_.insert(invalid->jobs.begin(), invalid->jobs.end());
    events_.insert(invalid->events.begin(), invalid->events.end());
    for (const JobRecord& again : invalid->again) jobs_.insert(again.id);
  }
}

void Ledger::write(const PipelineState& state) {
  if (!has_all_to_write_ && !is_behind_) return;
  try {
    write_changes(state);
  } catch (const DataError&) {
    open_anew();
    write_changes(state);
  }
}

void Ledger::write_changes(const PipelineState& state) {
  if (has_all_to_write_) {
    events_ = ids_of(state.events());
    jobs_ = ids_of(state.jobs());
  }
  SqlTransaction together(*database_);
  write_events(state);
  write_jobs(state);
  write_attempts(state);
  write_sessions(state);
  write_place();
  together.commit();
  is_empty_ = has_all_to_write_ = is_behind_ = false;
  events_.clear();
  jobs_.clear();
}

void Ledger::write_events(const PipelineState& state) {
  if (!is_empty_) {
    remove_rows(*database_, "events", "id", events_);
    remove_rows(*database_, "event_keys", "event", events_);
  }
  std::vector<SqlRow> events, keys;
  for (const std::int64_t id : events_) {
    const EventState& event = state.events().at(id);
    events.push_back({id, event.record.parent, event.record.event_class, std::int64_t{event.is_valid}});
    std::int64_t position = 0;
    for (const auto& [name, value] : event.record.keys) keys.push_back({id, position++, name, value});
  }
  database_->insert("events", {"id", "parent", "class", "is_valid"}, events);
  database_->insert("event_keys", {"event", "position", "name", "value"}, keys);
}

void Ledger::write_jobs(const PipelineState& state) {
  if (!is_empty_) {
    remove_rows(*database_, "jobs", "id", jobs_);
    remove_rows(*database_, "job_events", "job", jobs_);
  }
  std::vector<SqlRow> jobs, events;
  for (const std::int64_t id : jobs_) {
    const JobState& job = state.jobs().at(id);
    jobs.push_back({id, job.record.node, job.state, std::int64_t{job.is_valid}, std::int64_t{job.attempts}, std::int64_t{job.lost},
                    std::int64_t{job.killed}, job.record.set});
    for (const std::int64_t event : job.record.events) events.push_back({id, event});
  }
  database_->insert("jobs", {"id", "node", "state", "is_valid", "attempts", "lost", "killed", "options"}, jobs);
  database_->insert("job_events", {"job", "event"}, events);
}

void Ledger::write_attempts(const PipelineState& state) {
  if (!is_empty_) {
    remove_rows(*database_, "attempts", "job", jobs_);
    remove_rows(*database_, "outputs", "job", jobs_);
  }
  std::vector<SqlRow> attempts, outputs;
  for (const std::int64_t id : jobs_) {
    const JobState& job = state.jobs().at(id);
    add_attempts(job, attempts);
    for (const EndRecord& end : job.ends)
      for (const OutputFile& output : end.outputs) outputs.push_back({id, output.path, output.hash, output.bytes});
  }
  database_->insert("attempts",
                    {"job", "attempt", "agent", "host", "start_s", "how", "exit_code", "signal", "timed_out", "end_s", "wall_s", "cpu_s",
                     "memory_bytes", "message"},
                    attempts);
  database_->insert("outputs", {"job", "path", "hash", "bytes"}, outputs);
}

void Ledger::write_sessions(const PipelineState& state) {
  database_->run("DELETE FROM sessions");
  std::vector<SqlRow> rows;
  for (std::size_t i = 0; i < state.sessions().size(); ++i) {
    const SessionRecord& session = state.sessions()[i];
    const auto& close = state.closes()[i];
    rows.push_back({static_cast<std::int64_t>(i + 1), session.time_s, close ? SqlValue(close->time_s) : SqlValue(),
                    close ? SqlValue(std::int64_t{close->exit_code}) : SqlValue(), session.host, session.user, session.version,
                    std::int64_t{session.pid}, std::int64_t{session.slots}});
  }
  database_->insert("sessions", {"session", "start_s", "end_s", "exit_code", "host", "username", "version", "pid", "slots"}, rows);
}

void Ledger::write_place() {
  const std::int64_t offset = size_of_file(journal_of(home_));
  database_->run("DELETE FROM place");
  database_->insert("place", {"name", "value"},
                    {{std::string("form"), std::string(form)},
                     {std::string("offset"), std::to_string(offset)},
                     {std::string("mark"), mark_before(journal_of(home_), offset)}});
}

}  // namespace skyfold::workflow
