// The page of a pipeline: one HTML file. It works without its script, which sorts tables, remembers what is unfolded, and loads the page
// again while the pipeline runs. All texts are escaped, and a policy in the page forbids it to load anything.
#include "skyfold/workflow/page.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/escape.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/registry/html_page.hpp"
#include "skyfold/workflow/graph.hpp"
#include "skyfold/workflow/usage.hpp"

namespace skyfold::workflow {
namespace {

constexpr std::size_t most_rows = 1000;
constexpr std::int64_t most_lines = 1000, unfolded_lines = 60;
constexpr int deepest = 100;  // browsers flatten what is nested deeper than some hundred levels

// Colours by Okabe and Ito, told apart by most who see colours otherwise; words and signs say the same.
constexpr const char* page_head = R"(
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<style>
.bar { display: flex; height: 1.1rem; border-radius: .3rem; overflow: hidden; margin: .3rem 0 .8rem; background: var(--card); border: 1px solid var(--line); }
.completed { background: #0072b2; fill: #0072b2; } .running { background: #56b4e9; fill: #56b4e9; } .failed { background: #d55e00; fill: #d55e00; } .lost { background: #cc79a7; fill: #cc79a7; } .ready { background: #999999; fill: #999999; }
.key { font-size: .9rem; } .key span { display: inline-block; width: .9rem; height: .9rem; border-radius: .2rem; margin: 0 .3rem 0 .8rem; vertical-align: -.1rem; }
.sign { display: inline-block; width: 1.1em; font-weight: 700; } .sign.f { color: #d55e00; } .sign.r { color: #3a8fc2; } .sign.c { color: #0072b2; }
@media (prefers-color-scheme: dark) { .sign.c, .sign.r { color: #7cc4f2; } .sign.f { color: #ff9a52; } }
.tree { font-size: .9rem; overflow-wrap: anywhere; } .tree details, .tree .leaf { margin-left: 1.1rem; } .tree > details, .tree > .leaf { margin-left: 0; } .tree .leaf { padding-left: 1rem; }
.tree .out { color: var(--faint); font-style: italic; } summary { cursor: pointer; } h2 { border-top: 1px solid var(--line); padding-top: .6rem; }
.tl text { font: 11px system-ui, sans-serif; fill: currentColor; dominant-baseline: central; } .tl rect { stroke: var(--back); stroke-width: .7; } .tl .grid { stroke: currentColor; stroke-opacity: .25; fill: none; }
th[aria-sort] { cursor: pointer; } th[aria-sort]::after { content: " \2195"; opacity: .5; } th[aria-sort=ascending]::after { content: " \2191"; opacity: 1; } th[aria-sort=descending]::after { content: " \2193"; opacity: 1; }
.wide > table { min-width: max-content; } th { white-space: nowrap; } td { max-width: 30rem; overflow-wrap: anywhere; } .wide + .wide { margin-top: 1rem; } .wide > svg { max-width: none; display: block; } nav a { margin-right: .9rem; color: var(--accent); }
</style>)";

constexpr const char* page_script = R"(<script>
(() => {
  const number = text => text.trim() === '-' || text.trim() === '' ? -Infinity : Number(text.replace(/,/g, ''));
  for (const table of document.querySelectorAll('table')) {
    const heads = [...table.rows[0].cells];
    heads.forEach((head, column) => {
      head.setAttribute('aria-sort', 'none');
      head.tabIndex = 0;
      const sort = () => {
        const rows = [...table.rows].slice(1), up = head.getAttribute('aria-sort') !== 'ascending';
        const texts = new Map(rows.map(row => [row, row.cells[column].textContent]));
        const isNumber = rows.every(row => !Number.isNaN(number(texts.get(row))));
        const compare = (a, b) => isNumber ? Math.sign(number(texts.get(a)) - number(texts.get(b))) || 0 : texts.get(a).localeCompare(texts.get(b), 'en', {numeric: true});
        rows.sort((a, b) => up ? compare(a, b) : compare(b, a));
        heads.forEach(other => other.setAttribute('aria-sort', other === head ? (up ? 'ascending' : 'descending') : 'none'));
        table.tBodies[0].append(...rows);
      };
      head.addEventListener('click', sort);
      head.addEventListener('keydown', event => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); sort(); } });
    });
  }
  const all = [...document.querySelectorAll('details[id]')];
  for (const fold of all) {
    try { const kept = sessionStorage.getItem(fold.id); if (kept) fold.open = kept === 'open'; } catch {}
    fold.addEventListener('toggle', () => { try { sessionStorage.setItem(fold.id, fold.open ? 'open' : 'closed'); } catch {} });
  }
  const byId = id => document.getElementById(id);
  byId('unfold')?.addEventListener('click', () => all.forEach(fold => fold.open = true));
  byId('fold')?.addEventListener('click', () => all.forEach(fold => fold.open = false));
  const refresh = byId('refresh');
  if (refresh) setInterval(() => { if (refresh.checked) location.reload(); }, 10000);
})();
</script>
)";

std::string left_out_note(std::size_t shown, std::size_t all, const char* what) {
  if (shown == all) return "";
  return fmt::format("{} of {} {} are shown; pipeline status --json tells all.", grouped(static_cast<long long>(shown)),
                     grouped(static_cast<long long>(all)), what);
}

/// The jobs that count, those that fail first, then what runs, then the longest.
std::vector<const JobState*> jobs_by_interest(const PipelineState& state) {
  std::vector<const JobState*> jobs;
  for (const auto& [id, job] : state.jobs())
    if (job.is_valid) jobs.push_back(&job);
  const auto rank = [](const JobState& job) { return is_failing(job) ? 0 : job.state == "running" ? 1 : 2; };
  const auto wall = [](const JobState& job) { return job.ends.empty() ? 0.0 : job.ends.back().wall_s; };
  std::stable_sort(jobs.begin(), jobs.end(),
                   [&](const JobState* a, const JobState* b) { return rank(*a) != rank(*b) ? rank(*a) < rank(*b) : wall(*a) > wall(*b); });
  return jobs;
}

std::string summary_html(const PipelineFile& file, const PipelineState& state, const Standing& standing) {
  Counts all;
  for (const auto& [name, node] : count_nodes(file, state, standing)) {
    all.completed += node.counts.completed + node.counts.current + node.counts.skipped;
    all.running += node.counts.running;
    all.failed += node.counts.failed + node.counts.quarantined;
    all.ready += node.counts.ready;
  }
  const std::tuple<const char*, const char*, std::int64_t> parts[] = {{"completed", "done", all.completed},
                                                                      {"running", "running", all.running},
                                                                      {"failed", "failed", all.failed},
                                                                      {"ready", "ready", all.ready}};
  std::string bar = "<div class=\"bar\">", key = "<p class=\"key\">";
  for (const auto& [look, word, count] : parts) {
    bar += fmt::format("<div class=\"{}\" style=\"flex:{} 0 0\"></div>", look, count);
    key += fmt::format("<span class=\"{}\"></span>{}&nbsp;{} ", look, grouped(count), word);
  }
  return bar + "</div>\n" + key + "</p>\n";
}

std::string nodes_html(const PipelineFile& file, const PipelineState& state, const Standing& standing) {
  LogTable table;
  table.columns = {"name",  "kind",   "completed",   "current",          "skipped", "running",
                   "ready", "failed", "quarantined", "groups that wait", "blocked", "attempts"};
  const auto nodes = count_nodes(file, state, standing);
  for (const std::string& name : names_in_order(file, nodes)) {
    const NodeCounts& node = nodes.at(name);
    const Counts& c = node.counts;
    std::vector<std::string> cells = {name, kind_of(file, name)};
    for (const std::int64_t n :
         {c.completed, c.current, c.skipped, c.running, c.ready, c.failed, c.quarantined, node.waiting, c.blocked, node.attempts})
      cells.push_back(grouped(n));
    table.rows.push_back(std::move(cells));
  }
  return html_table(table);
}

std::string failures_html(const PipelineState& state, const Standing& standing) {
  LogTable table;
  table.columns = {"job", "name", "event", "attempts", "how", "log"};
  std::size_t all = 0;
  for (const auto& [id, job] : state.jobs()) {
    if (!job.is_valid || !is_failing(job)) continue;
    if (++all > most_rows) continue;
    table.rows.push_back({std::to_string(id), job.record.node, keys_text(job.record.keys), std::to_string(job.attempts), failure_text(job),
                          log_path(standing, job)});
  }
  if (all == 0) return "<p>None.</p>\n";
  table.note = left_out_note(table.rows.size(), all, "failures");
  return html_table(table);
}

std::string jobs_html(const PipelineState& state, const Standing& standing) {
  LogTable table;
  table.columns = {"job", "name", "state", "event", "agent", "host", "attempts", "start (UTC)", "wall [s]", "processor [s]", "memory [MB]"};
  const std::vector<const JobState*> jobs = jobs_by_interest(state);
  for (std::size_t i = 0; i < std::min(most_rows, jobs.size()); ++i) {
    const JobState& job = *jobs[i];
    const StartRecord start = job.starts.empty() ? StartRecord() : job.starts.back();
    const EndRecord end = job.ends.empty() ? EndRecord() : job.ends.back();
    const auto seconds = [&](double s) { return job.starts.empty() || job.ends.empty() ? std::string("-") : fmt::format("{:.2f}", s); };
    table.rows.push_back({std::to_string(job.record.id), job.record.node, word_of(job, standing), keys_text(job.record.keys), start.agent,
                          start.host, std::to_string(job.attempts), job.starts.empty() ? "-" : utc_text(start.time_s), seconds(end.wall_s),
                          seconds(end.cpu_s),
                          end.memory_bytes > 0 ? fmt::format("{:.1f}", static_cast<double>(end.memory_bytes) / 1e6) : "-"});
  }
  table.note = left_out_note(table.rows.size(), jobs.size(), "jobs");
  return html_table(table);
}

/// A sign before a line of the tree, for the eye.
std::string sign_of(const StateTree::Row& row, const Standing& standing) {
  if (!row.job) return row.failing > 0 ? "<span class=\"sign f\">!</span>" : "<span class=\"sign\">&middot;</span>";
  const std::string word = word_of(*row.job, standing);
  if (is_failing(*row.job)) return "<span class=\"sign f\">&#10007;</span>";
  if (word == "running") return "<span class=\"sign r\">&#9654;</span>";
  if (word == "completed" || word == "current") return "<span class=\"sign c\">&#10003;</span>";
  return "<span class=\"sign\">&#9675;</span>";
}

std::string tree_html(const PipelineFile& file, const PipelineState& state, const Standing& standing) {
  const StateTree tree(file, state, standing, false);
  if (tree.rows().empty()) return "<p>No event yet.</p>\n";
  TreeChoice choice;
  choice.lines = most_lines;
  const std::vector<StateTree::Line> lines = tree.lines(choice);
  std::string html = "<p><button id=\"unfold\">unfold all</button> <button id=\"fold\">fold all</button></p>\n<div class=\"tree\">\n";
  int open = 0;  // folds that are not closed yet
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const StateTree::Line& line = lines[i];
    const int depth = std::min(line.depth, deepest);
    for (; open > depth; --open) html += "</details>\n";
    if (line.is_left_out) {
      html += fmt::format("<div class=\"leaf out\">{}</div>\n", html_text(line.text));
      continue;
    }
    const StateTree::Row& row = tree.rows()[line.row];
    const std::string text = sign_of(row, standing) + html_text(line.text);
    const bool has_children = i + 1 < lines.size() && std::min(lines[i + 1].depth, deepest) > depth;
    if (!has_children) {
      html += fmt::format("<div class=\"leaf\">{}</div>\n", text);
      continue;
    }
    const bool is_open = row.failing > 0 || std::ssize(lines) <= unfolded_lines;
    html += fmt::format("<details id=\"{}{}\"{}><summary>{}</summary>\n", row.event ? "e" : "j",
                        row.event ? row.event->record.id : row.job->record.id, is_open ? " open" : "", text);
    ++open;
  }
  for (; open > 0; --open) html += "</details>\n";
  return html + "</div>\n";
}

std::string graph_html(const PipelineFile& file, const PipelineState& state, const Standing& standing) {
  PipelineGraph graph = graph_of(file, state, standing);
  if (graph.vertices.empty()) return "<p>The pipeline has no step and no task.</p>\n";
  lay_out(graph);
  return "<div class=\"wide\">" + svg_of(graph) + "</div>\n";
}

}  // namespace

std::string pipeline_page(const PipelineFile& file, const PipelineState& state, const Standing& standing) {
  std::string body = fmt::format("<pre>{}</pre>\n", html_text(headline(file, state, standing)));
  if (standing.word == "running")
    body += "<p><label><input type=\"checkbox\" id=\"refresh\" checked> load this page again every 10 s</label></p>\n";
  const std::pair<const char*, std::string> sections[] = {
      {"Failures", failures_html(state, standing)},
      {"Steps and tasks", summary_html(file, state, standing) + nodes_html(file, state, standing)},
      {"Tree", tree_html(file, state, standing)},
      {"Timeline", timeline_svg(file, state, standing)},
      {"Graph", graph_html(file, state, standing)},
      {"Resources", html_table(usage_table(usage_by(file, state, "node"), "name")) +
                        html_table(usage_table(usage_by(file, state, "host"), "host")) +
                        html_table(usage_table(usage_by(file, state, "user"), "user"))},
      {"Jobs", jobs_html(state, standing)}};
  std::string links, parts;
  for (std::size_t i = 0; i < std::size(sections); ++i) {
    links += fmt::format("<a href=\"#s{}\">{}</a> ", i, sections[i].first);
    parts += fmt::format("<h2 id=\"s{}\">{}</h2>\n{}", i, sections[i].first, sections[i].second);
  }
  return html_page("skyfold pipeline: " + file.name, fmt::format("{} as of {} UTC", standing.word, utc_text(standing.now_s)),
                   body + "<nav>" + links + "</nav>\n" + parts + page_script, page_head);
}

void write_pipeline_page(const PipelineFile& file, const PipelineState& state, const std::string& path) {
  write_durably(path, pipeline_page(file, state, standing_now(file, state)));
}

}  // namespace skyfold::workflow
