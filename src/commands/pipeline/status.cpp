// The command `pipeline status`: where a pipeline stands, as its journal and its lock tell, so that it works from any machine that sees
// the files, while the pipeline runs, after it ended, and after a crash.
#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "shown.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/workflow/page.hpp"

namespace skyfold {
namespace {

using Json = nlohmann::ordered_json;
using workflow::StateTree;

struct PipelineStatusOptions {
  std::string file, find, html;
  long lines = 200;
  bool failed = false, all = false, json = false;
  double watch_s = 0.0;
};

/// Colours of a terminal for the words that matter; without one the text as it is.
std::string coloured(const StateTree::Line& line, const StateTree& tree, const workflow::Standing& standing) {
  constexpr const char *plain = "\033[0m", *faint = "\033[2m", *orange = "\033[1;31m", *blue = "\033[1;34m", *cyan = "\033[36m";
  if (line.is_left_out) return faint + line.text + plain;
  const StateTree::Row& row = tree.rows()[line.row];
  if (!row.job) return line.text;
  const std::string word = workflow::word_of(*row.job, standing);
  const char* colour = workflow::is_failing(*row.job) ? orange : word == "running" ? blue : word == "completed" ? cyan : faint;
  return colour + line.text + plain;
}

Json keys_json(const workflow::Keys& keys) {
  Json json = Json::object();
  for (const auto& [name, value] : keys) json[name] = value;
  return json;
}

Json event_json(const workflow::EventState& event) {
  return {{"id", event.record.id},    {"parent_job", event.record.parent},    {"class", event.record.event_class},
          {"counts", event.is_valid}, {"keys", keys_json(event.record.keys)}, {"jobs", event.jobs}};
}

Json attempt_json(const workflow::Attempt& attempt) {
  Json json = {{"attempt", attempt.start->attempt},
               {"agent", attempt.start->agent},
               {"host", attempt.start->host},
               {"start_unix_s", attempt.start->time_s}};
  if (!attempt.end) return json;
  const workflow::EndRecord& end = *attempt.end;
  json.update({{"how", end.how},
               {"exit_code", end.exit_code},
               {"signal", end.signal},
               {"timed_out", end.timed_out},
               {"end_unix_s", end.time_s},
               {"wall_s", end.wall_s},
               {"cpu_s", end.cpu_s},
               {"memory_bytes", end.memory_bytes},
               {"message", end.message}});
  return json;
}

Json job_json(const workflow::JobState& job, const workflow::Standing& standing) {
  Json json = {{"id", job.record.id},
               {"node", job.record.node},
               {"state", workflow::word_of(job, standing)},
               {"counts", job.is_valid},
               {"events", job.record.events},
               {"keys", keys_json(job.record.keys)},
               {"set", job.record.set},
               {"log", workflow::log_path(standing, job)}};
  json["attempts"] = Json::array();
  for (const workflow::Attempt& attempt : workflow::attempts_of(job)) json["attempts"].push_back(attempt_json(attempt));
  json["outputs"] = Json::array();
  if (!job.ends.empty())
    for (const workflow::OutputFile& output : job.ends.back().outputs)
      json["outputs"].push_back({{"path", output.path}, {"hash", output.hash}, {"bytes", output.bytes}});
  return json;
}

Json header_json(const ShownPipeline& pipeline) {
  const workflow::Standing& standing = pipeline.standing();
  Json json = {{"name", pipeline.file().name},
               {"file", pipeline.file().path},
               {"home", pipeline.file().home()},
               {"state", standing.word},
               {"exit_code", pipeline.state().exit_code()},
               {"holder", standing.holder}};
  json["sessions"] = Json::array();
  for (const workflow::SessionRecord& s : pipeline.state().sessions())
    json["sessions"].push_back(
        {{"start_unix_s", s.time_s}, {"host", s.host}, {"pid", s.pid}, {"user", s.user}, {"version", s.version}, {"slots", s.slots}});
  json["nodes"] = Json::array();
  const auto nodes = workflow::count_nodes(pipeline.file(), pipeline.state(), standing);
  for (const std::string& name : workflow::names_in_order(pipeline.file(), nodes)) {
    const workflow::NodeCounts& node = nodes.at(name);
    const workflow::Counts& c = node.counts;
    json["nodes"].push_back({{"name", name},
                             {"kind", workflow::kind_of(pipeline.file(), name)},
                             {"jobs", node.jobs},
                             {"ready", c.ready},
                             {"running", c.running},
                             {"completed", c.completed},
                             {"current", c.current},
                             {"skipped", c.skipped},
                             {"failed", c.failed},
                             {"quarantined", c.quarantined},
                             {"groups_waiting", node.waiting},
                             {"groups_blocked", c.blocked},
                             {"attempts", node.attempts},
                             {"lost", node.lost},
                             {"wall_s", node.wall_s},
                             {"cpu_s", node.cpu_s}});
  }
  return json;
}

class PipelineStatusCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("file", o_.file, "pipeline file").required().positional();
    option("failed", o_.failed, "show only branches in which something failed");
    option("find", o_.find, "show only branches with a line that has this text");
    option("all", o_.all, "show also what no longer counts, after retries");
    option("lines", o_.lines, "lines of the tree at most, failures first, then what runs; 0: all").range(0, 1e9);
    option("json", o_.json, "print everything as JSON");
    option("html", o_.html, "write a page with tree, timeline, failures and graph to this file, in one step").writes(FileKind::html);
    option("watch", o_.watch_s, "print again after this time until the pipeline has ended; 0: once").unit("s").range(0, 86400);
  }

  ExitCode run(const CommandContext&) override {
    if (!o_.html.empty()) {
      check_outputs({o_.html}, {o_.file});
      check_replaceable({o_.html});
    }
    ShownPipeline pipeline(o_.file);
    while (true) {
      show(pipeline);
      if (o_.watch_s <= 0.0 || pipeline.standing().word != "running") return ExitCode::done;
      std::this_thread::sleep_for(std::chrono::duration<double>(o_.watch_s));
      pipeline.look();
    }
  }

 private:
  [[nodiscard]] workflow::TreeChoice choice() const { return {o_.failed, o_.find, o_.json ? 0 : o_.lines}; }

  void show(const ShownPipeline& pipeline) const {
    if (!o_.html.empty()) workflow::write_pipeline_page(pipeline.file(), pipeline.state(), o_.html);
    const bool is_terminal = isatty(STDOUT_FILENO) != 0;
    // Cursor home, clear to the end of the screen; into a file or pipe the pages follow each other.
    if (o_.watch_s > 0.0 && is_terminal) fmt::print("\033[H\033[J");
    const StateTree tree(pipeline.file(), pipeline.state(), pipeline.standing(), o_.all);
    if (o_.json)
      print_json(pipeline, tree);
    else
      // https://no-color.org
      print_text(pipeline, tree, is_terminal && std::getenv("NO_COLOR") == nullptr);
    std::fflush(stdout);
  }

  void print_text(const ShownPipeline& pipeline, const StateTree& tree, bool has_colours) const {
    fmt::print("{}", workflow::headline(pipeline.file(), pipeline.state(), pipeline.standing()));
    const std::vector<StateTree::Line> lines = tree.lines(choice());
    if (lines.empty()) fmt::print("{}\n", o_.failed ? "no failures" : o_.find.empty() ? "no event yet" : "nothing found");
    bool has_left_out = false;
    for (const StateTree::Line& line : lines) {
      has_left_out = has_left_out || line.is_left_out;
      fmt::print("{:{}}{}\n", "", 2 * line.depth, has_colours ? coloured(line, tree, pipeline.standing()) : line.text);
    }
    if (has_left_out) fmt::print("at most {} lines are shown, failures first, then what runs (--lines 0 shows all)\n", grouped(o_.lines));
  }

  void print_json(const ShownPipeline& pipeline, const StateTree& tree) const {
    Json json = header_json(pipeline);
    json["events"] = json["jobs"] = Json::array();
    const std::vector<char> wanted = tree.wanted(choice());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const StateTree::Row& row = tree.rows()[i];
      if (wanted[i] && row.event) json["events"].push_back(event_json(*row.event));
      if (wanted[i] && row.job) json["jobs"].push_back(job_json(*row.job, pipeline.standing()));
    }
    fmt::print("{}\n", json_text(json, 1));
  }

  PipelineStatusOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_pipeline_status_command() { return std::make_unique<PipelineStatusCommand>(); }

}  // namespace skyfold
