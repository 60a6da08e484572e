// status: where a run stands, as its journal and its lock tell (run/status), so that it works from any node that sees the files,
// while the run lives and after it died. It asks nothing of the run itself.
#include "skyfold/run/status.hpp"
#include "skyfold/core/escape.hpp"

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "skyfold/commands/command.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

using Json = nlohmann::ordered_json;

struct StatusOptions {
  std::string output, prometheus;
  bool json = false, failed = false, all = false;
  double watch_s = 0.0;
};

std::string job_line(const JobStatus& job, const std::string& unit) {
  const std::string where =
      job.host.empty() ? fmt::format("rank {}", job.rank) : fmt::format("rank {} on {}", job.rank, one_line(job.host));
  const std::string more = job.partition_count > 1 ? fmt::format(" and {} more", job.partition_count - 1) : "";
  // For a job that runs, up to now, by this machine's clock.
  const double seconds = (job.end_s > 0.0 ? job.end_s : unix_time_s()) - job.start_s;
  return fmt::format("{:<11} {} {} to {} ({}{}), attempt {}, {}, {:.1f} s{}\n", job.state, unit, job.rows.begin, job.rows.end,
                     one_line(job.partition), more, job.attempt, where, seconds, job.message.empty() ? "" : ": " + one_line(job.message));
}

// Lost counts, too: somebody must look why a rank went away, though its rows are computed again.
bool is_failure(const JobStatus& job) { return job.state == "failed" || job.state == "lost"; }

std::string headline(const RunStatus& s) {
  std::string text = fmt::format("{} -> {}: {}", one_line(s.command), one_line(s.output), one_line(s.state));
  if (s.state == "done" && s.exit_code != 0) text += fmt::format(" with failures (exit code {})", s.exit_code);
  if (s.state == "running") text += fmt::format(" ({})", one_line(s.holder));
  if (s.state == "interrupted") text += " (run the same command again to finish it)";
  return text + fmt::format(", attempt {}, {} rank{}, {:.0f} s since the first start\n", s.sessions, s.ranks, s.ranks == 1 ? "" : "s",
                            s.last_s - s.start_s);
}

std::string tree(const RunStatus& s, const StatusOptions& o) {
  std::string text = headline(s);
  for (const TaskStatus& task : s.tasks) {
    // A pass without rows is done.
    const double share = task.rows > 0 ? 100.0 * static_cast<double>(task.done) / static_cast<double>(task.rows) : 100.0;
    text += fmt::format("  {}: {} of {} {} ({:.1f} %), {} by earlier attempts, {} jobs done", one_line(task.name), grouped(task.done),
                        grouped(task.rows), one_line(task.unit), share, grouped(task.found_done), grouped(task.jobs_done));
    if (task.rate > 0.0) text += fmt::format(", {}/s", grouped(static_cast<long long>(task.rate)));
    if (s.state == "running" && task.done < task.rows && task.seconds_left >= 0.0)
      text += fmt::format(", {:.0f} s left", task.seconds_left);
    text += "\n";
    for (const JobStatus& job : task.jobs)
      if (o.all || is_failure(job) || job.state == "running") text += "    " + job_line(job, "rows");
  }
  return text;
}

std::string failures(const RunStatus& s) {
  std::string text;
  for (const TaskStatus& task : s.tasks)
    for (const JobStatus& job : task.jobs)
      if (is_failure(job)) text += one_line(task.name) + ": " + job_line(job, "rows");
  return text.empty() ? "no failures\n" : text;
}

Json json_of(const RunStatus& s) {
  Json json = {{"output", s.output},        {"command", s.command},   {"version", s.version},   {"state", s.state},
               {"exit_code", s.exit_code},  {"holder", s.holder},     {"attempts", s.sessions}, {"ranks", s.ranks},
               {"start_unix_s", s.start_s}, {"last_unix_s", s.last_s}};
  json["tasks"] = Json::array();
  for (const TaskStatus& task : s.tasks) {
    Json one = {{"name", task.name},
                {"unit", task.unit},
                {"rows", task.rows},
                {"rows_done", task.done},
                {"rows_found_done", task.found_done},
                {"partitions", task.partitions},
                {"jobs_done", task.jobs_done},
                {"rows_per_s", task.rate},
                {"seconds_left", task.seconds_left}};
    one["jobs"] = Json::array();
    for (const JobStatus& job : task.jobs)
      one["jobs"].push_back({{"state", job.state},
                             {"first_row", job.rows.begin},
                             {"end_row", job.rows.end},
                             {"partition", job.partition},
                             {"partitions", job.partition_count},
                             {"attempt", job.attempt},
                             {"rank", job.rank},
                             {"host", job.host},
                             {"run_attempt", job.session},
                             {"start_unix_s", job.start_s},
                             {"end_unix_s", job.end_s},
                             {"message", job.message}});
    json["tasks"].push_back(std::move(one));
  }
  return json;
}

/// Prometheus' text format, for a node exporter's textfile collector.
std::string prometheus_of(const RunStatus& s) {
  std::string text = "# HELP skyfold_rows Rows of a task by state.\n# TYPE skyfold_rows gauge\n";
  // Labels tell runs apart in the collector's database: the same output is the same series in every attempt.
  const std::string run = fmt::format("command=\"{}\",output=\"{}\"", prometheus_text(s.command), prometheus_text(s.output));
  for (const TaskStatus& task : s.tasks)
    text += fmt::format("skyfold_rows{{{0},task=\"{1}\",state=\"total\"}} {2}\nskyfold_rows{{{0},task=\"{1}\",state=\"done\"}} {3}\n", run,
                        prometheus_text(task.name), task.rows, task.done);
  text += "# HELP skyfold_rows_per_second Rate of a task in the last attempt.\n# TYPE skyfold_rows_per_second gauge\n";
  for (const TaskStatus& task : s.tasks)
    text += fmt::format("skyfold_rows_per_second{{{},task=\"{}\"}} {:.6g}\n", run, prometheus_text(task.name), task.rate);
  text += "# HELP skyfold_jobs Attempts at jobs by state.\n# TYPE skyfold_jobs gauge\n";
  for (const TaskStatus& task : s.tasks)
    for (const char* state : {"running", "interrupted", "done", "failed", "lost"})
      text += fmt::format("skyfold_jobs{{{},task=\"{}\",state=\"{}\"}} {}\n", run, prometheus_text(task.name), state,
                          std::count_if(task.jobs.begin(), task.jobs.end(), [&](const JobStatus& job) { return job.state == state; }));
  text += fmt::format("# HELP skyfold_up Whether the run is alive.\n# TYPE skyfold_up gauge\nskyfold_up{{{}}} {}\n", run,
                      s.state == "running" ? 1 : 0);
  return text;
}

class StatusCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("output", o_.output, "main product of the run").required().positional();
    option("failed", o_.failed, "list only the attempts that failed");
    option("all", o_.all, "list every job, not only those that run or failed");
    option("json", o_.json, "print everything as JSON");
    option("prometheus", o_.prometheus, "write metrics in Prometheus' text format to this file, in one step").writes(FileKind::text);
    option("watch", o_.watch_s, "print again after this time until the run has ended; 0: once").unit("s").range(0, 86400);
  }
  ExitCode run(const CommandContext&) override {
    while (true) {
      // Read anew each time, from the beginning: a journal is some hundred bytes per job.
      const RunStatus status = read_status(o_.output);
      show(status);
      if (o_.watch_s <= 0.0 || status.state != "running") return ExitCode::done;
      std::this_thread::sleep_for(std::chrono::duration<double>(o_.watch_s));
    }
  }

 private:
  void show(const RunStatus& status) const {
    // In one step: the collector may read at any moment and must never see half a file.
    if (!o_.prometheus.empty()) write_durably(o_.prometheus, prometheus_of(status));
    // Cursor home, clear to the end of the screen; into a file or pipe the pages follow each other.
    if (o_.watch_s > 0.0 && isatty(STDOUT_FILENO)) fmt::print("\033[H\033[J");
    fmt::print("{}", o_.json ? json_text(json_of(status), 2) + "\n" : o_.failed ? failures(status) : tree(status, o_));
    std::fflush(stdout);
  }

  StatusOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_status_command() { return std::make_unique<StatusCommand>(); }

}  // namespace skyfold
